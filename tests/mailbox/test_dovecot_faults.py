"""A real Dovecot (and, for the cuts, Cyrus) behind a proxy that cuts: N1, N2, P1, P3–P7, S1, S2, S4, N9, C1 of the fault list.

After each fault the run is made again; then the archive is the same as after an undisturbed run, ``verify`` is sound, the
transcript holds reading commands only and every flag on the server is as it was.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from evidence.errors import EvidenceError, Locked
from evidence.mailbox.imap import ImapMailbox
from evidence.mailbox.mailbox import MailboxError, Throttled, Wanted
from evidence.model import sha256_hex
from tests.mailbox import matter
from tests.mailbox.conftest import FULL
from tests.mailbox.hands import ImapHand
from tests.mailbox.matter import counts_are_even, letter, observations, stored, sync
from tests.servers import cyrus as cyrus_server
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.proxy import FaultProxy

READING = {
    "CAPABILITY",
    "LOGIN",
    "ID",
    "NAMESPACE",
    "LIST",
    "STATUS",
    "EXAMINE",
    "UID FETCH",
    "UID SEARCH",
    "NOOP",
    "LOGOUT",
}
_number = itertools.count(1000)


@pytest.fixture
def hand(dovecot: Dovecot) -> ImapHand:
    return ImapHand(dovecot.port, f"fault{next(_number)}@north.example", PASSWORD)


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A folder in memory where there is one: these tests commit thousands of times."""
    where = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


