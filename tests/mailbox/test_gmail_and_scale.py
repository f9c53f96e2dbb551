"""Gmail's All Mail and labels, CONDSTORE, a folder of a million messages, doubtful resets, resumption; on the scripted server."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.archive import writer
from evidence.archive.store import Archive
from evidence.mailbox import run
from evidence.mailbox.imap import ImapMailbox
from evidence.mailbox.mailbox import Unsized, Wanted
from evidence.mailbox.memory import MemoryMailbox
from tests.mailbox import matter
from tests.mailbox.conftest import FULL
from tests.mailbox.matter import counts_are_even, letter, observations, stored, sync
from tests.servers.fake import FakeFolder, FakeImap, SimulatedFolder


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Archive]:
    with matter.archive(tmp_path) as sink:
        yield sink


def connect(server: FakeImap) -> ImapMailbox:
    return ImapMailbox.connect(matter.account(server.port), "secret", deadline=60.0)


@pytest.mark.parametrize("total", [1, 200, 399, 400, 401, 801])
def test_a_first_sync_of_everything_asks_for_each_letter_once_however_many_there_are(sink: Archive, total: int) -> None:
    inbox = FakeFolder(11)
    for n in range(1, total + 1):
        inbox.add(letter(n))
    with FakeImap({b"INBOX": inbox}) as server:
        result = sync(connect(server), sink, messages="all")
        assert (result.outcome, result.new, counts_are_even(result)) == ("complete", total, True)
        assert [uid for (uid,) in sink.connection.execute("SELECT uid FROM sighting ORDER BY id")] == list(
            range(1, total + 1)
        )


def test_uids_of_unknown_size_are_a_sequence_like_any_other() -> None:
    some = Unsized(array("I", [3, 5, 9]))
    assert list(some) == [Wanted(3), Wanted(5), Wanted(9)]
    assert (len(some), some[-1], list(some[1:])) == (3, Wanted(9), [Wanted(5), Wanted(9)])


# ---- Gmail -------------------------------------------------------------------------------------


def test_gmails_labels_are_sightings_and_no_second_fetch(sink: Archive) -> None:
    everything, inbox, label = FakeFolder(11), FakeFolder(12), FakeFolder(13)
    for n in range(1, 6):
        everything.add(letter(n), gm_msgid=str(100 + n), labels='"\\\\Inbox" "&BBoEOwQ4BDUEPQRCBEs-"')
        inbox.add(letter(n), gm_msgid=str(100 + n), labels="")
    label.add(letter(3), gm_msgid="103")
    folders = {b"INBOX": inbox, b"&BBoEOwQ4BDUEPQRCBEs-": label, b"[Gmail]/All Mail": everything}
    with FakeImap(folders, b"IMAP4rev1 ESEARCH X-GM-EXT-1") as server:
        server.attributes[b"[Gmail]/All Mail"] = b"\\HasNoChildren \\All"
        for messages in ("linked", "linked"):
            result = sync(connect(server), sink, messages=messages)
            assert (result.outcome, counts_are_even(result)) == ("complete", True)
        octets_asked = [line for line in server.lines if b"BODY.PEEK[]" in line]
        assert len(octets_asked) == 1
        assert len(stored(sink)) == 11
        assert sink.connection.execute("SELECT count(*) FROM message").fetchone() == (5,)
        labels = sink.connection.execute("SELECT labels FROM sighting ORDER BY id LIMIT 1").fetchone()[0]
        assert "Клиенты" in labels
        label.add(letter(4), gm_msgid="104")
        later = sync(connect(server), sink)
        assert (later.new, later.sightings) == (0, 1)
        assert len([line for line in server.lines if b"BODY.PEEK[]" in line]) == 1


def test_gmail_in_all_mode_fetches_each_message_once_too(sink: Archive) -> None:
    everything, inbox = FakeFolder(11), FakeFolder(12)
    for n in range(1, 6):
        everything.add(letter(n), gm_msgid=str(100 + n))
        inbox.add(letter(n), gm_msgid=str(100 + n))
    with FakeImap({b"INBOX": inbox, b"All": everything}, b"IMAP4rev1 X-GM-EXT-1") as server:
        server.attributes[b"All"] = b"\\All"
        result = sync(connect(server), sink, messages="all")
        assert (result.new, result.sightings, result.octets) == (5, 10, sum(len(letter(n)) for n in range(1, 6)))


# ---- size --------------------------------------------------------------------------------------

SCALE = """
import resource, sys, tempfile
from pathlib import Path
from evidence.mailbox.imap import ImapMailbox
from tests.mailbox import matter
port = int(sys.argv[1])
def peak():  # of this program: ru_maxrss begins at what the process that started us had
    return int(next(x for x in open("/proc/self/status") if x.startswith("VmHWM")).split()[1])
