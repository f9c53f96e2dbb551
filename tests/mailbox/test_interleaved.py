"""A server may answer two commands beside each other (RFC 9051 section 5.5), as Dovecot does: no row is taken for another's."""

from __future__ import annotations

import select

import pytest

from evidence.mailbox.imap import ImapMailbox
from evidence.mailbox.mailbox import Wanted
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
