"""Ties a repeated request to its first asking: "for the third time", «повторю просьбу», or the same words again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.model import Letter
from evidence.timeline.answers import Vocabulary, stems_of
from evidence.timeline.gates import Gate
from evidence.timeline.requests_find import Ask

_AGAIN = Gate(
    r"\b(?:повтор\w+|ещё\s+раз|еще\s+раз|снова\s+(?:прошу|просим|спрашива\w+)|опять\s+(?:прошу|спрашива\w+)|напомина\w+|напомню|(?:третий|второй|который|десятый|четв[её]ртый|пятый)\s+раз|(?:вс[её]\s+)?(?:ещ[её]|по-прежнему)\s+(?:жду|жд[её]м)"
    r"|так\s+и\s+не\s+(?:ответил\w*|получил\w*|прислал\w*)|again|once\s+more|(?:second|third|fourth|fifth|umpteenth)\s+time|remind\w*|reminder|still\s+(?:waiting|awaiting|need|no|haven't)|repeat\w*|as\s+(?:i|we)\s+asked|i\s+asked|we\s+asked|chasing|nudge)\b",
    re.I,
)
_SUBJECT_PREFIX = re.compile(r"^(?:\s*(?:re|fwd?|fw|aw|отв|на|ha|пересл)(?:\[\d+\])?\s*:)+\s*", re.I)
BACK_AT_MOST = 400  # askings of either side
WITHIN = timedelta(days=60)  # without a word that says "again"
PLAIN, MARKED = 0.55, 0.2  # least likeness without and with a word that says "again"
CUT_PLAIN, CUT_MARKED = 0.35, 0.2  # least likeness from which a later asking ends the wait of an earlier one


@dataclass(frozen=True, slots=True)
class Again:
    """A later asking of the same side: when, how like the first one it is (0 … 1), whether it says that it is a repeat, its number."""

    at: datetime
    likeness: float
    marked: bool
    number: int


class Repeats:
    """All askings in order of time, compared where they share a word that carries meaning."""

    def __init__(self, asked: Sequence[tuple[Letter, Ask]], vocabulary: Vocabulary) -> None:
        self._asked = asked
        self._vocabulary = vocabulary
        self._stems = [stems_of(ask.quote) for _, ask in asked]
        self._marked = [bool(_AGAIN.search(_around(letter, ask))) for letter, ask in asked]
        self.ties: dict[
            int, int
        ] = {}  # number of a repeat -> number of the asking it repeats (the likest, then the nearest)
        self._again: dict[int, list[Again]] = {}
        self._compare()

    def again(self, index: int) -> Sequence[Again]:
        """Later askings of the same side that share words with asking number ``index``, in order of time."""
        return self._again.get(index, ())

    def next_at(self, index: int) -> datetime | None:
        """When the same was asked again, as far as words show it: after that an answer counts for the repeat."""
        following = self.next(index)
        return following.at if following else None

    def next(self, index: int) -> Again | None:
        """The asking that ends the wait of asking number ``index``; None where nothing like it was asked again."""
        return next((a for a in self.again(index) if a.likeness >= (CUT_MARKED if a.marked else CUT_PLAIN)), None)

    def _compare(self) -> None:
        said: dict[tuple[str, str], list[int]] = {}  # (side, stem) -> numbers of askings
        for later, (letter, ask) in enumerate(self._asked):
            stems = self._stems[later]
            lists = [said.setdefault((letter.speaker, stem), []) for stem in sorted(stems)]
            earlier_ones = sorted({n for one in lists for n in one[-BACK_AT_MOST:] if n >= later - BACK_AT_MOST})
            best: tuple[float, int] | None = None
            for earlier in earlier_ones:
                before, first = self._asked[earlier]
                if before.sha256 == letter.sha256 or before.at >= letter.at:
                    continue
                other = self._stems[earlier]
                forth, back = self._vocabulary.overlap(stems, other), self._vocabulary.overlap(other, stems)
                likeness = (forth + back) / 2 + (0.1 if before.thread == letter.thread else 0.0)
                marked = self._marked[later]
                self._again.setdefault(earlier, []).append(Again(letter.at, likeness, marked, later))
                same_kind = first.kind == ask.kind or {first.kind, ask.kind} == {"question", "document"}
                plain = PLAIN if letter.at - before.at <= WITHIN and len(stems & other) >= 2 else 0.8
                together = before.thread == letter.thread or _same_subject(before, letter)
                enough = likeness >= (MARKED if marked and together and same_kind else plain)
                if enough and (best is None or (likeness, earlier) > best):
                    best = (likeness, earlier)
            if best:
                self.ties[later] = best[1]
            for one in lists:
                one.append(later)


def bare_subject(subject: str) -> str:
    """A subject without "Re:", "Fwd:" and their like, in lower case."""
    return _SUBJECT_PREFIX.sub("", subject).strip().casefold()


def _same_subject(one: Letter, other: Letter) -> bool:
    """A letter written anew instead of answered to has no thread; its subject still says what it continues."""
    subject = bare_subject(one.subject)
    return bool(subject) and subject == bare_subject(other.subject)


def _around(letter: Letter, ask: Ask) -> str:
    """The asking with what stands just before it: "I asked on 6 November. …" says that it is a repeat."""
    body = letter.texts.get("body", "")
    zone = next((z for z in letter.zones_of("body") if z.start <= ask.start < z.end), None)
    return body[max(zone.start if zone else 0, ask.start - 120) : ask.end]
