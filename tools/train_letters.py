"""Trains the trees that say whether a letter answers an asking, and writes ``src/evidence/timeline/answers_trees.json``.

    python tools/train_letters.py [--cross] [--write] [--keep FOLDER]

The disputes and hard exchanges of ``tools/disputes.py`` and those of ``fixtures/corpus`` go as mail through the whole program; each
labelled request is held against every candidate letter; the trees learn from those up to the one that answered it. Disputes that are held
out for flags are taken too, once their requests have been measured. ``--cross`` prints figures with each author left out in turn. The trees are
grown by LightGBM (the extra ``train``) with a fixed seed: the same input gives the same trees. ``tools/train_answers.py`` and
``tools/train_ranker.py`` come first: the models of the one, and what is flagged with the other, give some of the features.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

from disputes import ASKED, HARD, OPEN, SHUT, read, write  # noqa: E402
from grow_trees import grow_named  # noqa: E402
from measure_answers import wilson  # noqa: E402
from measure_disputes import corpus_place, rows_of, scorer  # noqa: E402

from evidence.archive.reader import ArchiveReader  # noqa: E402
from evidence.config import load_config  # noqa: E402
from evidence.model import Letter, other_side  # noqa: E402
from evidence.timeline.answers import answering_text, files_of, inline_reply, least_score  # noqa: E402
from evidence.timeline.answers_letter import DOUBT_AT, letter_score, read_letter  # noqa: E402
from evidence.timeline.answers_model import TreeModel  # noqa: E402
from evidence.timeline.requests import RequestSettings, prepared  # noqa: E402
from evidence.timeline.requests_find import Ask, kind_of  # noqa: E402
from evidence.timeline.requests_sentences import sentences  # noqa: E402

TREES = ROOT / "src/evidence/timeline/answers_trees.json"
HARD_AUTHORS = frozenset(name.removeprefix("disputes-") for name in (*HARD, "disputes-ru-20", "disputes-en-20"))
WEIGHTS = {"corpus": 3.0, "ru-23": 2.0, "en-23": 2.0, "ru-24": 2.0, "en-24": 2.0}


@dataclass
class Candidate:
    features: dict[str, int]
    answers: bool
    late: bool
    inline: bool
    in_thread: bool
    after: bool  # later than the answer: whether it answers as well is not labelled


@dataclass
class Asked:
    """One labelled request and the letters that might answer it, in order of time."""

    author: str
    language: str
    outcome: str
    in_time: bool  # someone of the other side wrote in the thread in time
    up: bool  # the time to answer is up
    candidates: list[Candidate]


def asking(letter: Letter, quote: str, found: list[Ask]) -> Ask | None:
    """The asking as the program finds it, or else the sentence the label stands in."""
    body = letter.texts.get("body", "")
    match = re.search(r"\s+".join(map(re.escape, quote.split())), body)
    if match is None:
        return None
    start, end = match.span()

    def covers(a: int, b: int) -> bool:
        return min(end, b) - max(start, a) >= 0.5 * min(end - start, b - a)

    for ask in found:
        if covers(ask.start, ask.end):
            return ask
    for zone in letter.zones_of("body"):
        for s in sentences(body, zone.start, zone.end) if zone.kind == "own" else ():
            if covers(s.start, s.end):
                return Ask(s.start, s.end, s.text, kind_of(s.text), 0.5, False, "labelled")
    return None


def examples(place: Path, author: str) -> list[Asked]:
    """The labelled requests of one dispute."""
    config = load_config(place / "config.toml")
    gold = json.loads((place / "gold.json").read_text(encoding="utf-8"))
    with ArchiveReader(config.archive_path) as reader:
        letters = reader.letters(everything=True)
        flags = reader.flags()
    settings = replace(RequestSettings.of(config), days="calendar", answer_within_days=gold["reply_days"])
    as_of = settings.reckoner.end_of_day(datetime.fromisoformat(gold["as_of"]).date())
    search, asked, repeats = prepared(letters, settings, (), as_of=as_of, flags=flags)
    next_at = {(letter.sha256, ask.start): repeats.next_at(n) for n, (letter, ask) in enumerate(asked)}
    found: dict[str, list[Ask]] = {}
    for letter, ask in asked:
        found.setdefault(letter.sha256, []).append(ask)
    by_id = {m["id"]: m["message_id"].strip("<>") for m in gold["messages"]}
    by_message_id = {(x.message_id or "").strip("<>"): x for x in letters}
    rows = []
    for request in gold["requests"]:
        if request["asker"] not in ("us", "client") or request.get("confidence", "clear") != "clear":
            continue
        letter = by_message_id[by_id[request["message"]]]
        ask = asking(letter, request["quote"], found.get(letter.sha256, []))
        if ask is None:
            continue
        side = other_side(request["asker"])
        due = settings.reckoner.due(letter.at)
        answer = by_message_id.get(by_id.get(request["answering_message"] or "", ""))
        repeated_at = next_at.get((letter.sha256, ask.start))
        held = []
        letters_at = search.candidates(letter, ask, due, repeated_at)
        for other, at in sorted(letters_at, key=lambda pair: (pair[0].at, pair[0].number)):
            inline = inline_reply(ask, letter, other) is not None  # decided without the trees
            reading = read_letter(
                ask.quote, ask.kind, answering_text(ask, other), files_of(other), at, search.vocabulary.share
            )
            answers = answer is not None and other is answer
            after = answer is not None and other.at > answer.at
            held.append(Candidate(dict(reading.features), answers, at.late, inline, at.in_thread, after))
        in_thread = [x for x in letters if x.speaker == side and x.kind == "human" and x.thread == letter.thread]
        in_time = any(letter.at < x.at <= due for x in in_thread)
        rows.append(Asked(author, gold["messages"][0]["lang"], request["outcome"], in_time, due <= as_of, held))
    return rows


def grown(rows: list[Asked]) -> TreeModel:
    """The trees that tell letters that answer from those that do not. An inline answer is decided without them."""
    held = [(c, weight_of(r.author)) for r in rows for c in r.candidates if not c.inline and not c.after]
    names = sorted({name for c, _ in held for name in c.features})
    lines = np.array([[c.features.get(name, 0) for name in names] for c, _ in held], dtype=np.int64)
    right = np.array([c.answers for c, _ in held])
    return TreeModel(0, tuple(grow_named(names, lines, right, np.array([weight for _, weight in held]))))


def outcome_of(asked: Asked, scores: list[float]) -> str:
    """As ``requests.py`` decides it, calls and acknowledgements apart."""
    for score, candidate in zip(scores, asked.candidates, strict=True):
        if candidate.inline or score >= least_score(in_thread=candidate.in_thread, late=candidate.late):
            return "answered-late" if candidate.late else "answered"
    return "pending" if not asked.up else "dodged" if asked.in_time else "no-reply"


def weight_of(author: str) -> float:
    """How often a letter counts. The labels of the corpus were read twice, and it is most like mail; what was written in its manner
    comes next, hard exchanges are least like it."""
    return WEIGHTS.get(author, 0.1 if author in HARD_AUTHORS else 1.0)


def cross(rows: list[Asked]) -> None:
    said: list[tuple[Asked, str, float]] = []
    for author in sorted({r.author for r in rows}):
        model = grown([r for r in rows if r.author != author])
        for r in rows:
            if r.author == author:
                scores = [letter_score(c.features, model) for c in r.candidates]
                said.append((r, outcome_of(r, scores), max(scores, default=0.0)))

    def answered(outcome: str) -> bool:
        return outcome.startswith("answered")

    for name in ("mail", "hard", "ru", "en", *sorted({r.author for r in rows})):
        chosen = [
            s for s in said if name in (s[0].author, "hard" if s[0].author in HARD_AUTHORS else "mail")
            or (name == s[0].language and s[0].author not in HARD_AUTHORS)
        ]  # fmt: skip
        right = sum(answered(r.outcome) == answered(o) for r, o, _ in chosen)
        same = sum(r.outcome == o for r, o, _ in chosen)
        silent = [s for s in chosen if s[1] == "no-reply"]
        hit = sum(r.outcome == "no-reply" for r, _, _ in silent)
        sure = [s for s in silent if s[2] < DOUBT_AT]
        print(f"{name:7} answered or not {wilson(right, len(chosen))}; outcome right {wilson(same, len(chosen))}")
        print(
            f"        no-reply: precision {wilson(hit, len(silent))}, stated {wilson(sum(r.outcome == 'no-reply' for r, _, _ in sure), len(sure))}, recall {wilson(hit, sum(r.outcome == 'no-reply' for r, _, _ in chosen))}"
        )
    for (gold, outcome), count in sorted(Counter((r.outcome, o) for r, o, _ in said).items()):
        print(f"   {gold:14} said {outcome:14} {count}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cross", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument(
        "--keep", type=Path, help="written mail and archives: left here, and taken from here where they are"
    )
    a = parser.parse_args()
    os.environ.setdefault("EVIDENCE_LANG", "en")
    rows: list[Asked] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = a.keep or Path(scratch)
        places = [
            (folder / d.name if (folder / d.name / "archive.db").exists() else write(d, folder), d.author)
            for d in read((*OPEN, *ASKED, *HARD, *SHUT))
        ]
        places += [(corpus_place(folder, name), "corpus") for name in scorer().DISPUTES]
        for place, author in places:
            if not (place / "archive.db").exists():
                rows_of(place)
            rows += examples(place, author)
    held = [c for r in rows for c in r.candidates]
    print(f"{len(rows)} requests, {len(held)} letters held against them, {sum(c.answers for c in held)} answer")
    if a.cross:
        cross(rows)
    if a.write:
        model = grown(rows)
        table = {"made_by": "tools/train_letters.py", "bias": model.bias, "trees": model.trees}
        TREES.write_text(json.dumps(table, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        print(f"{TREES.name}: {TREES.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
