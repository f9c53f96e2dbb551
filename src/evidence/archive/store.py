"""``Archive``: an archive file opened for writing (one run at a time) or for short judgements beside a run."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from evidence.archive import run_lock, seen
from evidence.archive.binding import utc_text
from evidence.archive.connect import connect_read, connect_write, in_the_way, in_words
from evidence.archive.judging import Judging
from evidence.archive.schema import SCHEMA_VERSION, STEPS, apply_step, begin_history, migrations
from evidence.archive.words import _
from evidence.archive.writer import Writer
from evidence.errors import EvidenceError, Locked, NoArchive, Unwritable, UsageError

Clock = Callable[[], datetime]


class Archive(Judging):
    """The only writes to an archive. A context manager: leaving it in peace commits, leaving it by an exception rolls back.

    ``alarms`` holds what must be said loudly on opening: an older or other copy than this machine has seen (``seen``).
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, now: Clock, lock: run_lock.RunLock | None, write: bool
    ) -> None:
        super().__init__(connection, path, now)
        self.write = write
        self._lock = lock
        self.uuid: str = ""
        self.alarms: tuple[str, ...] = ()

    @classmethod
    def create(cls, path: Path | str, *, now: Clock | datetime, tool: str) -> Archive:
        """A new archive, open for writing. Raises UsageError if something is there already, Locked, EvidenceError.

        It is made under another name and takes its own only when whole: a kill leaves no half archive behind.
        """
        import uuid

        path = Path(path)
        clock = _clock(now)
        if path.is_symlink() and not path.exists():
            raise NoArchive(
                _("There is no archive at {path}.").format(path=path),
                _("It is a link to {target}, and nothing is there.").format(target=path.resolve()),
                _("Connect the disk the archive is on, or correct the link. No new archive was begun."),
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _take(path, clock)
        try:
            if path.exists():
                raise UsageError(
                    _("{path} already exists.").format(path=path),
                    _("An archive is never overwritten."),
                    _("Choose another file."),
                )
            unfinished = path.with_name(path.name + ".new")
            for leftover in (unfinished, unfinished.with_name(unfinished.name + "-journal")):
                leftover.unlink(missing_ok=True)
            connection = connect_write(unfinished, create=True)
            try:
                writer = Writer(connection, unfinished, clock)
                _make(writer, tool)
                row = {"id": 1, "uuid": str(uuid.uuid4()), "created_at": utc_text(clock()), "tool": tool}
                writer.append("archive", row, "archive-created")
                writer.commit()
            finally:
                connection.close()
            unfinished.rename(path)
            _sync_folder(path.parent)
            return cls._opened(path, clock, lock, True)
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError):
                raise EvidenceError(
                    _("{path} could not be created.").format(path=path),
                    error.strerror or str(error),
                    _("Check the disk and try again."),
                ) from error
            raise

    @classmethod
    def open(cls, path: Path | str, *, write: bool, now: Clock, run: bool = True) -> Archive:
        """Open an archive that exists.

        ``write`` with ``run`` takes the run lock, so that two acquisitions never meet; ``run=False`` is for judgements only,
        which may be written beside a run. Raises NoArchive, Locked, EvidenceError (newer schema, read-only), IntegrityFailure.
        """
        path = Path(path)
        lock = None
        if write and run:
            if not path.is_file():
                connect_read(path)  # says that there is none
            lock = _take(path, now)
        try:
            return cls._opened(path, now, lock, write)
        except BaseException:
            if lock:
                lock.release()
            raise

    @classmethod
    def _opened(cls, path: Path, now: Clock, lock: run_lock.RunLock | None, write: bool) -> Archive:
        connection = connect_write(path) if write else connect_read(path)
        try:
            archive = cls(connection, path, now, lock, write)
            if lock is not None:
                _migrate(archive, "")
            found = connection.execute("SELECT uuid FROM archive").fetchone()
            archive.uuid = found[0] if found else ""
            archive.alarms = seen.alarms(connection, archive.uuid)
            return archive
        except sqlite3.Error as error:
            connection.close()
            raise in_words(error, path) from error
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Commit what is pending, remember the head on this machine, and let the lock go."""
        try:
            self.commit()
            if self.write and not self.alarms:
                seen.remember(self.connection, self.uuid, self.path, self._now())
        finally:
            self._release()

    def _release(self) -> None:
        self.connection.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        try:
            self.rollback()
        finally:
            self._release()
        # Of a derived table: what is written of evidence rows has come in words already.
        if isinstance(error, sqlite3.Error) and in_the_way(error):
            raise in_words(error, self.path) from error


def _clock(now: Clock | datetime) -> Clock:
    if isinstance(now, datetime):
        fixed = now
        return lambda: fixed
    return now


def _migrate(writer: Writer, tool: str) -> None:
    """Bring the schema up to date, each migration in one transaction with its custody event."""
    if writer.connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
        return
    # sqlite-utils takes numpy where it is there, for arrays; that costs 25 MB and a tenth of a second.
    with _without("numpy"):
        import sqlite_utils

    database = sqlite_utils.Database(writer.connection)
    ordered = migrations()
    try:
        names = [migration.name for migration in ordered.pending(database)]
        for position, name in enumerate(names):
            writer.connection.execute("BEGIN IMMEDIATE")
            ordered.apply(database, stop_before=names[position + 1 :])
            writer.continue_transaction()
            writer.record("migration", {"name": name, "tool": tool})
            writer.commit()
    except sqlite3.Error as error:
        raise in_words(error, writer.path) from error
    finally:
        writer.rollback()


def _make(writer: Writer, tool: str) -> None:
    """All migrations of an archive that is being made, without the library that is for upgrading one. The caller commits."""
    try:
        writer.connection.execute("BEGIN IMMEDIATE")
        begin_history(writer.connection)
        for step in STEPS:
            apply_step(writer.connection, step, writer._now())
            writer.continue_transaction()
            writer.record("migration", {"name": step.__name__, "tool": tool})
    except sqlite3.Error as error:
        writer.rollback()
        raise in_words(error, writer.path) from error


@contextmanager
def _without(module: str) -> Iterator[None]:
    """Let an import within do without ``module``, unless it is loaded already."""
    absent = module not in sys.modules
    if absent:
        sys.modules[module] = None  # type: ignore[assignment]  # the documented way: docs.python.org/3/reference/import.html
    try:
        yield
    finally:
        if absent:
            del sys.modules[module]


def _take(path: Path, now: Clock) -> run_lock.RunLock:
    """The run lock, with who has it since when written into its file. Beside the file itself, whatever link leads to it."""
    real = path.resolve()
    name = real.with_name(real.name + ".lock")
    try:
        lock = run_lock.take(name)
    except run_lock.Taken:
        raise Locked(
            _("Another run is using {path}{holder}.").format(path=path, holder=_holder(name)),
            _("Two runs at once would interfere with each other."),
            _("Wait until it has finished and run this again."),
        ) from None
    except OSError as error:
        raise Unwritable(
            _("{path} cannot be written.").format(path=path),
            _("The lock file beside it cannot be created ({strerror}).").format(strerror=error.strerror),
            _("Give yourself write permission for that folder, or copy it to a place where you have it."),
        ) from None
    with suppress(OSError):  # Windows locks the octets themselves; the message then goes without the number
        name.write_text(json.dumps({"pid": os.getpid(), "since": utc_text(now())}), encoding="utf-8")
    return lock


def _holder(name: Path) -> str:
    try:
        held = json.loads(name.read_text(encoding="utf-8"))
        return _(" (process {pid}, since {since})").format(pid=held["pid"], since=held["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _sync_folder(folder: Path) -> None:
    """Make a rename durable (fsync of the folder); systems without it keep their own promise."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
