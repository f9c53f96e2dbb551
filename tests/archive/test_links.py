"""An archive that lies behind a link is one archive: one lock, one journal, and no other in its place when the link leads nowhere."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.archive import seen
from evidence.archive.reader import ArchiveReader
from evidence.archive.store import Archive
from evidence.errors import EvidenceError, Locked, NoArchive

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KILLED = """
import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA cache_size=5")
c.execute("BEGIN IMMEDIATE")
c.execute("CREATE TABLE half(a)")
for _ in range(500):
    c.execute("INSERT INTO half VALUES (zeroblob(9000))")
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def linked(copy: Path, tmp_path: Path) -> Path:
    (tmp_path / "matter").mkdir()
    link = tmp_path / "matter" / "archive.db"
    link.symlink_to(copy)
    return link


def test_a_run_through_the_link_and_one_on_the_file_do_not_meet(copy: Path, linked: Path) -> None:
    with Archive.open(copy, write=True, now=lambda: NOW), pytest.raises(Locked):
        Archive.open(linked, write=True, now=lambda: NOW)
    with Archive.open(linked, write=True, now=lambda: NOW), pytest.raises(Locked):
        Archive.open(copy, write=True, now=lambda: NOW)


def test_what_a_killed_run_left_is_rolled_back_through_the_link(copy: Path, linked: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(copy)], check=False)
    assert os.path.getsize(f"{copy}-journal") > 0
    with ArchiveReader(linked) as case:
        assert case.head().size
    assert not Path(f"{copy}-journal").exists()


def test_no_archive_is_begun_in_place_of_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    link = tmp_path / "archive.db"
    link.symlink_to(tmp_path / "disk" / "archive.db")
    with pytest.raises(NoArchive) as told:
        Archive.create(link, now=NOW, tool="test")
    assert str(tmp_path / "disk" / "archive.db") in told.value.why
    assert link.is_symlink()
    assert os.listdir(tmp_path) == ["archive.db"]


def test_where_an_archive_lay_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "a" / "archive.db"
    assert seen.last_at(path) is None
    Archive.create(path, now=NOW, tool="test").close()
    shutil.move(path, tmp_path / "elsewhere.db")
    note = seen.last_at(path)
    assert note is not None and note["size"] > 0
    assert seen.last_at(tmp_path / "b" / "archive.db") is None


def test_an_error_of_the_disk_under_a_derived_table_is_said_in_words(copy: Path) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorname = "SQLITE_FULL"
    with pytest.raises(EvidenceError) as told, Archive.open(copy, write=True, now=lambda: NOW):
        raise full
    assert "full" in told.value.what
    ours = sqlite3.OperationalError("no such table: x")
    ours.sqlite_errorname = "SQLITE_ERROR"
    with pytest.raises(sqlite3.OperationalError), Archive.open(copy, write=True, now=lambda: NOW):
        raise ours
