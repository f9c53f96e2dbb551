"""CONDSTORE (RFC 7162): only what changed is looked at, on Dovecot, Cyrus and the scripted server; and servers that go back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.archive.store import Archive
from evidence.mailbox.imap import ImapMailbox
from evidence.model import sha256_hex
from tests.mailbox import matter
from tests.mailbox.hands import ImapHand
from tests.mailbox.matter import counts_are_even, letter, observations, stored, sync
from tests.servers.dovecot import PASSWORD
from tests.servers.fake import FakeFolder, FakeImap, FakeMessage
from tests.servers.proxy import FaultProxy

CONDSTORE = b"IMAP4rev1 ESEARCH CONDSTORE"
_number = itertools.count(7000)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Archive]:
    with matter.archive(tmp_path) as sink:
        yield sink


def connect(server: FakeImap) -> ImapMailbox:
    return ImapMailbox.connect(matter.account(server.port), "secret", deadline=20.0)


def fetches(lines: list[bytes]) -> list[bytes]:
    return [line.partition(b" ")[2] for line in lines if b"UID FETCH" in line]


@pytest.fixture(params=["dovecot", "cyrus"])
def hand(request: pytest.FixtureRequest) -> ImapHand:
    server = request.getfixturevalue(request.param)
    user = f"modseq{next(_number)}"
    return ImapHand(server.port, user + ("@north.example" if request.param == "dovecot" else ""), PASSWORD)


def test_after_a_changed_flag_a_real_server_is_asked_for_changes_only(hand: ImapHand, sink: Archive) -> None:
    uids = hand.add_many("INBOX", [letter(n) for n in range(20)])
    sync(hand.connect(), sink)
    client = hand.client()
    client.select("INBOX")
    client.uid("STORE", str(uids[7]), "+FLAGS", "(\\Seen)")
    client.logout()
    with FaultProxy(hand.port) as proxy:
        mailbox = ImapMailbox.connect(matter.account(proxy.port, username=hand.user), PASSWORD, deadline=20.0)
        result = sync(mailbox, sink)
        asked = fetches(proxy.lines)
    assert (result.outcome, result.new, result.sightings) == ("complete", 0, 0)
    assert len(asked) == 1
    assert b"CHANGEDSINCE" in asked[0]
    assert b"BODY" not in asked[0]
    with FaultProxy(hand.port) as proxy:
        mailbox = ImapMailbox.connect(matter.account(proxy.port, username=hand.user), PASSWORD, deadline=20.0)
        sync(mailbox, sink)
        assert fetches(proxy.lines) == []  # the cursor moved on: nothing is asked twice


def test_new_and_vanished_mail_is_seen_beside_mod_sequences(hand: ImapHand, sink: Archive) -> None:
    uids = hand.add_many("INBOX", [letter(n) for n in range(6)])
    sync(hand.connect(), sink)
    hand.expunge("INBOX", uids[2])
    new = hand.add("INBOX", letter(9))
    result = sync(hand.connect(), sink)
    assert (result.outcome, result.new, result.vanished, counts_are_even(result)) == ("complete", 1, 1, True)
    assert {uid for _, uid in stored(sink)} == {*uids, new} - {uids[2]}


def test_a_reused_uid_is_found_by_its_mod_sequence(sink: Archive) -> None:
    inbox = FakeFolder(3, modseq=10)
    for n in range(1, 9):
        inbox.add(letter(n))
    with FakeImap({b"INBOX": inbox}, CONDSTORE) as server:
        sync(connect(server), sink)
        server.lines.clear()
        other = letter("other", body="something else altogether")
        inbox.messages[4] = FakeMessage(other, modseq=11)
        inbox.modseq = 11
        result = sync(connect(server), sink)
        asked = fetches(server.lines)
    assert (result.outcome, result.new, result.vanished) == ("complete", 1, 1)
    assert asked[0] == b"UID FETCH 1:8 (UID RFC822.SIZE INTERNALDATE) (CHANGEDSINCE 10)"
    assert [line.split(b" ")[2] for line in asked[1:]] == [b"4:4", b"4"]  # its header, its octets
    assert stored(sink)["INBOX", 4] == [sha256_hex(other)]
    assert observations(sink, "uid-reused")
    assert sink.connection.execute("SELECT count(*) FROM message").fetchone() == (9,)  # both are kept


@pytest.mark.parametrize("what", ["highest_modseq", "uidnext"])
def test_a_server_that_goes_back_is_looked_at_whole_and_said_to_have_gone_back(sink: Archive, what: str) -> None:
    """A backup was put back under the same UIDVALIDITY: UIDs are given out a second time, and no mod-sequence says so."""
    inbox = FakeFolder(3, modseq=10)
    for n in range(1, 9):
        inbox.add(letter(n))
    with FakeImap({b"INBOX": inbox}, CONDSTORE) as server:
        sync(connect(server), sink)
        other = letter("other", body="given the number of another")
        inbox.messages[8] = FakeMessage(other, modseq=2)
        inbox.uidnext, inbox.modseq = (9, 4) if what == "highest_modseq" else (8, 12)
        result = sync(connect(server), sink)
    assert (result.outcome, result.new) == ("complete", 1)
    assert stored(sink)["INBOX", 8] == [sha256_hex(other)]
    ((_, detail),) = observations(sink, "server-went-back")
    assert what in detail
    assert sink.connection.execute("SELECT count(*) FROM message").fetchone() == (9,)


def test_a_server_without_mod_sequences_is_looked_at_whole(sink: Archive) -> None:
    inbox = FakeFolder(3)
    for n in range(1, 9):
        inbox.add(letter(n))
    with FakeImap({b"INBOX": inbox}) as server:
        sync(connect(server), sink)
        inbox.messages[4] = FakeMessage(letter("other", body="something else altogether"))
        inbox.add(letter(9))
        result = sync(connect(server), sink)
        assert not any(b"MODSEQ" in line or b"CONDSTORE" in line or b"CHANGEDSINCE" in line for line in server.lines)
    assert (result.outcome, result.new) == ("complete", 2)
