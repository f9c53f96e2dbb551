"""Writes that fail, processes that die, disks that fill, folders that may not be written: nothing acknowledged is ever lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.archive.reader import ArchiveReader
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from evidence.errors import EvidenceError
from evidence.model import sha256_hex
from tests.archive.cases import ticking, whole_archive
from tests.archive.worker import raw

HERE = Path(__file__).parent
FULL = bool(os.environ.get("EVIDENCE_TEST_FULL"))
MESSAGES = 4


def sampled(whole: range, count: int, seed: int) -> list[int]:
    if FULL or len(whole) <= count:
        return list(whole)
    return sorted(random.Random(seed).sample(whole, count))


def needed(*tools: str) -> None:
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        if os.environ.get("EVIDENCE_REQUIRE_SERVERS") == "1":
            pytest.fail(f"{', '.join(missing)} missing")
        pytest.skip(f"{', '.join(missing)} missing")


@pytest.fixture(scope="session")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fault library, built here."""
    if sys.platform != "linux":
        pytest.skip("LD_PRELOAD is of Linux")
    needed("gcc")
    library = tmp_path_factory.mktemp("lib") / "failing.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "failing.c", "-ldl"], check=True)
    return library


def run(
    mode: str, path: Path, library: Path | None = None, at: int = 0, fault: str = "eio"
) -> tuple[list[int], int, str]:
    """(acknowledged UIDs, exit code, what was said on stderr)."""
    environment = dict(os.environ, PYTHONPATH=str(HERE.parent.parent))
    if library:
        environment |= {
            "LD_PRELOAD": str(library), "FAIL_NAME": path.name, "FAIL_AT": str(at), "FAIL_MODE": fault,
            "FAIL_COUNT": str(path.parent / "count"),
        }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(HERE / "worker.py"), mode, str(path), str(MESSAGES)],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return [int(line) for line in done.stdout.split()], done.returncode, done.stderr


def assert_sound_with(path: Path, acknowledged: list[int]) -> None:
    report = verify_archive(path)
    assert report.sound, report.problems
    with ArchiveReader(path) as reader:
        for uid in acknowledged:
            assert reader.raw(sha256_hex(raw(uid))) == raw(uid)


def swept(folder: Path) -> None:
    """Take away what the run before left, and what this machine remembers of it."""
    for remains in folder.glob("archive.db*"):
        remains.unlink()
    shutil.rmtree(folder / "state", ignore_errors=True)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    Archive.create(folder / "archive.db", now=ticking(), tool="x").close()
    return folder / "archive.db"


