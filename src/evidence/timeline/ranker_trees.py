"""The second step of the learned reader: boosted trees over scores and surroundings, in whole numbers.

A tree asks of a sentence's line whether a column is at most a whole number and ends in a whole number; the answers of all trees of a
category are added up. No rounding, so every machine reckons the same. ``tools/train_ranker.py`` grows them (Friedman 2001).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FINE = 4096  # leaves are log-odds in 1/4096
_CELLS = 1 << 20  # sentences times trees looked at in one go: bounds memory


@dataclass(frozen=True, slots=True)
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
        parts = [self._score(lines[at : at + step]) for at in range(0, len(lines), step)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def _score(self, lines: NDArray[np.int32]) -> NDArray[np.int64]:
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
