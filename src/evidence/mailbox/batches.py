"""How messages are asked for: so many to a FETCH that an answer stays small, and what of each FETCH is still awaited."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from evidence.mailbox.mailbox import Wanted

BATCH_OCTETS = 8 * 1024 * 1024
BATCH_UIDS = 200
MEAN_OCTETS = 64 * 1024  # of a message whose size nobody stated, until some have come


class Batch:
    """What one FETCH asked for and what of it is still awaited."""

    def __init__(self, tag: bytes, wanted: dict[int, Wanted]) -> None:
        self.tag = tag
        self.wanted = wanted
        self.waiting = set(wanted)
        self.silent: dict[int, str] = {}
        self.said = ""
        self.octets = 0
        self.broken = False

    @property
    def reason(self) -> str:
        return next((self.silent[u] for u in self.waiting if u in self.silent), self.said)

    @reason.setter
    def reason(self, text: str) -> None:
        self.said = text

    def missing(self) -> list[Wanted]:
        return [w for w in self.wanted.values() if w.uid in self.waiting]


def batches(wanted: Sequence[Wanted], *, octets: int = BATCH_OCTETS, uids: int = BATCH_UIDS) -> Iterator[list[Wanted]]:
    """``wanted`` in ascending order, cut so that a piece holds at most ``uids`` UIDs and ``octets`` octets (or one message)."""
    queue = deque(sorted(wanted, key=lambda w: w.uid))
    while queue:
        yield first_batch(queue, octets=octets, uids=uids)


def first_batch(
    queue: deque[Wanted], *, mean: int = 0, octets: int = BATCH_OCTETS, uids: int = BATCH_UIDS
) -> list[Wanted]:
    """Take from the left of ``queue`` what one FETCH asks for. A message of unknown size counts as ``mean`` octets."""
    piece = [queue.popleft()]
    total = piece[0].size or mean
    while queue and len(piece) < uids and total + (queue[0].size or mean) <= octets:
        piece.append(queue.popleft())
        total += piece[-1].size or mean
    return piece
