"""The Merkle log of RFC 9162 (Certificate Transparency 2.0), sections 2.1.1 to 2.1.4, over leaf hashes. Pure.

A *leaf hash* is SHA-256(0x00 || entry), an inner node SHA-256(0x01 || left || right), the root of no leaves SHA-256("").
Hashes are ``bytes`` of length 32. ``Frontier`` appends in O(log n) memory; ``Tree`` keeps all leaf hashes and proves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()
_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    """MTH({d}) = SHA-256(0x00 || d)."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return _sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the full subtrees a log of this size is made of, widest first: all that appending needs."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self._peaks: list[bytes] = []
        self.size = 0

    def append(self, leaf: bytes) -> None:
        peaks = self._peaks
        carry, remaining = leaf, self.size
        while remaining & 1:
            carry = _sha256(b"\x01" + peaks.pop() + carry).digest()
            remaining >>= 1
        peaks.append(carry)
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY_ROOT
        total = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            total = node_hash(peak, total)
        return total


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over ``leaves`` (hashes), in one pass and O(log n) memory."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Tree:
    """All leaf hashes, with every full subtree's hash kept, so that a proof is O(log n) after O(n) once."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        self._levels: list[list[bytes]] = [list(leaves)]
        level = self._levels[0]
        while len(level) > 1:
            level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
            self._levels.append(level)

    @property
    def size(self) -> int:
        return len(self._levels[0])

    def root(self, size: int | None = None) -> bytes:
        """Root of the first ``size`` leaves. Raises ValueError beyond the log."""
        size = self.size if size is None else size
        self._within(size)
        return self._range(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int) -> tuple[bytes, ...]:
        """PATH(index, D[size]) of section 2.1.3.1. Raises ValueError unless 0 <= index < size <= the log's size."""
        self._within(size)
        if not 0 <= index < size:
            raise ValueError(f"leaf {index} is not in a log of {size}")
        return tuple(self._path(index, 0, size))

    def consistency_proof(self, first: int, second: int) -> tuple[bytes, ...]:
        """PROOF(first, D[second]) of section 2.1.4.1; empty when first is 0 or equals second."""
        self._within(second)
        if not 0 <= first <= second:
            raise ValueError(f"a log of {first} cannot be an earlier state of a log of {second}")
        return tuple(self._subproof(first, 0, second, True)) if 0 < first < second else ()

    def _within(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise ValueError(f"the log has {self.size} leaves, not {size}")

    def _range(self, start: int, end: int) -> bytes:
        width = end - start
        if width & (width - 1) == 0 and start % width == 0:
            return self._levels[width.bit_length() - 1][start // width]
        split = _split(width)
        return node_hash(self._range(start, start + split), self._range(start + split, end))

    def _path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + _split(end - start)
        if index < middle:
            return [*self._path(index, start, middle), self._range(middle, end)]
        return [*self._path(index, middle, end), self._range(start, middle)]

    def _subproof(self, first: int, start: int, end: int, whole: bool) -> list[bytes]:
        if first == end:
            return [] if whole else [self._range(start, end)]
        middle = start + _split(end - start)
        if first <= middle:
            return [*self._subproof(first, start, middle, whole), self._range(middle, end)]
        return [*self._subproof(first, middle, end, False), self._range(start, middle)]


def _split(width: int) -> int:
    """The largest power of two smaller than ``width`` (which is at least 2)."""
    return 1 << ((width - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether ``proof`` shows ``leaf`` at ``index`` in the log of ``size`` with ``root`` (section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, current = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            current = node_hash(sibling, current)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            current = node_hash(current, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and current == root


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the log of ``first`` is a prefix of the log of ``second`` (section 2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    steps = list(proof)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    if not steps:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = steps[0]
    for sibling in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and old == first_root and new == second_root
