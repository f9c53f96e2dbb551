"""Connections to an archive: the pragmas, transactions, and the plain words for what SQLite says.

Journal: DELETE with synchronous=EXTRA, not WAL. Why: (1) a WAL archive is three files, and a person who copies ``archive.db``
alone leaves acknowledged messages behind; (2) it cannot be read from a read-only medium; (3) SQLite before 3.51.3 can lose
commits when a WAL is reset under two connections (sqlite.org/wal.html#walresetbug), and we take the SQLite that Python brings;
(4) measured, the DELETE journal is no slower: 300 MB in 12.0 s against 14.4 s under WAL with FULL (benchmarks/archive_speed.py). EXTRA syncs the folder after the journal
is unlinked, so that a commit that was acknowledged is not rolled back by a power cut (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evidence.archive.schema import APPLICATION_ID, PAGE_SIZE, SCHEMA_VERSION
from evidence.archive.words import _
from evidence.errors import EvidenceError, IntegrityFailure, Locked, NoArchive, Unwritable

BUSY_SECONDS = 60.0
READING_FAILED = (sqlite3.Error, UnicodeDecodeError)  # the latter: even SQLite's error message holds damaged octets
CACHE_KIB = (
    20 * 1024
)  # above one group commit, so that a transaction does not spill and shut readers out before it commits


def connect_write(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """A connection that commits durably. Raises NoArchive, EvidenceError (read-only, newer schema, no archive at all)."""
    if not create:
        require_archive(path)
    try:
        connection = _connect(path, "rwc" if create else "rw")
        if create:
            connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        else:
            check_identity(connection, path)
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA recursive_triggers=ON")
    except READING_FAILED as error:
        raise in_words(error, path) from error
    return connection


def connect_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. A journal left by a killed run is rolled back first where the folder may be written."""
    require_archive(path)
    try:
        connection = _connect(path, "ro")
        try:
            check_identity(connection, path)
        except sqlite3.OperationalError:
            connection.close()
            if not _journal(path).exists():
                raise
            _let_sqlite_roll_back(path)
            connection = _connect(path, "ro")
            check_identity(connection, path)
        connection.execute("PRAGMA query_only=ON")
    except READING_FAILED as error:
        raise in_words(error, path) from error
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=BUSY_SECONDS,
        check_same_thread=False,
    )  # fmt: skip


def _journal(path: Path) -> Path:
    real = path.resolve()  # SQLite follows a link, and keeps the journal beside the file itself
    return real.with_name(real.name + "-journal")


def _let_sqlite_roll_back(path: Path) -> None:
    """SQLite's own atomic commit (sqlite.org/atomiccommit.html): what was never acknowledged is undone on the next open."""
    connection = _connect(path, "rw")
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        raise EvidenceError(
            _("{path} was left in the middle of a write, and this location is read-only.").format(path=path),
            _("The journal beside it must be rolled back before the archive can be read ({error}).").format(
                error=error
            ),
            _("Copy the file and its -journal together to a folder you can write to, and use them there."),
        ) from error
    finally:
        connection.close()


def require_archive(path: Path) -> None:
    if not path.is_file():
        raise NoArchive(
            _("There is no archive at {path}.").format(path=path),
            "",
            _("Run `evidence sync` to create one, or give its configuration with -c."),
        )


def check_identity(connection: sqlite3.Connection, path: Path) -> None:
    """Raises EvidenceError for a database that is no archive, or one of a newer schema; sqlite3.Error if it cannot be read."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID:
        raise IntegrityFailure(
            _("{path} is not an archive of this program.").format(path=path),
            _("Its application mark is missing or altered."),
        )
    if version > SCHEMA_VERSION:
        raise EvidenceError(
            _("{path} was written by a newer version of this program.").format(path=path),
            _("It has schema {version}; this version knows schemas up to {SCHEMA_VERSION}.").format(
                version=version, SCHEMA_VERSION=SCHEMA_VERSION
            ),
            _("Install the newer version. The archive was not touched."),
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One atomic write; joins the transaction that is already open, if there is one."""
    if connection.in_transaction:
        yield connection
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def in_the_way(error: sqlite3.Error) -> bool:
    """Whether the disk, its rights or another program caused this, and not a mistake of ours."""
    name = getattr(error, "sqlite_errorname", "") or ""
    kinds = (
        "SQLITE_FULL",
        "SQLITE_IOERR",
        "SQLITE_READONLY",
        "SQLITE_CANTOPEN",
        "SQLITE_PERM",
        "SQLITE_BUSY",
        "SQLITE_LOCKED",
    )
    return name.startswith((*kinds, "SQLITE_CORRUPT", "SQLITE_NOTADB"))


def in_words(error: Exception, path: Path) -> EvidenceError:
    """What a person needs to know of an SQLite error."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if isinstance(error, sqlite3.OperationalError) and name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Locked(
            _("{path} is being written by another program.").format(path=path),
            str(error),
            _("Wait until it has finished and run this again."),
        )
    if name.startswith("SQLITE_FULL"):
        return EvidenceError(
            _("The disk that holds {path} is full.").format(path=path),
            _("Everything acknowledged so far is stored; the message in hand is not."),
            _("Free some space and run the command again: it continues where it stopped."),
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return Unwritable(
            _("{path} cannot be written.").format(path=path),
            _("The file or its folder is read-only for you ({error}).").format(error=error),
            _("Give yourself write permission there, or copy the folder to a place where you have it."),
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or not name:
        return IntegrityFailure(
            _("{path} is damaged: SQLite cannot read it.").format(path=path),
            str(error),
            _("Keep this file as it is, and go back to a copy that `evidence verify` finds sound."),
        )
    return EvidenceError(
        _("{path} could not be read or written.").format(path=path),
        f"{name} {error}".strip(),
        _("Check the disk and try again."),
    )
