"""Measure the flags: ``python tools/measure_flags.py [--shut]``, as a table of precision and recall with Wilson 95 % intervals.

Without ``--shut``: the disputes of ``fixtures/corpus`` (for building; rules were written with them at hand). With ``--shut``: the disputes
that were kept shut (docs/measurement.md). A match is the same category and an overlap of at least half of the
shorter span, one to one; doubtful labels are neither required nor punished, as in ``fixtures/corpus/score.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from labelled import Labelled, shut_messages

from evidence.model import CATEGORIES, Flag, Letter, Side, Zone
from evidence.timeline.flags import find_flags
from evidence.timeline.ranker import MODEL
from evidence.timeline.rules import Packs, load_packs

CORPUS = Path(__file__).resolve().parent.parent / "fixtures" / "corpus"
MEASURED = MODEL / "measured.json"
AT = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass
class Count:
    hit: int = 0
    false: int = 0
    found: int = 0
    wanted: int = 0


@dataclass
class Gold:
    letter: Letter
    language: str
    spans: list[tuple[str, int, int, str]]
    traps: list[tuple[str, int, int]] = field(default_factory=list)


def wilson(part: int, whole: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not whole:
        return 0.0, 1.0
    p, d = part / whole, 1 + z * z / whole
    c, h = p + z * z / (2 * whole), z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
    return max(0.0, (c - h) / d), min(1.0, (c + h) / d)


def overlap(a: int, b: int, c: int, d: int) -> float:
    return max(0, min(b, d) - max(a, c)) / max(1, min(b - a, d - c))


def letter_of(name: str, text: str, speaker: Side, addressees: tuple[Side, ...] = (), kind: str = "human") -> Letter:
    sha = hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()
    return Letter(
        0, sha, (), name, AT, AT, "date", "", (), speaker, "", "", (), "", kind, "in-scope", False, name, None, "",  # type: ignore[arg-type]
        {"body": text}, (Zone("body", 0, 0, len(text), "own"),), (), addressees,
    )  # fmt: skip


def of_text(row: Labelled) -> Gold:
    speaker: Side = "us" if row.role == "us" else "client"
    traps = []
    for trap in row.traps:
        start = row.text.find(trap["quote"])
        traps.append((str(trap["must_not_be"]), start, start + len(trap["quote"])))
    spans = [(c, a, b, confidence) for c, a, b, confidence, _ in row.spans() if c in CATEGORIES]
    if row.role == "either":
        spans = [s for s in spans if not s[0].endswith("_notice")]
    return Gold(letter_of(row.id, row.text, speaker), row.language, spans, traps)


def of_dispute(name: str) -> Iterator[Gold]:
    """The letters of a dispute with gold's own text, so that zoning is measured elsewhere."""
    gold = json.loads((CORPUS / name / "gold.json").read_text("utf-8"))
    sides = json.loads((CORPUS / name / "parties.json").read_text("utf-8"))["parties"]
    side_of = {a.casefold(): s for s in ("us", "client") for p in sides[s]["people"] for a in p["addresses"]}
    for message in gold["messages"]:
        mail = message_from_bytes((CORPUS / name / message["file"]).read_bytes(), policy=default)
        to = [a.addr_spec.casefold() for h in ("to", "cc") for v in mail.get_all(h, []) for a in v.addresses]
        addressees = tuple(dict.fromkeys(side_of.get(a, "third") for a in to))
        text = "\n\n".join(message["own"])
        made = letter_of(message["message_id"], text, message["side"], addressees, message["kind"])  # type: ignore[arg-type]
        language = "ru" if sum("а" <= c <= "я" for c in text.casefold()) * 2 > sum(c.isalpha() for c in text) else "en"
        spans = []
        for label in gold["labels"]:
            if label["message"] == message["id"] and (at := text.find(label["quote"])) >= 0:
                spans.append((label["category"], at, at + len(label["quote"]), label["confidence"]))
        traps = [
            (category, at, at + len(h["quote"]))
            for h in gold["hard_negatives"]
            if h["message"] == message["id"] and h["where"] == "own" and (at := text.find(h["quote"])) >= 0
            for category in h["must_not_be"]
        ]
        yield Gold(made, language, spans, traps)


def pair(flags: list[Flag], spans: list[tuple[str, int, int, str]]) -> tuple[dict[int, int], set[int]]:
    """flag -> clear label, one to one, greatest overlap first; and the flags that only meet a doubtful or an already matched label."""
    edges = sorted(
        (
            (-overlap(f.start, f.end, a, b), i, j)
            for i, f in enumerate(flags)
            for j, (category, a, b, _) in enumerate(spans)
            if f.category == category and overlap(f.start, f.end, a, b) >= 0.5
        ),
    )
    matched: dict[int, int] = {}
    doubtful: set[int] = set()
    for _, i, j in edges:
        if spans[j][3] == "clear" and i not in matched and j not in matched.values():
            matched[i] = j
    for _, i, j in edges:
        if i not in matched and spans[j][3] != "clear":
            doubtful.add(i)
    return matched, doubtful


