"""The tables of an archive and their history: ordered, named migrations, each of them a custody event.

Schema versions are in ``PRAGMA user_version``; an archive is known by ``PRAGMA application_id`` ("EVID").
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
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


@cache
def migrations() -> Migrations:
    """The ordered migrations. sqlite-utils is imported here, late: it is slow to start and rarely needed."""
    from sqlite_utils.migrations import Migrations

    ordered = Migrations("evidence")

    @ordered()
    def m001_first(db: sqlite_utils.Database) -> None:
        """Schema 1."""
        make_schema_1(db.conn)
        db.conn.execute("PRAGMA user_version=1")

    return ordered


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
    import sqlite_utils

    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrations().apply(sqlite_utils.Database(connection))
        return schema_objects(connection)
    finally:
        connection.close()


def schema_objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """(type, name) -> SQL of what this database has, leaving out SQLite's own (``sqlite_…``)."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {(kind, name): text for kind, name, text in rows if not name.startswith("sqlite_")}
