"""Acquiring, judging, locking: what is written, when it is durable, who may write beside whom."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence.archive import judging, seen, writer
from evidence.archive.judging import Superseded
from evidence.archive.reader import ArchiveReader
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from evidence.errors import EvidenceError, IntegrityFailure, Locked, NoArchive, UsageError
from evidence.model import FolderName, sha256_hex
from tests.archive.cases import LETTERS, START, state, ticking

Opened = Callable[[], Archive]
INBOX = FolderName("INBOX", b"INBOX")


def test_octets_come_back_exactly(archive: Opened) -> None:
    hostile = [b"", b"\x00", b"\n.\r\n\r", bytes(range(256)) * 3, "Привет".encode("koi8-r"), b"no final newline"]
    with archive() as opened:
        acquisition = opened.begin("sync", "office", {})
        for raw in hostile:
            stored = opened.store(acquisition, raw)
            assert (stored.sha256, stored.size, stored.new) == (sha256_hex(raw), len(raw), True)
            assert opened.store(acquisition, raw) == type(stored)(
                stored.number, stored.sha256, stored.size, stored.event, False
            )
        opened.commit()
        reader = ArchiveReader(opened.connection)
        assert [reader.raw(sha256_hex(raw)) for raw in hostile] == hostile
        path = opened.path
    assert verify_archive(path).sound


def test_generation_carries_the_last_state_and_all_passed_over_blobs(archive: Opened) -> None:
    with archive() as opened:
        acquisition = opened.begin("sync", "office", {})
        folder = opened.folder(acquisition, "office", INBOX, 7)
        assert opened.folder(acquisition, "office", INBOX, 7) == folder
        fresh = opened.generations("office")[0]
        assert (fresh.id, fresh.last_uid, fresh.passed_over, fresh.state_at) == (folder, 0, b"", None)
        opened.folder_state(acquisition, folder, **state(last_uid=4, passed_over=b"one", highest_modseq=2**62))
        opened.folder_state(acquisition, folder, **state(last_uid=9, passed_over=b"two", scope_key="s"))
        known = opened.generations("office")[0]
        assert (known.last_uid, known.passed_over, known.scope_key, known.highest_modseq) == (9, b"onetwo", "s", None)
        assert known.state_at is not None
        other = opened.folder(acquisition, "office", INBOX, 8)
        assert other != folder and [g.uidvalidity for g in opened.generations("office")] == [7, 8]
        assert opened.generations("nobody") == ()
        with pytest.raises(TypeError, match="no surprise"):
            opened.folder_state(acquisition, folder, **state(), surprise=1)


def test_held_owed_and_moved(archive: Opened) -> None:
    with archive() as opened:
        acquisition = opened.begin("sync", "office", {})
        inbox = opened.folder(acquisition, "office", INBOX, 7)
        trash = opened.folder(acquisition, "office", FolderName("Trash", b"Trash"), 3)
        stored = opened.store(acquisition, LETTERS[0])
        first = opened.sight(acquisition, stored.number, folder=inbox, uid=1, gm_msgid="77")
        assert opened.held(inbox) == {1: (first, stored.sha256)}
        assert opened.gm_msgids("office") == {"77": stored.sha256}
        assert opened.message_number(stored.sha256) == stored.number
        assert opened.message_number("0" * 64) is None
        second = opened.sight(acquisition, stored.number, folder=trash, uid=5)
        opened.disappear(acquisition, first, "moved", second)
        assert opened.held(inbox) == {}
        assert opened.held_everywhere("office") == {stored.sha256: (second,)}
        opened.owe(acquisition, inbox, 2, "message", "NO")
        opened.owe(acquisition, inbox, 2, "message", "still NO")
        opened.owe(acquisition, None, None, "folder", "gone")
        assert opened.owed("office") == ((inbox, 2, "still NO"),)
        opened.sight(acquisition, stored.number, folder=inbox, uid=2, note="substitute")
        assert opened.owed("office") == ((inbox, 2, "still NO"),)  # a text in place of the message settles nothing
        opened.sight(acquisition, stored.number, folder=inbox, uid=2)
        assert opened.owed("office") == ()
        reader = ArchiveReader(opened.connection)
        assert reader.owed_now() == ()
        gone = reader.disappearances()[0]
        assert (gone["kind"], gone["moved_to"], gone["sha256"]) == ("moved", second, stored.sha256)


def test_nothing_is_seen_by_others_before_commit(archive: Opened) -> None:
    with archive() as opened:
        acquisition = opened.begin("sync", "office", {})
        opened.store(acquisition, LETTERS[0])
        with ArchiveReader(opened.path) as reader, pytest.raises(LookupError):
            reader.raw(sha256_hex(LETTERS[0]))
        opened.commit()
        with ArchiveReader(opened.path) as reader:
            assert reader.raw(sha256_hex(LETTERS[0])) == LETTERS[0]


def test_leaving_by_an_exception_undoes_what_was_not_committed(archive: Opened) -> None:
    with pytest.raises(RuntimeError), archive() as opened:
        acquisition = opened.begin("sync", "office", {})
        opened.store(acquisition, LETTERS[0])
        raise RuntimeError
    with archive() as again:
        assert again.message_number(sha256_hex(LETTERS[0])) is None
        assert ArchiveReader(again.connection).acquisitions()[0]["outcome"] is None


def test_large_groups_commit_between_messages_and_never_inside_one(
    archive: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GROUP_BYTES", 1000)
    with archive() as opened:
        acquisition = opened.begin("sync", "office", {})
        folder = opened.folder(acquisition, "office", INBOX, 7)
        for uid in range(1, 6):
            stored = opened.store(acquisition, bytes([uid]) * 600)
            assert opened.connection.in_transaction  # not yet without its sighting
            opened.sight(acquisition, stored.number, folder=folder, uid=uid)
        assert opened.connection.in_transaction  # the fifth waits
        with ArchiveReader(opened.path) as reader:
            assert reader.connection.execute("SELECT count(*) FROM message").fetchone() == (4,)
            assert reader.connection.execute("SELECT count(*) FROM sighting").fetchone() == (4,)


def test_surrogates_and_huge_integers_are_stored_and_bound(archive: Opened) -> None:
    with archive() as opened:
        acquisition = opened.begin("import", "", {"path": "\udcff"})
        opened.source(acquisition, "mail\udcff.mbox", "mbox", 2**60, "0" * 64)
        path = opened.path
    report = verify_archive(path)
    assert report.sound
    with ArchiveReader(path) as reader:
        assert reader.sources()[0]["path"] == "mail\\udcff.mbox"
        assert reader.sources()[0]["size"] == 2**60
        bodies = [json.loads(body) for _, body, _ in reader.events()]
        assert bodies[-1]["row"]["size"] == {"integer": str(2**60)}


def test_naive_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        Archive.create(tmp_path / "a.db", now=START.replace(tzinfo=None), tool="x")


# ---- judgement -------------------------------------------------------------------------------


def test_two_browsers_do_not_lose_a_decision(archive: Opened) -> None:
    with archive() as opened:
        first = opened.review("flag", "f1", "accepted", actor="Anna", expect=0)
        with pytest.raises(Superseded) as caught:
            opened.review("flag", "f1", "rejected", actor="Boris", expect=0)
        assert "was not saved" in caught.value.next_step
        opened.review("flag", "f1", "rejected", actor="Boris", expect=first)
        reader = ArchiveReader(opened.connection)
        assert [(r.actor, r.decision) for r in reader.review_history("flag", "f1")] == [
            ("Anna", "accepted"), ("Boris", "rejected"),
        ]  # fmt: skip
        assert reader.reviews()["flag", "f1"].actor == "Boris"
        assert reader.last_review("flag", "f1") == first + 1
        assert reader.last_review("flag", "f2") == 0


def test_review_beside_a_running_sync_and_readers(archive: Opened) -> None:
    """A sync holds the run lock; a browser in another process reviews; a reader reads on."""
    with archive() as running:
        acquisition = running.begin("sync", "office", {})
        with ArchiveReader(running.path) as reader:
            before = reader.head().size
            code = (
                "import sys, datetime; from evidence.archive.store import Archive;"
                "a = Archive.open(sys.argv[1], write=True, run=False, now=lambda: datetime.datetime.now(datetime.UTC));"
                "print(a.review('flag', 'f1', 'accepted', actor='Anna', expect=0)); a.close()"
            )
            done = subprocess.run(
                [sys.executable, "-c", code, str(running.path)], capture_output=True, text=True, check=True
            )
            assert done.stdout.strip() == "1"
            assert reader.head().size == before + 1
            assert reader.reviews()["flag", "f1"].actor == "Anna"
        stored = running.store(acquisition, LETTERS[0])
        assert stored.event == before + 1
        running.end(acquisition, "complete", {})
    assert verify_archive(running.path).sound


def test_judgement_waits_for_an_open_transaction_of_a_sync(archive: Opened) -> None:
    with archive() as running:
        acquisition = running.begin("sync", "office", {})
        running.store(acquisition, LETTERS[0])
        done = []

        def judge() -> None:
            with Archive.open(running.path, write=True, run=False, now=ticking()) as beside:
                done.append(beside.note("message", "x", "seen", actor="Anna"))

        thread = threading.Thread(target=judge)
        thread.start()
        thread.join(0.3)
        assert done == []
        running.commit()
        thread.join(30)
        assert done == [1]
    assert verify_archive(running.path).sound


def test_choice_on_an_unknown_message_is_refused(archive: Opened) -> None:
    with archive() as opened, pytest.raises(UsageError, match="No message"):
        opened.select("0" * 64, "exclude", "x", actor="Anna")


def test_judgement_that_breaks_a_rule_of_the_table_is_an_error_and_leaves_nothing(archive: Opened) -> None:
    with archive() as opened:
        size = ArchiveReader(opened.connection).head().size
        with pytest.raises(EvidenceError, match="could not be"):
            opened.answer(5, "yes", note="", actor="Anna")
        assert ArchiveReader(opened.connection).head().size == size
        rows = [{"what": "flag"}]
        with pytest.raises(EvidenceError):
            opened.propose(rows)
        assert ArchiveReader(opened.connection).proposals() == ()


def test_redaction_can_be_withdrawn(archive: Opened) -> None:
    with archive() as opened:
        covered = ("a" * 64, "passage", "body", 0, 4, "text", "phone")
        opened.redact(*covered, actor="Anna")
        reader = ArchiveReader(opened.connection)
        assert [r["reason"] for r in reader.redactions()] == ["phone"]
        opened.redact(*covered, actor="Boris", undone=True)
        assert reader.redactions() == ()


# ---- files from outside mail -----------------------------------------------------------------


class Dripping(io.RawIOBase):
    """A pipe that gives a few octets at a time, and never says how long it is."""

    def __init__(self, octets: bytes, step: int) -> None:
        self._stream, self._step = io.BytesIO(octets), step

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(min(size, self._step))


def added(archive: Archive, stream: object, **changed: str) -> int:
    fields = {
        "filename": "call.mp3", "content_type": "audio/mpeg", "title": "Call", "event_date": "2026-03-01", "kind": "recording",
        "note": "", "added_by": "Anna",
    }  # fmt: skip
    return archive.add_file(stream, **(fields | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 5000])
def test_file_is_kept_in_chunks_whatever_the_stream_gives(
    archive: Opened, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(judging, "CHUNK", 1000)
    octets = os.urandom(size)
    with archive() as opened:
        number = added(opened, Dripping(octets, 7))
        opened.link("file", str(number), "request", "r1", actor="Anna")
        reader = ArchiveReader(opened.connection)
        file = reader.outside_files()[0]
        assert (file.sha256, file.size, file.bears_on) == (sha256_hex(octets), size, (("request", "r1"),))
        chunks = list(reader.outside_stream(number))
        assert b"".join(chunks) == octets
        assert all(len(chunk) == 1000 for chunk in chunks[:-1])
    assert verify_archive(opened.path).sound


def test_file_whose_stream_breaks_leaves_nothing(archive: Opened) -> None:
    class Broken(io.RawIOBase):
        asked = 0

        def read(self, size: int = -1) -> bytes:
            self.asked += 1
            if self.asked > 2:
                raise OSError("unplugged")
            return b"x" * 100

    with archive() as opened:
        size = ArchiveReader(opened.connection).head().size
        with pytest.raises(OSError, match="unplugged"):
            added(opened, Broken())
        assert ArchiveReader(opened.connection).head().size == size
        assert opened.connection.execute("SELECT count(*) FROM outside_chunk").fetchone() == (0,)


def test_large_file_is_streamed_in_bounded_memory(archive: Opened) -> None:
    """200 MB here (2 GB with EVIDENCE_TEST_FULL) through a process that may not take 160 MB more than it starts with."""
    size = 2_000_000_000 if os.environ.get("EVIDENCE_TEST_FULL") else 60_000_000
    folder = Path(os.environ.get("TMPDIR", "/tmp")) if size > 10**9 else None
    with archive() as opened:
        path = opened.path
    if folder:
        path = Path(folder) / f"large-{os.getpid()}.db"
        Archive.create(path, now=ticking(), tool="x").close()
    code = """