base = peak()
with tempfile.TemporaryDirectory() as folder, matter.archive(Path(folder)) as sink:
    for run in range(2):
        mailbox = ImapMailbox.connect(matter.account(port), "secret", deadline=600.0)
        result = matter.sync(mailbox, sink)
        print(result.outcome, result.new, result.folders[0].on_server, result.folders[0].out_of_scope)
print(peak() // 1024, base // 1024)
"""


@pytest.mark.slow
def test_a_folder_of_a_million_messages_is_planned_in_little_memory() -> None:
    """1,000,000 messages (6,000 unless the full series is asked for), 20 of them the client's, and a second, unchanged run."""
    total = 1_000_000 if FULL else 6_000
    folder = SimulatedFolder(uidvalidity=5, total=total, every=total // 20)
    with FakeImap({b"INBOX": folder}) as server:
        done = subprocess.run(
            [sys.executable, "-c", SCALE, str(server.port)],
            capture_output=True,
            text=True,
            check=True,
            timeout=3000,
            env={**os.environ, "PYTHONPATH": "."},
            cwd=Path(__file__).parents[2],
        )
        lines = list(server.lines)
    began = [at for at, line in enumerate(lines) if b"LOGIN" in line]
    searches = [line for line in lines if b"SEARCH" in line]
    peeks = [line for line in lines if b"HEADER" in line]
    first, second, memory = done.stdout.splitlines()
    outcome, new, on_server, out = first.split()
    assert (outcome, int(on_server)) == ("complete", total)
    assert int(new) >= 20
    assert int(new) + int(out) == total
    assert second.split()[:2] == ["complete", "0"]
    assert searches and len(began) == 2
    assert not [line for line in lines[began[1] :] if b"SEARCH" in line or b"FETCH" in line]  # STATUS said enough
    assert int(memory.split()[0]) < 300
    assert max(len(line) for line in searches + peeks) < 1000  # never a command that lists a million UIDs


def test_a_listing_without_esearch_is_asked_for_in_windows(sink: Archive) -> None:
    folder = SimulatedFolder(uidvalidity=5, total=250_000)
    with FakeImap({b"INBOX": folder}, b"IMAP4rev1") as server:
        mailbox = connect(server)
        mailbox.examine(mailbox.list_folders()[0])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        listing = mailbox.uids()
        assert (len(listing), listing[0], listing[-1]) == (250_000, 1, 250_000)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024
        assert len([line for line in server.lines if b"SEARCH" in line]) == 3


# ---- threads and scope -----------------------------------------------------------------------------


def test_a_later_answer_ties_in_old_mail_of_another_folder_and_names_its_writer(sink: Archive) -> None:
    server = MemoryMailbox()
    server.deliver("INBOX", letter(1))
    old = server.deliver("Архив", letter(2, '"Crisis desk" <m@crisis.example>', "z@y.example"))
    server.deliver("Архив", letter(3, "m@crisis.example", "z@y.example", refs="<2@mail.example>"))
    server.deliver("Архив", letter(4, "spam@y.example", "z@y.example"))
    assert sync(server, sink).new == 1
    server.deliver("INBOX", letter(5, refs="<2@mail.example>"))
    result = sync(server, sink)
    assert (result.new, result.outcome) == (3, "complete")
    assert ("Архив", old) in stored(sink)
    assert "m@crisis.example" in result.proposed
    assert matter.CLIENT not in result.proposed
    assert any('"name":"Crisis desk"' in d for _, d in observations(sink, "delegate-proposed"))
    reasons = dict(sink.connection.execute("SELECT scope, reason FROM sighting WHERE reason LIKE '%thread%'"))
    assert set(reasons) == {"context"}
    assert [(f.folder, f.in_scope, f.context, f.out_of_scope) for f in result.folders] == [
        ("INBOX", 2, 0, 0),
        ("Архив", 0, 2, 1),
    ]


def test_only_the_clients_own_is_taken_where_links_are_not_wanted(sink: Archive) -> None:
    server = MemoryMailbox()
    server.deliver("INBOX", letter(1))
    server.deliver("INBOX", letter(2, "x@y.example", "z@y.example", refs="<1@mail.example>"))
    assert sync(server, sink, messages="client").new == 1
    widened = sync(
        server, sink, messages="linked"
    )  # a changed scope looks at everything again, and fetches only what is missing
    assert (widened.new, widened.sightings) == (1, 1)
    assert counts_are_even(widened)


def test_a_dry_run_counts_and_writes_nothing(sink: Archive) -> None:
    server = MemoryMailbox()
    for n in range(4):
        server.deliver("INBOX", letter(n))
    server.deliver("Архив", letter(9, "x@y.example", "z@y.example", refs="<1@mail.example>"))
    before = sink.connection.execute("SELECT count(*) FROM event").fetchone()
    result = sync(server, sink, dry_run=True)
    assert (result.would_fetch, result.new, result.acquisition) == (5, 0, None)
    assert counts_are_even(result)
    assert sink.connection.execute("SELECT count(*) FROM event").fetchone() == before
    assert sync(server, sink).new == 5


def test_folders_are_taken_by_pattern_and_the_exclusion_is_recorded(sink: Archive) -> None:
    server = MemoryMailbox()
    for name in ("INBOX", "Archive/2025", "Archive/2026", "Spam"):
        server.deliver(name, letter(name))
    chosen = matter.account(folders=("inbox", "Archive/*"), exclude_folders=("*/2025",))
    result = sync(server, sink, account=chosen)
    assert {f.folder for f in result.folders} == {"INBOX", "Archive/2026"}
    (record,) = sink.connection.execute("SELECT record FROM acquisition_end").fetchone()
    assert "*/2025" in record


# ---- UIDVALIDITY --------------------------------------------------------------------------------


def test_a_doubtful_reset_is_refused_and_explained_until_a_person_trusts_it(sink: Archive) -> None:
    server = MemoryMailbox()
    uids = [server.deliver("INBOX", letter(n)) for n in range(15)]
    sync(server, sink)
    for uid in uids[3:]:
        server.expunge("INBOX", uid)
    for n in range(20, 40):
        server.deliver("INBOX", letter(n))
    server.reset("INBOX", renumber=False)
    refused = sync(server, sink)
    assert (refused.outcome, refused.new) == ("incomplete", 0)
    assert any("doubtful" in p for p in refused.problems)
    assert sync(server, sink).outcome == "incomplete"
    trusted = sync(server, sink, trust_reset={"INBOX"})
    assert (trusted.outcome, trusted.new) == ("complete", 20)
    assert counts_are_even(trusted)


def test_equal_headers_with_other_octets_make_a_reset_genuine(sink: Archive) -> None:
    server = MemoryMailbox()
    for n in range(30):
        server.deliver("INBOX", letter(n, body="a" * 50))
    sync(server, sink)
    server.reset("INBOX", renumber=False)
    for message in server.boxes["INBOX"].messages.values():
        message.body = (message.body or b"").replace(b"a" * 50, b"b" * 50)
    result = sync(server, sink)
    assert (result.outcome, result.new) == ("complete", 30)
    assert '"verdict":"genuine"' in observations(sink, "uidvalidity-changed")[0][1]
    assert sink.connection.execute("SELECT count(*) FROM message").fetchone() == (60,)


def test_a_lost_inbox_in_the_list_is_not_believed(sink: Archive) -> None:
    server = MemoryMailbox()
    server.deliver("INBOX", letter(1))
    server.deliver("Sent", letter(2))
    sync(server, sink)
    inbox = server.boxes.pop("INBOX")
    result = sync(server, sink)
    assert (result.outcome, result.vanished) == ("incomplete", 0)
    assert observations(sink, "folder-list-doubted")
    server.boxes["INBOX"] = inbox
    assert sync(server, sink).outcome == "complete"


def test_the_record_names_tool_host_server_and_seconds(sink: Archive) -> None:
    import json

    sync(MemoryMailbox(), sink)
    record, end = sink.connection.execute(
        "SELECT a.record, e.record FROM acquisition a JOIN acquisition_end e ON e.acquisition = a.id"
    ).fetchone()
    began, ended = json.loads(record), json.loads(end)
    assert {"tool", "libraries", "host", "operator", "time_zone", "scope"} <= began.keys()
    assert {
        "greeting",
        "capabilities",
        "tls_fingerprint",
        "clock_offset_seconds",
        "counts",
        "folders",
        "excluded",
        "problems",
        "seconds",
    } <= ended.keys()


def _commits(sink: Archive, mailbox: MemoryMailbox, monkeypatch: pytest.MonkeyPatch, old: float) -> int:
    """COMMITs of one run over thirty folders with one new letter each, where what is ``old`` seconds old is committed at once."""
    monkeypatch.setattr(run, "OLD_SECONDS", old)
    said: list[str] = []
    for number in range(30):
        mailbox.deliver(f"folder {number}", letter(f"{number}-{old}"))
    sink.connection.set_trace_callback(said.append)
    result = sync(mailbox, sink)
    sink.connection.set_trace_callback(None)
    assert result.outcome == "complete"
    assert result.new == 30
    assert not sink.connection.in_transaction
    return said.count("COMMIT")


def test_small_folders_share_a_commit_and_slow_ones_have_their_own(
    sink: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GROUP_SECONDS", 1000.0)
    mailbox = MemoryMailbox()
    assert _commits(sink, mailbox, monkeypatch, 1000.0) <= 4
    assert _commits(sink, mailbox, monkeypatch, -1.0) >= 30
