"""The learned reader: proposes what rules miss, and objects where a rule's sentence does not read like its category.

Two linear steps, kept as whole numbers so that every machine reckons the same: hashed n-grams give each sentence a score per
category (int8 weights); these, the scores of its neighbours and the rules' hits give the final score (int32 weights). Scores are
log-odds in 1/256. ``tools/train_ranker.py`` makes ``model_data/ranker-{ru,en}.npz``; ``docs/measurement.md`` says how well it does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import exp
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evidence.timeline.ranker_features import (
    CATEGORIES,
    GROUP_WEIGHT,
    OUTPUTS,
    batched,
    groups,
    list_features,
    shape_features,
    surroundings,
    word_features,
)
from evidence.timeline.rules import Match
from evidence.timeline.sentences import Sentence

MODEL = Path(__file__).parent / "model_data"
ONE = 256  # a log-odds of 1
_NEVER = 1 << 30
TRUSTED = 1.1  # log-odds of three in four
WELL_OVER = 2 * ONE


@dataclass(frozen=True)
class Thresholds:
    """Per category, in 1/256 log-odds: ``propose`` (possible), ``agree`` (needed beside a rule for stated), ``tolerate`` (a rule alone)."""

    propose: Mapping[str, int]
    agree: Mapping[str, int]
    tolerate: Mapping[str, int]


@dataclass(frozen=True)
class LanguageModel:
    first: NDArray[np.int8]  # buckets x outputs
    scale: NDArray[np.float64]  # per output
    bias: NDArray[np.float64]
    second: NDArray[np.int32]  # context features x categories, in 1/4096
    second_bias: NDArray[np.int32]
    thresholds: Thresholds
    trust: Mapping[str, float]
    words: dict[tuple[str, str], tuple[NDArray[np.int32], int]] = field(default_factory=dict)

    def word(self, form: str, lemma: str) -> tuple[NDArray[np.int32], int]:
        """The summed weights of a word's features and their number, kept for the next time."""
        key = (form, lemma)
        found = self.words.get(key)
        if found is None:
            buckets = word_features(form, lemma)
            found = (self.first[list(buckets)].sum(axis=0, dtype=np.int32), len(buckets))
            if len(self.words) < 200_000:
                self.words[key] = found
        return found


