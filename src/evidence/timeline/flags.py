"""Flags: what rules and ranker find in a letter's own words, each with the exact quote.

Tier *stated* is a rule whose blockers all passed and with which the learned reader agrees; tier *possible* is a rule it does not agree
with, or the learned reader alone. Wide rules (tier ``seconded``) are asked only where it is sure. Quoted and forwarded text, signatures and disclaimers
are never read. The same letter gives the same flags on any machine: no clock, no set order, whole numbers in the ranker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evidence.model import Flag, Letter, judged_id, other_side
from evidence.timeline.ranker import Ranker, load_ranker
from evidence.timeline.rules import Match, Packs, matches
from evidence.timeline.rules_blockers import Context
from evidence.timeline.sentences import Sentence, sentences
from evidence.timeline.spans import clause_span, conditions, demand_segments, subtype_of

NOTICES = ("deadline_notice", "termination_notice")
_REPLY = re.compile(r"^\s*(?:re|fwd?|aw|ответ|отв|на|пересл\w*)(?:\[\d+\])?\s*:", re.IGNORECASE)
_UNREAD_KINDS = ("auto", "bounce", "list")
_MAX_PART = 200_000  # code points read of one part: linear time, and no letter of people is longer


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence with everything that was seen in it: rule matches (blocked ones too) and the ranker's scores per category."""

    part: str
    sentence: Sentence
    matches: tuple[Match, ...]
    scores: dict[str, int]


def find_flags(letter: Letter, packs: Packs) -> tuple[Flag, ...]:
    """The flags of one letter, ordered by part and place. Pure: needs nothing but its arguments."""
    return find_flags_in([letter], packs)[0]


def find_flags_in(letters: Sequence[Letter], packs: Packs) -> list[tuple[Flag, ...]]:
    """``find_flags`` of each letter, reckoned together: the same flags, sooner. A few dozen letters at a time are best."""
    ranker = load_ranker() if packs.ranked else None
    read = [letter for letter in letters if not letter.withheld and letter.kind not in _UNREAD_KINDS]
    found: dict[int, list[Reading]] = {}
    for number, reading in _readings(read, packs, ranker, telling=True):
        found.setdefault(id(read[number]), []).append(reading)
    return [_in_order(letter, found.get(id(letter), []), ranker) for letter in letters]


def _in_order(letter: Letter, row: Sequence[Reading], ranker: Ranker | None) -> tuple[Flag, ...]:
    found = [flag for reading in row for flag in _flags_of(letter, reading, ranker)]
    unique = {flag.id: flag for flag in reversed(found)}
    return tuple(sorted(unique.values(), key=lambda f: (_part_order(f.part), f.start, f.end, f.category)))


def readings(letter: Letter, packs: Packs, ranker: Ranker | None) -> list[Reading]:
    """What was read, sentence by sentence, in order: what ``explain`` shows."""
    return [reading for _, reading in _readings([letter], packs, ranker, telling=False)]


def _readings(
    letters: Sequence[Letter], packs: Packs, ranker: Ranker | None, *, telling: bool
) -> Iterator[tuple[int, Reading]]:
    """(number of the letter, a sentence of it) in order. ``telling``: only those that a rule matched or the ranker proposes."""
    parts: list[tuple[int, str, list[Sentence], list[tuple[Match, ...]]]] = []
    for number, letter in enumerate(letters):
        for part, spans in _own_spans(letter):
            row = [s for start, end in spans for s in sentences(letter.texts[part], start, end)]
            parts.append((number, part, row, _matched(letter, part, row, packs)))
    every = [(number, part, row, at, matched[at]) for number, part, row, matched in parts for at in range(len(row))]
    if ranker is None:
        for number, part, row, at, found in every:
            yield number, Reading(part, row[at], found, {})
        return
    values = ranker.values([(row, matched) for _, _, row, matched in parts])
    proposed = np.any(values >= ranker.lines([row[at] for _, _, row, at, _ in every]), axis=1).tolist()
    for line, (number, part, row, at, found) in enumerate(every):
        if telling and not found and not proposed[line]:
            continue
        scores = dict(zip(ranker.categories, values[line].tolist(), strict=True))
        sure = _sure(ranker, row[at], found, scores) if packs.wide and proposed[line] else ()
        context = _context(letters[number], part, row, at) if sure else Context()
        seconded = (m for category in sure for m in packs.second(row[at], category, context))
        yield number, Reading(part, row[at], (*found, *seconded), scores)


