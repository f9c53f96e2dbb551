"""The one way rows get into an archive: ``append`` writes the row and the custody event that binds all of it, in one transaction.

A transaction is begun by the first write and ends at ``commit`` or, to bound what a crash can cost and how long readers wait,
when its octets reach GROUP_BYTES or its age GROUP_SECONDS. Within it events and sightings wait until there are enough of them
for one statement: each statement lets the interpreter go to another thread and has to get it back.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from evidence.archive.binding import all_storable, event_body, row_writer, storable, utc_text
from evidence.archive.connect import in_words
from evidence.archive.log import leaf_hash
from evidence.archive.schema import columns
from evidence.interrupts import uninterrupted

GROUP_BYTES = 16 * 1024 * 1024
GROUP_SECONDS = 2.0
LARGE_OCTETS = 128 * 1024
EVENTS_AT_ONCE = 64
WAITING_TABLES = ("sighting", "event")


class Writer:
    """Appends rows and events over one connection. ``now`` gives the time every event states."""

    def __init__(self, connection: sqlite3.Connection, path: Path, now: Callable[[], datetime]) -> None:
        self._database = connection
        self.path = path
        self._now = now
        self._pending_octets = 0
        self._began = 0.0
        self._seq = -1
        self._sightings = 0
        self._waiting: dict[str, list[Sequence[Any]]] = {table: [] for table in WAITING_TABLES}

    @property
    def connection(self) -> sqlite3.Connection:
        """The database with all that was appended in it. Raises EvidenceError as ``append`` does."""
        if self._waiting["event"]:
            self._write_waiting()
        return self._database

    def begin_transaction(self) -> None:
        """Take SQLite's write lock and learn where the log ends: another process may have appended since."""
        if self._database.in_transaction:
            return
        with uninterrupted:
            try:
                self._database.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise in_words(error, self.path) from error
            self.continue_transaction()

    def continue_transaction(self) -> None:
        """Take over a transaction that was begun on the connection: learn where the log ends."""
        self._began, self._pending_octets = time.monotonic(), 0
        self._seq = self._database.execute("SELECT coalesce(max(seq), -1) FROM event").fetchone()[0]
        self._sightings = self._database.execute("SELECT coalesce(max(id), 0) FROM sighting").fetchone()[0]

    def commit(self) -> None:
        """Make everything appended durable: after this returns it survives a kill and a power cut. Raises EvidenceError."""
        if not self._database.in_transaction:
            return
        self._write_waiting()
        try:
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self.rollback()
            raise in_words(error, self.path) from error

    def rollback(self) -> None:
        """Undo what was not committed. Where even that cannot be written, the next open undoes it from the journal."""
        for rows in self._waiting.values():
            rows.clear()
        with suppress(sqlite3.Error):
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def commit_if_large(self) -> None:
        """Called between wholes (a message with its sighting), never inside one."""
        if self._database.in_transaction and (
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
        Raises EvidenceError in words when SQLite cannot write; whatever is raised, the open transaction is then rolled back:
        a row without its event must never be committed.
        """
        with uninterrupted:
            self.begin_transaction()
            try:
                return self._append(table, row, kind, digest)
            except BaseException:
                self.rollback()
                raise

    def _append(self, table: str, row: Mapping[str, Any], kind: str, digest: str | None) -> tuple[int, int]:
        seq = self._seq + 1
        plan = _plan(table)
        values = list(map(row.get, plan.names))
        if not all_storable(values):
            values = [storable(value) for value in values]
        values[plan.event] = seq
        number = self._wait(values) if table == "sighting" else self._insert(plan, values)
        if plan.id is not None and values[plan.id] is None:
            values[plan.id] = number
        self._event(seq, plan.body(utc_text(self._now()), kind, seq, values, digest))
        self._pending_octets += sum([len(v) for v in values if type(v) is bytes])
        return number, seq

    def _wait(self, values: list[Any]) -> int:
        """Put a sighting with those that wait. Its id is the next one: nobody else writes during our transaction."""
        self._sightings += 1
        self._waiting["sighting"].append(values)
        return self._sightings

    def _insert(self, plan: _Plan, values: list[Any]) -> int:
        """The row's id. Large octets are written into their place: as a bound value SQLite would copy them twice."""
        # A message refers to nothing that waits; other rows may.
        database = self._database if plan.octets is not None else self.connection
        try:
            if plan.octets is None or len(values[plan.octets] or b"") < LARGE_OCTETS:
                return database.execute(plan.insert, values).lastrowid or 0
            short = list(values)
            short[plan.octets] = len(values[plan.octets])
            number = database.execute(plan.insert_empty, short).lastrowid or 0
            with database.blobopen(plan.table, plan.names[plan.octets], number) as place:
                place.write(values[plan.octets])
            return number
        except sqlite3.Error as error:
            raise in_words(error, self.path) from error

    def record(self, kind: str, detail: Mapping[str, Any]) -> int:
        """An event that binds no row, such as a migration or a time stamp that is owed. Returns its seq."""
        with uninterrupted:
            self.begin_transaction()
            seq = self._seq + 1
            self._event(seq, event_body(seq, self._now(), kind, detail=detail))
            return seq

    def _event(self, seq: int, body: str) -> None:
        waiting = self._waiting["event"]
        waiting.append((seq, body, leaf_hash(body.encode("utf-8"))))
        self._seq = seq
        if len(waiting) >= EVENTS_AT_ONCE:
            self._write_waiting()

    def _write_waiting(self) -> None:
        """Raises EvidenceError in words when SQLite cannot write; the open transaction is then rolled back."""
        with uninterrupted:
            try:
                for table, rows in self._waiting.items():
                    while rows:
                        count = 1 << (len(rows).bit_length() - 1)  # powers of two: few statements to prepare
                        self._database.execute(_insert(table, count), list(chain.from_iterable(rows[:count])))
                        del rows[:count]
            except sqlite3.Error as error:
                self.rollback()
                raise in_words(error, self.path) from error


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
    octets = names.index("raw") if table == "message" else None
    return _Plan(
        table,
        names,
        _insert(table),
        _insert(table, zeros=octets),
        names.index("event"),
        names.index("id") if "id" in names else None,
        octets,
        row_writer(table, names),
    )


@cache
def _insert(table: str, rows: int = 1, zeros: int | None = None) -> str:
    """The statement that inserts so many rows; ``zeros`` is the place of a column that gets a number of zero octets."""
    names = columns(table)
    listed = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("zeroblob(?)" if place == zeros else "?" for place in range(len(names)))
    return f"INSERT INTO {table} ({listed}) VALUES {', '.join([f'({marks})'] * rows)}"
