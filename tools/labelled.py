"""The labelled text of ``fixtures/labelled``: what is open for building, and what is kept shut (fixtures/labelled/README.md)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disputes import OPEN, SHUT

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "labelled"
LANGUAGES = ("ru", "en")
# Opened for the measurement of the first version, and for building since. What is shut now: the disputes of author 24.
ONCE_SHUT = ("ru-4", "ru-7", "en-4", "en-7")
OPEN_AUTHORS = tuple(f"{language}-{n}" for language in LANGUAGES for n in (1, 2, 3, 4, 5, 6, 7, 11, 12, 14, 17, 18, 22))


@dataclass(frozen=True)
class Labelled:
    """One labelled text. ``author`` names the hand it is of; single utterances are of the hand ``ru-s`` or ``en-s``."""

    author: str
    language: str
    role: str
    id: str
    text: str
    labels: tuple[dict[str, Any], ...]
    requests: tuple[dict[str, Any], ...]
    traps: tuple[dict[str, Any], ...]
    utterance: bool

    def spans(self) -> list[tuple[str, int, int, str, str | None]]:
        """(category, start, end, confidence, subtype) of each label."""
        found = []
        for label in self.labels:
            start = self.text.find(label["quote"])
            found.append(
                (
                    label["category"],
                    start,
                    start + len(label["quote"]),
                    label["confidence"],
                    label.get("subtype") or None,
                )
            )
        return found


def read_file(path: Path, author: str, utterance: bool) -> Iterator[Labelled]:
    """The labelled texts of one file; the header lines of disputes are passed over."""
    language = author[:2]
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if "text" in row:
                yield Labelled(
                    author, row.get("lang", language), row["role"], row["id"], row["text"], tuple(row["labels"]),
                    tuple(row.get("requests", ())), tuple(row.get("traps", ())), utterance,
                )  # fmt: skip


def open_messages() -> Iterator[Labelled]:
    """Single letters and letters of disputes, for building. Each file is one author's."""
    for author in OPEN_AUTHORS:
        if (path := FOLDER / f"{author}.jsonl.gz").exists():
            yield from read_file(path, author, False)
    for name in OPEN:
        yield from read_file(FOLDER / f"{name}.jsonl.gz", name.removeprefix("disputes-"), False)


def open_sentences() -> Iterator[Labelled]:
    for language in LANGUAGES:
        yield from read_file(FOLDER / f"sentences-{language}.jsonl.gz", f"{language}-s", True)


def shut_messages() -> Iterator[Labelled]:
    """Only for the final measurement."""
    for name in SHUT:
        yield from read_file(FOLDER / f"{name}.jsonl.gz", name.removeprefix("disputes-"), False)