import datetime, io, resource, sys
from evidence.archive.store import Archive
class Zeros(io.RawIOBase):
    left = int(sys.argv[2])
    def read(self, size=-1):
        size = min(size, self.left); self.left -= size; return bytes(size)
def peak():  # of this program: ru_maxrss begins at what the process that started us had
    return int(next(x for x in open('/proc/self/status') if x.startswith('VmHWM')).split()[1])
now = lambda: datetime.datetime.now(datetime.UTC)
with Archive.open(sys.argv[1], write=True, now=now) as a:
    before = peak()
    a.add_file(Zeros(), filename="v.mp4", content_type="video/mp4", title="v", event_date="2026-03-01", kind="video",
               note="", added_by="Anna")
    print((peak() - before) // 1024)
"""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), str(size)], capture_output=True, text=True, check=True
        )
        assert int(done.stdout) < 80
        assert verify_archive(path).checked["octets"] == size
    finally:
        if folder:
            path.unlink()


# ---- opening ---------------------------------------------------------------------------------


def test_opening_what_is_not_there(tmp_path: Path) -> None:
    for write in (True, False):
        with pytest.raises(NoArchive, match="no archive"):
            Archive.open(tmp_path / "none.db", write=write, now=ticking())
    with pytest.raises(NoArchive):
        ArchiveReader(tmp_path / "none.db")
    with pytest.raises(NoArchive):
        verify_archive(tmp_path / "none.db")
    assert list(tmp_path.glob("none*")) == []


def test_making_over_something_is_refused(archive: Opened) -> None:
    archive().close()
    path = archive().path
    archive_again = ticking()
    (path.parent / "archive.db.lock").unlink(missing_ok=True)
    with pytest.raises(UsageError, match="already exists"):
        Archive.create(path, now=archive_again, tool="x")


def test_remains_of_a_killed_making_are_swept(tmp_path: Path) -> None:
    (tmp_path / "a.db.new").write_bytes(b"half")
    Archive.create(tmp_path / "a.db", now=START, tool="x").close()
    assert not (tmp_path / "a.db.new").exists()
    assert verify_archive(tmp_path / "a.db").sound


def test_file_that_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(IntegrityFailure, match="not an archive"):
        Archive.open(path, write=True, now=ticking())
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    for opening in (lambda: Archive.open(path, write=True, now=ticking()), lambda: verify_archive(path)):
        with pytest.raises(IntegrityFailure, match="damaged"):
            opening()


def test_newer_schema_is_named_and_the_file_left_alone(copy: Path) -> None:
    connection = sqlite3.connect(copy)
    connection.execute("PRAGMA user_version=2")
    connection.close()
    octets = copy.read_bytes()
    for write in (True, False):
        with pytest.raises(EvidenceError, match="newer version"):
            Archive.open(copy, write=write, now=ticking())
    assert copy.read_bytes() == octets


def test_second_run_is_refused_with_the_number_of_the_first(archive: Opened) -> None:
    with archive() as opened:
        with pytest.raises(Locked) as caught:
            Archive.open(opened.path, write=True, now=ticking())
        assert f"process {os.getpid()}" in caught.value.what
        (opened.path.parent / "archive.db.lock").write_text("{")
        with pytest.raises(Locked) as caught:
            Archive.open(opened.path, write=True, now=ticking())
        assert "process" not in caught.value.what
    archive().close()


def test_lock_of_a_killed_run_stops_nobody(archive: Opened) -> None:
    archive().close()
    path = archive().path
    code = (
        "import os, sys, datetime; from evidence.archive.store import Archive;"
        "a = Archive.open(sys.argv[1], write=True, now=lambda: datetime.datetime.now(datetime.UTC));"
        "print('held', flush=True); os.kill(os.getpid(), 9)"
    )
    (path.parent / "archive.db.lock").touch()
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("held", -9)
    archive().close()


def test_reading_takes_no_lock_and_cannot_write(archive: Opened) -> None:
    with archive() as opened, Archive.open(opened.path, write=False, now=ticking()) as reading:
        with pytest.raises(EvidenceError):
            reading.note("message", "x", "y", actor="Anna")
        assert reading.uuid == opened.uuid


def test_old_copy_is_said_loudly_on_opening(copy: Path, tmp_path: Path) -> None:
    old = copy.read_bytes()
    with Archive.open(copy, write=True, now=ticking()) as opened:
        assert opened.alarms == ()
        opened.hours("Anna", "2026-03-03", 10, "more", actor="Anna")
    copy.write_bytes(old)
    with Archive.open(copy, write=True, now=ticking()) as opened:
        assert "OLDER" in opened.alarms[0]
        opened.hours("Anna", "2026-03-03", 20, "something else", actor="Anna")
    with ArchiveReader(copy) as reader:
        assert "CHANGED" in reader.alarms[0]
        seen.remember(reader.connection, reader.uuid, copy, START)  # a person accepts the copy
        assert reader.alarms == ()


def test_state_folder_that_cannot_be_written_or_read_hinders_nothing(
    archive: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVIDENCE_STATE_DIR", str(tmp_path / "file" / "state"))
    with archive() as opened:
        opened.hours("Anna", "2026-03-03", 10, "more", actor="Anna")
    monkeypatch.setenv("EVIDENCE_STATE_DIR", str(tmp_path / "odd"))
    (tmp_path / "odd").mkdir()
    for text in ("[]", "{}", "no json"):
        (tmp_path / "odd" / f"{opened.uuid}.json").write_text(text)
        with archive() as again:
            assert again.alarms == ()


def test_clock_that_jumps_by_years_changes_no_order(tmp_path: Path) -> None:
    from datetime import timedelta

    times = iter([0, 0, 0, 3650, -3650, 0, 1, -1, 2, -2, 5, -5, 7, 9, 3, 1, 0, 0, 0, 0, 0, 0, 0])
    with Archive.create(tmp_path / "a.db", now=lambda: START + timedelta(days=next(times)), tool="x") as opened:
        opened.hours("Anna", "2026-03-03", 1, "first", actor="Anna")
        opened.hours("Anna", "2036-03-03", 2, "second", actor="Anna")
        opened.hours("Anna", "2016-03-03", 3, "third", actor="Anna")
        assert [row["about"] for row in ArchiveReader(opened.connection).hours()] == ["first", "second", "third"]
    assert verify_archive(tmp_path / "a.db").sound
