"""Rebuild, step 1: stored octets to what is in one message alone. Runs in worker processes, which read the archive themselves.

A worker gives two things of each message: a small ``Fact`` for the steps that look at all messages together, and a
``Read``, packed, which lies in the ``Spool`` until the message's place in its thread is known. The main process never
unpacks it, so its memory grows with the facts alone.
"""

from __future__ import annotations

import hashlib
import pickle
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from evidence.model import DkimResult, DnsKey, ParsedMessage, Zone

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """What threads, copies and clocks need of a message. ``own`` and ``quoted`` are spans of the body, cut without its parent."""

    number: int
    sha256: str
    message_id: str | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    subject: str
    date_raw: str | None
    date: datetime | None
    received: datetime | None
    sender: str
    people: frozenset[str]
    own: Spans
    quoted: Spans
    own_mark: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Read:
    """What was read out of one message's octets. ``first_cut``: its zones without the message replied to."""

    number: int
    message: ParsedMessage
    first_cut: tuple[Zone, ...]
    dkim: tuple[DkimResult, ...]
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a worker finds the octets, and the DNS answers kept for their signatures."""

    path: Path
    keys: Mapping[str, DnsKey]


def read_chunk(task: tuple[Source, Sequence[int]]) -> list[tuple[Fact, bytes, str, str]]:
    """(fact, packed ``Read``, body, subject) of each message. The archive is only read, and let go at the end of the chunk."""
    source, numbers = task
    connection = sqlite3.connect(f"{source.path.absolute().as_uri()}?mode=ro", uri=True, timeout=60)
    try:
        return [_read(connection, number, source.keys) for number in numbers]
    finally:
        connection.close()


def _read(connection: sqlite3.Connection, number: int, keys: Mapping[str, DnsKey]) -> tuple[Fact, bytes, str, str]:
    from evidence.message.parse import parse_message
    from evidence.message.zones import find_zones

    (raw,) = connection.execute("SELECT raw FROM message WHERE id = ?", (number,)).fetchone()
    message = parse_message(raw, attachment_text=True)
    zones = find_zones(message)
    dkim, used = _signatures(message, raw, keys)
    read = Read(number, message, zones, dkim, used)
    packed = pickle.dumps(read, pickle.HIGHEST_PROTOCOL)
    return _fact(number, message, zones), packed, message.texts.get("body", ""), message.subject


def _signatures(
    message: ParsedMessage, raw: bytes, keys: Mapping[str, DnsKey]
) -> tuple[tuple[DkimResult, ...], dict[str, str]]:
    """The results, and which answers they rest on: another answer for one of these names asks for another look."""
    from evidence.message.dkim import needed_keys, verify_message

    if not any(name.lower() == "dkim-signature" for name, _value in message.headers):
        return (), {}
    used = {name: key_mark(keys.get(name)) for name in needed_keys(raw)}
    return verify_message(raw, keys.get), used


def key_mark(key: DnsKey | None) -> str:
    """A kept answer in sixteen digits; "" where there is none."""
    if key is None:
        return ""
    text = f"{key.name}\n{key.asked_at.isoformat()}\n{key.error}\n{key.authenticated}\n".encode()
    return hashlib.sha256(text + key.answer).hexdigest()[:16]


def best_answers(keys: Iterable[DnsKey]) -> dict[str, DnsKey]:
    """name -> the first answer without an error, else the first answer."""
    by_name: dict[str, DnsKey] = {}
    for key in keys:
        if key.name not in by_name or (by_name[key.name].error and not key.error):
            by_name[key.name] = key
    return by_name


def _fact(number: int, message: ParsedMessage, zones: Sequence[Zone]) -> Fact:
    from evidence.message.threads import own_mark

    sender = next(iter(message.of("from")), None)
    own, quoted = spans_of(zones, "own"), spans_of(zones, "quoted")
    return Fact(
        number=number,
        sha256=message.sha256,
        message_id=message.message_id,
        in_reply_to=message.in_reply_to,
        references=message.references,
        subject=message.subject,
        date_raw=message.date_raw,
        date=message.date,
        received=message.received[0].at if message.received else None,
        sender=sender.address if sender else "",
        people=frozenset(a.address.lower() for a in message.addresses if a.address),
        own=own,
        quoted=quoted,
        own_mark=own_mark(text_of(message.texts.get("body", ""), own)),
        failed=bool(message.failed),
    )


def spans_of(zones: Iterable[Zone], kind: str) -> Spans:
    return tuple((z.start, z.end) for z in zones if z.part == "body" and z.kind == kind)


def text_of(body: str, spans: Spans) -> str:
    return "\n".join(body[start:end] for start, end in spans).strip()


class Spool:
    """Packed ``Read`` values between two steps, in a database of SQLite's own that has no name and goes when it is closed.

    Not in memory, which would bound the size of an archive, and not in files that a kill would leave lying about.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute(
            "CREATE TABLE spool (number INTEGER PRIMARY KEY, size INTEGER, subject TEXT, body TEXT, packed BLOB)"
        )
        self._connection.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def put(self, rows: Iterable[tuple[Fact, bytes, str, str]]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO spool VALUES (?, ?, ?, ?, ?)",
            (
                (fact.number, len(packed), _octets(subject), _octets(body), packed)
                for fact, packed, body, subject in rows
            ),
        )

    def packed(self, number: int) -> bytes:
        """Raises LookupError for a message that was not read in this rebuild."""
        row = self._connection.execute("SELECT packed FROM spool WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise LookupError(number)
        return bytes(row[0])

    def words(self, number: int) -> tuple[str, str] | None:
        """(body, subject), or None for a message that was not read in this rebuild."""
        row = self._connection.execute("SELECT body, subject FROM spool WHERE number = ?", (number,)).fetchone()
        return None if row is None else (_text(row[0]), _text(row[1]))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogatepass")
