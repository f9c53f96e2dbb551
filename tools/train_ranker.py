"""Train the learned reader from the open labelled text: ``python tools/train_ranker.py``.

One-vs-rest logistic regression (L2, L-BFGS) over hashed n-grams, one a language; boosted trees over these scores, the neighbours' and
the rules' hits, for both languages together; thresholds by cross-validation over authors (every score used for a threshold comes
from a model that never saw its author). Needs scipy and lightgbm; the trained files need numpy only. Same data, rules and library
versions give the same files, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from grow_trees import grow
from labelled import LANGUAGES, Labelled, open_messages, open_sentences
from scipy.sparse import csr_matrix

from evidence.timeline.ranker import FAR, MODEL, ONE, context_lines, final_scores
from evidence.timeline.ranker_features import (
    BITS,
    CATEGORIES,
    GROUP_WEIGHT,
    OUTPUTS,
    groups,
    surroundings,
    trust_of,
    word_features,
)
from evidence.timeline.ranker_trees import Forest, stored
from evidence.timeline.rules import Packs, load_packs
from evidence.timeline.rules_blockers import Context
from evidence.timeline.sentences import Sentence, sentences

FIRST_L2 = 2.0
PROPOSE_PRECISION, TOLERATE_PRECISION = 0.52, 0.50
STATED_PRECISION = 0.965
POOLED_CASES = 60  # how many cases all categories together count for where a category draws its own line


@dataclass
class Unit:
    author: str
    language: str
    letter: int
    sentence: Sentence
    target: np.ndarray  # 1, 0, or -1 where the label is doubtful
    utterance: bool
    role: str
    hits: list[tuple[int, str]]  # (category, rule) of every rule that fired
    wide: frozenset[int]  # categories that a wide rule would second


def overlaps(sentence: Sentence, start: int, end: int) -> bool:
    shared = min(sentence.end, end) - max(sentence.start, start)
    return shared > 0 and shared / min(sentence.end - sentence.start, end - start) >= 0.5


def read_units(packs: Packs) -> tuple[list[Unit], np.ndarray]:
    units: list[Unit] = []
    around: list[np.ndarray] = []
    texts: list[Labelled] = [*open_messages(), *open_sentences()]
    for number, text in enumerate(texts):
        row = list(sentences(text.text))
        speaker = text.role if text.role in ("us", "client") else None
        matched = [packs.match(s, Context(speaker)) for s in row]
        if row:
            around.append(surroundings(row, matched, {}))
        for sentence, matches in zip(row, matched, strict=True):
            target = np.zeros(len(OUTPUTS), dtype=np.int8)
            for category, start, end, confidence, _ in text.spans():
                if category in OUTPUTS and overlaps(sentence, start, end):
                    at = OUTPUTS.index(category)
                    target[at] = 1 if confidence == "clear" or target[at] == 1 else -1
            for request in text.requests:
                start = text.text.find(request["quote"])
                if overlaps(sentence, start, start + len(request["quote"])):
                    target[OUTPUTS.index("request")] = 1
            hits = [(CATEGORIES.index(m.rule.category), m.rule.id) for m in matches if not m.blocked]
            wide = frozenset(
                at
                for at, category in enumerate(CATEGORIES)
                if any(not m.blocked for m in packs.second(sentence, category, Context(speaker)))
            )
            units.append(
                Unit(text.author, text.language, number, sentence, target, text.utterance, text.role, hits, wide)
            )
    return units, np.vstack(around)


def matrix(units: list[Unit]) -> csr_matrix:
    """Counts of features, each group divided by the root of its number and weighted: as ``ranker.first_sums`` reckons."""
    columns: list[np.ndarray] = []
    values: list[np.ndarray] = []
    starts = [0]
    for unit in units:
        words, classes, lists = groups(unit.sentence)
        single = [b for t in unit.sentence.tokens for b in word_features(t.form, t.word.lemma)]
        words = np.concatenate([words.astype(np.int64), np.asarray(single, dtype=np.int64)])
        for found, weight in zip((words, classes.astype(np.int64), lists.astype(np.int64)), GROUP_WEIGHT, strict=True):
            columns.append(found)
            values.append(np.full(len(found), weight / np.sqrt(len(found))))
        starts.append(starts[-1] + len(words) + len(classes) + len(lists))
    made = csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(units), 1 << BITS))
    made.sum_duplicates()
    return made


def idf(x: csr_matrix) -> np.ndarray:
    seen = np.bincount(x.indices, minlength=x.shape[1])
    return np.where(seen > 2, np.log(x.shape[0] / np.maximum(1, seen)), 0.0)  # what was seen once or twice is left out


def fit(x: Any, targets: np.ndarray, l2: float, rounds: int = 22) -> tuple[np.ndarray, np.ndarray]:
    """Weights (features x outputs) and biases. Doubtful targets count for nothing."""
    known = (targets >= 0).astype(np.float64)
    wanted = (targets == 1).astype(np.float64)
    rows, outputs = targets.shape
    features = x.shape[1]
    transposed = x.T.tocsr() if hasattr(x, "tocsr") else x.T

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat[: features * outputs].reshape(features, outputs)
        b = flat[features * outputs :]
        z = x @ w + b
        p = 1 / (1 + np.exp(-z))
        value = float((known * (np.logaddexp(0, z) - wanted * z)).sum() + 0.5 * l2 * (w * w).sum())
        error = known * (p - wanted)
        gradient = np.concatenate([(transposed @ error + l2 * w).ravel(), error.sum(axis=0)])
        return value, gradient

    start = np.zeros(features * outputs + outputs)
    start[features * outputs :] = np.log((wanted.sum(axis=0) + 1) / rows)
    found = lbfgs(loss, start, rounds)
    return found[: features * outputs].reshape(features, outputs), found[features * outputs :]


def lbfgs(
    loss: Callable[[np.ndarray], tuple[float, np.ndarray]], x: np.ndarray, rounds: int, memory: int = 6
) -> np.ndarray:
    """Limited-memory BFGS with backtracking (Nocedal and Wright, algorithm 7.4): plain, and the same wherever numpy is."""
    value, gradient = loss(x)
    steps: list[tuple[np.ndarray, np.ndarray, float]] = []
    for _ in range(rounds):
        direction = -gradient
        alphas = []
        for s, y, rho in reversed(steps):
            alpha = rho * float(s @ direction)
            direction -= alpha * y
            alphas.append(alpha)
        if steps:
            s, y, _rho = steps[-1]
            direction *= float(s @ y) / float(y @ y)
        else:
            direction /= max(1.0, float(np.sqrt(gradient @ gradient)))
        for (s, y, rho), alpha in zip(steps, reversed(alphas), strict=True):
            direction += (alpha - rho * float(y @ direction)) * s
        slope = float(gradient @ direction)
        size = 1.0
        for _try in range(20):
            candidate = x + size * direction
            reached, new_gradient = loss(candidate)
            if reached <= value + 1e-4 * size * slope:
                break
            size *= 0.5
        else:
            break
        s, y = candidate - x, new_gradient - gradient
        curvature = float(s @ y)
        if curvature > 1e-12:
            steps = [*steps[-(memory - 1) :], (s, y, 1 / curvature)]
        done = abs(value - reached) < 1e-6 * max(1.0, abs(value))
        x, value, gradient = candidate, reached, new_gradient
        if done:
            break
    return x


def quantised(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    top = np.quantile(np.abs(w), 0.9999, axis=0)
    scale = np.maximum(top, 1e-9) / 127
    return np.clip(np.rint(w / scale), -127, 127).astype(np.int8), scale


def first_step(x: csr_matrix, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    weights = idf(x)
    scaled = x.multiply(weights).tocsr()
    used = np.flatnonzero(np.bincount(scaled.indices, weights=np.abs(scaled.data), minlength=x.shape[1]) > 0)
    w, b = fit(scaled[:, used], targets, FIRST_L2)
    full = np.zeros((x.shape[1], targets.shape[1]))
    full[used] = w * weights[used, None]
    first, scale = quantised(full)
    return first, scale, b


def first_scores(x: csr_matrix, first: np.ndarray, scale: np.ndarray, bias: np.ndarray) -> np.ndarray:
    value = (x @ first.astype(np.float64)) * scale + bias
    return np.clip(np.floor(value * ONE + 0.5), -12 * ONE, 12 * ONE).astype(np.int64)


def lines_of(units: list[Unit], scores: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Context lines, letter by letter; the columns of trust are filled by ``with_trust``."""
    letters = np.array([u.letter for u in units])
    borders = np.flatnonzero(np.diff(letters)) + 1
    lengths = np.diff(np.concatenate([[0], borders, [len(units)]]))
    return context_lines(scores, lengths.tolist(), around, [u.sentence for u in units])


