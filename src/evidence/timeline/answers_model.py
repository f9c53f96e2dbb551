"""Linear models over named features: small enough to ship as text, and each score can be taken apart word by word.

The weights lie in ``answers_weights.json`` beside this file and are made by ``tools/train_answers.py`` (see docs/reckoning.md).
They are whole thousandths, so that a score is the same sum on every machine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Weights in thousandths by feature name; ``bias`` too."""

    name: str
    bias: int
    weights: Mapping[str, int]

    def score(self, features: Iterable[str]) -> float:
        """The probability (0 … 1) that the example is of the class, by the logistic function."""
        total = self.bias + sum(self.weights.get(f, 0) for f in set(features))
        return round(1 / (1 + math.exp(-total / 1000)), 3)

    def reasons(self, features: Iterable[str], count: int = 4) -> tuple[str, ...]:
        """The features that spoke loudest, as ``name+1.25``."""
        known = sorted(((abs(w), f, w) for f in set(features) if (w := self.weights.get(f, 0))), reverse=True)
        return tuple(f"{name}{weight / 1000:+.2f}" for _, name, weight in known[:count])


@cache
def models() -> Mapping[str, LinearModel]:
    """All shipped models by name."""
    text = resources.files("evidence.timeline").joinpath("answers_weights.json").read_text(encoding="utf-8")
    table = json.loads(text)
    return {name: LinearModel(name, entry["bias"], entry["weights"]) for name, entry in table["models"].items()}
