"""Ties a repeated request to its first asking: "for the third time", «повторю просьбу», or the same words again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evidence.model import Letter
from evidence.timeline.answers import Vocabulary, stems_of
from evidence.timeline.requests_find import Ask

_AGAIN = re.compile(
    r"\b(?:повтор\w+|ещё\s+раз|еще\s+раз|снова\s+(?:прошу|просим|спрашива\w+)|опять\s+(?:прошу|спрашива\w+)|напомина\w+|напомню|в\s+(?:третий|второй|который|десятый|четв[её]ртый|пятый)\s+раз|(?:вс[её]\s+)?(?:ещ[её]|по-прежнему)\s+(?:жду|жд[её]м)"
    r"|так\s+и\s+не\s+(?:ответил\w*|получил\w*|прислал\w*)|again|once\s+more|(?:second|third|fourth|fifth|umpteenth)\s+time|remind\w*|reminder|still\s+(?:waiting|awaiting|need|no|haven't)|repeat\w*|as\s+(?:i|we)\s+asked|i\s+asked|we\s+asked|chasing|nudge)\b",
    re.I,
)
BACK_AT_MOST = 400  # askings of either side
PLAIN, MARKED = 0.5, 0.2  # least overlap without and with a word that says "again"


def tie(asked: Sequence[tuple[Letter, Ask]], vocabulary: Vocabulary) -> dict[int, int]:
    """index of a repeat -> index of the asking it repeats (its nearest). ``asked`` is in order of time."""
    ties: dict[int, int] = {}
    for later, (letter, ask) in enumerate(asked):
        stems = stems_of(ask.quote)
        marked = bool(_AGAIN.search(_around(letter, ask)))
        best: tuple[float, int] | None = None
        for earlier in range(max(0, later - BACK_AT_MOST), later):
            before, first = asked[earlier]
            if before.speaker != letter.speaker or before.sha256 == letter.sha256 or before.at >= letter.at:
                continue
            other = stems_of(first.quote)
            if stems.isdisjoint(other):
                continue
            forth, back = vocabulary.overlap(stems, other), vocabulary.overlap(other, stems)
            likeness = (forth + back) / 2 + (0.1 if before.thread == letter.thread else 0.0)
            same_kind = first.kind == ask.kind or {first.kind, ask.kind} == {"question", "document"}
            enough = likeness >= (MARKED if marked and before.thread == letter.thread and same_kind else PLAIN)
            if enough and (best is None or (likeness, earlier) > best):
                best = (likeness, earlier)
        if best:
            ties[later] = best[1]
    return ties


def _around(letter: Letter, ask: Ask) -> str:
    """The asking with what stands just before it: "I asked on 6 November. …" says that it is a repeat."""
    body = letter.texts.get("body", "")
    zone = next((z for z in letter.zones_of("body") if z.start <= ask.start < z.end), None)
    return body[max(zone.start if zone else 0, ask.start - 120) : ask.end]