def measure(golds: Iterable[Gold], packs: Packs, stated_only: bool) -> tuple[dict[tuple[str, str], Count], list[int]]:
    counts: dict[tuple[str, str], Count] = {}
    traps = [0, 0]
    for gold in golds:
        flags = [f for f in find_flags(gold.letter, packs) if f.tier == "stated" or not stated_only]
        matched, doubtful = pair(flags, gold.spans)
        for number, flag in enumerate(flags):
            if number in doubtful:
                continue
            for key in ((flag.category, gold.language), (flag.category, "all"), ("all", gold.language), ("all", "all")):
                count = counts.setdefault(key, Count())
                count.hit += number in matched
                count.false += number not in matched
        for number, (category, _, _, confidence) in enumerate(gold.spans):
            if confidence == "clear":
                for key in ((category, gold.language), (category, "all"), ("all", gold.language), ("all", "all")):
                    count = counts.setdefault(key, Count())
                    count.wanted += 1
                    count.found += number in matched.values()
        for category, start, end in gold.traps:
            traps[0] += 1
            traps[1] += any(f.category == category and overlap(f.start, f.end, start, end) >= 0.5 for f in flags)
    return counts, traps


def table(title: str, golds: list[Gold], packs: Packs) -> str:
    """A table in Markdown: per category and language, the stated tier and both tiers together, with and without the learned reader."""
    runs = {
        "stated": measure(golds, packs, True),
        "stated + possible": measure(golds, packs, False),
        "rules alone, stated": measure(golds, replace(packs, ranked=False), True),
    }
    lines = [f"### {title}", "", "| category | language | labels | " + " | ".join(f"{n}: P | R" for n in runs) + " |"]
    lines.append("|---" * (3 + 2 * len(runs)) + "|")
    for category in (*CATEGORIES, "all"):
        for language in ("ru", "en", "all"):
            cells = [category, language]
            wanted = runs["stated"][0].get((category, language), Count()).wanted
            if not wanted or (category != "all" and language == "all"):
                continue
            cells.append(str(wanted))
            for counts, _ in runs.values():
                one = counts.get((category, language), Count())
                cells.append(_share(one.hit, one.hit + one.false))
                cells.append(_share(one.found, one.wanted))
            lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    for name, (_, (all_traps, sprung)) in runs.items():
        if all_traps:
            lines.append(
                f"Hard negatives flagged, {name}: {sprung} of {all_traps} ({100 * sprung / all_traps:.1f} %).  "
            )
    return "\n".join(lines) + "\n"


def for_help(golds: list[Gold], packs: Packs) -> str:
    """The figures that `evidence flags --help` prints, as JSON: counts per category and language, both tiers."""
    runs = {"stated": measure(golds, packs, True)[0], "both": measure(golds, packs, False)[0]}
    rows = []
    for category in (*CATEGORIES, "all"):
        for language in ("ru", "en"):
            row = {"category": category, "language": language}
            for name, counts in runs.items():
                one = counts.get((category, language), Count())
                row[name] = {"right": one.hit, "flagged": one.hit + one.false, "found": one.found, "labels": one.wanted}
            rows.append(row)
    letters = sum(1 for _ in golds)
    disputes = len({g.letter.message_id.rpartition("-")[0] for g in golds if g.letter.message_id})
    return json.dumps({"letters": letters, "disputes": disputes, "rows": rows}, indent=1) + "\n"


def _share(part: int, whole: int) -> str:
    if not whole:
        return "–"
    low, high = wilson(part, whole)
    return f"{part / whole:.2f} [{low:.2f}–{high:.2f}] {part}/{whole}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shut", action="store_true", help="read what was kept shut; once, at the end")
    parser.add_argument("--write", action="store_true", help="with --shut: keep the figures that the help prints")
    options = parser.parse_args(arguments)
    packs = load_packs()
    if options.shut:
        shut = [of_text(m) for m in shut_messages()]
        sys.stdout.write(table("The disputes kept shut", shut, packs) + "\n")
        if options.write:
            MEASURED.write_text(for_help(shut, packs), encoding="utf-8")
    else:
        disputes = ("shelf", "studio", "supply")
        sys.stdout.write(
            table("The three disputes of `fixtures/corpus`", [g for d in disputes for g in of_dispute(d)], packs)
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
