"""A text as lines that are given to a zone one after another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evidence.message import zones_patterns as pattern
from evidence.model import ZoneKind

MAX_LINES = 200_000  # the rest of a text is one line
# Byte order marks, zero-width and direction marks: nobody sees them before a quote sign, and they must not hide it.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_SOLID_SPACES = str.maketrans("\u00a0\u2007\u202f", "   ")


@dataclass(slots=True)
class Lines:
    """The lines of a text: offsets, the text of each cut for matching, and the kind and reason found for it so far."""

    starts: list[int]
    ends: list[int]  # without the line end
    texts: list[str]
    kinds: list[ZoneKind]
    whys: list[str]
    worded: list[int]  # for each line, and one past the last: the next line with words from there on

    def __len__(self) -> int:
        return len(self.starts)

    def blank(self, index: int) -> bool:
        return self.worded[index] != index

    def label(self, first: int, last: int, kind: ZoneKind, why: str) -> None:
        for index in range(first, last):
            self.kinds[index] = kind
            self.whys[index] = why

    def next_words(self, index: int) -> int:
        """The next line that is not blank, or the number of lines."""
        return self.worded[index]


def plain_line(line: str) -> str:
    """The line as it is matched: ordinary spaces, nothing that is not seen. Offsets are those of the text itself."""
    return line if line.isascii() else _UNSEEN.sub("", line).translate(_SOLID_SPACES)


def split_lines(text: str) -> Lines:
    starts: list[int] = []
    ends: list[int] = []
    texts: list[str] = []
    at = 0
    while True:
        stop = text.find("\n", at) if len(starts) < MAX_LINES else -1
        end = len(text) if stop < 0 else stop
        starts.append(at)
        ends.append(end)
        texts.append(plain_line(text[at : min(end, at + pattern.LINE)]))
        if stop < 0:
            break
        at = stop + 1
    worded = [len(starts)] * (len(starts) + 1)
    for index in range(len(starts) - 1, -1, -1):
        empty = not texts[index] or (texts[index].isspace() and not text[starts[index] : ends[index]].strip())
        worded[index] = worded[index + 1] if empty else index
    return Lines(starts, ends, texts, ["own"] * len(starts), [""] * len(starts), worded)
