"""Gates only spare searches that find nothing: held against the patterns themselves on labelled letters and on made words."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path

import pytest

from evidence.timeline import (
    answers_features,
    answers_letter,
    answers_reports,
    answers_rules,
    dates,
    requests_find,
    requests_repeats,
    rules_blockers,
    spans,
)
from evidence.timeline.gates import Gate, Key, keys_of, mask_of

LABELLED = Path(__file__).parents[2] / "fixtures" / "labelled"
ROOMS = (
    answers_features, answers_letter, answers_reports, answers_rules, requests_find, requests_repeats, rules_blockers, spans,
)  # fmt: skip
GATES = {
    **{f"{room.__name__}.{name}": one for room in ROOMS for name, one in vars(room).items() if isinstance(one, Gate)},
    **{f"cue {name}": gate for name, gate in answers_features.CUES},
    **{f"asks {name}": gate for name, gate in answers_features.ASK_TYPES},
    **{f"date {name}": gate for name, gate in dates._PATTERNS},
}
WRITTEN = {name: re.compile(gate.written, gate.pattern.flags) for name, gate in GATES.items()}


def texts() -> list[str]:
    found = []
    for author in ("ru-2", "ru-6", "en-2", "en-6"):
        with gzip.open(LABELLED / f"{author}.jsonl.gz", "rt", encoding="utf-8") as lines:
            found += [json.loads(line)["text"] for line in lines]
    cut = [one for text in found for one in re.split(r"(?<=[.!?])\s", text)]
    chosen = random.Random(3).sample(cut, 900) + random.Random(4).sample(found, 60)
    return chosen + [one.upper() for one in chosen[:150]] + [one.title() for one in chosen[150:300]]


def test_no_match_is_lost() -> None:
    matched = 0
    for text in texts():
        for name, gate in GATES.items():
            found = WRITTEN[name].search(text)
            matched += found is not None
            assert same(gate.search(text), found), (name, text)
    assert matched > 2000


def same(one: re.Match[str] | None, other: re.Match[str] | None) -> bool:
    """Both nothing, or the same place with the same groups."""
    if one is None or other is None:
        return one is other
    return one.regs == other.regs


def test_most_patterns_ask_first_what_a_match_begins_with() -> None:
    sooner = [name for name, gate in GATES.items() if gate.pattern.pattern.startswith(("(?=[", "\\b(?=["))]
    assert len(sooner) > 0.8 * len(GATES)


@pytest.mark.parametrize(
    ("pattern", "before"),
    [
        (r"\b(?:refund\w*|pay|send)\b", r"\b(?=[prs])"),
        (r"refund|pay|(?:x?y)?send", r"(?=[prsxy])"),
        (r"[£€]|\d|p{2}", r"(?=[\dp£€])"),
        (r"[a-c]x|\]|d", r"(?=[\]a-cd])"),
        (r"(?<=x)a|^b|(?!d)c", r"(?=[abc])"),
        (r"\bpay\b", ""),  # as quick by itself
        (r"a|b|c|", ""),
        (r"a|b|c|d*", ""),
        (r"a|b|[^c]", ""),
        (r"a|b|\w", ""),
        (r"a|b|.", ""),
        (r"(?:^|\s)(?:a|b|c)", ""),
        (r"a|b|(?-i:c)", ""),
    ],
)
def test_what_stands_before_a_pattern(pattern: str, before: str) -> None:
    assert Gate(pattern, re.I).pattern.pattern == f"{before}(?:{pattern})"


@pytest.mark.parametrize(("pattern", "flags"), [(r"(?i)a|b|c", 0), ("a|b|c # d", re.X), (r"a|b|c", re.A)])
def test_nothing_is_written_before_a_pattern_that_would_change_by_it(pattern: str, flags: int) -> None:
    assert Gate(pattern, flags).pattern.pattern == pattern


def test_most_searches_are_spared() -> None:
    rows = texts()
    opened = sum(bool(mask_of(text) & gate.bit) for text in rows for gate in GATES.values())
    assert opened < 0.2 * len(rows) * len(GATES)


def test_every_gate_of_the_program_has_keys() -> None:
    assert [name for name, pattern in WRITTEN.items() if keys_of(pattern) is None] == []


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        (r"\bno\b", {Key("no", True, True)}),
        (r"\b(?:refund\w*|pay)\b", {Key("refund", True), Key("pay", True, True)}),
        (r"(?:по|при)\s+телефон\w*", {Key("телефон", True)}),
        (r"colou?r", {Key("colo")}),
        (r"не?\s*прав", {Key("прав")}),
        (r"\d+ руб", {Key("руб", True)}),
        (r"[£€]|\d", {Key("£"), Key("€"), Key("")}),
        (r"(?=yes\b)\w+", None),
        (r"a|\w+", None),
        (r"(?:ab)?", None),
        (r"(?!no)x*", None),
        (r"x|(?:pay)+", None),  # a single letter anywhere in a word tells too little
        (r"\b(?:x|(?:pay)+)\b", {Key("x", True, True), Key("pay")}),
    ],
)
def test_keys_are_what_every_match_must_contain(pattern: str, keys: set[Key] | None) -> None:
    assert keys_of(re.compile(pattern)) == keys


def test_letters_whose_case_folds_in_two_ways_open_every_gate() -> None:
    for text in ("ſtreet", "\u212aind", "\u1c82плата", "страſть", "x" * 100 + "street", "İt"):
        assert all(mask_of(text) & gate.bit for gate in GATES.values())
    assert Gate(r"kind", re.I).search("a \u212aind word") is not None


def test_random_texts_of_the_patterns_own_words() -> None:
    chance = random.Random(7)
    for name, gate in GATES.items():
        pieces = [p for p in re.split(r"[\\()|?:\[\]{}+*^$]|\w\+", gate.written) if p.strip()]
        for _ in range(60):
            text = "".join(chance.choice(pieces) + chance.choice(("", " ", ", ", "-", "1")) for _ in range(6))
            assert same(gate.search(text), WRITTEN[name].search(text)), (name, text)


def test_hostile_words_cost_little() -> None:
    import time

    began = time.process_time()
    for n in range(200):
        mask_of(f"{n}" + "я" * 20_000)
        mask_of("".join(chr(0x430 + (n * k) % 32) for k in range(1, 39)))
    assert time.process_time() - began < 2
