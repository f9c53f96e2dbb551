"""The second step of the learned reader: boosted trees over scores and surroundings, in whole numbers.

A tree asks of a sentence's line whether a column is at most a whole number and ends in a whole number; the answers of all trees of a
category are added up. No rounding, so every machine reckons the same. ``tools/train_ranker.py`` grows them (Friedman 2001).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

FINE = 4096  # leaves are log-odds in 1/4096
_CELLS = 1 << 16  # sentences times trees looked at in one go: what fits into the processor's cache
_UNREACHABLE = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Planes:
    """The trees of a forest side by side: plane k holds the k-th question of every tree (Lucchese et al. 2015, QuickScorer).

    The leaves of a tree are numbered from the lowest side on. ``gone`` has, per question, a bit for each leaf of its low side: these
    cannot be reached where the answer is "over the limit". Of the leaves that no answer rules out, the first is the one that walking
    down the tree leads to."""

    column: NDArray[np.intp]  # planes x trees
    limit: NDArray[np.int32]  # planes x trees x 1
    gone: NDArray[np.unsignedinteger[Any]]  # planes x trees x 1
    leaf: NDArray[np.int32]  # trees x leaves, flat
    first: NDArray[np.intp]  # trees x 1: where a tree's leaves begin in ``leaf``

    def score(self, lines: NDArray[np.int32]) -> NDArray[np.int64]:
        columns = np.ascontiguousarray(lines.T)
        gone = np.zeros((len(self.first), len(lines)), dtype=self.gone.dtype)
        for column, limit, ruled_out in zip(self.column, self.limit, self.gone, strict=True):
            gone |= (columns[column] > limit) * ruled_out
        left = ~gone & (gone + gone.dtype.type(1))  # of the leaves that are left the first: a single bit
        place = np.frexp(left.astype(np.float64))[1] - 1
        total: NDArray[np.int64] = self.leaf[self.first + place].sum(axis=0, dtype=np.int64)
        return total * 256 // FINE


@dataclass(frozen=True)
class Forest:
    """The trees of one category, flattened: a node below 0 in ``low`` is a leaf. ``roots`` holds the first node of each tree."""

    column: NDArray[np.int16]
    limit: NDArray[np.int32]
    low: NDArray[np.int32]  # the next node where the column is at most the limit; -1 in a leaf
    high: NDArray[np.int32]
    leaf: NDArray[np.int32]
    roots: NDArray[np.int32]

    def score(self, lines: NDArray[np.int32]) -> NDArray[np.int64]:
        """Log-odds in 1/256 for each line (sentences x columns)."""
        step = max(1, _CELLS // max(1, len(self.roots)))
        planes = self.planes
        cuts = [lines[at : at + step] for at in range(0, len(lines), step)]
        parts = [self.walk(cut) if planes is None else planes.score(cut) for cut in cuts]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    @cached_property
    def planes(self) -> Planes | None:
        """None where a tree has more leaves than a machine word has bits."""
        trees = [self._questions(int(root)) for root in self.roots]
        most = max((len(leaves) for _, leaves in trees), default=0)
        width = next((w for w in (16, 32, 64) if most <= w), None)
        if width is None or not trees:
            return None
        depth = max(len(questions) for questions, _ in trees)
        column = np.zeros((depth, len(trees)), dtype=np.intp)
        limit = np.full((depth, len(trees), 1), _UNREACHABLE, dtype=np.int32)
        gone = np.zeros((depth, len(trees), 1), dtype=f"uint{width}")
        leaf = np.zeros((len(trees), most), dtype=np.int32)
        for tree, (questions, leaves) in enumerate(trees):
            leaf[tree, : len(leaves)] = self.leaf[leaves]
            for plane, (node, low, high) in enumerate(questions):
                column[plane, tree], limit[plane, tree, 0] = self.column[node], self.limit[node]
                gone[plane, tree, 0] = (1 << high) - (1 << low)
        return Planes(column, limit, gone, leaf.ravel(), np.arange(len(trees))[:, None] * most)

    def _questions(self, root: int) -> tuple[list[tuple[int, int, int]], list[int]]:
        """The questions of one tree as (node, first leaf of its low side, the leaf after the last), and its leaves in order."""
        questions: list[tuple[int, int, int]] = []
        leaves: list[int] = []
        # (node, -1), or a question whose low side is done, and where that began
        ahead: list[tuple[int, int]] = [(root, -1)]
        while ahead:
            node, began = ahead.pop()
            if began >= 0:
                questions.append((node, began, len(leaves)))
                ahead.append((int(self.high[node]), -1))
            elif self.low[node] < 0:
                leaves.append(node)
            else:
                ahead += [(node, len(leaves)), (int(self.low[node]), -1)]
        return questions, leaves

    def walk(self, lines: NDArray[np.int32]) -> NDArray[np.int64]:
        """The same, node by node: for trees too large for ``planes``, and to test these against."""
        count, trees = len(lines), len(self.roots)
        flat = np.ascontiguousarray(lines).ravel()
        node = np.tile(self.roots, count)
        base = np.repeat(np.arange(count, dtype=np.int64) * lines.shape[1], trees)
        at = np.arange(len(node))  # those not yet in a leaf
        here = node
        while len(at):
            goes = flat[base[at] + self.column[here]] <= self.limit[here]
            here = np.where(goes, self.low[here], self.high[here])
            node[at] = here
            inner = self.low[here] >= 0
            at, here = at[inner], here[inner]
        total: NDArray[np.int64] = self.leaf[node].reshape(count, trees).sum(axis=1, dtype=np.int64)
        return total * 256 // FINE


def forest_from(arrays: Mapping[str, NDArray[np.int32]], name: str) -> Forest:
    """The forest stored as ``NAME.column`` and so on (see ``stored``)."""
    return Forest(
        arrays[f"{name}.column"].astype(np.int16),
        *(arrays[f"{name}.{part}"].astype(np.int32) for part in ("limit", "low", "high", "leaf", "roots")),
    )


def stored(forest: Forest, name: str) -> dict[str, NDArray[np.int32]]:
    """The arrays ``forest_from`` reads."""
    return {f"{name}.{part}": getattr(forest, part) for part in ("column", "limit", "low", "high", "leaf", "roots")}
