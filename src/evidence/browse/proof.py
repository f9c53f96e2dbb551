"""Inclusion proofs over the custody log, from the leaves alone: Merkle tree hash and audit path of RFC 9162 section 2.1."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(body: bytes) -> bytes:
    """SHA-256(0x00 || body), RFC 9162 section 2.1.1."""
    return hashlib.sha256(b"\x00" + body).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """All complete levels over the leaves: ``levels[0]`` are the leaves, an odd last node rises unchanged.

    Rising unchanged gives the same root and paths as the recursive definition, since the split point k is the
    largest power of two below n.
    """

    levels: tuple[tuple[bytes, ...], ...]

    @classmethod
    def over(cls, leaves: Sequence[bytes]) -> Tree:
        levels = [tuple(leaves)]
        while len(levels[-1]) > 1:
            row = levels[-1]
            above = [_node(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
            if len(row) % 2:
                above.append(row[-1])
            levels.append(tuple(above))
        return cls(tuple(levels))

    @property
    def size(self) -> int:
        return len(self.levels[0])

    @property
    def root(self) -> bytes:
        return self.levels[-1][0] if self.size else EMPTY_ROOT

    def path(self, index: int) -> tuple[bytes, ...]:
        """PATH(index, D[n]), RFC 9162 section 2.1.3.1. Raises IndexError outside the tree."""
        if not 0 <= index < self.size:
            raise IndexError(index)
        steps: list[bytes] = []
        for row in self.levels[:-1]:
            beside = index ^ 1
            if beside < len(row):
                steps.append(row[beside])
            index //= 2
        return tuple(steps)


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path proves the leaf at ``index`` of a log of ``size``: RFC 9162 section 2.1.3.2, step by step."""
    if index >= size:
        return False
    first, last, reached = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if first & 1 or first == last:
            reached = _node(step, reached)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            reached = _node(reached, step)
        first >>= 1
        last >>= 1
    return last == 0 and reached == root
