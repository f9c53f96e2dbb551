"""A server may answer two commands beside each other (RFC 9051 section 5.5), as Dovecot does: no row is taken for another's."""

from __future__ import annotations

import select

import pytest

from evidence.mailbox.imap import ImapMailbox
from evidence.mailbox.mailbox import MailboxError, Wanted
from tests.mailbox import matter
from tests.mailbox.matter import letter
from tests.servers.fake import FakeFolder, FakeImap, Session


def fetch_before_search(session: Session, tag: bytes, rest: bytes) -> bool:
    """Where a FETCH comes while the SEARCH is under way, it is answered first."""
    if select.select([session.sock], [], [], 0.3)[0]:
        line = session.file.readline().rstrip(b"\r\n")
        beside, _, what = line.partition(b" ")
        if what.upper().startswith(b"UID FETCH"):
            session.do_fetch(beside, what)
        else:
            session.ok(beside)
    session.do_search(tag, rest)
    return True


@pytest.mark.parametrize("what", ["headers", "octets"])
def test_rows_that_come_before_the_listings_end_are_not_lost(what: str) -> None:
    folder = FakeFolder()
    for n in range(1, 6):
        folder.add(letter(n))
    with FakeImap({b"INBOX": folder}) as server:
        server.on["SEARCH"] = fetch_before_search
        mailbox = ImapMailbox.connect(matter.account(server.port), "secret", deadline=20.0)
        mailbox.examine(mailbox.list_folders()[0])
        if what == "headers":
            assert [peek.uid for peek in mailbox.peek_headers(1, None)] == [1, 2, 3, 4, 5]
        else:
            got = [message.raw for message in mailbox.fetch([Wanted(n) for n in range(1, 6)])]
            assert got == [letter(n) for n in range(1, 6)]
        assert list(mailbox.uids()) == [1, 2, 3, 4, 5]
        mailbox.close()


def test_commands_sent_together_may_be_finished_in_another_order() -> None:
    folder = FakeFolder()
    folder.add(letter(1))
    waiting: list[bytes] = []

    def later(_session: Session, tag: bytes, _rest: bytes) -> bool:
        waiting.append(tag)
        return True

    def listed_first(session: Session, tag: bytes, rest: bytes) -> bool:
        """The folders, then what was asked before them, the last first."""
        session.do_list(tag, rest)
        session.send(b'* ID ("name" "fake")\r\n* NAMESPACE (("" "/")) NIL NIL\r\n')
        while waiting:
            session.ok(waiting.pop())
        return True

    with FakeImap({b"INBOX": folder, b"Other": FakeFolder()}, b"IMAP4rev1 ESEARCH ID NAMESPACE") as server:
        server.on |= {"ID": later, "NAMESPACE": later, "LIST": listed_first}
        mailbox = ImapMailbox.connect(matter.account(server.port), "secret", deadline=20.0)
        assert [f.name for f in mailbox.list_folders()] == ["INBOX", "Other"]
        assert mailbox.server_id == {"name": "fake"}
        assert [s.exists for s in mailbox.status(mailbox.list_folders()) if s] == [1, 0]
        mailbox.close()


def test_the_later_of_two_fetches_may_end_first() -> None:
    folder = FakeFolder()
    for n in range(1, 5):
        folder.add(letter(n))
    held: list[tuple[bytes, bytes]] = []  # two batches of two, by their sizes

    def in_turn(session: Session, tag: bytes, rest: bytes) -> bool:
        held.append((tag, rest))
        if len(held) == 2:
            for one in reversed(held):
                session.do_fetch(*one)
        return True

    with FakeImap({b"INBOX": folder}) as server:
        server.on["FETCH"] = in_turn
        mailbox = ImapMailbox.connect(matter.account(server.port), "secret", deadline=20.0)
        mailbox.examine(mailbox.list_folders()[0])
        got = {m.uid for m in mailbox.fetch([Wanted(n, 4_000_000) for n in range(1, 5)])}
        assert got == {1, 2, 3, 4}
        mailbox.close()


def test_what_was_asked_early_is_unknown_once_the_connection_is_gone() -> None:
    """The record of a run that was cut still names the server; asking a closed connection must not break it."""

    def cut(session: Session, _tag: bytes, _rest: bytes) -> bool:
        session.sock.close()
        return True

    with FakeImap({b"INBOX": FakeFolder()}, b"IMAP4rev1 ESEARCH ID") as server:
        server.on["ID"] = cut
        mailbox = ImapMailbox.connect(matter.account(server.port), "secret", deadline=20.0)
        with pytest.raises(MailboxError):
            mailbox.list_folders()
        mailbox.close()
        assert mailbox.server_id == {}
