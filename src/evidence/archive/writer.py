"""The one way rows get into an archive: ``append`` writes the row and the custody event that binds all of it, in one transaction.

A transaction is begun by the first write and ends at ``commit`` or, to bound what a crash can cost and how long readers wait,
when its octets reach GROUP_BYTES or its age GROUP_SECONDS.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from evidence.archive.binding import all_storable, event_body, row_writer, storable, utc_text
from evidence.archive.connect import in_words
from evidence.archive.log import leaf_hash
from evidence.archive.schema import columns

GROUP_BYTES = 16 * 1024 * 1024
GROUP_SECONDS = 2.0
LARGE_OCTETS = 128 * 1024


class Writer:
    """Appends rows and events over one connection. ``now`` gives the time every event states."""

    def __init__(self, connection: sqlite3.Connection, path: Path, now: Callable[[], datetime]) -> None:
        self.connection = connection
        self.path = path
        self._now = now
        self._pending_octets = 0
        self._began = 0.0
        self._seq = -1

    def begin_transaction(self) -> None:
        """Take SQLite's write lock and learn where the log ends: another process may have appended since."""
        if self.connection.in_transaction:
            return
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise in_words(error, self.path) from error
        self.continue_transaction()

    def continue_transaction(self) -> None:
        """Take over a transaction that was begun on the connection: learn where the log ends."""
        self._began, self._pending_octets = time.monotonic(), 0
        self._seq = self.connection.execute("SELECT coalesce(max(seq), -1) FROM event").fetchone()[0]

    def commit(self) -> None:
        """Make everything appended durable: after this returns it survives a kill and a power cut. Raises EvidenceError."""
        if not self.connection.in_transaction:
            return
        try:
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            self.rollback()
            raise in_words(error, self.path) from error

    def rollback(self) -> None:
        """Undo what was not committed. Where even that cannot be written, the next open undoes it from the journal."""
        with suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def commit_if_large(self) -> None:
        """Called between wholes (a message with its sighting), never inside one."""
        if self.connection.in_transaction and (
            self._pending_octets >= GROUP_BYTES or time.monotonic() - self._began >= GROUP_SECONDS
        ):
            self.commit()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A short durable write of its own: all of it or nothing, whatever else was pending before is committed with it."""
        self.begin_transaction()
        try:
            yield
        except BaseException:
            self.rollback()
            raise
        self.commit()

    def append(self, table: str, row: Mapping[str, Any], kind: str, *, digest: str | None = None) -> tuple[int, int]:
        """Write ``row`` and its event. Returns (row id, seq). A column not named is NULL; ``id`` is given by the table.

        ``digest`` is the SHA-256 of the row's octets where the caller has just computed it: they are then not hashed twice.
        Raises EvidenceError in words when SQLite cannot write; the open transaction is then rolled back.
        """
        self.begin_transaction()
        seq = self._seq + 1
        plan = _plan(table)
        values = list(map(row.get, plan.names))
        if not all_storable(values):
            values = [storable(value) for value in values]
        values[plan.event] = seq
        try:
            number = self._insert(plan, values)
            if plan.id is not None and values[plan.id] is None:
                values[plan.id] = number
            self._event(seq, plan.body(utc_text(self._now()), kind, seq, values, digest))
        except sqlite3.Error as error:
            self.rollback()
            raise in_words(error, self.path) from error
        self._pending_octets += sum([len(v) for v in values if type(v) is bytes])
        return number, seq

    def _insert(self, plan: _Plan, values: list[Any]) -> int:
        """The row's id. Large octets are written into their place: as a bound value SQLite would copy them twice."""
        if plan.octets is None or len(values[plan.octets] or b"") < LARGE_OCTETS:
            return self.connection.execute(plan.insert, values).lastrowid or 0
        short = list(values)
        short[plan.octets] = len(values[plan.octets])
        number = self.connection.execute(plan.insert_empty, short).lastrowid or 0
        with self.connection.blobopen(plan.table, plan.names[plan.octets], number) as place:
            place.write(values[plan.octets])
        return number

    def record(self, kind: str, detail: Mapping[str, Any]) -> int:
        """An event that binds no row, such as a migration or a time stamp that is owed. Returns its seq."""
        self.begin_transaction()
        seq = self._seq + 1
        try:
            self._event(seq, event_body(seq, self._now(), kind, detail=detail))
        except sqlite3.Error as error:
            self.rollback()
            raise in_words(error, self.path) from error
        return seq

    def _event(self, seq: int, body: str) -> None:
        self.connection.execute(
            "INSERT INTO event (seq, body, leaf) VALUES (?, ?, ?)", (seq, body, leaf_hash(body.encode("utf-8")))
        )
        self._seq = seq


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows of one table are written: the statement, and the places of two columns in it."""

    table: str
    names: tuple[str, ...]
    insert: str
    insert_empty: str  # with that many zero octets in place of the octets
    event: int
    id: int | None
    octets: int | None  # of tables with an id and one column that may be large
    body: Callable[[str, str, int, Sequence[Any], str | None], str]


@cache
def _plan(table: str) -> _Plan:
    names = columns(table)
    listed = ", ".join(f'"{name}"' for name in names)
    octets = names.index("raw") if table == "message" else None
    marks = ["zeroblob(?)" if place == octets else "?" for place in range(len(names))]
    return _Plan(
        table,
        names,
        f"INSERT INTO {table} ({listed}) VALUES ({', '.join('?' * len(names))})",
        f"INSERT INTO {table} ({listed}) VALUES ({', '.join(marks)})",
        names.index("event"),
        names.index("id") if "id" in names else None,
        octets,
        row_writer(table, names),
    )