@dataclass(frozen=True)
class Ranker:
    models: Mapping[str, LanguageModel]
    label: str
    categories: tuple[str, ...] = CATEGORIES

    @cached_property
    def trust(self) -> Mapping[str, float]:
        return {rule: value for model in self.models.values() for rule, value in model.trust.items()}

    def score(self, row: Sequence[Sentence], matches: Sequence[Sequence[Match]]) -> list[dict[str, int]]:
        """Log-odds in 1/256 per category for each sentence of one part, read together."""
        if not row:
            return []
        first = np.zeros((len(row), len(OUTPUTS)), dtype=np.int64)
        for language, model in self.models.items():
            here = [n for n, s in enumerate(row) if s.language == language]
            if here:
                first[here] = first_scores(model, [row[n] for n in here])
        lines = context_lines(first, surroundings(row, matches, self.trust))
        total = np.zeros((len(row), len(CATEGORIES)), dtype=np.int64)
        for language, model in self.models.items():
            here = [n for n, s in enumerate(row) if s.language == language]
            total[here] = (lines[here] @ model.second.astype(np.int64)) // 4096 + model.second_bias
        return [dict(zip(CATEGORIES, values, strict=True)) for values in total.tolist()]

    def proposes(self, scores: Mapping[str, int], category: str, sentence: Sentence) -> bool:
        return scores[category] >= self.models[sentence.language].thresholds.propose.get(category, _NEVER)

    def insists(self, scores: Mapping[str, int], category: str, sentence: Sentence) -> bool:
        """A proposal well over the line: what internal and third-party mail needs to be proposed at all."""
        return scores[category] >= self.models[sentence.language].thresholds.propose.get(category, _NEVER) + ONE

    def agrees(self, scores: Mapping[str, int], category: str, sentence: Sentence, rules: Sequence[str]) -> bool:
        """Whether ``rules`` may be stated here. Where cross-validation gave no line for the category (too few hits of rules among hard
        cases), a rule that was right three times in four is needed, and a score well over that of a proposal."""
        limits = self.models[sentence.language].thresholds
        if category in limits.agree:
            return scores[category] >= limits.agree[category]
        trusted = any(self.trust.get(rule, 0.0) >= TRUSTED for rule in rules)
        return trusted and scores[category] >= limits.propose.get(category, _NEVER) + WELL_OVER

    def tolerates(self, scores: Mapping[str, int], category: str, sentence: Sentence) -> bool:
        return scores[category] >= self.models[sentence.language].thresholds.tolerate.get(category, -_NEVER)

    def share(self, scores: Mapping[str, int], category: str) -> float:
        """The score as a probability, four places: to order proposals, best first."""
        return round(1 / (1 + exp(-scores[category] / ONE)), 4)

    def carrying_words(self, sentence: Sentence, category: str, most: int = 5) -> tuple[str, ...]:
        """The words of the sentence that weighed most for the category, strongest first, as written."""
        model = self.models[sentence.language]
        at = OUTPUTS.index(category)
        count = len(sentence.tokens)
        grams = model.first[groups(sentence)[0][: count + 1], at].astype(np.int64)  # the pairs come first
        weights: list[tuple[int, int]] = []
        for number, token in enumerate(sentence.tokens):
            own = int(model.word(token.form, token.word.lemma)[0][at])
            weights.append((own + (int(grams[number]) + int(grams[number + 1])) // 2, number))
        best = sorted((w for w in weights if w[0] > 0), key=lambda w: (-w[0], w[1]))[:most]
        return tuple(
            sentence.text[sentence.tokens[n].start - sentence.start : sentence.tokens[n].end - sentence.start]
            for _, n in best
        )


def first_scores(model: LanguageModel, row: Sequence[Sentence]) -> NDArray[np.int64]:
    """Log-odds in 1/256 per output for each sentence alone. All sums are of whole numbers; one rounding at the end."""
    batch = batched(row)
    count = len(row)
    sums = np.zeros((3, count, len(OUTPUTS)), dtype=np.int64)
    sizes = np.zeros((3, count), dtype=np.int64)
    for group, kinds in enumerate((batch.words, batch.classes)):
        for buckets, borders in kinds:
            added = np.zeros((len(buckets) + 1, len(OUTPUTS)), dtype=np.int64)
            np.cumsum(model.first[buckets], axis=0, dtype=np.int64, out=added[1:])
            sums[group] += added[borders[1:]] - added[borders[:-1]]
            sizes[group] += borders[1:] - borders[:-1]
    for number, sentence in enumerate(row):
        words = [model.word(t.form, t.word.lemma) for t in sentence.tokens]
        shape = shape_features(sentence)
        lists = list_features(sentence)
        if words:
            sums[0, number] += np.array([w for w, _ in words]).sum(axis=0)
        sums[0, number] += model.first[shape].sum(axis=0, dtype=np.int64)
        sums[2, number] = model.first[lists].sum(axis=0, dtype=np.int64)
        sizes[0, number] += sum(n for _, n in words) + len(shape)
        sizes[2, number] = len(lists)
    value = np.repeat(model.bias[None, :], count, axis=0)
    for group, weight in enumerate(GROUP_WEIGHT):
        value += sums[group] * model.scale * (weight / np.sqrt(sizes[group]))[:, None]
    return np.clip(np.floor(value * ONE + 0.5), -12 * ONE, 12 * ONE).astype(np.int64)


def context_lines(first: NDArray[np.int64], around: NDArray[np.float64]) -> NDArray[np.int64]:
    """Scores of the sentence, the one before, the one after and the strongest elsewhere in the letter, and the surroundings; in 1/256."""
    count, outputs = first.shape
    floor = np.full((1, outputs), -4 * ONE, dtype=np.int64)
    before = np.vstack([floor, first[:-1]])
    after = np.vstack([first[1:], floor])
    elsewhere = np.repeat(floor, count, axis=0)
    if count > 1:
        order = np.sort(first, axis=0)
        top, second = order[-1], order[-2]
        elsewhere = np.where(first == top, second, top)
    positive = np.maximum(first, 0)
    return np.hstack([first, positive, before, after, elsewhere, np.floor(around * ONE + 0.5).astype(np.int64)])


@cache
def load_ranker() -> Ranker | None:
    """The ranker shipped with the program, or None where its files are missing."""
    models: dict[str, LanguageModel] = {}
    digest = hashlib.sha256()
    for language in ("en", "ru"):
        path = MODEL / f"ranker-{language}.npz"
        if not path.exists():
            return None
        digest.update(path.read_bytes())
        with np.load(path, allow_pickle=False) as stored:
            lines = json.loads(bytes(stored["thresholds"]).decode("utf-8"))
            models[language] = LanguageModel(
                stored["first"],
                stored["scale"],
                stored["bias"],
                stored["second"],
                stored["second_bias"],
                Thresholds(lines["propose"], lines["agree"], lines["tolerate"]),
                lines["trust"],
            )
    return Ranker(models, f"ranker@1#{digest.hexdigest()[:12]}")
