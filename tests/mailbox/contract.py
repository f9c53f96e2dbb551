"""What every mailbox must do. One suite, run on memory, pymap, Dovecot (and any other server that is at hand)."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.archive.store import Archive
from evidence.mailbox.mailbox import FolderUnreadable, Mailbox, NotDelivered, Wanted
from evidence.model import FolderName, RawMessage, sha256_hex
from tests.mailbox import matter
from tests.mailbox.matter import counts_are_even, letter, observations, stored, sync

ODD = {
    "bare-lf": b"From: director@romashka.example\nTo: office@north.example\nMessage-ID: <lf@mail.example>\n\nline\nline\n",
    "no-final-newline": letter("nofinal").rstrip(b"\r\n"),
    "raw-8-bit": letter("koi").replace(b"letter koi", "Договор 5".encode("koi8-r")),
    "utf-8": letter("utf", body="Договор № 5 — «срочно»"),
    "long-line": letter("long", body="x" * 200_000),
    "no-header": b"\r\nonly a body\r\n",
    "header-only": b"From: director@romashka.example\r\nTo: office@north.example\r\n\r\n",
    "parentheses": letter("paren", body=") UID 7 BODY[] {3}\r\nxxx)"),
}


class MailboxContract:
    """Subclasses give ``server``: a hand that may change the mailbox, and ``connect``."""

    refused: frozenset[str] = frozenset()  # of ODD, what this server will not take in

    @pytest.fixture
    @abstractmethod
    def server(self) -> Iterator[Any]: ...

    @pytest.fixture
    def mailbox(self, server: Any) -> Iterator[Mailbox]:
        mailbox = server.connect()
        yield mailbox
        mailbox.close()

    @pytest.fixture
    def sink(self, tmp_path: Path) -> Iterator[Archive]:
        with matter.archive(tmp_path) as sink:
            yield sink

    def name(self, mailbox: Mailbox, text: str) -> FolderName:
        return next(f for f in mailbox.list_folders() if f.name == text)

    def test_folders_are_listed_by_their_names(self, server: Any) -> None:
        for text in ("INBOX", "Клиенты", "Tom & Jerry", "007"):
            server.add(text, letter(1))
        mailbox = server.connect()
        names = {f.name for f in mailbox.list_folders()}
        assert {"INBOX", "Клиенты", "Tom & Jerry", "007"} <= names
        for text in ("Клиенты", "Tom & Jerry", "007"):
            assert mailbox.examine(self.name(mailbox, text)).exists == 1
        mailbox.close()

    def test_status_and_examine_agree(self, server: Any, mailbox: Mailbox) -> None:
        server.add("INBOX", letter(1))
        server.add("INBOX", letter(2))
        inbox = self.name(mailbox, "INBOX")
        opened = mailbox.examine(inbox)
        (counted,) = mailbox.status([inbox])
        assert counted is not None
        assert (counted.uidvalidity, counted.uidnext, counted.exists) == (
            opened.uidvalidity,
            opened.uidnext,
            opened.exists,
        )
        assert opened.exists == 2

    def test_a_folder_that_is_not_there_is_unreadable_and_has_no_status(self, mailbox: Mailbox) -> None:
        nowhere = FolderName("Nowhere", b"Nowhere")
        assert mailbox.status([nowhere]) == (None,)
        with pytest.raises(FolderUnreadable):
            mailbox.examine(nowhere)

    def test_the_listing_has_each_uid_once_and_ascending(self, server: Any, mailbox: Mailbox) -> None:
        uids = [server.add("INBOX", letter(n)) for n in range(5)]
        server.expunge("INBOX", uids[2])
        mailbox.examine(self.name(mailbox, "INBOX"))
        assert list(mailbox.uids()) == [u for u in uids if u != uids[2]]

    def test_an_empty_folder_has_an_empty_listing(self, server: Any, mailbox: Mailbox) -> None:
        server.expunge("INBOX", server.add("INBOX", letter(1)))
        mailbox.examine(self.name(mailbox, "INBOX"))
        assert list(mailbox.uids()) == []
        assert list(mailbox.peek_headers(1, None)) == []

    def test_peeks_hold_the_headers_that_decide(self, server: Any, mailbox: Mailbox) -> None:
        uid = server.add("INBOX", letter(1, refs="<0@mail.example>"))
        mailbox.examine(self.name(mailbox, "INBOX"))
        (peek,) = mailbox.peek_headers(1, None)
        assert peek.uid == uid
        assert b"director@romashka.example" in peek.header
        assert b"<0@mail.example>" in peek.header
        assert b"<1@mail.example>" in peek.header
        assert b"This is letter" not in peek.header

    def test_a_window_beyond_the_last_uid_is_empty(self, server: Any, mailbox: Mailbox) -> None:
        uid = server.add("INBOX", letter(1))
        mailbox.examine(self.name(mailbox, "INBOX"))
        assert list(mailbox.peek_headers(uid + 1, None)) == []

    @pytest.mark.parametrize("trouble", sorted(ODD))
    def test_octets_are_those_the_server_holds(self, server: Any, mailbox: Mailbox, trouble: str) -> None:
        if trouble in self.refused:
            with pytest.raises(AssertionError, match="NO Message contains"):
                server.add("INBOX", ODD[trouble])
            return
        uid = server.add("INBOX", ODD[trouble])
        mailbox.examine(self.name(mailbox, "INBOX"))
        (got,) = mailbox.fetch([Wanted(uid)])
        assert isinstance(got, RawMessage)
        assert sha256_hex(got.raw) == hashlib.sha256(server.octets("INBOX", uid)).hexdigest()

    def test_what_is_gone_is_not_delivered_and_said_to_be_gone(self, server: Any, mailbox: Mailbox) -> None:
        uids = [server.add("INBOX", letter(n)) for n in range(3)]
        mailbox.examine(self.name(mailbox, "INBOX"))
        server.expunge("INBOX", uids[1])
        mailbox.noop()  # until then a server may go on showing it to this session
        got = list(mailbox.fetch([Wanted(u) for u in uids]))
        missing = [g for g in got if isinstance(g, NotDelivered)]
        assert [m.uid for m in missing] == [uids[1]]
        assert missing[0].gone
        assert sorted(g.uid for g in got if isinstance(g, RawMessage)) == [uids[0], uids[2]]

    def test_many_messages_come_over_several_batches(self, server: Any, mailbox: Mailbox) -> None:
        uids = server.add_many("INBOX", [letter(n) for n in range(450)])
        mailbox.examine(self.name(mailbox, "INBOX"))
        got = list(mailbox.fetch([Wanted(u, 20_000) for u in uids]))
        assert [g.uid for g in got] == uids
        assert len({g.raw for g in got if isinstance(g, RawMessage)}) == 450

    def test_acquiring_leaves_flags_and_counts_even(self, server: Any, mailbox: Mailbox, sink: Archive) -> None:
        server.add("INBOX", letter(1))
        server.add("INBOX", letter(2, "a@b.example"))
        server.add("Архив", letter(3, "x@y.example", "z@y.example", refs="<1@mail.example>"))
        before = server.flags()
        result = sync(mailbox, sink)
        assert (result.outcome, result.new) == ("complete", 2)
        assert counts_are_even(result)
        assert server.flags() == before
        again = sync(mailbox, sink)
        assert (again.new, again.sightings, again.outcome) == (0, 0, "complete")
        assert {f.folder: f.on_server for f in again.folders} == {f.folder: f.on_server for f in result.folders}

    def test_the_archive_holds_what_the_server_holds(self, server: Any, mailbox: Mailbox, sink: Archive) -> None:
        taken = [raw for trouble, raw in ODD.items() if trouble not in self.refused]
        places = {(folder, server.add(folder, raw)) for folder in ("INBOX", "Клиенты") for raw in taken}
        result = sync(mailbox, sink, messages="all")
        assert result.outcome == "complete"
        held = stored(sink)
        for folder, uid in places:
            assert held[folder, uid] == [hashlib.sha256(server.octets(folder, uid)).hexdigest()]

    def test_new_mail_is_taken_and_moved_mail_is_told_from_deleted(
        self, server: Any, mailbox: Mailbox, sink: Archive
    ) -> None:
        first, second, third = (server.add("INBOX", letter(n)) for n in (1, 2, 3))
        server.add("Archive", letter(9, "a@b.example"))
        sync(mailbox, sink)
        raw = server.octets("INBOX", second)
        server.expunge("INBOX", first)
        server.expunge("INBOX", second)
        moved_uid = server.add("Archive", raw)
        new = server.add("INBOX", letter(4))
        result = sync(mailbox, sink)
        assert (result.new, result.vanished) == (1, 2)
        kinds = sink.connection.execute(
            "SELECT s.uid, d.kind FROM disappearance d JOIN sighting s ON s.id = d.sighting ORDER BY s.uid"
        ).fetchall()
        assert kinds == [(first, "gone"), (second, "moved")]
        assert set(stored(sink)) == {("INBOX", third), ("INBOX", new), ("Archive", moved_uid)}

    def test_a_suddenly_empty_folder_is_believed_only_the_second_time(
        self, server: Any, mailbox: Mailbox, sink: Archive
    ) -> None:
        uids = server.add_many("INBOX", [letter(n) for n in range(8)])
        sync(mailbox, sink)
        for uid in uids:
            server.expunge("INBOX", uid)
        doubted = sync(mailbox, sink)
        assert (doubted.outcome, doubted.vanished) == ("incomplete", 0)
        assert observations(sink, "folder-suddenly-empty")
        believed = sync(mailbox, sink)
        assert (believed.outcome, believed.vanished) == ("complete", 8)
        assert counts_are_even(doubted)
        assert counts_are_even(believed)
