"""What is known of every UID of one folder generation, and its compact, append-only form.

A blob is a row of frames: ``F`` (all entries) or ``D`` (changes), four octets length, four octets CRC-32 of the frame before,
then zlib. Blobs of successive acquisitions are joined in order; a chain that does not fit is taken as unknown, and the folder
is looked at again from the first UID. A frame holds, little-endian: five counts, then the columns of the entries
(UID, kind, shape, own identifier, number of references), references, removed UIDs and link digests.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from enum import IntEnum
from itertools import accumulate, chain
from operator import sub
from typing import Any

_FRAME = struct.Struct("<cII")
_COUNTS = struct.Struct("<IIIIB")


class Kind(IntEnum):
    """What became of a UID. ``OWED``: asked for and not had."""

    OUT = 0
    IN = 1
    CONTEXT = 2
    OWED = 3


class Ledger:
    """Columns instead of objects: a million UIDs take about 30 MB."""

    def __init__(self) -> None:
        self.uids: array[int] = array("I")
        self._kinds: array[int] = array("B")
        self._shapes: array[int] = array("I")
        self._owns: array[int] = array("Q")
        self._refs: array[int] = array("Q")
        self._ref_ends: array[int] = array("I")
        self.links: set[int] = set()
        self.questioned = False
        self._changed: set[int] = set()
        self._removed: set[int] = set()
        self._new_links: set[int] = set()
        self._was_questioned = False
        self._crc = 0
        self._whole = True  # nothing stored yet: the next blob is a full frame
        self._since = 0  # UIDs above this were added since the last blob

    def __len__(self) -> int:
        return len(self.uids)

    def __contains__(self, uid: int) -> bool:
        return self._at(uid) is not None

    def _at(self, uid: int) -> int | None:
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def kind(self, uid: int) -> Kind | None:
        at = self._at(uid)
        return None if at is None else Kind(self._kinds[at])

    def fingerprint(self, uid: int) -> tuple[int, int] | None:
        """(digest of Message-ID, digest of size and date), None if unknown."""
        at = self._at(uid)
        return None if at is None else (self._owns[at], self._shapes[at])

    def put(self, uid: int, kind: Kind, shape: int, own: int = 0, refs: tuple[int, ...] = ()) -> None:
        """Set an entry. References are kept of what was passed over only."""
        kept = refs[-255:] if kind is Kind.OUT else ()
        if not self.uids or uid > self.uids[-1]:
            self.uids.append(uid)
            self._kinds.append(kind)
            self._shapes.append(shape)
            self._owns.append(own)
            self._refs.extend(kept)
            self._ref_ends.append(len(self._refs))
            if uid <= self._since:
                self._changed.add(uid)
            return
        at = self._at(uid)
        if at is None:
            self._insert(bisect_left(self.uids, uid), uid, kind, shape, own, kept)
        else:
            self._kinds[at], self._shapes[at], self._owns[at] = kind, shape, own
            if kind is Kind.OUT and tuple(self._refs_at(at)) != kept:
                self._delete(at)
                self._insert(at, uid, kind, shape, own, kept)
        if uid <= self._since:
            self._changed.add(uid)

    def _insert(self, at: int, uid: int, kind: Kind, shape: int, own: int, kept: tuple[int, ...]) -> None:
        start = self._ref_ends[at - 1] if at else 0
        self.uids.insert(at, uid)
        self._kinds.insert(at, kind)
        self._shapes.insert(at, shape)
        self._owns.insert(at, own)
        self._refs[start:start] = array("Q", kept)
        self._ref_ends.insert(at, start)
        if kept:
            for later in range(at, len(self._ref_ends)):
                self._ref_ends[later] += len(kept)

    def _delete(self, at: int) -> None:
        start, end = self._ref_ends[at - 1] if at else 0, self._ref_ends[at]
        for column in (self.uids, self._kinds, self._shapes, self._owns):
            del column[at]
        del self._refs[start:end]
        del self._ref_ends[at]
        if end > start:
            for later in range(at, len(self._ref_ends)):
                self._ref_ends[later] -= end - start

    def _refs_at(self, at: int) -> array[int]:
        return self._refs[self._ref_ends[at - 1] if at else 0 : self._ref_ends[at]]

    def drop(self, uids: set[int]) -> None:
        """Forget UIDs that are no longer on the server."""
        gone = {u for u in uids if u in self}
        if not gone:
            return
        if len(gone) < 100:
            for uid in gone:
                at = self._at(uid)
                if at is not None:
                    self._delete(at)
        else:
            kept = Ledger()
            for at, uid in enumerate(self.uids):
                if uid not in gone:
                    kept.put(uid, Kind(self._kinds[at]), self._shapes[at], self._owns[at], tuple(self._refs_at(at)))
            self.uids, self._kinds, self._shapes = kept.uids, kept._kinds, kept._shapes
            self._owns, self._refs, self._ref_ends = kept._owns, kept._refs, kept._ref_ends
        self._removed |= {u for u in gone if u <= self._since}
        self._changed -= gone

    def link(self, digests: frozenset[int]) -> None:
        new = digests - self.links
        self.links |= new
        self._new_links |= new

    def count(self, kind: Kind) -> int:
        return self._kinds.count(kind)

    def of(self, kind: Kind) -> list[int]:
        return [self.uids[at] for at, k in enumerate(self._kinds) if k == kind] if self._kinds.count(kind) else []

    def tied(self, linked: set[int]) -> list[int]:
        """UIDs passed over whose own identifier or references are among ``linked``, which grows by theirs.

        Up and down the folder until nothing is added: a chain of answers is followed in one pass, not one link a pass.
        """
        found: set[int] = set()
        owns, refs, ends, kinds = self._owns, self._refs, self._ref_ends, self._kinds
        rows = range(len(kinds))
        downwards = False
        if not linked:
            return []
        while True:
            before = len(found)
            for at in reversed(rows) if downwards else rows:
                if kinds[at] or at in found:  # Kind.OUT is 0
                    continue
                some = refs[ends[at - 1] if at else 0 : ends[at]]
                if owns[at] in linked or (some and not linked.isdisjoint(some)):
                    found.add(at)
                    linked.update(some)
                    if owns[at]:
                        linked.add(owns[at])
            if len(found) == before:
                return [self.uids[at] for at in sorted(found)]
            downwards = not downwards

    # ---- stored form -----------------------------------------------------------------------

    def blob(self) -> bytes:
        """What changed since the last blob, as one frame; empty where nothing did."""
        if self._whole:
            rows = list(range(len(self.uids)))
            removed, new_links = [], sorted(self.links)
        else:
            first_new = bisect_left(self.uids, self._since + 1)
            changed = {at for at in map(self._at, self._changed) if at is not None}
            rows = [*sorted(a for a in changed if a < first_new), *range(first_new, len(self.uids))]
            removed, new_links = sorted(self._removed), sorted(self._new_links)
            if not (rows or removed or new_links or self.questioned != self._was_questioned):
                return b""
        own = self._whole_columns() if self._whole else self._columns_of(rows)
        refs = own[-1]
        columns = [*own, array("I", removed), array("Q", new_links)]
        payload = zlib.compress(
            _COUNTS.pack(len(rows), len(refs), len(removed), len(new_links), self.questioned)
            + b"".join(map(_little, columns)),
            1,
        )
        head = _FRAME.pack(b"F" if self._whole else b"D", len(payload), 0 if self._whole else self._crc)
        frame = head + payload
        self._stored(frame)
        return frame

    def _whole_columns(self) -> list[array[int]]:
        lengths = array("B", map(sub, self._ref_ends, chain((0,), self._ref_ends)))
        return [self.uids, self._kinds, self._shapes, self._owns, lengths, self._refs]

    def _columns_of(self, rows: list[int]) -> list[array[int]]:
        refs: array[int] = array("Q")
        lengths: array[int] = array("B")
        for at in rows:
            some = self._refs_at(at)
            refs.extend(some)
            lengths.append(len(some))
        return [
            array("I", (self.uids[at] for at in rows)),
            array("B", (self._kinds[at] for at in rows)),
            array("I", (self._shapes[at] for at in rows)),
            array("Q", (self._owns[at] for at in rows)),
            lengths,
            refs,
        ]

    def _stored(self, frame: bytes) -> None:
        self._crc = zlib.crc32(frame)
        self._whole = False
        self._since = max(self._since, self.uids[-1] if self.uids else 0)
        self._changed.clear()
        self._removed.clear()
        self._new_links.clear()
        self._was_questioned = self.questioned

    @classmethod
    def read(cls, blobs: bytes) -> Ledger:
        """The ledger the joined blobs describe; an empty one where they do not fit together."""
        ledger = cls()
        at = 0
        while at < len(blobs):
            try:
                mark, length, before = _FRAME.unpack_from(blobs, at)
                frame = blobs[at : at + _FRAME.size + length]
                if mark == b"F":
                    ledger = cls()
                elif mark != b"D" or ledger._whole or before != ledger._crc:
                    return cls()
                ledger._take(zlib.decompress(frame[_FRAME.size :]))
            except (struct.error, zlib.error, ValueError, IndexError):
                return cls()
            ledger._stored(frame)
            at += len(frame)
        return ledger

    def _take(self, payload: bytes) -> None:
        rows, refs, removed, new_links, questioned = _COUNTS.unpack_from(payload)
        at = _COUNTS.size
        columns: list[array[int]] = []
        for code, count in (
            ("I", rows), ("B", rows), ("I", rows), ("Q", rows), ("B", rows), ("Q", refs), ("I", removed), ("Q", new_links)
        ):  # fmt: skip
            column: array[int] = array(code)
            size = column.itemsize * count
            if len(payload) < at + size:
                raise ValueError("a short frame")
            column.frombytes(payload[at : at + size])
            if sys.byteorder == "big":
                column.byteswap()
            columns.append(column)
            at += size
        uids, kinds, shapes, owns, lengths, references, gone, linked = columns
        self.links.update(linked)
        self.questioned = bool(questioned)
        if not len(self):  # a full frame: its columns are ours
            self.uids, self._kinds, self._shapes, self._owns = uids, kinds, shapes, owns
            self._refs, self._ref_ends = references, array("I", accumulate(lengths))
            return
        self.drop(set(gone))
        start = 0
        for row, uid in enumerate(uids):
            end = start + lengths[row]
            self.put(uid, Kind(kinds[row]), shapes[row], owns[row], tuple(references[start:end]))
            start = end


def _little(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def shape(size: int | None, internal_date: str | None) -> int:
    """32 bits that tell whether size or arrival date of a UID changed."""
    return zlib.crc32(f"{size}|{internal_date}".encode())
