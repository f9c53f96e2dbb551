"""Train the learned reader from the open labelled text: ``python tools/train_ranker.py``.

One-vs-rest logistic regression (L2, L-BFGS) over hashed n-grams; a second one over these scores, the neighbours' and the rules'
hits; thresholds by cross-validation over authors (every score used for a threshold comes from a model that never saw its author).
Needs scipy; the trained files need numpy only. Same data, rules and library versions give the same files, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from labelled import LANGUAGES, Labelled, open_messages, open_sentences
from scipy.sparse import csr_matrix

from evidence.timeline.ranker import MODEL, ONE, context_lines
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
from evidence.timeline.rules import Packs, load_packs
from evidence.timeline.rules_blockers import Context
from evidence.timeline.sentences import Sentence, sentences

FIRST_L2, SECOND_L2 = 2.0, 20.0
PROPOSE_PRECISION, TOLERATE_PRECISION = 0.52, 0.50
AGREE_PRECISION = ((0.96, 8), (0.93, 14), (0.90, 20))  # (precision, from at least so many rule hits)


@dataclass
class Unit:
    author: str
    language: str
    letter: int
    sentence: Sentence
    target: np.ndarray  # 1, 0, or -1 where the label is doubtful
    utterance: bool
    role: str
    ruled: np.ndarray  # a stated-tier rule fired, per category
    hits: list[tuple[int, str]]  # (category, rule) of every rule that fired


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
            ruled = np.zeros(len(CATEGORIES), dtype=bool)
            for match in matches:
                if not match.blocked and match.rule.tier == "stated":
                    ruled[CATEGORIES.index(match.rule.category)] = True
            hits = [(CATEGORIES.index(m.rule.category), m.rule.id) for m in matches if not m.blocked]
            units.append(
                Unit(text.author, text.language, number, sentence, target, text.utterance, text.role, ruled, hits)
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
    """Context lines, letter by letter."""
    found: list[np.ndarray] = []
    at = 0
    while at < len(units):
        end = at
        while end < len(units) and units[end].letter == units[at].letter:
            end += 1
        found.append(context_lines(scores[at:end], around[at:end]))
        at = end
    return np.vstack(found)


def trust_in(units: list[Unit]) -> dict[str, float]:
    """Log-odds of each rule being right, smoothed, on ``units``."""
    right: dict[str, int] = {}
    wrong: dict[str, int] = {}
    for unit in units:
        for at, rule in unit.hits:
            table = right if unit.target[at] == 1 else wrong if unit.target[at] == 0 else {}
            table[rule] = table.get(rule, 0) + 1
    rules = sorted({*right, *wrong})
    return {r: round(float(np.log((right.get(r, 0) + 0.5) / (wrong.get(r, 0) + 0.5))), 3) for r in rules}


def with_trust(lines: np.ndarray, units: list[Unit], trust: dict[str, float]) -> np.ndarray:
    """``lines`` with the last columns filled: the trust of the best rule per category."""
    filled = lines.copy()
    values = np.array([trust_of(u.hits, trust) for u in units])
    filled[:, -len(CATEGORIES) :] = np.floor(values * ONE + 0.5).astype(np.int64)
    return filled


def second_step(lines: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spread = np.maximum(np.sqrt((lines.astype(np.float64) ** 2).mean(axis=0)), 1.0)
    w, b = fit(lines / spread, targets, SECOND_L2, rounds=200)
    return np.rint(w / spread[:, None] * ONE * 4096).astype(np.int32), np.rint(b * ONE).astype(np.int32)


def second_scores(lines: np.ndarray, second: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return (lines @ second.astype(np.int64)) // 4096 + bias


def lowest(scores: np.ndarray, right: np.ndarray, precision: float, least: int = 12) -> int | None:
    """The lowest score from which on the share of right ones stays at ``precision`` or above."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    share = hits / np.arange(1, len(order) + 1)
    fits = np.flatnonzero((share >= precision) & (np.arange(1, len(order) + 1) >= least))
    return int(scores[order[fits[-1]]]) if len(fits) else None


