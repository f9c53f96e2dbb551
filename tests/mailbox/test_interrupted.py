"""Ctrl-C at any step of a run: what is committed is whole, ``verify`` says so, and the next run takes the rest.

KeyboardInterrupt is raised where Python would raise it, between two instructions of our own code: every one of them in turn
under EVIDENCE_TEST_FULL, a sample with a fixed seed otherwise.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from evidence.archive.seen import state_folder
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from evidence.errors import EvidenceError
from evidence.interrupts import uninterrupted
from evidence.mailbox.imports import import_paths
from evidence.mailbox.memory import MemoryMailbox
from tests.mailbox import matter
from tests.mailbox.conftest import FULL
from tests.mailbox.hands import ImapHand
from tests.mailbox.matter import Clock, Quiet, letter, stored, sync
from tests.servers.dovecot import PASSWORD, Dovecot

OURS = (f"{os.sep}evidence{os.sep}mailbox{os.sep}", f"{os.sep}evidence{os.sep}archive{os.sep}", "interrupts.py")
LETTERS = 3
Work = Callable[[Archive, Path], Any]


class Interrupting:
    """Counts the instructions of our code that run in the block, and raises SIGINT before the ``at``-th."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.steps = 0

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if not any(part in frame.f_code.co_filename for part in OURS):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.steps += 1
            if self.steps == self.at:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self._trace

    def __enter__(self) -> Interrupting:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)


def mailbox() -> MemoryMailbox:
    box = MemoryMailbox()
    for n in range(LETTERS):
        box.deliver("INBOX" if n % 2 else "Клиенты", letter(n, body="x" * (n * 150_000)))
    return box


def synced(archive: Archive, _: Path) -> Any:
    return sync(mailbox(), archive)


def imported(archive: Archive, folder: Path) -> Any:
    return import_paths([folder / "saved"], archive, now=Clock(), progress=Quiet(), record={})


def everything(archive: Archive) -> list[str]:
    return sorted(sha for (sha,) in archive.connection.execute("SELECT sha256 FROM message"))


def without_origin(archive: Archive) -> int:
    found = archive.connection.execute(
        "SELECT count(*) FROM message m WHERE NOT EXISTS (SELECT 1 FROM sighting s WHERE s.message = m.id)"
    )
    return int(found.fetchone()[0])


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """An archive as `create` leaves it, and mail files."""
    matter.archive(tmp_path).close()
    (tmp_path / "archive.db").rename(tmp_path / "empty.db")
    (tmp_path / "saved").mkdir()
    for n in range(LETTERS):
        (tmp_path / "saved" / f"{n}.eml").write_bytes(letter(n, body="x" * (n * 150_000)))
    return tmp_path


def fresh(folder: Path) -> None:
    """The empty archive again, and nothing remembered of the one before."""
    shutil.copy(folder / "empty.db", folder / "archive.db")
    shutil.rmtree(state_folder(), ignore_errors=True)


@pytest.mark.parametrize("work", [synced, imported])
def test_ctrl_c_before_any_instruction_leaves_a_sound_archive_that_the_next_run_completes(
    prepared: Path, work: Work
) -> None:
    for _ in range(2):  # the second time what is remembered from run to run is there
        fresh(prepared)
        with matter.archive(prepared) as archive, Interrupting() as counted:
            work(archive, prepared)
    with matter.archive(prepared) as archive:
        expected = everything(archive)
    assert len(expected) == LETTERS
    every = range(1, counted.steps + 1)
    assert len(every) > 2000
    for at in every if FULL else sorted(random.Random(41).sample(every, 60)):
        fresh(prepared)
        with pytest.raises(KeyboardInterrupt), matter.archive(prepared) as archive, Interrupting(at):
            work(archive, prepared)
        report = verify_archive(prepared / "archive.db", jobs=1)
        assert report.sound, (at, report.problems)
        with matter.archive(prepared) as archive:
            assert without_origin(archive) == 0, at
            assert work(archive, prepared).outcome == "complete"
            assert everything(archive) == expected, at