class Trust:
    """Log-odds of each rule being right, smoothed, with any authors left out."""

    def __init__(self, units: list[Unit]) -> None:
        self.counts: dict[str, dict[str, list[int]]] = {}  # author -> rule -> [wrong, right]
        for unit in units:
            table = self.counts.setdefault(unit.author, {})
            for at, rule in unit.hits:
                if unit.target[at] >= 0:
                    table.setdefault(rule, [0, 0])[unit.target[at]] += 1

    def without(self, *authors: str) -> dict[str, float]:
        total: dict[str, list[int]] = {}
        for author, table in self.counts.items():
            if author not in authors:
                for rule, (wrong, right) in table.items():
                    row = total.setdefault(rule, [0, 0])
                    row[0] += wrong
                    row[1] += right
        return {
            r: round(float(np.log((right + 0.5) / (wrong + 0.5))), 3) for r, (wrong, right) in sorted(total.items())
        }


def with_trust(lines: np.ndarray, units: list[Unit], trust: Trust, test: frozenset[str] = frozenset()) -> np.ndarray:
    """``lines`` with the last columns filled: the trust of the best rule per category, reckoned without the author of the sentence
    and without those under test."""
    filled = lines.copy()
    for author in sorted({u.author for u in units}):
        known = trust.without(author, *test)
        here = [n for n, u in enumerate(units) if u.author == author]
        values = np.array([trust_of(units[n].hits, known) for n in here])
        filled[here, -len(CATEGORIES) :] = np.floor(values * ONE + 0.5).astype(np.int32)
    return filled


