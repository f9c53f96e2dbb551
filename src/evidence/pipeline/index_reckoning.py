"""Rebuild, step 4: what stands between letters: links of flags, requests and their outcomes, and what the pages show.

It reads nothing but derived rows, so a rebuild from nothing and one after a single letter go the same way from here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from evidence.config import Config
from evidence.model import Flag, Letter, Request
from evidence.pipeline.index_deriving import asks_from, flags_from, promises_from

if TYPE_CHECKING:
    from evidence.archive.reader import ArchiveReader
    from evidence.timeline.commitments import Commitment


@dataclass(frozen=True, slots=True)
class Reckoned:
    """How many flags and requests stand, and as of when."""

    flags: int
    requests: int


def reckon(
    connection: sqlite3.Connection,
    config: Config,
    reader: ArchiveReader,
    alarms: Sequence[tuple[str, Sequence[str]]],
    as_of: datetime,
) -> Reckoned:
    """Write flags, requests and rendered pieces. ``alarms``: Message-IDs that differing messages bear. In the open transaction."""
    from evidence.archive import derived

    letters = reader.letters(everything=True)
    by_number = {letter.number: letter for letter in letters}
    found: dict[str, tuple[Flag, ...]] = {}
    asks: dict[str, Sequence[Any]] = {}
    promises: dict[str, str] = {}
    for number, flags_text, asks_text, promises_text in derived.read_judged(connection):
        letter = by_number.get(number)
        if letter is not None:  # not a copy
            found[letter.sha256] = flags_from(flags_text)
            asks[letter.sha256] = asks_from(asks_text)
            promises[letter.sha256] = promises_text
    flags = linked(config, letters, found, promises)
    derived.replace_flags(connection, flags)
    requests = find_all_requests(config, letters, reader.folder_counts(), as_of, flags, asks)
    derived.replace_requests(connection, requests)
    pieces = _pieces(config, reader, letters, flags, requests, alarms, as_of)
    derived.replace_rendered(connection, pieces)
    return Reckoned(len(flags), len(requests))


def linked(
    config: Config, letters: Sequence[Letter], found: Mapping[str, Sequence[Flag]], promises: Mapping[str, str]
) -> tuple[Flag, ...]:
    from evidence.timeline.commitments import link

    def promised(letter: Letter) -> Sequence[Commitment]:
        return promises_from(promises[letter.sha256], letter)

    ordered = sorted(letters, key=lambda letter: (letter.at, letter.sha256))
    flags = [flag for letter in ordered for flag in found[letter.sha256]]
    return link(ordered, flags, timezone=config.matter.timezone, promised=promised)


def find_all_requests(
    config: Config,
    letters: Sequence[Letter],
    coverage: Sequence[Any],
    as_of: datetime,
    flags: Iterable[Flag],
    asks: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[Request, ...]:
    from evidence.timeline.requests import RequestSettings, find_requests

    return find_requests(letters, RequestSettings.of(config), coverage, as_of=as_of, flags=flags, asks=asks)


def _pieces(
    config: Config,
    reader: ArchiveReader,
    letters: Sequence[Letter],
    flags: Sequence[Flag],
    requests: Sequence[Request],
    alarms: Iterable[tuple[str, Sequence[str]]],
    as_of: datetime,
) -> Iterator[tuple[str, str, str]]:
    from evidence.pipeline.views import render_pages

    yield from render_pages(config, reader, letters, flags, requests, as_of)
    said = [{"message_id": name, "sha256": list(hashes)} for name, hashes in alarms]
    if said:
        yield "same-message-id", "", json.dumps(said, ensure_ascii=False)