def _sure(ranker: Ranker, sentence: Sentence, matches: Sequence[Match], scores: dict[str, int]) -> list[str]:
    """The categories the learned reader is sure of and no rule has found."""
    met = {m.rule.category for m in matches if not m.blocked}
    return [c for c in ranker.agreed(scores, sentence) if c not in met]


def _matched(letter: Letter, part: str, row: Sequence[Sentence], packs: Packs) -> list[tuple[Match, ...]]:
    found: list[tuple[Match, ...]] = []
    for at, sentence in enumerate(row):
        rules = packs.candidates(sentence)
        found.append(tuple(matches(rules, sentence, _context(letter, part, row, at))) if rules else ())
    return found


def _context(letter: Letter, part: str, row: Sequence[Sentence], at: int) -> Context:
    speaker = letter.speaker if letter.speaker in ("us", "client") else "third"
    return Context(speaker, part, row[at - 1].text if at else "", row[at + 1].text if at + 1 < len(row) else "")


def _own_spans(letter: Letter) -> list[tuple[str, list[tuple[int, int]]]]:
    parts: list[tuple[str, list[tuple[int, int]]]] = []
    for part in sorted(letter.texts, key=_part_order):
        text = letter.texts[part]
        if part == "subject" and _REPLY.match(text):
            continue  # the words of whoever began the thread
        zones = letter.zones_of(part)
        spans = [(z.start, min(z.end, z.start + _MAX_PART)) for z in zones if z.kind == "own"]
        if not zones and part != "body":
            spans = [(0, min(len(text), _MAX_PART))]
        if spans:
            parts.append((part, spans))
    return parts


def _part_order(part: str) -> tuple[int, str, int]:
    name, _, tail = part.partition(":")
    order = {"subject": 0, "body": 1, "display-name": 2, "attachment": 3}.get(name, 4)
    return (order, "" if tail.isdigit() else tail, int(tail) if tail.isdigit() else 0)


def _flags_of(letter: Letter, reading: Reading, ranker: Ranker | None) -> list[Flag]:
    by_category: dict[str, list[Match]] = {}
    for match in reading.matches:
        if not match.blocked:
            by_category.setdefault(match.rule.category, []).append(match)
    categories = list(by_category)
    if ranker is not None:
        categories += [c for c in ranker.proposals(reading.scores, reading.sentence) if c not in by_category]
    found: list[Flag] = []
    for category in categories:
        if category in NOTICES and letter.speaker != "us":
            continue
        matches = by_category.get(category, [])
        if matches:
            found.extend(_by_rules(letter, reading, category, matches, ranker))
        elif ranker is not None and not (
            _inward(letter) and not ranker.insists(reading.scores, category, reading.sentence)
        ):
            found.append(_by_ranker(letter, reading, category, ranker))
    return found


def _by_rules(
    letter: Letter, reading: Reading, category: str, matches: list[Match], ranker: Ranker | None
) -> list[Flag]:
    sentence = reading.sentence
    first = min(matches, key=lambda m: m.rule.tier != "stated")
    strict = first.rule.tier == "stated"
    tier, objection = first.rule.tier, ""
    if ranker is not None:
        if ranker.agrees(reading.scores, category, sentence):
            tier = "stated"
        elif strict:
            tier, objection = "possible", "the learned reader does not see it here"
    if tier == "stated" and _inward(letter):
        tier, objection = "possible", "the other side is not among the recipients"
    if tier == "stated" and reading.part.startswith("attachment:"):
        tier, objection = "possible", "whose words an attachment holds is not known"
    # What a strict rule found is put before a person, whatever the learned reader thinks; a looser one may need its word.
    rules = [m.rule.id for m in matches]
    if not strict and ranker is not None and not ranker.tolerates(reading.scores, category, sentence, rules):
        return []
    wide = first.rule.tier == "seconded"
    if wide:
        segments = [(sentence.start, sentence.end, first)]  # a wide rule's word says less than its sentence
    else:
        segments = demand_segments(sentence, matches) if category == "demand" else []
        segments = segments or [(*clause_span(sentence, first.places), first)]
    return [
        _flag(
            letter,
            reading,
            category,
            match.rule.subtype or subtype_of(category, sentence),
            start,
            end,
            tier,
            match,
            objection,
            matches,
            ranker.carrying_words(sentence, category) if wide and ranker is not None else (),
        )
        for start, end, match in segments
    ]