def plain_hits(units: list[Unit]) -> np.ndarray:
    """How many rules fired, sentences x categories."""
    found = np.zeros((len(units), len(CATEGORIES)), dtype=np.int64)
    for number, unit in enumerate(units):
        for at, _ in unit.hits:
            found[number, at] += 1
    return found


def second_step(lines: np.ndarray, targets: np.ndarray) -> list[Forest]:
    return [grow(lines[targets[:, at] >= 0], targets[targets[:, at] >= 0, at] == 1) for at in range(len(CATEGORIES))]


def lowest(scores: np.ndarray, right: np.ndarray, precision: float, least: int = 12) -> int | None:
    """The lowest score from which on the share of right ones stays at ``precision`` or above."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    share = hits / np.arange(1, len(order) + 1)
    fits = np.flatnonzero((share >= precision) & (np.arange(1, len(order) + 1) >= least))
    return int(scores[order[fits[-1]]]) if len(fits) else None


def mixed(
    scores: np.ndarray, right: np.ndarray, all_scores: np.ndarray, all_right: np.ndarray, precision: float
) -> int | None:
    """``lowest`` for one category, whose shares are mixed with those that all categories reach at the same score."""
    every = np.argsort(-all_scores, kind="stable")
    shares = np.cumsum(all_right[every]) / np.arange(1, len(every) + 1)
    order = np.argsort(-scores, kind="stable")
    at = np.searchsorted(-all_scores[every], -scores[order], side="right") - 1
    share = (np.cumsum(right[order]) + POOLED_CASES * shares[at]) / (np.arange(1, len(order) + 1) + POOLED_CASES)
    fits = np.flatnonzero(share >= precision)
    return int(scores[order[fits[-1]]]) if len(fits) else None


def counted(units: list[Unit], category: str) -> np.ndarray:
    """The sentences a category is judged on: of letters, not doubtful, and notices only where we wrote."""
    at = CATEGORIES.index(category)
    return np.array(
        [not u.utterance and u.target[at] >= 0 and (u.role == "us" or not category.endswith("_notice")) for u in units]
    )


def thresholds(final: np.ndarray, units: list[Unit]) -> dict[str, dict[str, int]]:
    """The lines of one language. ``propose`` comes from all categories together. So does ``agree``, as far as a category's own cases
    are few: a line from a few dozen of its own looks better on the text it was drawn on than it is (with half the authors held back, 0.97
    became 0.92), so each category's share of right ones is mixed with that of all, which counts for ``POOLED_CASES``. Drawn so on half
    of the authors, 24 times, the lines kept 0.961 (Russian) and 0.966 (English) on the other half."""
    never = 1 << 20
    right = {c: np.array([u.target[at] == 1 for u in units]) for at, c in enumerate(CATEGORIES)}
    hit = {c: np.array([any(k == at for k, _ in u.hits) for u in units]) for at, c in enumerate(CATEGORIES)}
    rows = {c: counted(units, c) for c in CATEGORIES}
    seconded = {c: rows[c] & (hit[c] | np.array([at in u.wide for u in units])) for at, c in enumerate(CATEGORIES)}

    def together(chosen: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        scores = np.concatenate([final[chosen[c], at] for at, c in enumerate(CATEGORIES)])
        return scores, np.concatenate([right[c][chosen[c]] for c in CATEGORIES])

    propose = lowest(*together(rows), PROPOSE_PRECISION)
    propose = never if propose is None else propose
    of_all = together(seconded)
    found: dict[str, dict[str, int]] = {"propose": {}, "agree": {}, "tolerate": {}}
    for at, category in enumerate(CATEGORIES):
        own = mixed(final[seconded[category], at], right[category][seconded[category]], *of_all, STATED_PRECISION)
        found["propose"][category] = propose
        found["agree"][category] = never if own is None else own
        weak = rows[category] & hit[category] & (final[:, at] < propose)
        line = lowest(final[weak, at], right[category][weak], TOLERATE_PRECISION, least=5) if weak.any() else None
        found["tolerate"][category] = propose if line is None else line
    return found


def floors(first: np.ndarray, final: np.ndarray, units: list[Unit]) -> list[int]:
    """Per category the first score below which next to nothing came near a proposal: the trees need not be asked there."""
    limit = {
        language: thresholds(final[mine], [u for u, m in zip(units, mine, strict=True) if m])["propose"]
        for language in LANGUAGES
        for mine in [np.array([u.language == language for u in units])]
    }
    found = []
    for at, category in enumerate(CATEGORIES):
        lines = np.array([limit[u.language][category] for u in units])
        near = np.sort(first[final[:, at] >= lines, at])
        found.append(int(near[len(near) // 200]) if len(near) else FAR)  # all but one in two hundred
    return found


def report(final: np.ndarray, units: list[Unit], lines: dict[str, dict[str, int]], out: Any) -> None:
    total = np.zeros(5)
    for at, category in enumerate(CATEGORIES):
        rows = counted(units, category)
        right = np.array([u.target[at] == 1 for u in units])[rows]
        hit = np.array([any(c == at for c, _ in u.hits) for u in units])[rows]
        wide = np.array([at in u.wide for u in units])[rows]
        score = final[rows, at]
        stated = (hit | wide) & (score >= lines["agree"][category])
        shown = stated | (score >= lines["propose"][category]) | (hit & (score >= lines["tolerate"][category]))
        order = np.argsort(-score, kind="stable")
        share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
        average = float((share * right[order]).sum() / max(1, right.sum()))
        total += [(right & stated).sum(), stated.sum(), (right & shown).sum(), shown.sum(), right.sum()]
        out.write(
            f"  {category:19} n {right.sum():4}  AP {average:.2f}  stated P {ratio(right & stated, stated)} R {ratio(right & stated, right)}"
            f"  all P {ratio(right & shown, shown)} R {ratio(right & shown, right)}\n"
        )
    a, b, c, d, n = total
    out.write(f"  all categories: stated P {a / b:.3f} R {a / n:.3f}, all P {c / d:.3f} R {c / n:.3f}\n")


def ratio(part: np.ndarray, whole: np.ndarray) -> str:
    return f"{part.sum() / whole.sum():.2f}" if whole.sum() else " -  "


@dataclass
class First:
    """The first step of one language: the model from all its text, and scores from models that did not see the author."""

    model: tuple[np.ndarray, np.ndarray, np.ndarray]
    unseen: np.ndarray


def train_first(units: list[Unit], out: Any) -> First:
    x = matrix(units)
    targets = np.array([u.target for u in units])
    authors = np.array([u.author for u in units])
    out.write(f"{units[0].language}: {len(units)} sentences, {x.nnz} features\n")
    unseen = np.zeros((len(units), len(OUTPUTS)), dtype=np.int64)
    for author in sorted(set(authors)):
        test = authors == author
        unseen[test] = first_scores(x[test], *first_step(x[~test], targets[~test]))
    return First(first_step(x, targets), unseen)


def train(
    units: list[Unit], around: np.ndarray, out: Any, scores: Path | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each file to be written, by its name."""
    unseen = np.zeros((len(units), len(OUTPUTS)), dtype=np.int64)
    firsts = {}
    for language in LANGUAGES:
        rows = [n for n, u in enumerate(units) if u.language == language]
        firsts[language] = train_first([units[n] for n in rows], out)
        unseen[rows] = firsts[language].unseen
    plain = lines_of(units, unseen, around)
    trust = Trust(units)
    heads = np.array([u.target for u in units])[:, : len(CATEGORIES)]
    letters = np.array([not u.utterance for u in units])
    numbers = np.array([u.author.rpartition("-")[2] for u in units])  # ru-3 and en-3 are left out together
    final = np.full((len(units), len(CATEGORIES)), FAR, dtype=np.int64)
    for number in sorted(set(numbers[letters])):
        test = numbers == number
        lines = with_trust(plain, units, trust, frozenset(u.author for u, t in zip(units, test, strict=True) if t))
        forests = second_step(lines[~test & letters], heads[~test & letters])
        final[test] = final_scores(forests, [FAR] * len(CATEGORIES), unseen[test], lines[test])
    lowest_first = floors(unseen, final, units)
    asked = (unseen[:, : len(CATEGORIES)] >= lowest_first) | (plain_hits(units) > 0)
    final = np.where(asked, final, FAR)
    if scores is not None:
        scores.write_bytes(pickle.dumps((units, unseen, final)))
    limits = {}
    for language in LANGUAGES:
        mine = [u.language == language for u in units]
        some = [u for u, m in zip(units, mine, strict=True) if m]
        limits[language] = thresholds(final[mine], some)
        out.write(f"{language}, each author read by a model that never saw him or her\n")
        report(final[mine], some, limits[language], out)
    lines = with_trust(plain, units, trust)
    forests = second_step(lines[letters], heads[letters])
    made: dict[str, dict[str, np.ndarray]] = {"ranker-trees": {"floors": np.array(lowest_first)}}
    for category, forest in zip(CATEGORIES, forests, strict=True):
        made["ranker-trees"].update(stored(forest, category))
    for language in LANGUAGES:
        first, scale, bias = firsts[language].model
        known = Trust([u for u in units if u.language == language]).without()
        text = json.dumps({**limits[language], "trust": known}, sort_keys=True).encode()
        made[f"ranker-{language}"] = {
            "first": first, "scale": scale, "bias": bias, "thresholds": np.frombuffer(text, dtype=np.uint8),
        }  # fmt: skip
    return made


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=MODEL, help="folder for the trained files")
    parser.add_argument("--scores", type=Path, help="keep the cross-validated scores in this file")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    units, around = read_units(load_packs())
    for name, arrays in train(units, around, sys.stdout, options.scores).items():
        np.savez_compressed(options.to / f"{name}.npz", **arrays)
    sys.stdout.write(f"done in {time.monotonic() - started:.0f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
