"""Trains the linear models of the timeline stage and writes ``src/evidence/timeline/answers_weights.json``.

    python tools/train_answers.py [--cross] [--write] [--only ask|answers]

Reads ``fixtures/labelled``: letters with their requests (one author a file, single letters and disputes; what is shut there is not
opened) and labelled pairs of request and reply. ``--cross`` prints figures with each author (or each fifth of the pairs) left
out in turn; ``--write`` stores the weights trained on everything that is open. Plain logistic regression with an L2 penalty,
full batch, fixed number of steps: the same input gives the same weights. ``tools/train_letters.py`` comes after.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

from disputes import ASKED, HARD, LABELLED, OPEN  # noqa: E402
from labelled import OPEN_AUTHORS  # noqa: E402

from evidence.timeline.answers_features import pair_features, passages, reply_run, sentence_features  # noqa: E402
from evidence.timeline.requests_find import features, kind_features  # noqa: E402
from evidence.timeline.requests_sentences import sentences  # noqa: E402

# In this order the sums are added up; another one would give other last digits.
AUTHORS = tuple(name for name in OPEN_AUTHORS if (LABELLED / f"{name}.jsonl.gz").exists())
DISPUTES = tuple(sorted((*OPEN, *HARD), key=lambda name: ("-en-" in name, int(name.rpartition("-")[2]))))
WEIGHT = (
    3  # a letter of a dispute counts as often: single letters were written to show requests, disputes to be like mail
)
KINDS = ("question", "document", "action", "payment")
SMALLEST = 0.12  # lesser weights are left out: half the size, the same figures
WEIGHTS = ROOT / "src/evidence/timeline/answers_weights.json"


class Sparse:
    """Examples as lists of feature numbers."""

    def __init__(self, examples: list[list[str]], least: int) -> None:
        counts: dict[str, int] = {}
        for example in examples:
            for name in set(example):
                counts[name] = counts.get(name, 0) + 1
        self.names = sorted(n for n, c in counts.items() if c >= least)
        number = {n: i for i, n in enumerate(self.names)}
        rows, columns = [], []
        for i, example in enumerate(examples):
            for name in sorted(set(example)):
                if name in number:
                    rows.append(i)
                    columns.append(number[name])
        self.rows, self.columns, self.count = np.array(rows), np.array(columns), len(examples)

    def times(self, w: np.ndarray) -> np.ndarray:
        return np.bincount(self.rows, weights=w[self.columns], minlength=self.count)

    def transposed_times(self, r: np.ndarray) -> np.ndarray:
        return np.bincount(self.columns, weights=r[self.rows], minlength=len(self.names))


def train(
    examples: list[list[str]], labels: list[int], penalty: float, least: int = 2, steps: int = 400
) -> tuple[int, dict[str, int]]:
    """(bias, weights) in thousandths, by gradient descent with momentum and a step per coordinate (RMS-normalised)."""
    x = Sparse(examples, least)
    y = np.array(labels, dtype=float)
    w, b = np.zeros(len(x.names)), 0.0
    mean, square = np.zeros(len(x.names) + 1), np.zeros(len(x.names) + 1)
    for step in range(1, steps + 1):
        p = 1 / (1 + np.exp(-np.clip(x.times(w) + b, -30, 30)))
        gradient = np.append(x.transposed_times(p - y) + penalty * w, (p - y).sum())
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        rate = 0.05 * (1 - step / (steps + 1))
        move = rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        w, b = w - move[:-1], b - move[-1]
    weights = {n: round(v * 1000) for n, v in zip(x.names, w.tolist(), strict=True) if abs(v) >= SMALLEST}
    return round(b * 1000), weights


def probability(model: tuple[int, dict[str, int]], example: list[str]) -> float:
    bias, weights = model
    return float(1 / (1 + np.exp(-(bias + sum(weights.get(f, 0) for f in set(example))) / 1000)))


def rows_of(name: str) -> list[dict]:
    with gzip.open(LABELLED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def letters(names: Sequence[str]) -> dict[str, list[dict]]:
    """The letters of each author; the header lines of disputes are passed over."""
    return {name: [row for row in rows_of(name) if "text" in row] for name in names}


def pairs() -> list[dict]:
    return [row for language in ("ru", "en") for row in rows_of(f"pairs-{language}")]


def ask_examples(rows: list[dict]) -> tuple[list[list[str]], list[int], list[tuple[list[str], str]]]:
    examples, labels, kinds = [], [], []
    for m in rows:
        text = m["text"]
        run = sentences(text, 0, len(text))
        spans = [(text.index(q["quote"]), text.index(q["quote"]) + len(q["quote"]), q["kind"]) for q in m["requests"]]
        for i, s in enumerate(run):
            hit = [k for a, b, k in spans if min(b, s.end) - max(a, s.start) >= 0.5 * min(b - a, s.end - s.start)]
            examples.append(features(run, i))
            labels.append(int(bool(hit)))
            if hit:
                kinds.append((kind_features(s.text), hit[0]))
    return examples, labels, kinds


def report(name: str, ps: list[float], ys: list[int], at: float = 0.5) -> None:
    tp = sum(p >= at and y for p, y in zip(ps, ys, strict=True))
    fp = sum(p >= at and not y for p, y in zip(ps, ys, strict=True))
    fn = sum(p < at and y for p, y in zip(ps, ys, strict=True))
    right = sum((p >= at) == bool(y) for p, y in zip(ps, ys, strict=True))
    print(
        f"{name:28} n {len(ys):6} at {at:.2f}: precision {tp / max(1, tp + fp):.3f} recall {tp / max(1, tp + fn):.3f} accuracy {right / len(ys):.3f}"
    )


def sentence_examples(rows: list[dict], classes: tuple[str, ...]) -> tuple[list[list[str]], list[int]]:
    """Each sentence of each reply: does it hold the words that answer? Sentences beside an answer count as not answering."""
    xs, ys = [], []
    for r in rows:
        run = reply_run(r["reply"])
        quote = r["answer_quote"] if r["outcome"] in classes else ""
        a = r["reply"].index(quote) if quote else -1
        for i, s in enumerate(run):
            xs.append(sentence_features(r["ask"], r["kind"], run, i, r["attachments"]))
            ys.append(int(bool(quote) and min(a + len(quote), s.end) - max(a, s.start) > 0))
    return xs, ys


def train_answers(
    rows: list[dict], name: str, classes: tuple[str, ...], penalty: float
) -> dict[str, tuple[int, dict[str, int]]]:
    """The model of passages, and the model of sentences that shows where in the passage the answer stands."""
    xs = [pair_features(r["ask"], r["kind"], reply_run(r["reply"]), r["attachments"]) for r in rows]
    whole = train(xs, [int(r["outcome"] in classes) for r in rows], penalty or 4.0, steps=250)
    return {name: whole, f"{name}-sentence": train(*sentence_examples(rows, classes), penalty or 3.0, steps=200)}


def score_pair(models: dict[str, tuple[int, dict[str, int]]], name: str, r: dict) -> float:
    run = reply_run(r["reply"])
    return max(
        (
            probability(models[name], pair_features(r["ask"], r["kind"], run[a:b], r["attachments"]))
            for a, b in passages(run)
        ),
        default=0.0,
    )


ANSWER_CLASSES = {"answered": ("answered", "refused"), "deferred": ("deferred",)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cross", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--penalty", type=float, default=0.0)
    parser.add_argument("--errors", action="store_true")
    a = parser.parse_args()
    models: dict[str, tuple[int, dict[str, int]]] = {}
    if a.only in ("", "ask"):
        prepared = {author: ask_examples(rows) for author, rows in letters((*AUTHORS, *DISPUTES)).items()}
        penalty = a.penalty or 6.0
        weight = {author: WEIGHT if author in DISPUTES else 1 for author in prepared}
        if a.cross:
            every_p, every_y = [], []
            for author, (xs, ys, _) in prepared.items():
                if author not in DISPUTES:
                    continue
                rest = [p for n, p in prepared.items() if n != author for _ in range(weight[n])]
                model = train([x for p in rest for x in p[0]], [y for p in rest for y in p[1]], penalty, steps=200)
                ps = [probability(model, x) for x in xs]
                report(f"ask, {author} left out", ps, ys)
                every_p += ps
                every_y += ys
            for at in (0.35, 0.5, 0.65, 0.8):
                report("ask, all left out in turn", every_p, every_y, at)
        models["ask"] = train(
            [x for n, p in prepared.items() for _ in range(weight[n]) for x in p[0]],
            [y for n, p in prepared.items() for _ in range(weight[n]) for y in p[1]],
            penalty,
        )
        # What sort of thing is asked for is learned from the disputes of ``ASKED`` too. Whether anything is asked is not: with them, twice as
        # much a letter is taken for a request as in ``fixtures/corpus``.
        more = [ask_examples(rows) for rows in letters(ASKED).values()]
        kinds = [k for p in (*prepared.values(), *more) for k in p[2]]
        for kind in KINDS:
            models[f"kind-{kind}"] = train([x for x, _ in kinds], [int(k == kind) for _, k in kinds], 2.0)
    if a.only in ("", "answers"):
        rows = pairs()
        # Neighbouring ids are twins on one subject: they stay in one fold.
        folds = [int(r["id"].rpartition("-")[2]) // 10 % 5 for r in rows]
        for name, classes in ANSWER_CLASSES.items():
            ps, ys = [0.0] * len(rows), [int(r["outcome"] in classes) for r in rows]
            for fold in range(5) if a.cross else ():
                inside = [r for r, f in zip(rows, folds, strict=True) if f != fold]
                models |= train_answers(inside, name, classes, a.penalty)
                for i, f in enumerate(folds):
                    if f == fold:
                        ps[i] = score_pair(models, name, rows[i])
            if a.cross:
                for at in (0.35, 0.5, 0.65):
                    report(f"{name}, fifths left out", ps, ys, at)
                for language in ("ru", "en"):
                    sub = [i for i, r in enumerate(rows) if r["lang"] == language]
                    report(f"{name}, {language}", [ps[i] for i in sub], [ys[i] for i in sub])
                for outcome in sorted({r["outcome"] for r in rows}):
                    sub = [i for i, r in enumerate(rows) if r["outcome"] == outcome]
                    print(f"   {outcome:12} {len(sub):4}  said {name}: {sum(ps[i] >= 0.5 for i in sub)}")
                for kind in sorted({r["ask_type"] for r in rows}) if a.errors else ():
                    sub = [i for i, r in enumerate(rows) if r["ask_type"] == kind]
                    report(f"   {kind}", [ps[i] for i in sub], [ys[i] for i in sub])
                for i in sorted(range(len(rows)), key=lambda i: -abs(ps[i] - ys[i]))[:70] if a.errors else ():
                    r = rows[i]
                    print(
                        f"{ps[i]:.2f} {r['outcome']:9} {r['ask_type']:10} | {r['ask']} | {r['reply']} | {r['answer_quote']}"
                    )
            models |= train_answers(rows, name, classes, a.penalty)
    if a.write:
        table = json.loads(WEIGHTS.read_text(encoding="utf-8"))["models"] if WEIGHTS.exists() else {}
        table |= {n: {"bias": b, "weights": dict(sorted(w.items()))} for n, (b, w) in models.items()}
        text = json.dumps(
            {"made_by": "tools/train_answers.py", "models": table},
            ensure_ascii=False,
            separators=(",", ":"),
            sort_keys=True,
        )
        WEIGHTS.write_text(text + "\n", encoding="utf-8")
        print(f"{WEIGHTS.name}: {len(text)} characters")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
