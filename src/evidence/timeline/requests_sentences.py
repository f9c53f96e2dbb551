"""Own text cut into sentences and list items, with exact offsets: the unit in which people ask for things."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A dot after these is no end of a sentence.
_ABBREVIATIONS = frozenset(
    "руб коп г гг ул д кв стр корп шт п пп ст см т тел тыс млн др пр напр обл эт доб р мин макс доп гр ооо ип им пос "
    "mr mrs ms dr st no nos inv ref approx vs etc ltd inc co e.g i.e eg ie dept tel ext max min fig p pp".split()
)
# Of these, units: one that ends a line ends the sentence too, where the next line begins with a capital ("46 300 руб." / "И сообщите …").
_UNITS = frozenset("руб коп шт тыс млн кг г гг мин etc".split())
_LONGEST_ABBREVIATION = max(map(len, _ABBREVIATIONS | _UNITS))
_MARKER = re.compile(r"(?:[-–—*•·‣]|\(?\d{1,2}[.)]|\(?[a-zа-я]\))[ \t]+", re.I)
# What each way begins with is asked for first, for the search to skip by.
_BREAK = re.compile(r"[.!?…;](?:(?<!;)[.!?…]*[)\]»”\"']*(?=\s|$)|(?<=;)(?=\s))")
_SOFT_WIDTH = 50  # a line at least this long may have been wrapped by the writer's program
_TRIM = " \t\n\r\u00a0"


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text[start:end]`` of its part. ``item`` is true for an item of a list; ``lead`` numbers the line that opens the list."""

    start: int
    end: int
    text: str
    item: bool = False
    lead: int | None = None


def sentences(text: str, start: int, end: int) -> tuple[Sentence, ...]:
    """The sentences of ``text[start:end]`` in order; blocks are parted by blank lines, list items and short lines."""
    found: list[Sentence] = []
    lead: int | None = None
    for block_start, block_end, item in _blocks(text, start, end):
        if item and lead is None and found and found[-1].text.rstrip().endswith(":"):
            lead = len(found) - 1
        if not item:
            lead = None
        for a, b in _cut(text, block_start, block_end):
            found.append(Sentence(a, b, text[a:b], item, lead if item else None))
    return tuple(found)


def _blocks(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """(start, end, is a list item) of runs of lines that belong together."""
    at = start
    block: tuple[int, int, bool] | None = None
    previous = ""
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        line = text[at:stop]
        content = at + len(line) - len(line.lstrip(_TRIM))
        marker = _MARKER.match(text, content, stop)
        if not line.strip(_TRIM):
            if block:
                yield block
            block = None
        elif marker and marker.end() < stop:
            if block:
                yield block
            block = (marker.end(), stop, True)
        elif block and (len(previous.rstrip()) >= _SOFT_WIDTH or line.lstrip(_TRIM)[:1].islower()):
            block = (block[0], stop, block[2])
        else:
            if block:
                yield block
            block = (content, stop, False)
        previous = line
        at = stop + 1
    if block:
        yield block


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    at = start
    for match in _BREAK.finditer(text, start, end):
        if not _ends(text, at, match, end):
            continue
        yield from _trimmed(text, at, match.end())
        at = match.end()
    yield from _trimmed(text, at, end)


def _ends(text: str, at: int, match: re.Match[str], end: int) -> bool:
    mark = match.group()[0]
    if mark in "?!;":
        return True
    after = match.end()
    while after < end and text[after] in _TRIM:
        after += 1
    if after == end:
        return True
    lower = text[after].islower()
    one_dot = mark == "." and not match.group().startswith("..")
    if one_dot and not _long_word(text, at, match.start()):
        token = _word_before(text, at, match.start())
        if token in _UNITS and "\n" in text[match.end() : after] and text[after].isupper():
            return True
        if token in _ABBREVIATIONS or (len(token) == 1 and token.isalpha()):
            return False
        if token.isdigit() and lower:
            return False
    return not (mark == "…" or match.group().startswith("..")) or not lower


def _long_word(text: str, at: int, end: int) -> bool:
    """Whether more letters stand right before ``end`` than any abbreviation has: the usual case, quickly told."""
    start = end - _LONGEST_ABBREVIATION - 1
    return start >= at and text[start:end].isalpha()


def _word_before(text: str, at: int, end: int) -> str:
    """The letters, digits, underscores and dots right before ``end``, or before a line end there, in lower case."""
    if end > at and text[end - 1] == "\n":
        end -= 1
    start = end
    while start > at and (text[start - 1].isalnum() or text[start - 1] in "._"):
        start -= 1
    return text[start:end].casefold()


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start] in _TRIM:
        start += 1
    while end > start and text[end - 1] in _TRIM + ";":
        end -= 1
    if start < end and (text[start].isalnum() or any(map(str.isalnum, text[start:end]))):
        yield start, end
