"""The words of the message replied to, to tell what was quoted from it and what was not."""

from __future__ import annotations

import re

from evidence.message import zones_patterns as pattern
from evidence.message.zones_lines import plain_line

_WORD = re.compile(r"\w+")
_RUN = 4  # words in a row


class ParentWords:
    """Lines and runs of words of a parent's body. ``own_line`` asks of the words its own writer set down there."""

    def __init__(self, text: str) -> None:
        self._lines: set[str] = set()
        self._own_lines: set[str] = set()
        self._runs: set[int] = set()
        self._own_runs: set[int] = set()
        tail: list[str] = []
        own_tail: list[str] = []
        quoted_to_end = False
        for line in text[:2_000_000].split("\n"):
            seen = plain_line(line[: pattern.LINE])
            marked = pattern.MARK.match(seen)
            words = _WORD.findall(line.casefold())
            if not words:
                continue
            key = " ".join(words)
            self._lines.add(key)
            tail = self._extend(self._runs, tail, words)
            if not marked and (
                pattern.ORIGINAL.match(seen)
                or pattern.FORWARD.match(seen)
                or pattern.attribution_strength(seen) == 2
                or pattern.header_key(seen) == "from"
            ):
                quoted_to_end = True
            if not marked and not quoted_to_end:
                self._own_lines.add(key)
                own_tail = self._extend(self._own_runs, own_tail, words)

    @staticmethod
    def _extend(runs: set[int], tail: list[str], words: list[str]) -> list[str]:
        """Add the runs of four words, across line ends (a quote is wrapped anew), and return the last three words."""
        row = [*tail, *words]
        for at in range(len(row) - _RUN + 1):
            runs.add(hash((row[at], row[at + 1], row[at + 2], row[at + 3])))
        return row[-(_RUN - 1) :]

    def own_line(self, line: str) -> bool:
        """The parent's writer wrote these words, in this order."""
        return self._held(line, self._own_lines, self._own_runs, 1.0)

    def any_line(self, line: str) -> bool:
        """The words stand in the parent, whoever wrote them there."""
        return self._held(line, self._lines, self._runs, 0.8)

    def strange(self, line: str) -> bool:
        """Three words or more, and hardly any run of them in the parent."""
        words = _WORD.findall(pattern.MARK.sub("", line, count=1).casefold())
        if len(words) < 3 or " ".join(words) in self._lines or pattern.header_key(line):
            return False
        return self._share(words, self._runs) <= 0.2

    def _held(self, line: str, lines: set[str], runs: set[int], share: float) -> bool:
        words = _WORD.findall(pattern.MARK.sub("", line, count=1).casefold())
        if not words:
            return False
        if " ".join(words) in lines:
            return True
        return len(words) >= _RUN + 1 and self._share(words, runs) >= share

    @staticmethod
    def _share(words: list[str], runs: set[int]) -> float:
        total = len(words) - _RUN + 1
        if total <= 0:
            return 0.0
        hits = sum(hash((words[at], words[at + 1], words[at + 2], words[at + 3])) in runs for at in range(total))
        return hits / total
