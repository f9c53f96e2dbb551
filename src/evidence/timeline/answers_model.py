"""Linear models and trees over named features: small enough to ship as text, and each score can be taken apart word by word.

The weights lie in ``answers_weights.json`` beside this file and are made by ``tools/train_answers.py``; the trees that weigh a whole letter
lie in ``answers_trees.json`` and are made by ``tools/train_letters.py`` (see docs/reckoning.md).
They are whole thousandths, so that a score is the same sum on every machine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class LinearModel:
    """Weights in thousandths by feature name; ``bias`` too."""

    name: str
    bias: int
    weights: Mapping[str, int]

    @cached_property
    def words(self) -> Mapping[str, int]:
        """The weights of single words, by word."""
        return {name[2:]: weight for name, weight in self.weights.items() if name.startswith("w:")}

    @cached_property
    def pairs(self) -> Mapping[tuple[str, ...], int]:
        """The weights of two words in a row. No word holds an underscore (``stems.words``), so a name is parted where it was joined."""
        return {tuple(name[2:].split("_")): weight for name, weight in self.weights.items() if name.startswith("b:")}

    def score(self, features: Iterable[str]) -> float:
        """The probability (0 … 1) that the example is of the class, by the logistic function."""
        return _logistic(self.bias + _sum(self.weights, features))

    def score_text(self, plain: Iterable[str], words: Iterable[str], pairs: Iterable[tuple[str, str]]) -> float:
        """``score`` of the features ``plain``, ``w:`` each of ``words`` and ``b:`` each of ``pairs``."""
        return self.score_with(plain, _sum(self.words, words) + _sum(self.pairs, pairs))

    def score_with(self, features: Iterable[str], more: int) -> float:
        """``score`` with ``more`` thousandths, of features whose weights are summed already."""
        return _logistic(self.bias + _sum(self.weights, features) + more)

    def reasons(self, features: Iterable[str], count: int = 4) -> tuple[str, ...]:
        """The features that spoke loudest, as ``name+1.25``."""
        known = sorted(((abs(w), f, w) for f in set(features) if (w := self.weights.get(f, 0))), reverse=True)
        return tuple(f"{name}{weight / 1000:+.2f}" for _, name, weight in known[:count])


def _sum(weights: Mapping[Any, int], features: Iterable[Any]) -> int:
    """Each feature counts once, however often it is named."""
    return sum(map(weights.__getitem__, weights.keys() & features))  # most have no weight, and are looked up once only


def _logistic(thousandths: int) -> float:
    return round(1 / (1 + math.exp(-thousandths / 1000)), 3)


@cache
def models() -> Mapping[str, LinearModel]:
    """All shipped models by name."""
    text = resources.files("evidence.timeline").joinpath("answers_weights.json").read_text(encoding="utf-8")
    table = json.loads(text)
    return {name: LinearModel(name, entry["bias"], entry["weights"]) for name, entry in table["models"].items()}


@dataclass(frozen=True, slots=True)
class TreeModel:
    """Boosted trees over named whole numbers. A tree is a leaf (thousandths of a logit) or (feature, cut, at most, above)."""

    bias: int
    trees: tuple[Any, ...]

    def score(self, features: Mapping[str, int]) -> float:
        """The probability (0 … 1), by the logistic function over the sum of leaves; a feature not named is 0."""
        total = self.bias
        for tree in self.trees:
            node = tree
            while not isinstance(node, int):
                node = node[2] if features.get(node[0], 0) <= node[1] else node[3]
            total += node
        return _logistic(total)

    def reasons(self, features: Mapping[str, int], count: int = 3) -> tuple[str, ...]:
        """The features whose trees spoke loudest, as ``name+1.25``: a leaf is shared out evenly over the features that led to it."""
        spoken: dict[str, float] = {}
        for tree in self.trees:
            leaf, path = self._leaf(tree, features)
            for name in path:
                spoken[name] = spoken.get(name, 0.0) + leaf / len(path)
        known = sorted(spoken.items(), key=lambda item: (-abs(item[1]), item[0]))
        return tuple(f"{name}{weight / 1000:+.2f}" for name, weight in known[:count])

    @staticmethod
    def _leaf(tree: Any, features: Mapping[str, int]) -> tuple[int, list[str]]:
        path: list[str] = []
        while not isinstance(tree, int):
            name, cut, at_most, above = tree
            if name not in path:
                path.append(name)
            tree = at_most if features.get(name, 0) <= cut else above
        return tree, path


@cache
def letter_model() -> TreeModel:
    """Whether a letter answers an asking, from ``answers_letter.read_letter``'s features."""
    text = resources.files("evidence.timeline").joinpath("answers_trees.json").read_text(encoding="utf-8")
    table = json.loads(text)
    return TreeModel(table["bias"], tuple(table["trees"]))