def fill(hand: ImapHand, count: int = 40) -> None:
    generator = random.Random(7)
    letters = []
    for n in range(count):
        sender, to = [(matter.CLIENT, matter.US), (matter.US, matter.CLIENT), ("x@y.example", "z@y.example")][n % 3]
        refs = f"<{n - 1}@mail.example>" if n % 3 == 2 and n % 2 else ""
        letters.append(letter(n, sender, to, refs=refs, body="строка " * generator.randrange(1, 400)))
    hand.add_many("INBOX", letters[: count // 2])
    hand.add_many("Клиенты", letters[count // 2 :])


def live(folder: Path) -> dict[tuple[str, int], list[str]]:
    with matter.archive(folder) as sink:
        return stored(sink)


def sound(folder: Path) -> bool:
    report = verify_archive(folder / "archive.db", jobs=1)
    return report.sound


def through(hand: ImapHand, port: int) -> ImapMailbox:
    return ImapMailbox.connect(matter.account(port, username=hand.user), PASSWORD, deadline=20.0)


def undisturbed(hand: ImapHand, folder: Path) -> tuple[dict[tuple[str, int], list[str]], int]:
    """(the archive of a run nobody disturbed, octets the server sent until it was done)."""
    folder.mkdir()
    with FaultProxy(hand.port) as proxy, matter.archive(folder) as sink:
        mailbox = through(hand, proxy.port)
        assert sync(mailbox, sink).outcome == "complete"
        octets = proxy.down
        mailbox.close()
        assert proxy.verbs <= READING
        assert not any(b"BODY[" in line for line in proxy.lines)
        return stored(sink), octets


# ---- the network -----------------------------------------------------------------------------------


def cut_everywhere(hand: ImapHand, quick_path: Path, cuts: int) -> None:
    """Cut at ``cuts`` octets of what the server sends; after each, a second run makes the archive whole."""
    fill(hand)
    flags = hand.flags()
    expected, octets = undisturbed(hand, quick_path / "calm")
    generator = random.Random(11)
    points = sorted(generator.sample(range(1, octets), cuts))
    uncut = 0
    for k in points:
        folder = quick_path / f"cut{k}"
        folder.mkdir()
        half = bool(k % 2)
        with FaultProxy(hand.port, cut_down=k, half=half, cuts=99) as proxy, matter.archive(folder) as sink:
            try:
                result = sync(through(hand, proxy.port), sink)
                # servers say how long a command took: a run may need a few octets less than the calm one
                uncut += proxy.cuts_left == 99
                assert result.outcome == ("complete" if proxy.cuts_left == 99 else "incomplete")
            except MailboxError:
                pass  # cut during login: nothing begun
            for hashes in stored(sink).values():
                assert all(h in {x for v in expected.values() for x in v} for h in hashes)
            assert proxy.verbs <= READING
        assert sound(folder)
        with matter.archive(folder) as sink:
            again = sync(through(hand, hand.port), sink)
            assert (again.outcome, counts_are_even(again)) == ("complete", True)
            assert sync(through(hand, hand.port), sink).sightings == 0
        assert live(folder) == expected, k
        shutil.rmtree(folder)
    assert uncut <= 1 + cuts // 50
    assert hand.flags() == flags


@pytest.mark.slow
def test_a_cut_at_any_octet_costs_nothing(hand: ImapHand, quick_path: Path) -> None:
    cut_everywhere(hand, quick_path, 300 if FULL else 8)


@pytest.mark.slow
def test_a_cut_at_any_octet_costs_nothing_on_another_server(cyrus: Cyrus, quick_path: Path) -> None:
    hand = ImapHand(cyrus.port, f"fault{next(_number)}", cyrus_server.PASSWORD)
    cut_everywhere(hand, quick_path, 100 if FULL else 4)


@pytest.mark.slow
def test_a_cut_that_heals_is_bridged_within_the_run(hand: ImapHand, quick_path: Path) -> None:
    fill(hand)
    expected, octets = undisturbed(hand, quick_path / "calm")
    generator = random.Random(12)
    for number, k in enumerate(generator.sample(range(2500, octets), 60 if FULL else 5)):
        folder = quick_path / f"heal{number}"
        folder.mkdir()
        up = number % 3 == 0
        proxy = FaultProxy(hand.port, cut_up=400 + k % 600 if up else None, cut_down=None if up else k)
        with proxy, matter.archive(folder) as sink:
            try:
                result = sync(through(hand, proxy.port), sink)
            except MailboxError:
                continue
            assert result.outcome == "complete", result.problems
        assert live(folder) == expected
        assert sound(folder)


def test_the_transcript_holds_reading_only_and_flags_stay(hand: ImapHand, tmp_path: Path) -> None:
    fill(hand)
    client = hand.client()
    client.select("INBOX")
    client.store("1:3", "+FLAGS", "(\\Flagged)")
    client.store("5", "+FLAGS", "(\\Seen)")
    client.logout()
    flags = hand.flags()
    with FaultProxy(hand.port) as proxy, matter.archive(tmp_path) as sink:
        for _ in range(3):
            mailbox = through(hand, proxy.port)
            assert sync(mailbox, sink).outcome == "complete"
            mailbox.close()
        assert proxy.verbs <= READING
        stray = [line for line in proxy.lines if b"romashka" in line or b"mail.example" in line]
        assert stray == []
    assert hand.flags() == flags


def test_one_connection_too_many_is_said_with_a_time(tmp_path: Path) -> None:
    from tests.mailbox.conftest import need
    from tests.servers.dovecot import binary

    need(binary() is not None, "Dovecot")
    with tempfile.TemporaryDirectory(prefix="evd-") as folder, Dovecot(Path(folder), connections=1) as server:
        hand = ImapHand(server.port, "one@north.example", PASSWORD)
        first = hand.connect()
        with pytest.raises(Throttled) as caught:
            hand.connect()
        assert caught.value.retry_after
        first.close()
        deadline = time.monotonic() + 5
        while True:
            try:
                hand.connect().close()
                break
            except Throttled:
                assert time.monotonic() < deadline
                time.sleep(0.2)


# ---- the process -----------------------------------------------------------------------------------


def in_child(work: Any) -> int:
    """Fork; the child does ``work`` and ends without a word to pytest. Returns its pid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing_and_is_made_good(hand: ImapHand, quick_path: Path) -> None:
    fill(hand, 120)
    flags = hand.flags()
    began = time.monotonic()
    expected, _ = undisturbed(hand, quick_path / "calm")
    whole = time.monotonic() - began  # kills fall inside a run, on a fast machine and on a slow one
    generator = random.Random(13)
    ended_early = 0
    for number in range(200 if FULL else 8):
        folder = quick_path / f"kill{number}"
        folder.mkdir()

        def run(folder: Path = folder) -> None:
            with matter.archive(folder) as sink:
                sync(hand.connect(), sink)

        pid = in_child(run)
        time.sleep(generator.uniform(0.0, whole))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        ended_early += os.WIFSIGNALED(status)
        if (folder / "archive.db").exists():
            assert sound(folder)
        with matter.archive(folder) as sink:  # the lock of the dead holds nobody (P7)
            again = sync(hand.connect(), sink)
            assert (again.outcome, counts_are_even(again)) == ("complete", True)
        assert live(folder) == expected
        assert sound(folder)
        shutil.rmtree(folder)
    assert ended_early >= (20 if FULL else 2)
    assert hand.flags() == flags


def test_two_runs_at_once_the_second_is_told_who_works(hand: ImapHand, tmp_path: Path) -> None:
    hand.add("INBOX", letter(1))
    with matter.archive(tmp_path) as sink:
        with pytest.raises(Locked) as caught:
            matter.archive(tmp_path)
        assert str(os.getpid()) in str(caught.value)
        assert sync(hand.connect(), sink).outcome == "complete"


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="evd-disk-"))
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        folder.rmdir()
        pytest.skip("a small disk needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def test_a_full_disk_stops_cleanly_and_the_run_goes_on_when_there_is_room(hand: ImapHand, quick_path: Path) -> None:
    hand.add_many("INBOX", [letter(n, body="x" * 100_000) for n in range(30)])
    expected, _ = undisturbed(hand, quick_path / "calm")
    with small_disk(2) as disk:
        with pytest.raises(EvidenceError) as caught, matter.archive(disk) as sink:
            sync(hand.connect(), sink)
        assert caught.value.next_step
        assert sound(disk)
        subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
        with matter.archive(disk) as sink:
            assert sync(hand.connect(), sink).outcome == "complete"
        assert live(disk) == expected
        assert sound(disk)


def test_a_read_only_folder_is_one_plain_error(hand: ImapHand) -> None:
    with small_disk(20) as disk:
        with matter.archive(disk) as sink:
            sync(hand.connect(), sink)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(EvidenceError) as caught:
            matter.archive(disk)
        assert caught.value.next_step


@pytest.mark.parametrize("years", [-10, 10])
def test_a_clock_years_off_changes_no_order_and_loses_nothing(hand: ImapHand, tmp_path: Path, years: int) -> None:
    clock = matter.Clock()
    first = hand.add("INBOX", letter(1))
    with matter.archive(tmp_path, clock) as sink:
        sync(hand.connect(), sink, now=clock)
        clock.later(days=365 * years)
        second = hand.add("INBOX", letter(2))
        assert sync(hand.connect(), sink, now=clock).new == 1
        clock.later(days=-365 * years)
        third = hand.add("INBOX", letter(3))
        assert sync(hand.connect(), sink, now=clock).new == 1
        order = sink.connection.execute("SELECT uid FROM sighting ORDER BY id").fetchall()
    assert order == [(first,), (second,), (third,)]
    assert sound(tmp_path)


# ---- the server's own changes ------------------------------------------------------------------------


def test_a_uidvalidity_that_changes_by_itself_is_found_spurious(
    hand: ImapHand, dovecot: Dovecot, tmp_path: Path
) -> None:
    hand.add_many("INBOX", [letter(n) for n in range(30)])
    with matter.archive(tmp_path) as sink:
        sync(hand.connect(), sink)
        dovecot.doveadm("mailbox", "update", "-u", hand.user, "--uid-validity", "987654321", "INBOX")
        with FaultProxy(hand.port) as proxy:
            result = sync(through(hand, proxy.port), sink)
        assert (result.outcome, result.new) == ("complete", 0)
        assert proxy.down < 40_000  # judged by headers and three bodies, not fetched again
        (_, detail), *_ = observations(sink, "uidvalidity-changed")
        assert '"verdict":"spurious"' in detail
        assert len(stored(sink)) == 30
        generations = sink.connection.execute(
            "SELECT uidvalidity, on_server FROM folders WHERE folder = 'INBOX' ORDER BY 2"
        ).fetchall()
        assert [g[1] for g in generations] == [0, 30]
        assert sync(hand.connect(), sink).sightings == 0
    assert sound(tmp_path)


def test_a_folder_made_anew_is_a_new_generation_and_nothing_is_lost(hand: ImapHand, tmp_path: Path) -> None:
    hand.add_many("Клиенты", [letter(n) for n in range(10)])
    with matter.archive(tmp_path) as sink:
        sync(hand.connect(), sink)
        client = hand.client()
        client.delete(hand.wire("Клиенты"))
        client.logout()
        time.sleep(1.1)  # Dovecot's UIDVALIDITY is the time in seconds
        hand._uids.clear()
        hand.add_many("Клиенты", [letter(n) for n in range(5, 12)])
        result = sync(hand.connect(), sink)
        assert (result.outcome, result.new, result.vanished) == ("complete", 2, 10)
        (_, detail), *_ = observations(sink, "uidvalidity-changed")
        assert '"verdict":"genuine"' in detail
        kinds = sink.connection.execute(
            "SELECT kind, count(*) FROM disappearance GROUP BY kind ORDER BY kind"
        ).fetchall()
        assert kinds == [("gone", 5), ("moved", 5)]
        assert sink.connection.execute("SELECT count(*) FROM message").fetchone() == (12,)


def test_a_renamed_folder_moves_its_mail_and_a_removed_one_loses_none_of_ours(hand: ImapHand, tmp_path: Path) -> None:
    hand.add_many("Работа", [letter(n) for n in range(6)])
    hand.add_many("Weg", [letter(n) for n in range(10, 16)])
    with matter.archive(tmp_path) as sink:
        sync(hand.connect(), sink)
        client = hand.client()
        client.rename(hand.wire("Работа"), hand.wire("Архив 2026"))
        client.delete(hand.wire("Weg"))
        client.logout()
        result = sync(hand.connect(), sink)
        assert (result.outcome, result.new, result.vanished) == ("complete", 0, 12)
        kinds = sink.connection.execute(
            "SELECT kind, count(*) FROM disappearance GROUP BY kind ORDER BY kind"
        ).fetchall()
        assert kinds == [("gone", 6), ("moved", 6)]
        assert sink.connection.execute("SELECT count(*) FROM message").fetchone() == (12,)
        assert len(observations(sink, "folder-gone")) == 2
        assert sync(hand.connect(), sink).vanished == 0


def test_an_expunge_in_the_middle_costs_only_what_was_expunged(hand: ImapHand, tmp_path: Path) -> None:
    uids = hand.add_many("INBOX", [letter(n) for n in range(20)])

    class Expunging(ImapMailbox):
        def fetch(self, wanted: Any) -> Any:
            hand.expunge("INBOX", uids[12])
            yield from super().fetch(wanted)

    with matter.archive(tmp_path) as sink:
        result = sync(Expunging.connect(hand.account(), PASSWORD), sink)
        assert result.outcome == "complete"
        assert counts_are_even(result)
        again = sync(hand.connect(), sink)
        assert again.outcome == "complete"
        assert set(stored(sink)) == {("INBOX", u) for u in uids if u != uids[12]}
        told = (
            observations(sink, "gone-before-fetched")
            or sink.connection.execute("SELECT 1 FROM disappearance").fetchall()
        )
        assert told


@pytest.mark.slow
def test_hostile_messages_are_stored_as_they_are(hand: ImapHand, quick_path: Path) -> None:
    """The 74-octet crasher of parsers, nests, header floods: acquisition never parses, so nothing stops it."""
    crasher = b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    hostile = [
        crasher,
        b"From: " + b"(" * 5000 + matter.CLIENT.encode() + b"\r\n\r\n",
        b"To: " + b"," * 1_000_000 + b"\r\nFrom: director@romashka.example\r\n\r\nx\r\n",
        b"Subject: " + b"=?utf-8?B?" * 50_000 + b"\r\nFrom: director@romashka.example\r\n\r\nx\r\n",
        b"\r\n" * 1000,
        b":\r\n:\r\n\r\n",
        b"References: "
        + b"<a@b> " * 100_000
        + b"\r\nFrom: director@romashka.example\r\nTo: office@north.example\r\n\r\n",
        b"From: director@romashka.example\rTo: office@north.example\r\r\nbare returns\r",
    ]
    uids = hand.add_many("INBOX", hostile)
    with matter.archive(quick_path) as sink:
        began = time.monotonic()
        result = sync(hand.connect(), sink, messages="all")
        assert time.monotonic() - began < 20
        assert (result.outcome, result.folders[0].on_server >= 0) == ("complete", True)
        held = stored(sink)
        for uid in uids:
            assert held["INBOX", uid] == [sha256_hex(hand.octets("INBOX", uid))]


def test_the_literal_reader_and_imaplib_agree_over_tls(hand: ImapHand, dovecot: Dovecot) -> None:
    uids = hand.add_many("INBOX", [letter(n, body="я" * 50_000) for n in range(5)])
    for tls, port in (("implicit", dovecot.tls_port), ("starttls", dovecot.port)):
        account = matter.account(port, username=hand.user, tls=tls, ca_file=str(dovecot.cert), host="localhost")
        mailbox = ImapMailbox.connect(account, PASSWORD)
        assert len(mailbox.tls_fingerprint) == 64
        inbox = next(f for f in mailbox.list_folders() if f.name == "INBOX")
        mailbox.examine(inbox)
        for got in mailbox.fetch([Wanted(u) for u in uids]):
            assert getattr(got, "raw", b"") == hand.octets("INBOX", got.uid)
        mailbox.close()


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("trouble", ["self-signed", "wrong host"])
def test_a_certificate_that_cannot_be_trusted_never_gets_the_password(
    hand: ImapHand, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch, tls: str, trouble: str
) -> None:
    port = dovecot.tls_port if tls == "implicit" else dovecot.port
    with FaultProxy(port) as proxy:
        if trouble == "self-signed":
            account = matter.account(proxy.port, tls=tls, host="localhost")
        else:
            genuine = socket.getaddrinfo

            def resolve(host: Any, *more: Any, **named: Any) -> Any:
                return genuine("127.0.0.1" if host == "mail.other.example" else host, *more, **named)

            monkeypatch.setattr(socket, "getaddrinfo", resolve)
            account = matter.account(proxy.port, tls=tls, host="mail.other.example", ca_file=str(dovecot.cert))
        with pytest.raises(MailboxError, match="password was not sent"):
            ImapMailbox.connect(account, "hunter2-secret", deadline=5.0)
        assert b"hunter2" not in b"".join(proxy.sent)
        assert "LOGIN" not in {line.split(b" ")[1].decode("latin-1") for line in proxy.lines if line.count(b" ")}


def test_archive_is_readable_while_a_run_writes(hand: ImapHand, tmp_path: Path) -> None:
    hand.add_many("INBOX", [letter(n) for n in range(30)])
    with matter.archive(tmp_path) as sink:
        seen: list[int] = []

        class Watched(ImapMailbox):
            def fetch(self, wanted: Any) -> Any:
                for message in super().fetch(wanted):
                    reader = Archive.open(tmp_path / "archive.db", write=False, now=matter.Clock())
                    seen.append(reader.connection.execute("SELECT count(*) FROM message").fetchone()[0])
                    reader.close()
                    yield message

        assert sync(Watched.connect(hand.account(), PASSWORD), sink).outcome == "complete"
        assert len(seen) == 30
