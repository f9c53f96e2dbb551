"""The labelled text of ``fixtures/labelled``: what is open for building, and what is kept shut (fixtures/labelled/README.md)."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "labelled"
LANGUAGES = ("ru", "en")
SHUT_AUTHORS = ("ru-4", "ru-7", "en-4", "en-7")
OPEN_AUTHORS = tuple(
    f"{language}-{n}" for language in LANGUAGES for n in range(1, 8) if f"{language}-{n}" not in SHUT_AUTHORS
)


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


def _shut_sentence(name: str) -> bool:
    return hashlib.sha256(name.encode()).hexdigest()[0] in "01"


def _read(path: Path, author: str, utterance: bool) -> Iterator[Labelled]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield Labelled(
                author, row["lang"], row["role"], row["id"], row["text"], tuple(row["labels"]),
                tuple(row.get("requests", ())), tuple(row.get("traps", ())), utterance,
            )  # fmt: skip


def open_messages() -> Iterator[Labelled]:
    for author in OPEN_AUTHORS:
        yield from _read(FOLDER / f"{author}.jsonl.gz", author, False)


def open_sentences() -> Iterator[Labelled]:
    for language in LANGUAGES:
        for row in _read(FOLDER / f"sentences-{language}.jsonl.gz", f"{language}-s", True):
            if not _shut_sentence(row.id):
                yield row


def shut_messages() -> Iterator[Labelled]:
    """Only for the final measurement."""
    for author in SHUT_AUTHORS:
        yield from _read(FOLDER / f"{author}.jsonl.gz", author, False)


def shut_sentences() -> Iterator[Labelled]:
    """Only for the final measurement."""
    for language in LANGUAGES:
        for row in _read(FOLDER / f"sentences-{language}.jsonl.gz", f"{language}-s", True):
            if _shut_sentence(row.id):
                yield row