def test_what_was_committed_before_ctrl_c_is_said_to_be_interrupted(prepared: Path) -> None:
    fresh(prepared)
    with (
        pytest.raises(KeyboardInterrupt),
        matter.archive(prepared) as archive,
    ):
        keep = archive.sight

        def sight(*arguments: Any, **named: Any) -> int:
            signal.raise_signal(signal.SIGINT)
            return keep(*arguments, **named)

        archive.sight = sight  # type: ignore[method-assign]
        synced(archive, prepared)
    with matter.archive(prepared) as archive:
        assert [o for (o,) in archive.connection.execute("SELECT outcome FROM acquisition_end")] == ["interrupted"]
        assert len(stored(archive)) == 1  # the letter in hand was finished first


def test_an_error_between_a_row_and_its_event_commits_neither(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh(prepared)
    with matter.archive(prepared) as archive:
        number = archive.begin("import", "x", {})

        def out_of_memory(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr(archive, "_event", out_of_memory)
        with pytest.raises(MemoryError):
            archive.store(number, letter(1))
        monkeypatch.undo()
        archive.commit()
        assert everything(archive) == []
    assert verify_archive(prepared / "archive.db", jobs=1).sound


# ---- the block itself ------------------------------------------------------------------------------


def test_ctrl_c_waits_for_the_outermost_block() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted:
        with uninterrupted:
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_the_block_comes_out_rather_than_ctrl_c() -> None:
    with pytest.raises(EvidenceError, match="disk"), uninterrupted:
        signal.raise_signal(signal.SIGINT)
        raise EvidenceError("The disk is full.")
    with uninterrupted:
        pass  # and nothing is left over for the next block


def test_where_ctrl_c_is_ignored_it_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted:
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_may_use_it_and_changes_nothing() -> None:
    said: list[object] = []

    def elsewhere() -> None:
        with uninterrupted:
            said.append(signal.getsignal(signal.SIGINT))

    with uninterrupted:
        inside = signal.getsignal(signal.SIGINT)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGINT) is inside or signal.getsignal(signal.SIGINT) == inside
    assert said == [inside]


# ---- a process, a server, a person at the keyboard -----------------------------------------------------


def test_ctrl_c_in_a_running_sync(dovecot: Dovecot, tmp_path: Path) -> None:
    user = "interrupted@north.example"
    ImapHand(dovecot.port, user, PASSWORD).add_many("INBOX", [letter(n, body=f"{n} " * 20_000) for n in range(400)])
    config = matter.CONFIG.replace("port = 1\n", f"port = {dovecot.port}\n").replace(
        'name = "office@', 'name = "interrupted@'
    )
    config = config.replace("UNUSED", "MAIL_PASSWORD") + '[dkim]\ndns = "off"\n'
    environment = {**os.environ, "MAIL_PASSWORD": PASSWORD, "EVIDENCE_LANG": "en"}

    def started(folder: Path) -> subprocess.Popen[str]:
        """A sync that has come as far as its archive."""
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(config, encoding="utf-8")
        program = [sys.executable, "-c", "from evidence.cli import main; main()", "-c", str(folder / "config.toml")]
        process = subprocess.Popen(
            [*program, "sync", "--no-index", "-q"], env=environment, stderr=subprocess.PIPE, text=True
        )
        began = time.monotonic()
        while not (folder / "archive.db").exists() and time.monotonic() - began < 20:
            time.sleep(0.005)
        return process

    calm = started(tmp_path / "calm")
    began = time.monotonic()
    assert calm.communicate()[1] == "" and calm.returncode == 0
    whole = time.monotonic() - began
    generator = random.Random(5)
    stopped = 0
    for number in range(60 if FULL else 6):
        folder = tmp_path / str(number)
        process = started(folder)
        time.sleep(generator.uniform(0.0, whole * 0.8))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert "Traceback" not in said
        assert process.returncode in (0, 130, -signal.SIGINT), said
        stopped += process.returncode != 0
        assert verify_archive(folder / "archive.db", jobs=1).sound
        again = started(folder)
        assert again.communicate()[1] == "" and again.returncode == 0
        with Archive.open(folder / "archive.db", write=False, now=Clock()) as archive:
            assert (len(everything(archive)), without_origin(archive)) == (400, 0)
        assert verify_archive(folder / "archive.db", jobs=1).sound
    assert stopped >= 2
