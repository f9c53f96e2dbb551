"""The learned reader: proposes what rules miss, and objects where a rule's sentence does not read like its category.

Two steps, kept as whole numbers so that every machine reckons the same: hashed n-grams give each sentence a score per category
(int8 weights, one set a language); these, the scores of its neighbours and the rules' hits go through boosted trees, the same
for both languages (``ranker_trees``). Scores are log-odds in 1/256. Who wrote the sentence is not among the features: the same words
are read alike on both sides. ``tools/train_ranker.py`` makes ``model_data/*.npz``; ``docs/measurement.md`` says how well it does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import exp
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from evidence.timeline.morph import TOKEN, Form
from evidence.timeline.ranker_features import (
    CATEGORIES,
    GROUP_WEIGHT,
    NEW_RULE_TRUST,
    OUTPUTS,
    ListKey,
    ShapeKey,
    batched,
    brought,
    list_buckets,
    list_key,
    shape_buckets,
    shape_key,
    surroundings_of,
    traits_in,
    word_features,
    word_pairs,
)
from evidence.timeline.ranker_trees import Forest, forest_from
from evidence.timeline.rules import Match
from evidence.timeline.sentences import Sentence

MODEL = Path(__file__).parent / "model_data"
ONE = 256  # a log-odds of 1
_NEVER = 1 << 30

FAR = -12 * ONE  # the lowest score
RIGHT_RATHER_THAN_WRONG = 0.4  # log-odds of three in five

_MOST_SUMS = 100_000  # kept of each kind

Key = TypeVar("Key", bound=Hashable)
Row = Sequence[Sentence]
Hits = Sequence[Sequence[Match]]


@dataclass(frozen=True)
class Thresholds:
    """Per category, in 1/256 log-odds: ``propose`` (possible), ``agree`` (needed beside a rule for stated), ``tolerate`` (a rule alone)."""

    propose: Mapping[str, int]
    agree: Mapping[str, int]
    tolerate: Mapping[str, int]


class Sums(Generic[Key]):
    """What the buckets of a key (a form, say) weigh together, and how many these are: kept for the next time it comes."""

    def __init__(self, buckets_of: Callable[[Key], Any], first: NDArray[np.int8]) -> None:
        self._buckets_of = buckets_of
        self._first = first
        self._rows: dict[Key, int] = {}
        self._weights = np.zeros((1024, len(OUTPUTS)), dtype=np.int64)
        self._sizes = np.zeros(1024, dtype=np.int64)

    def of(self, keys: Sequence[Key]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(keys x outputs, how many buckets each has)."""
        if len(self._rows) > _MOST_SUMS:
            self._rows.clear()
        if unknown := [key for key in dict.fromkeys(keys) if key not in self._rows]:
            self._add(unknown)
        rows = np.fromiter(map(self._rows.__getitem__, keys), dtype=np.intp, count=len(keys))
        return self._weights.take(rows, axis=0), self._sizes.take(rows)

    def _add(self, keys: Sequence[Key]) -> None:
        begin, end = len(self._rows), len(self._rows) + len(keys)
        if end > len(self._weights):
            more = np.zeros((max(end, len(self._weights)), len(OUTPUTS)), dtype=np.int64)
            self._weights = np.vstack([self._weights, more])
            self._sizes = np.concatenate([self._sizes, np.zeros(len(more), dtype=np.int64)])
        buckets = [self._buckets_of(key) for key in keys]  # never empty
        sizes = np.array([len(one) for one in buckets], dtype=np.int64)
        weights = self._first.take(np.concatenate([np.asarray(one, dtype=np.int64) for one in buckets]), axis=0)
        self._weights[begin:end] = np.add.reduceat(weights, np.cumsum(sizes) - sizes, axis=0, dtype=np.int64)
        self._sizes[begin:end] = sizes
        self._rows.update(zip(keys, range(begin, end), strict=True))


def _form_buckets(form: Form) -> tuple[int, ...]:
    return word_features(form.form, form.word.lemma)


@dataclass(frozen=True)
class LanguageModel:
    first: NDArray[np.int8]  # buckets x outputs
    scale: NDArray[np.float64]  # per output
    bias: NDArray[np.float64]
    thresholds: Thresholds
    trust: Mapping[str, float]

    @cached_property
    def words(self) -> Sums[Form]:
        return Sums(_form_buckets, self.first)

    @cached_property
    def shapes(self) -> Sums[ShapeKey]:
        return Sums(shape_buckets, self.first)

    @cached_property
    def lists(self) -> Sums[ListKey]:
        return Sums(list_buckets, self.first)