def _by_ranker(letter: Letter, reading: Reading, category: str, ranker: Ranker) -> Flag:
    sentence = reading.sentence
    words = ranker.carrying_words(sentence, category)
    score = ranker.share(reading.scores, category)
    text = letter.texts[reading.part]
    return Flag(
        id=judged_id("flag", letter.sha256, reading.part, sentence.start, sentence.end, category),
        sha256=letter.sha256,
        category=category,
        subtype=subtype_of(category, sentence),
        part=reading.part,
        start=sentence.start,
        end=sentence.end,
        quote=text[sentence.start : sentence.end],
        speaker=letter.speaker,
        tier="possible",
        rule=f"ranker.{category}",
        pack=ranker.label,
        why="carried by: " + ", ".join(words)
        if words
        else "carried by the sentence as a whole and what stands around it",
        score=score,
        links=_condition_links(letter, reading) if category == "threat" else (),
        detail={"words": list(words), "blocked": _blocked(reading, category)},
    )


def _flag(
    letter: Letter,
    reading: Reading,
    category: str,
    subtype: str | None,
    start: int,
    end: int,
    tier: Any,
    match: Match,
    objection: str,
    matches: Sequence[Match],
    carried_by: Sequence[str],
) -> Flag:
    text = letter.texts[reading.part]
    tokens = reading.sentence.tokens
    slots = [text[tokens[i].start : tokens[i].end] for i in match.places]
    links = _condition_links(letter, reading) if category in ("threat", "demand") else ()
    why = "words: " + ", ".join(slots)
    if links and category == "threat":
        why += "; said under a condition"
    if carried_by:
        why += "; the learned reader is sure: " + ", ".join(carried_by)
    if objection:
        why += f"; only possible: {objection}"
    return Flag(
        id=judged_id("flag", letter.sha256, reading.part, start, end, category),
        sha256=letter.sha256,
        category=category,
        subtype=subtype,
        part=reading.part,
        start=start,
        end=end,
        quote=text[start:end],
        speaker=letter.speaker,
        tier=tier,
        rule=match.rule.id,
        pack=match.rule.pack,
        why=why,
        score=1.0 if tier == "stated" else 0.5,
        links=links,
        detail={
            "slots": slots,
            "blockers": list(match.tried),
            "also": sorted({m.rule.id for m in matches} - {match.rule.id}),
            "objection": objection,
            **({"words": list(carried_by)} if carried_by else {}),
        },
    )


def _condition_links(letter: Letter, reading: Reading) -> tuple[dict[str, Any], ...]:
    """The condition and the consequence of an ultimatum, each a span of the same part."""
    text = letter.texts[reading.part]
    return tuple(
        {"sha256": letter.sha256, "part": reading.part, "start": a, "end": b, "quote": text[a:b], "role": role}
        for role, a, b in conditions(reading.sentence)
    )


def _blocked(reading: Reading, category: str) -> list[str]:
    return sorted(
        f"{m.rule.id}: {b.blocker} «{b.words}»"
        for m in reading.matches
        if m.rule.category == category
        for b in m.blocked
    )


def _inward(letter: Letter) -> bool:
    """Whether the letter went to nobody of the other side (unknown recipients count as the other side)."""
    if not letter.addressees:
        return False
    if letter.speaker == "third":
        return True
    return other_side(letter.speaker) not in letter.addressees