def thresholds(final: np.ndarray, units: list[Unit]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {"propose": {}, "agree": {}, "tolerate": {}}
    for at, category in enumerate(CATEGORIES):
        rows = np.array(
            [
                not u.utterance and u.target[at] >= 0 and (u.role == "us" or not category.endswith("_notice"))
                for u in units
            ]
        )
        right = np.array([u.target[at] == 1 for u in units])
        ruled = np.array([u.ruled[at] for u in units])
        if (line := lowest(final[rows, at], right[rows], PROPOSE_PRECISION)) is not None:
            found["propose"][category] = line
        stated = rows & ruled
        # Where too few rule hits reach the first aim on open text, the second is taken, on a larger number of them.
        for precision, least in AGREE_PRECISION:
            line = lowest(final[stated, at], right[stated], precision, least)
            if line is not None:
                found["agree"][category] = line
                break
        propose = found["propose"].get(category, 1 << 20)
        weak = stated & (final[:, at] < propose)
        line = lowest(final[weak, at], right[weak], TOLERATE_PRECISION, least=5) if weak.any() else None
        found["tolerate"][category] = propose if line is None else line
    return found


def report(final: np.ndarray, units: list[Unit], lines: dict[str, dict[str, int]], out: Any) -> None:
    for at, category in enumerate(CATEGORIES):
        rows = np.array(
            [
                not u.utterance and u.target[at] >= 0 and (u.role == "us" or not category.endswith("_notice"))
                for u in units
            ]
        )
        right = np.array([u.target[at] == 1 for u in units])[rows]
        ruled = np.array([u.ruled[at] for u in units])[rows]
        score = final[rows, at]
        stated = ruled & (score >= lines["agree"].get(category, 1 << 30))
        shown = (
            stated
            | (score >= lines["propose"].get(category, 1 << 30))
            | (ruled & (score >= lines["tolerate"][category]))
        )
        order = np.argsort(-score, kind="stable")
        share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
        average = float((share * right[order]).sum() / max(1, right.sum()))
        out.write(
            f"  {category:19} n {right.sum():4}  AP {average:.2f}  stated P {ratio(right & stated, stated)} R {ratio(right & stated, right)}"
            f"  all P {ratio(right & shown, shown)} R {ratio(right & shown, right)}\n"
        )


def ratio(part: np.ndarray, whole: np.ndarray) -> str:
    return f"{part.sum() / whole.sum():.2f}" if whole.sum() else " -  "


def train(language: str, units: list[Unit], around: np.ndarray, out: Any) -> dict[str, np.ndarray]:
    rows = [n for n, u in enumerate(units) if u.language == language]
    mine, near = [units[n] for n in rows], around[rows]
    x = matrix(mine)
    targets = np.array([u.target for u in mine])
    authors = np.array([u.author for u in mine])
    out.write(f"{language}: {len(mine)} sentences, {x.nnz} features\n")
    unseen = np.zeros((len(mine), len(OUTPUTS)), dtype=np.int64)
    for author in sorted(set(authors)):
        test = authors == author
        unseen[test] = first_scores(x[test], *first_step(x[~test], targets[~test]))
    lines = lines_of(mine, unseen, near)
    heads = targets[:, : len(CATEGORIES)]
    final = np.zeros((len(mine), len(CATEGORIES)), dtype=np.int64)
    letters = np.array([not u.utterance for u in mine])
    for author in sorted(set(authors)):
        test = authors == author
        # A rule's trust is reckoned without the author it is used on, in training as in the test.
        inner = lines.copy()
        others = sorted(set(authors) - {author})
        for other in others:
            known = (authors != author) & (authors != other)
            trust = trust_in([u for u, k in zip(mine, known, strict=True) if k])
            here = authors == other
            inner[here] = with_trust(lines[here], [u for u, h in zip(mine, here, strict=True) if h], trust)
        trust = trust_in([u for u, t in zip(mine, test, strict=True) if not t])
        tested = with_trust(lines[test], [u for u, t in zip(mine, test, strict=True) if t], trust)
        final[test] = second_scores(tested, *second_step(inner[~test & letters], heads[~test & letters]))
    limits = thresholds(final, mine)
    report(final, mine, limits, out)
    first, scale, bias = first_step(x, targets)
    for author in sorted(set(authors)):
        here = authors == author
        trust = trust_in([u for u, h in zip(mine, here, strict=True) if not h])
        lines[here] = with_trust(lines[here], [u for u, h in zip(mine, here, strict=True) if h], trust)
    second, second_bias = second_step(lines[letters], heads[letters])
    stored = np.frombuffer(json.dumps({**limits, "trust": trust_in(mine)}, sort_keys=True).encode(), dtype=np.uint8)
    return {
        "first": first,
        "scale": scale,
        "bias": bias,
        "second": second,
        "second_bias": second_bias,
        "thresholds": stored,
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=MODEL, help="folder for ranker-ru.npz and ranker-en.npz")
    parser.add_argument("--language", choices=LANGUAGES, action="append")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    units, around = read_units(load_packs())
    for language in options.language or LANGUAGES:
        np.savez_compressed(options.to / f"ranker-{language}.npz", **train(language, units, around, sys.stdout))
    sys.stdout.write(f"done in {time.monotonic() - started:.0f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
