"""Up to when the archive can speak: the last acquisition that came to its end, by number, whatever clocks said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.archive.reader import ArchiveReader
from evidence.archive.store import Archive
from evidence.mailbox.mailbox import MailboxError
from evidence.mailbox.memory import MemoryMailbox
from evidence.pipeline.views import stated_as_of
from tests.mailbox import matter

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Runs:
    """An archive to which runs are added, each at the time its clock shows."""

    def __init__(self, folder: Path) -> None:
        self.at = NOW
        self.archive = Archive.create(folder / "archive.db", now=lambda: self.at, tool="test")

    def run(self, at: datetime, outcome: str | None = "complete", kind: str = "sync", **record: Any) -> None:
        self.at = at
        number = self.archive.begin(kind, "office", {})
        if outcome:
            self.archive.end(number, outcome, record)

    def reached(self) -> datetime | None:
        self.archive.commit()
        return stated_as_of(ArchiveReader(self.archive.connection))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("EVIDENCE_STATE_DIR", str(tmp_path / "state"))
    made = Runs(tmp_path)
    yield made
    made.archive.close()


def test_a_clock_that_once_stood_years_ahead_makes_no_silence_long(runs: Runs) -> None:
    runs.run(NOW + timedelta(days=3650))
    runs.run(NOW)
    assert runs.reached() == NOW


@pytest.mark.parametrize(
    ("outcome", "record"),
    [(None, {}), ("interrupted", {}), ("failed", {}), ("incomplete", {"read_to_the_end": False})],
)
def test_a_run_that_was_cut_off_makes_no_silence_longer(runs: Runs, outcome: str | None, record: Any) -> None:
    runs.run(NOW)
    runs.run(NOW + timedelta(days=20), outcome, **record)
    assert runs.reached() == NOW


def test_a_run_that_only_owes_a_message_counts_and_so_does_one_recorded_before(runs: Runs) -> None:
    runs.run(NOW)
    runs.run(NOW + timedelta(days=1), "incomplete", read_to_the_end=True)
    assert runs.reached() == NOW + timedelta(days=1)
    runs.run(NOW + timedelta(days=2), "incomplete")
    assert runs.reached() == NOW + timedelta(days=2)
    runs.run(NOW + timedelta(days=3), "complete", kind="add")
    assert runs.reached() == NOW + timedelta(days=2)


def test_where_no_run_came_to_its_end_the_last_one_counts(runs: Runs) -> None:
    assert runs.reached() is None
    runs.run(NOW, None)
    assert runs.reached() == NOW


class Cut(MemoryMailbox):
    """Lets itself be looked at until the listing of the second folder, and is gone."""

    def uids(self) -> Any:
        if self._open == "Sent":
            raise MailboxError("gone")
        return super().uids()


def test_a_connection_lost_between_folders_is_no_end(runs: Runs) -> None:
    whole = MemoryMailbox()
    whole.add_folder("INBOX")
    whole.add_folder("Sent")
    whole.deliver("INBOX", matter.letter(1))
    for mailbox, days in ((whole, 0), (Cut(), 20)):
        if mailbox is not whole:
            mailbox.boxes = whole.boxes
            whole.deliver("Sent", matter.letter(2))
        runs.at = NOW + timedelta(days=days)
        matter.sync(mailbox, runs.archive, now=lambda: runs.at)
        assert runs.reached() == NOW
    matter.sync(whole, runs.archive, now=lambda: runs.at)
    assert runs.reached() == runs.at
