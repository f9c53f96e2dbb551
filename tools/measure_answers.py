"""The final measurement: opens what docs/reckoning.md shuts, and prints figures. Run once per release, after all tuning.

    python tools/measure_answers.py MAIL_DIR

MAIL_DIR as for ``tools/train_answers.py``. Nothing is written.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

from train_answers import SHUT_AUTHORS, is_shut_pair  # noqa: E402

from evidence.timeline.answers import DIRECT_AT, Vocabulary, judge, stems_of  # noqa: E402
from evidence.timeline.requests_find import find_asks  # noqa: E402


def wilson(k: int, n: int) -> str:
    """k of n with the Wilson 95 % interval."""
    if not n:
        return "0 of 0"
    z, p = 1.96, k / n
    d = 1 + z * z / n
    c, h = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return f"{p:.3f} [{(c - h) / d:.2f}-{(c + h) / d:.2f}] ({k} of {n})"


def finding(folder: Path) -> None:
    for author in sorted(SHUT_AUTHORS):
        tp = extra = gold = kinds = 0
        for line in (folder / "messages" / f"{author}.jsonl").read_text(encoding="utf-8").splitlines():
            m = json.loads(line)
            text = m["text"]
            spans = [
                (text.index(q["quote"]), text.index(q["quote"]) + len(q["quote"]), q["kind"]) for q in m["requests"]
            ]
            left = list(spans)
            for ask in find_asks(text, 0, len(text)):
                hit = next(
                    (
                        s
                        for s in left
                        if min(s[1], ask.end) - max(s[0], ask.start) >= 0.5 * min(s[1] - s[0], ask.end - ask.start)
                    ),
                    None,
                )
                if hit:
                    left.remove(hit)
                    tp += 1
                    kinds += ask.kind == hit[2]
                else:
                    extra += 1
            gold += len(spans)
        print(
            f"requests found, {author}: precision {wilson(tp, tp + extra)}, recall {wilson(tp, gold)}, kind right {wilson(kinds, tp)}"
        )


def answering(folder: Path) -> None:
    for language in ("ru", "en"):
        rows = [
            json.loads(x) for x in (folder / "pairs" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        rows = [r for r in rows if is_shut_pair(r) and r["outcome"] != "auto-reply"]
        vocabulary = Vocabulary(())
        for r in rows:
            vocabulary.learn(stems_of(r["ask"] + " " + r["reply"]))
        said = [
            judge(r["ask"], r["kind"], r["reply"], r["attachments"], vocabulary.share)[0] >= DIRECT_AT for r in rows
        ]
        gold = [r["outcome"] in ("answered", "refused") for r in rows]
        right = sum(a == b for a, b in zip(said, gold, strict=True))
        tp = sum(a and b for a, b in zip(said, gold, strict=True))
        print(
            f"answered vs the rest, shut pairs {language}: {wilson(right, len(rows))}; precision {wilson(tp, sum(said))}, recall {wilson(tp, sum(gold))}"
        )


if __name__ == "__main__":
    finding(Path(sys.argv[1]))
    answering(Path(sys.argv[1]))