@dataclass(frozen=True)
class Ranker:
    models: Mapping[str, LanguageModel]
    forests: tuple[Forest, ...]  # in the order of CATEGORIES
    floors: tuple[int, ...]  # below this first score, and without a rule's hit, the trees are not asked
    label: str
    categories: tuple[str, ...] = CATEGORIES

    @cached_property
    def trust(self) -> Mapping[str, float]:
        return {rule: value for model in self.models.values() for rule, value in model.trust.items()}

    def score(self, row: Row, matches: Hits) -> list[dict[str, int]]:
        """Log-odds in 1/256 per category for each sentence of one part."""
        return self.score_parts([(row, matches)])[0]

    def score_parts(self, parts: Sequence[tuple[Row, Hits]]) -> list[list[dict[str, int]]]:
        """``score`` of several parts, each read by itself but reckoned together: the same figures, much sooner."""
        found = iter([dict(zip(CATEGORIES, line, strict=True)) for line in self.values(parts).tolist()])
        return [[next(found) for _ in sentences] for sentences, _ in parts]

    def values(self, parts: Sequence[tuple[Row, Hits]]) -> NDArray[np.int64]:
        """``score_parts`` as figures: all sentences of all parts x categories."""
        row = [sentence for sentences, _ in parts for sentence in sentences]
        if not row:
            return np.zeros((0, len(CATEGORIES)), dtype=np.int64)
        traits = traits_in(row)
        brings = brought(traits)
        first = np.zeros((len(row), len(OUTPUTS)), dtype=np.int64)
        for language, model in self.models.items():
            here = [n for n, s in enumerate(row) if s.language == language]
            if here:
                first[here] = first_scores(model, [row[n] for n in here], [traits[n] for n in here], brings[here])
        around = surroundings_of(parts, brings, self.trust)
        lines = context_lines(first, [len(sentences) for sentences, _ in parts], around, row)
        return final_scores(self.forests, self.floors, first, lines)

    def lines(self, row: Row) -> NDArray[np.int64]:
        """The line from which a category is proposed, sentences x categories."""
        number = {language: n for n, language in enumerate(self.models)}
        of = [
            [model.thresholds.propose.get(category, _NEVER) for category in CATEGORIES]
            for model in self.models.values()
        ]
        return np.array(of, dtype=np.int64)[[number[sentence.language] for sentence in row]]

    def proposes(self, scores: Mapping[str, int], category: str, sentence: Sentence) -> bool:
        return scores[category] >= self.models[sentence.language].thresholds.propose.get(category, _NEVER)

    def proposals(self, scores: Mapping[str, int], sentence: Sentence) -> list[str]:
        """The categories that are proposed."""
        lines = self.models[sentence.language].thresholds.propose
        return [category for category, score in scores.items() if score >= lines.get(category, _NEVER)]

    def insists(self, scores: Mapping[str, int], category: str, sentence: Sentence) -> bool:
        """A proposal well over the line: what internal and third-party mail needs to be proposed at all."""
        return scores[category] >= self.models[sentence.language].thresholds.propose.get(category, _NEVER) + ONE

    def agrees(self, scores: Mapping[str, int], category: str, sentence: Sentence) -> bool:
        """Whether what a rule found may be stated: the line at which cross-validation gave the precision wanted of what is stated."""
        return scores[category] >= self.models[sentence.language].thresholds.agree.get(category, _NEVER)

    def agreed(self, scores: Mapping[str, int], sentence: Sentence) -> list[str]:
        """The categories of which ``agrees`` holds."""
        lines = self.models[sentence.language].thresholds.agree
        return [category for category, score in scores.items() if score >= lines.get(category, _NEVER)]

    def tolerates(self, scores: Mapping[str, int], category: str, sentence: Sentence, rules: Sequence[str]) -> bool:
        """Whether what looser ``rules`` found may be proposed: one of them is right more often than not, or the score does not
        speak against it. A rule the training never saw, such as a user's own, is heard."""
        if any(self.trust.get(rule, NEW_RULE_TRUST) >= RIGHT_RATHER_THAN_WRONG for rule in rules):
            return True
        return scores[category] >= self.models[sentence.language].thresholds.tolerate.get(category, -_NEVER)

    def share(self, scores: Mapping[str, int], category: str) -> float:
        """The score as a probability, four places: to order proposals, best first."""
        return round(1 / (1 + exp(-scores[category] / ONE)), 4)

    def carrying_words(self, sentence: Sentence, category: str, most: int = 5) -> tuple[str, ...]:
        """The words of the sentence that weighed most for the category, strongest first, as written."""
        model = self.models[sentence.language]
        at = OUTPUTS.index(category)
        count = len(sentence.forms)
        if not count:
            return ()
        grams = model.first[word_pairs(sentence), at].tolist()
        own = model.words.of(sentence.forms)[0][:, at].tolist()
        weights = [(own[n] + (grams[n] + grams[n + 1]) // 2, n) for n in range(count)]
        best = sorted((w for w in weights if w[0] > 0), key=lambda w: (-w[0], w[1]))[:most]
        written = [match.group() for match in TOKEN.finditer(sentence.text)]
        return tuple(written[n] for _, n in best)


def first_scores(
    model: LanguageModel, row: Sequence[Sentence], traits: Sequence[Sequence[int]], brings: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Log-odds in 1/256 per output for each sentence alone. All sums are of whole numbers; one rounding at the end."""
    batch = batched(traits)
    count = len(row)
    sums = np.zeros((3, count, len(OUTPUTS)), dtype=np.int64)
    sizes = np.zeros((3, count), dtype=np.int64)
    for group, kinds in enumerate((batch.words, batch.classes)):
        for buckets, borders in kinds:
            lengths = np.diff(borders)
            _add(sums[group], model.first.take(buckets, axis=0), lengths)
            sizes[group] += lengths
    forms = [form for sentence in row for form in sentence.forms]
    if forms:
        weights, counts = model.words.of(forms)
        lengths = np.array([len(sentence.forms) for sentence in row], dtype=np.int64)
        _add(sums[0], weights, lengths)
        _add(sizes[0], counts, lengths)
    for group, (weights, counts) in (
        (0, model.shapes.of([shape_key(s) for s in row])),
        (2, model.lists.of(list(map(list_key, row, brings.tolist())))),
    ):
        sums[group] += weights
        sizes[group] += counts
    value = np.repeat(model.bias[None, :], count, axis=0)
    for group, weight in enumerate(GROUP_WEIGHT):
        value += sums[group] * model.scale * (weight / np.sqrt(sizes[group]))[:, None]
    return np.clip(np.floor(value * ONE + 0.5), -12 * ONE, 12 * ONE).astype(np.int64)


def _add(sums: NDArray[np.int64], weights: NDArray[Any], lengths: NDArray[np.int64]) -> None:
    """Add to each sentence what its features weigh; ``lengths``: how many of the rows of ``weights`` are each sentence's."""
    here = np.flatnonzero(lengths)
    if len(here):
        sums[here] += np.add.reduceat(weights, (np.cumsum(lengths) - lengths)[here], axis=0, dtype=np.int64)


def context_lines(
    first: NDArray[np.int64], lengths: Sequence[int], around: NDArray[np.float64], row: Row
) -> NDArray[np.int32]:
    """A line per sentence: its language, its scores, those of the one before, the one after and the strongest elsewhere in its part,
    and the surroundings; in 1/256. ``lengths``: how many sentences each part has."""
    outputs = first.shape[1]
    sizes = np.array([n for n in lengths if n], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    floor = np.full((1, outputs), -4 * ONE, dtype=np.int64)
    before = np.vstack([floor, first[:-1]])
    before[starts] = floor
    after = np.vstack([first[1:], floor])
    after[starts + sizes - 1] = floor
    top = np.repeat(np.maximum.reduceat(first, starts, axis=0), sizes, axis=0)
    best = first == top
    ties = np.repeat(np.add.reduceat(best.astype(np.int64), starts, axis=0), sizes, axis=0) > 1
    second = np.repeat(np.maximum.reduceat(np.where(best, FAR, first), starts, axis=0), sizes, axis=0)
    elsewhere = np.where(best & ~ties, second, top)
    elsewhere[np.repeat(sizes, sizes) == 1] = floor
    russian = np.array([ONE if s.language == "ru" else 0 for s in row], dtype=np.int64)[:, None]
    facts = np.floor(around * ONE + 0.5).astype(np.int64)
    return np.hstack([russian, first, before, after, elsewhere, facts]).astype(np.int32)


def final_scores(
    forests: Sequence[Forest], floors: Sequence[int], first: NDArray[np.int64], lines: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Log-odds in 1/256, sentences x categories. Where the words alone say no and no rule was met, the trees are not asked."""
    count = len(CATEGORIES)
    final = np.full((len(lines), count), FAR, dtype=np.int64)
    best_rule = lines[:, -count:]  # the trust of the best rule, 0 where none was met
    for at, forest in enumerate(forests):
        asked = np.flatnonzero((first[:, at] >= floors[at]) | (best_rule[:, at] != 0))
        if len(asked):
            final[asked, at] = np.maximum(FAR, forest.score(lines[asked]))
    return final


@cache
def load_ranker() -> Ranker | None:
    """The ranker shipped with the program, or None where its files are missing."""
    names = ("ranker-en.npz", "ranker-ru.npz", "ranker-trees.npz")
    if not all((MODEL / name).exists() for name in names):
        return None
    digest = hashlib.sha256()
    for name in names:
        digest.update((MODEL / name).read_bytes())
    models: dict[str, LanguageModel] = {}
    for language in ("en", "ru"):
        with np.load(MODEL / f"ranker-{language}.npz", allow_pickle=False) as stored:
            lines = json.loads(bytes(stored["thresholds"]).decode("utf-8"))
            models[language] = LanguageModel(
                stored["first"],
                stored["scale"],
                stored["bias"],
                Thresholds(lines["propose"], lines["agree"], lines["tolerate"]),
                lines["trust"],
            )
    with np.load(MODEL / "ranker-trees.npz", allow_pickle=False) as stored:
        forests = tuple(forest_from(stored, category) for category in CATEGORIES)
        floors = tuple(int(v) for v in stored["floors"])
    return Ranker(models, forests, floors, f"ranker@2#{digest.hexdigest()[:12]}")
