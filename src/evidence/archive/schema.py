"""The tables of an archive and their history: ordered, named migrations, each of them a custody event.

Schema versions are in ``PRAGMA user_version``; an archive is known by ``PRAGMA application_id`` ("EVID").
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite_utils
    from sqlite_utils.migrations import Migrations

APPLICATION_ID = int.from_bytes(b"EVID", "big")
SCHEMA_VERSION = 1
PAGE_SIZE = 16384

EVIDENCE_TABLES = (
    "archive", "acquisition", "acquisition_end", "folder", "source", "message", "sighting", "disappearance", "owed",
    "folder_state", "observation", "outside_file", "outside_chunk", "dns_key", "anchor", "bundle", "exhibit",
)  # fmt: skip
JUDGEMENT_TABLES = (
    "review", "note", "hours", "answer", "selection", "redaction", "link", "claim", "proposal",
)  # fmt: skip
BOUND_TABLES = EVIDENCE_TABLES + JUDGEMENT_TABLES
DERIVED_TABLES = (
    "parsed_message", "participant", "text_part", "zone", "attachment", "dkim", "trail", "flag", "request", "reading",
    "rendered", "derived_state", "search",
)  # fmt: skip
LATER_DERIVED = frozenset(("reading",))  # not in archives last rebuilt by an older release; their next rebuild makes it


_MAKES = re.compile(r"(?:--[^\n]*\n|\s)*CREATE (?:VIRTUAL )?TABLE (\w+)")


def statements(script: str) -> Iterator[str]:
    """The statements of an SQL script one by one, so that a transaction is not ended as ``executescript`` would."""
    pending = ""
    for line in sql(script).splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending.strip()
            pending = ""


@cache
def sql(script: str) -> str:
    return (Path(__file__).parent / script).read_text(encoding="utf-8")


def append_only_triggers(table: str) -> Iterator[str]:
    """A courtesy against mistakes. No proof: REPLACE on a plain connection passes them. The log is the proof."""
    for verb in ("UPDATE", "DELETE"):
        yield (
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the table {table} is append-only'); END"
        )


def m001_first(connection: sqlite3.Connection) -> None:
    """Schema 1."""
    make_schema_1(connection)
    connection.execute("PRAGMA user_version=1")


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (m001_first,)  # the migrations in their order
# As sqlite-utils writes down what was applied
_HISTORY = (
    """CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
)""",
    """CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name")""",
)


@cache
def migrations() -> Migrations:
    """The migrations for an archive that has some of them. sqlite-utils is imported late: it is slow to start and rarely needed."""
    from sqlite_utils.migrations import Migrations

    ordered = Migrations("evidence")
    for step in STEPS:

        def applied(db: sqlite_utils.Database, step: Callable[[sqlite3.Connection], None] = step) -> None:
            step(db.conn)

        ordered(name=step.__name__)(applied)
    return ordered


def begin_history(connection: sqlite3.Connection) -> None:
    """The table of applied migrations in an empty database, as sqlite-utils makes it."""
    for statement in _HISTORY:
        connection.execute(statement)


def apply_step(connection: sqlite3.Connection, step: Callable[[sqlite3.Connection], None], at: datetime) -> None:
    """One migration of an archive that is being made, and its line in the history. Runs in the caller's transaction."""
    step(connection)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('evidence', ?, ?)",
        (step.__name__, str(at.astimezone(UTC))),
    )


def make_schema_1(connection: sqlite3.Connection) -> None:
    for script in ("tables_v1.sql", "derived_v1.sql", "views_v1.sql"):
        for statement in statements(script):
            connection.execute(statement)
    for table in ("event", *BOUND_TABLES):
        for statement in append_only_triggers(table):
            connection.execute(statement)


def recreate_derived(connection: sqlite3.Connection) -> None:
    """Drop every derived table and make it anew, empty. Runs in the caller's transaction."""
    for table in DERIVED_TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in statements("derived_v1.sql"):
        connection.execute(statement)


@cache
def columns(table: str) -> tuple[str, ...]:
    """The columns of a table of the newest schema, in storage order. Raises KeyError for a name that is none."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.execute(_made_by()[table])
        return tuple(r[1] for r in connection.execute(f"PRAGMA table_info({table})"))
    finally:
        connection.close()


@cache
def _made_by() -> dict[str, str]:
    """Table -> the statement that makes it: a run writes to a few, and making all of them takes a while."""
    found = {}
    for script in ("tables_v1.sql", "derived_v1.sql"):
        for statement in statements(script):
            made = _MAKES.match(statement)
            if made:
                found[made[1]] = statement
    return found


@cache
def expected_objects() -> dict[tuple[str, str], str]:
    """(type, name) -> SQL of every object an archive of the newest schema has, without SQLite's own."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        begin_history(connection)
        for step in STEPS:
            step(connection)
        return schema_objects(connection)
    finally:
        connection.close()


def schema_objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """(type, name) -> SQL of what this database has, leaving out SQLite's own (``sqlite_…``)."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {(kind, name): text for kind, name, text in rows if not name.startswith("sqlite_")}
