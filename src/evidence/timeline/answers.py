"""Searches the other side's later letters for an answer to one asking, and says where and why it found one.

A letter can answer in its own words (inline under the quoted question, or by typed evidence), by what it attaches, or by
a call that a letter reports. Nothing here decides an outcome: that is ``requests.py``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from evidence.model import Letter
from evidence.stems import words
from evidence.timeline.answers_features import ask_type, content, cues, reply_run, stems_in
from evidence.timeline.answers_letter import (
    DEFER_AT,
    FLAGGED,
    UNDER_THE_QUESTION,
    Place,
    Reading,
    letter_score,
    read_letter,
)
from evidence.timeline.answers_model import letter_model
from evidence.timeline.answers_rules import TYPED, conditional
from evidence.timeline.requests_find import Ask

Verdict = Literal["answered", "deferred", "none"]

ANSWERED_AT = 0.45  # the trained score from which a letter in the thread and in time counts as the answer …
FAR_AT = 0.3  # … and a late one, or one elsewhere: to assert silence wrongly costs more than to believe an answer too readily
SURE_AT = 0.75
ABOUT_IT = 0.25  # weighted share of the asked words from which a sentence speaks of what was asked
_QUOTE_MARKS = re.compile(r"(?m)^[> ]+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one letter shows for one asking. ``start`` and ``end`` are offsets into the letter's body; None without a span."""

    sha256: str
    verdict: Verdict
    probability: float
    sure: bool
    why: str
    quote: str | None = None
    start: int | None = None
    end: int | None = None


class Vocabulary:
    """How telling a stem is in this matter: rare ones tie letters together, common ones do not."""

    def __init__(self, letters: Iterable[Letter] = ()) -> None:
        self._seen: Counter[str] = Counter()
        self._count = 0
        self._weights: dict[str, float] = {}
        for letter in letters:
            self.learn(stems_in(letter.own_text()))

    def learn(self, stems: Iterable[str]) -> None:
        """Take in one more text."""
        self._seen.update(stems)
        self._count += 1
        self._weights.clear()

    def weight(self, stem: str) -> float:
        found = self._weights.get(stem)
        if found is None:
            found = self._weights[stem] = math.log((self._count + 1) / (self._seen[stem] + 0.5)) + 0.3
        return found

    def overlap(self, asked: frozenset[str], said: frozenset[str]) -> float:
        """The weighted share (0 … 1) of the asked stems that are said. The sums are exact, so the order of a set does not tell."""
        shared = asked & said
        if not shared:
            return 0.0
        return math.fsum(map(self.weight, shared)) / math.fsum(map(self.weight, asked))

    def share(self, ask: str, text: str) -> float:
        """``overlap`` of the words of two texts."""
        return self.overlap(stems_of(ask), stems_of(text))


def least_score(*, in_thread: bool, late: bool) -> float:
    """The score from which a letter counts as the answer."""
    return ANSWERED_AT if in_thread and not late else FAR_AT


stems_of = content  # the stems of a text that carry meaning


def inline_reply(ask: Ask, asked_in: Letter, reply: Letter) -> tuple[int, int] | None:
    """The own words that stand right under the asking in ``reply``, where it was quoted back and answered in place."""
    body = reply.texts.get("body", "")
    zones = {z.number: z for z in reply.zones_of("body")}
    wanted = _letters_only(ask.quote)
    for zone in zones.values():
        if (
            zone.kind != "own"
            or zone.answers is None
            or zone.answers not in zones
            or not body[zone.start : zone.end].strip()
        ):
            continue
        quoted = _letters_quoted(body[zones[zone.answers].start : zones[zone.answers].end])
        if not wanted or not quoted:
            continue
        # The answer belongs to what stands last above it; a long quotation may hold several questions.
        at = quoted.rfind(wanted)
        if at >= 0 and len(quoted) - at - len(wanted) <= 40:
            return zone.start, zone.end
        if at < 0 and len(quoted) >= 12 and wanted.endswith(quoted):
            return zone.start, zone.end
    return None


@lru_cache(maxsize=1024)
def _letters_quoted(text: str) -> str:
    return _letters_only(_QUOTE_MARKS.sub("", text))


