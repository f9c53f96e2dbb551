"""Labelled disputes written as mail: the octets repeat, the program reads back what was written, and the shut ones stay shut."""

from __future__ import annotations

import importlib.util
import sys
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

from evidence.message.parse import parse_message
from evidence.message.zones import find_zones

TOOL = Path(__file__).resolve().parents[2] / "tools" / "disputes.py"


def tool() -> Any:
    spec = importlib.util.spec_from_file_location("disputes_tool", TOOL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["disputes_tool"] = module
    spec.loader.exec_module(module)
    return module


def test_the_same_letter_gives_the_same_octets_and_hangs_where_it_should() -> None:
    made = tool()
    dispute = next(iter(made.read(made.OPEN[:1])))
    first, second = made.Mail(dispute), made.Mail(dispute)
    for letter in dispute.letters:
        octets = first.octets(letter)
        assert octets == second.octets(letter)
        assert b"\r\n" in octets and b"\n" not in octets.replace(b"\r\n", b"")
        message = message_from_bytes(octets, policy=default)
        parent = first.by_id.get(letter["reply_to"] or "")
        assert message["In-Reply-To"] == (made.message_id(parent) if parent else None)
        assert [p.get_filename() for p in message.iter_attachments()] == letter["attachments"]


def test_what_was_written_is_read_back_as_the_writers_own_words() -> None:
    made = tool()
    wrong = letters = 0
    for dispute in list(made.read(made.OPEN[:1]))[:3]:
        mail = made.Mail(dispute)
        for letter in dispute.letters:
            parsed = parse_message(mail.octets(letter))
            body = parsed.texts["body"]
            own = "".join(
                body[z.start : z.end] for z in find_zones(parsed) if z.part == "body" and z.kind in ("own", "signature")
            )
            letters += 1
            wrong += "".join(own.split()) != "".join(letter["text"].split())
    assert letters > 50 and wrong <= letters // 20


def test_every_labelled_request_stands_in_the_own_text_of_its_letter() -> None:
    made = tool()
    for dispute in made.read((*made.OPEN, *made.ASKED)):
        gold = made.Mail(dispute).gold()
        own = {m["id"]: "".join(m["own"]) for m in gold["messages"]}
        assert all(r["quote"] in own[r["message"]] for r in gold["requests"])


def test_the_shut_disputes_are_no_part_of_the_open_ones() -> None:
    made = tool()
    built_on = {*made.OPEN, *made.ASKED, *made.HARD}
    assert not built_on & {*made.SHUT, *made.SHUT_ASKED}
    assert not any(name.endswith(("-24", "-28")) for name in built_on)