@pytest.fixture(scope="session")
def writes(failing: Path, empty: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many writes, syncs, truncations and unlinks one whole storing run makes."""
    path = tmp_path_factory.mktemp("count") / "archive.db"
    shutil.copy(empty, path)
    acknowledged, code, said = run("store", path, failing)
    assert (acknowledged, code) == (list(range(1, MESSAGES + 1)), 0), said
    return int((path.parent / "count").read_text())


@pytest.mark.parametrize("fault", ["eio", "enospc", "short", "kill"])
def test_nth_write_fails_and_no_acknowledged_message_is_lost(
    failing: Path, empty: Path, writes: int, tmp_path: Path, fault: str
) -> None:
    assert writes > 40
    path = tmp_path / "archive.db"
    stopped = 0
    for at in sampled(range(1, writes + 1), 5, seed=len(fault)):
        swept(tmp_path)
        shutil.copy(empty, path)
        acknowledged, code, said = run("store", path, failing, at, fault)
        if fault == "kill":
            assert code == -signal.SIGKILL
        else:
            assert code in (0, 1), said
            assert "Traceback" not in said, said
        stopped += code != 0
        assert_sound_with(path, acknowledged)
        again, code, said = run("store", path)  # the next run goes on where this one stopped
        assert code == 0, said
        assert set(acknowledged) | set(again) == set(range(1, MESSAGES + 1))
        assert_sound_with(path, list(range(1, MESSAGES + 1)))
    assert stopped


@pytest.mark.parametrize("fault", ["eio", "kill"])
def test_making_an_archive_stops_at_any_write_and_is_made_by_the_next_run(
    failing: Path, tmp_path: Path, fault: str
) -> None:
    path = tmp_path / "archive.db"
    assert run("create", path, failing)[1] == 0
    total = int((tmp_path / "count").read_text())
    for at in sampled(range(1, total + 1), 3, seed=7):
        swept(tmp_path)
        _, code, said = run("create", path, failing, at, fault)
        assert "Traceback" not in said, said
        if path.exists():
            assert verify_archive(path).sound
        else:
            assert code != 0
            assert run("create", path)[1] == 0
            assert verify_archive(path).sound


def test_killed_at_random_times_and_run_again_until_done(empty: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    shutil.copy(empty, path)
    rnd = random.Random(5)
    acknowledged: set[int] = set()
    for _ in range(60 if FULL else 3):
        process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), "store", str(path), "60"],
            env=dict(os.environ, PYTHONPATH=str(HERE.parent.parent)), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()  # it is under way
        time.sleep(rnd.random() * 0.05)
        process.kill()
        acknowledged |= {int(line) for line in process.communicate()[0].split()}
        assert_sound_with(path, sorted(acknowledged))
    assert acknowledged


def test_journal_left_by_a_killed_run_is_rolled_back_by_a_reader(
    failing: Path, empty: Path, writes: int, tmp_path: Path
) -> None:
    """Somewhere among the writes lies the moment with a hot journal; reading and verifying then work, and change nothing acked."""
    path = tmp_path / "archive.db"
    for at in range(writes // 2 + 5, writes):
        swept(tmp_path)
        shutil.copy(empty, path)
        acknowledged, _, _ = run("store", path, failing, at, "kill")
        journal = tmp_path / "archive.db-journal"
        if journal.exists() and journal.stat().st_size > 0 and journal.read_bytes()[:8] != bytes(8):
            assert_sound_with(path, acknowledged)
            return
    pytest.fail("no write left a journal behind")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_stops_cleanly_and_goes_on_after_room_is_made(small_disk: Path) -> None:
    path = small_disk / "archive.db"
    now = ticking()
    Archive.create(path, now=now, tool="x").close()
    stored: list[bytes] = []
    with pytest.raises(EvidenceError, match="full"), Archive.open(path, write=True, now=now) as archive:
        acquisition = archive.begin("sync", "office", {})
        for number in range(1000):
            octets = number.to_bytes(4, "big") * 2000
            archive.store(acquisition, octets)
            archive.commit()
            stored.append(octets)
    assert stored
    assert verify_archive(path).sound
    with ArchiveReader(path) as reader:
        assert [reader.raw(sha256_hex(octets)) for octets in stored] == stored
    subprocess.run(["mount", "-o", "remount,size=12m", str(small_disk)], check=True)
    with Archive.open(path, write=True, now=now) as archive:
        acquisition = archive.begin("sync", "office", {})
        archive.store(acquisition, b"after" * 2000)
    assert verify_archive(path).sound


def as_nobody(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a person without rights (root ignores permissions)."""
    if os.name != "posix":
        pytest.skip("permissions as POSIX has them")
    if os.geteuid() == 0:
        code = "import os; os.setgid(65534); os.setuid(65534)\n" + code
    # what is imported late is imported before the rights go: the interpreter may lie where nobody may look
    code = "evidence.archive.schema.expected_objects()\nimport concurrent.futures.thread\n" + code
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent), "EVIDENCE_STATE_DIR": "/nonexistent"}
    return subprocess.run(
        [sys.executable, "-c", "import datetime, sys, sqlite3; from pathlib import Path; import evidence.archive.store, "
         "evidence.archive.verify, evidence.archive.anchor, evidence.archive.reader\n" + code, *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cd"
    folder.mkdir()
    path = whole_archive(folder / "archive.db")
    (folder / "archive.db.lock").unlink()
    tmp_path.chmod(0o755)
    path.chmod(0o444)
    folder.chmod(0o555)
    yield path
    folder.chmod(0o755)


def test_read_only_folder_reads_and_verifies(read_only: Path) -> None:
    code = (
        "r = evidence.archive.verify.verify_archive(sys.argv[1])\n"
        "c = evidence.archive.reader.ArchiveReader(sys.argv[1])\n"
        "print(r.sound, len(c.letters(everything=True)))"
    )
    done = as_nobody(code, str(read_only))
    assert done.stdout.split() == ["True", "3"], done.stderr
    assert sorted(p.name for p in read_only.parent.iterdir()) == ["archive.db"]


def test_read_only_folder_gives_one_clear_line_on_writing(read_only: Path) -> None:
    code = (
        "from evidence.errors import EvidenceError\n"
        "now = lambda: datetime.datetime.now(datetime.UTC)\n"
        "for run in (True, False):\n"
        "    try:\n"
        "        with evidence.archive.store.Archive.open(sys.argv[1], write=True, now=now, run=run) as a:\n"
        "            a.note('message', 'x', 'y', actor='z')\n"
        "    except EvidenceError as error: print(error.what)"
    )
    done = as_nobody(code, str(read_only))
    assert done.stdout.splitlines() == [f"{read_only} cannot be written."] * 2, done.stderr


def test_hot_journal_in_a_read_only_folder_is_said_plainly(
    failing: Path, empty: Path, writes: int, tmp_path: Path
) -> None:
    folder = tmp_path / "cd"
    folder.mkdir()
    path = folder / "archive.db"
    for at in range(writes // 2 + 5, writes):
        for remains in folder.glob("archive.db*"):
            remains.unlink()
        shutil.copy(empty, path)
        run("store", path, failing, at, "kill")
        journal = folder / "archive.db-journal"
        if journal.exists() and journal.stat().st_size > 0 and journal.read_bytes()[:8] != bytes(8):
            break
    for file in folder.iterdir():
        file.chmod(0o444)
    tmp_path.chmod(0o755)
    folder.chmod(0o555)
    code = (
        "from evidence.errors import EvidenceError\n"
        "try: evidence.archive.verify.verify_archive(sys.argv[1])\n"
        "except EvidenceError as error: print(error)"
    )
    done = as_nobody(code, str(path))
    folder.chmod(0o755)
    assert "in the middle of a write" in done.stdout, done.stdout + done.stderr