def _letters_only(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def weigh(ask: Ask, asked_in: Letter, reply: Letter, place: Place, vocabulary: Vocabulary) -> Evidence:
    """What ``reply`` (a human letter of the other side, at its ``place`` to the asking) shows for ``ask``."""
    names = files_of(reply)
    under = inline_reply(ask, asked_in, reply)
    if under:
        return _inline(ask, reply, reply.texts.get("body", ""), under, names, vocabulary)
    own = answering_text(ask, reply)
    read = read_letter(ask.quote, ask.kind, own, names, place, vocabulary.share)
    score = letter_score(read.features)
    where = "direct reply" if place.direct else "later in the thread" if place.in_thread else "another thread"
    if _puts_off(own, read) and not _in_anger(ask, own, read, place):
        if not place.speaks_of_it:  # it is something else that will follow
            return Evidence(reply.sha256, "none", min(score, 0.5), False, f"no visible answer; {where}")
        return Evidence(
            reply.sha256,
            "deferred",
            min(score, 0.5),
            read.deferred >= SURE_AT,
            "says that an answer will follow",
            *_span(reply, own, read.deferral),
        )
    if score >= least_score(in_thread=place.in_thread, late=place.late):
        best = _visibly_about(ask, own, read.best, vocabulary)
        reasons = "; ".join((*read.reasons, *letter_model().reasons(read.features)))
        return Evidence(
            reply.sha256, "answered", score, score >= SURE_AT, f"{where}; {reasons}", *_span(reply, own, best)
        )
    return Evidence(reply.sha256, "none", score, False, f"no visible answer; {where}; {'; '.join(read.reasons)}")


def _visibly_about(ask: Ask, own: str, best: int | None, vocabulary: Vocabulary) -> int | None:
    """The sentence to quote: ``best``, unless it shares no word with what was asked, is no answer of its kind, and another speaks of it.

    "The form is fixed. I have asked the host about the logs." answers the question about logs with its second sentence.
    """
    if best is None:
        return None
    run, asked = reply_run(own), stems_of(ask.quote)
    of = ask_type(ask.quote, ask.kind)
    if asked & stems_of(run[best].text) or (
        of != "do" and TYPED.get(of, frozenset()) & frozenset(cues(run[best].text))
    ):
        return best
    near = [0.0 if "?" in s.text else vocabulary.overlap(asked, stems_of(s.text)) for s in run]
    nearest = max(range(len(run)), key=lambda i: (near[i], -i))
    return nearest if near[nearest] >= ABOUT_IT else best


def answering_text(ask: Ask, reply: Letter) -> str:
    """A reply's own words, without those that stand under a quotation of something else.

    Blanks of the same length stand for what is left out, so that offsets stay.
    """
    body = reply.texts.get("body", "")
    zones = {z.number: z for z in reply.zones_of("body")}
    wanted = _letters_only(ask.quote)
    runs = []
    for zone in zones.values():
        if zone.kind != "own":
            continue
        above = zones.get(zone.answers) if zone.answers is not None else None
        elsewhere = above is not None and wanted not in _letters_quoted(body[above.start : above.end])
        runs.append(" " * (zone.end - zone.start) if elsewhere else body[zone.start : zone.end])
    return "\n".join(runs)


def files_of(letter: Letter) -> list[str]:
    """The names of what a letter attaches; pictures inside its text are none."""
    return [
        a.filename for a in letter.attachments if a.disposition != "inline" or not a.content_type.startswith("image/")
    ]


def _puts_off(own: str, read: Reading) -> bool:
    """Whether a sentence says in so many words that something will follow, sets no condition, and nothing else answers."""
    if read.deferral is None or read.deferred < DEFER_AT or read.deferred <= read.features.get("together", 0) / 1000:
        return False
    text = reply_run(own)[read.deferral].text
    return "defer" in cues(text) and not conditional(text)


def _in_anger(ask: Ask, own: str, read: Reading, place: Place) -> bool:
    """Whether the sentence that speaks of later shares no word with the asking, in a letter that threatens or insults.

    "Tomorrow I'll tell everyone about you, we'll see who comes then" puts no answer off.
    """
    said = dict(zip(FLAGGED, place.tone.counts, strict=True))
    if read.deferral is None or not (said["threat"] or said["insult"]):
        return False
    return not stems_of(ask.quote) & stems_of(reply_run(own)[read.deferral].text)


def _inline(
    ask: Ask, reply: Letter, body: str, under: tuple[int, int], names: Sequence[str], vocabulary: Vocabulary
) -> Evidence:
    start, end = under
    while start < end and body[start].isspace():
        start += 1
    while end > start and body[end - 1].isspace():
        end -= 1
    text = body[start:end]
    read = read_letter(ask.quote, ask.kind, text, names, UNDER_THE_QUESTION, vocabulary.share)
    answered, deferred = read.features.get("together", 0) / 1000, read.deferred
    if deferred >= DEFER_AT and deferred > answered:
        return Evidence(
            reply.sha256,
            "deferred",
            deferred,
            True,
            "written under the quoted request: an answer will follow",
            text,
            start,
            end,
        )
    if text.rstrip().endswith("?") and len(words(text)) < 25 and answered < 0.5:
        return Evidence(
            reply.sha256, "none", answered, False, "written under the quoted request: asks back", text, start, end
        )
    return Evidence(
        reply.sha256, "answered", max(answered, 0.9), True, "written right under the quoted request", text, start, end
    )


def _span(reply: Letter, own: str, index: int | None) -> tuple[str | None, int | None, int | None]:
    """The sentence's place in the body: own text is the own zones joined by line breaks, so offsets are walked back."""
    if index is None:
        return None, None, None
    sentence = reply_run(own)[index]
    body = reply.texts.get("body", "")
    at = 0
    for zone in reply.zones_of("body"):
        if zone.kind != "own":
            continue
        length = zone.end - zone.start
        if at <= sentence.start and sentence.end <= at + length:
            start = zone.start + sentence.start - at
            end = zone.start + sentence.end - at
            return body[start:end], start, end
        at += length + 1
    return None, None, None
