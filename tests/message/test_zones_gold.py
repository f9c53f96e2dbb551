"""The three labelled disputes: the words found own are the words labelled own."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from evidence.message.parse import parse_message
from evidence.message.threads import ThreadInput, build_threads
from evidence.message.zones import find_zones
from evidence.model import ParsedMessage
from tests.message.letters import assert_covers, squeeze

CORPUS = Path("fixtures/corpus")
DISPUTES = ("shelf", "studio", "supply")


@cache
def dispute(name: str) -> tuple[list[dict[str, object]], dict[str, ParsedMessage]]:
    gold = json.loads((CORPUS / name / "gold.json").read_text("utf-8"))
    parsed = {m["id"]: parse_message((CORPUS / name / m["file"]).read_bytes()) for m in gold["messages"]}
    return gold["messages"], parsed


def own_of(message: ParsedMessage, parent: ParsedMessage | None) -> str:
    zones = [z for z in find_zones(message, parent.texts["body"] if parent else None) if z.part == "body"]
    assert_covers(zones, message.texts["body"])
    return squeeze(" ".join(message.texts["body"][z.start : z.end] for z in zones if z.kind == "own"))


@pytest.mark.parametrize("with_parent", [False, True])
def test_own_words_equal_the_labelled_ones_in_at_least_97_of_100_messages(with_parent: bool) -> None:
    total, wrong = 0, []
    for name in DISPUTES:
        messages, parsed = dispute(name)
        for m in messages:
            parent = parsed.get(m["reply_to"]) if with_parent else None  # type: ignore[call-overload]
            total += 1
            gold = squeeze(" ".join(m["own"]))  # type: ignore[arg-type]
            if own_of(parsed[m["id"]], parent) != gold:  # type: ignore[index]
                wrong.append(f"{name}/{m['id']}")
    assert total == 127
    assert len(wrong) <= 3, wrong


def test_no_labelled_own_word_is_lost_to_another_zone() -> None:
    for name in DISPUTES:
        messages, parsed = dispute(name)
        for m in messages:
            own = own_of(parsed[m["id"]], parsed.get(m["reply_to"]))  # type: ignore[index, call-overload]
            for piece in m["own"]:  # type: ignore[attr-defined]
                assert squeeze(piece) in own, f"{name}/{m['id']}"


def test_kinds_and_identifiers_are_the_labelled_ones() -> None:
    for name in DISPUTES:
        messages, parsed = dispute(name)
        for m in messages:
            one = parsed[m["id"]]  # type: ignore[index]
            assert one.failed is None
            assert one.kind == m["kind"], f"{name}/{m['id']}"
            assert f"<{one.message_id}>" == m["message_id"]
            assert one.date is not None and one.date.isoformat() == m["date"]
            assert one.of("from")[0].address == m["from"]
            # Declared charsets hold everywhere; two programs lost their Message-ID or the like on purpose elsewhere.
            assert not [d for d in one.defects if d.startswith("charset")]


def test_threads_are_the_labelled_ones_also_where_headers_are_missing() -> None:
    for name in DISPUTES:
        messages, parsed = dispute(name)
        inputs = []
        for number, m in enumerate(messages):
            one = parsed[m["id"]]  # type: ignore[index]
            zones = [z for z in find_zones(one) if z.part == "body"]
            body = one.texts["body"]
            assert one.date is not None
            inputs.append(
                ThreadInput(
                    one.sha256,
                    one.message_id,
                    one.in_reply_to,
                    one.references,
                    one.subject,
                    one.date,
                    frozenset(a.address.lower() for a in one.of("from", "to", "cc")),
                    one.of("from")[0].address,
                    "\n".join(body[z.start : z.end] for z in zones if z.kind == "own"),
                    "\n".join(body[z.start : z.end] for z in zones if z.kind == "quoted"),
                    one.date_raw,
                    number,
                )
            )
        places = build_threads(inputs)
        sha = {m["id"]: parsed[m["id"]].sha256 for m in messages}  # type: ignore[index]
        wrong = [
            f"{name}/{m['id']}" for m in messages if m["reply_to"] and places[sha[m["id"]]].parent != sha[m["reply_to"]]
        ]
        # These are new letters by a delegate, without headers, quote or common subject: nothing in the mail ties them.
        assert set(wrong) <= {"shelf/0020", "studio/0012", "studio/0026", "supply/0022"}
        mixed = {}
        for m in messages:
            mixed.setdefault(places[sha[m["id"]]].thread, set()).add(m["thread"])
        assert all(len(threads) == 1 for threads in mixed.values()), mixed
        assert build_threads(reversed(inputs)) == places
