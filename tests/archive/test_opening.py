"""Opening and making an archive: the lock that keeps runs apart, the tables, and the history of migrations."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import filelock
import pytest

from evidence.archive import run_lock
from evidence.archive.run_lock import Taken, take
from evidence.archive.schema import BOUND_TABLES, DERIVED_TABLES, columns, make_schema_1
from evidence.archive.store import Archive
from evidence.errors import EvidenceError


def test_a_lock_held_through_filelock_is_respected(tmp_path: Path) -> None:
    path = tmp_path / "archive.db.lock"
    with filelock.FileLock(path), pytest.raises(Taken):
        take(path)
    take(path).release()


def test_filelock_respects_ours_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "archive.db.lock"
    held = take(path)
    with pytest.raises(filelock.Timeout):
        filelock.FileLock(path, timeout=0).acquire()
    held.release()
    held.release()
    with filelock.FileLock(path, timeout=0):
        pass
    assert path.exists()


def test_a_second_lock_of_the_same_process_is_refused(tmp_path: Path) -> None:
    held = take(tmp_path / "lock")
    with pytest.raises(Taken):
        take(tmp_path / "lock")
    held.release()


def test_a_file_removed_between_opening_and_locking_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    path, once, lock = tmp_path / "lock", [1], fcntl.flock

    def slow(descriptor: int, how: int) -> None:
        if once:
            once.clear()
            path.unlink()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    held = take(path)
    monkeypatch.undo()
    with pytest.raises(Taken):
        take(path)
    held.release()


def test_a_file_system_without_flock_is_locked_by_filelock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path) -> None:
        return None

    monkeypatch.setattr(run_lock, "_flock", missing)
    held = take(tmp_path / "lock")
    assert isinstance(held, filelock.BaseFileLock)
    with pytest.raises(Taken):
        take(tmp_path / "lock")
    held.release()


def test_enosys_is_told_from_other_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def failing(number: int) -> None:
        def flock(descriptor: int, how: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)

    failing(errno.ENOSYS)
    assert run_lock._flock(tmp_path / "lock") is None
    failing(errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        run_lock._flock(tmp_path / "lock")


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="lock"):
        take(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()


def test_columns_of_each_table_are_those_sqlite_knows() -> None:
    import sqlite3

    connection = sqlite3.connect(":memory:", isolation_level=None)
    make_schema_1(connection)
    for table in ("event", *BOUND_TABLES, *DERIVED_TABLES):
        assert columns(table) == tuple(row[1] for row in connection.execute(f"PRAGMA table_info({table})")), table
    connection.close()


def test_an_archive_is_made_with_what_sqlite_utils_would_have_made(tmp_path: Path) -> None:
    """Its migrations are applied without that library where there is nothing to migrate from."""
    import sqlite3
    from contextlib import closing
    from datetime import UTC, datetime

    import sqlite_utils

    from evidence.archive.schema import expected_objects, migrations, schema_objects
    from evidence.archive.store import Archive

    now = datetime(2026, 3, 1, tzinfo=UTC)
    Archive.create(tmp_path / "archive.db", now=now, tool="test").close()
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as other:
        database = sqlite_utils.Database(other)
        migrations().apply(database)
        with closing(sqlite3.connect(tmp_path / "archive.db")) as made:
            assert schema_objects(made) == schema_objects(other) == expected_objects()
            history = "SELECT id, migration_set, name FROM _sqlite_migrations"
            assert made.execute(history).fetchall() == other.execute(history).fetchall()
            assert made.execute("SELECT applied_at FROM _sqlite_migrations").fetchall() == [(str(now),)]
            assert not migrations().pending(sqlite_utils.Database(made))


def test_a_disk_that_fails_while_an_archive_is_made_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EIO, "Input/output error", str(self))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", failing)
        with pytest.raises(EvidenceError) as told:
            Archive.create(tmp_path / "archive.db", now=datetime.now(UTC), tool="test")
    assert "archive.db" in told.value.what
    assert "Input/output error" in told.value.why
    Archive.create(tmp_path / "archive.db", now=datetime.now(UTC), tool="test").close()  # the lock was let go
