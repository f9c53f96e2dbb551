"""What real servers do wrong, said by a scripted one: S3, S5–S10, N3–N5, N8, N9, C4, C9 of the fault list."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from imapclient.imap_utf7 import encode

from evidence.archive.store import Archive
from evidence.errors import EvidenceError, LoginRefused
from evidence.mailbox.imap import ImapMailbox
from evidence.mailbox.mailbox import CommandRefused, FolderUnreadable, MailboxError, NotDelivered, Throttled, Wanted
from evidence.mailbox.wire import Limits
from evidence.model import RawMessage, sha256_hex
from tests.mailbox import matter
from tests.mailbox.matter import Clock, counts_are_even, letter, observations, stored, sync
from tests.servers.fake import FakeFolder, FakeImap, FakeMessage, Session

SUBSTITUTE = (
    b"From: Microsoft Exchange\r\nSubject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n\r\n"
    b"The server couldn't retrieve the following message:\r\n\r\nSubject: \"claim\"\r\nThe message hasn't been deleted.\r\n"
)


@pytest.fixture
def inbox() -> FakeFolder:
    return FakeFolder(uidvalidity=7)


@pytest.fixture
def server(inbox: FakeFolder) -> Iterator[FakeImap]:
    with FakeImap({b"INBOX": inbox}) as server:
        yield server


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Archive]:
    with matter.archive(tmp_path) as sink:
        yield sink


def connect(server: FakeImap, **more: Any) -> ImapMailbox:
    limits = Limits(**{"deadline": 5.0, **more})
    return ImapMailbox.connect(matter.account(server.port), "secret", limits=limits)


def owed(sink: Archive) -> list[tuple[int, str]]:
    return sink.connection.execute("SELECT uid, reason FROM owed_now ORDER BY uid").fetchall()


# ---- messages that do not come ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("literal", "said"),
    [
        (b"BODY[] NIL", "NIL"),
        (b'BODY[] ""', "empty"),
        (b"BODY[] {0}\r\n", "empty"),
    ],
)
def test_a_message_that_comes_as_nothing_is_owed_and_had_when_it_comes(
    server: FakeImap, inbox: FakeFolder, sink: Archive, literal: bytes, said: str
) -> None:
    for n in range(20):
        inbox.add(letter(n))
    inbox.messages[7].literal = literal
    raw, inbox.messages[7].raw = inbox.messages[7].raw, b""
    inbox.messages[7].size = 200
    header = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    def fetch(session: Session, tag: bytes, rest: bytes) -> bool:
        inbox.messages[7].raw = header if b"HEADER" in rest else (b"" if inbox.messages[7].literal else raw)
        return False

    server.on["FETCH"] = fetch
    result = sync(connect(server), sink)
    assert (result.outcome, result.new, result.owed) == ("incomplete", 19, 1)
    assert counts_are_even(result)
    assert [(u, said in r) for u, r in owed(sink)] == [(7, True)]
    again = sync(connect(server), sink)
    assert (again.outcome, again.owed, again.new) == ("incomplete", 1, 0)
    assert len(sink.connection.execute("SELECT 1 FROM owed").fetchall()) == 1  # said once
    inbox.messages[7].literal = None
    mended = sync(connect(server), sink)
    assert (mended.outcome, mended.new, mended.owed) == ("complete", 1, 0)
    assert stored(sink)["INBOX", 7] == [sha256_hex(raw)]
    assert owed(sink) == []


def test_an_ok_without_the_message_costs_only_that_message(server: FakeImap, inbox: FakeFolder, sink: Archive) -> None:
    for n in range(300):
        inbox.add(letter(n))
    inbox.messages[123].silent = True
    result = sync(connect(server), sink)
    assert (result.outcome, result.new, result.owed) == ("incomplete", 299, 1)
    assert [u for u, _ in owed(sink)] == [123]


def test_a_no_for_one_of_500_costs_only_that_one(server: FakeImap, inbox: FakeFolder, sink: Archive) -> None:
    for n in range(500):
        inbox.add(letter(n))

    def fetch(session: Session, tag: bytes, rest: bytes) -> bool:
        asked = set(session._window(rest.split(b" ")[2]))
        if b"BODY.PEEK[]" in rest and 321 in asked:
            session.send(tag + b" NO [SERVERBUG] message is corrupt\r\n")
            return True
        return False

    server.on["FETCH"] = fetch
    result = sync(connect(server), sink)
    assert (result.outcome, result.new, result.owed) == ("incomplete", 499, 1)
    assert owed(sink) == [(321, "NO [SERVERBUG] message is corrupt")]


def test_an_unasked_fetch_without_uid_and_one_of_another_uid_mix_nothing_up(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    raws = {inbox.add(letter(n)): letter(n) for n in range(6)}
    forged = letter("forged")

    def fetch(session: Session, tag: bytes, rest: bytes) -> bool:
        if b"BODY.PEEK[]" in rest:
            session.send(b"* 3 FETCH (FLAGS (\\Seen) BODY[] {%d}\r\n" % len(forged) + forged + b")\r\n")
            session.send(b"* 9 FETCH (UID 99 BODY[] {%d}\r\n" % len(forged) + forged + b")\r\n")
            session.send(b"* 2 FETCH (FLAGS (\\Answered))\r\n")
        return False

    server.on["FETCH"] = fetch
    result = sync(connect(server), sink)
    assert result.outcome == "complete"
    assert stored(sink) == {("INBOX", u): [sha256_hex(r)] for u, r in raws.items()}


def test_a_uid_that_comes_twice_with_other_octets_keeps_both_and_sounds_the_alarm(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    inbox.add(letter(1))
    other = letter("1b")

    def fetch(session: Session, tag: bytes, rest: bytes) -> bool:
        if b"BODY.PEEK[]" in rest:
            session.send(b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % len(other) + other + b")\r\n")
        return False

    server.on["FETCH"] = fetch
    sync(connect(server), sink)
    assert set(stored(sink)["INBOX", 1]) == {sha256_hex(letter(1)), sha256_hex(other)}
    assert observations(sink, "uid-twice")


def test_a_uid_used_again_for_another_message_keeps_both_and_sounds_the_alarm(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    inbox.add(letter(1))
    inbox.add(letter(2))
    sync(connect(server), sink)
    inbox.messages[2] = FakeMessage(letter("2-new", body="something else entirely"))
    inbox.add(letter(3))
    result = sync(connect(server), sink)
    assert result.new == 2
    hashes = {h for (h,) in sink.connection.execute("SELECT sha256 FROM message")}
    assert {sha256_hex(letter(2)), sha256_hex(letter("2-new", body="something else entirely"))} <= hashes
    assert observations(sink, "uid-reused")
    assert stored(sink)["INBOX", 2] == [sha256_hex(letter("2-new", body="something else entirely"))]


def test_a_size_that_lies_is_recorded_beside_the_true_one(server: FakeImap, inbox: FakeFolder, sink: Archive) -> None:
    inbox.add(letter(1), size=17)
    inbox.add(letter(2), size=10_000_000)
    result = sync(connect(server), sink)
    assert result.outcome == "complete"
    rows = sink.connection.execute(
        "SELECT s.server_size, m.size FROM sighting s JOIN message m ON m.id = s.message"
    ).fetchall()
    assert rows == [(17, len(letter(1))), (10_000_000, len(letter(2)))]
    assert sync(connect(server), sink).sightings == 0


def test_a_servers_own_text_is_kept_marked_and_the_message_stays_owed(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    raw = letter(1)
    inbox.add(raw)

    def fetch(session: Session, tag: bytes, rest: bytes) -> bool:
        inbox.messages[1].raw = SUBSTITUTE if b"BODY.PEEK[]" in rest else raw
        return False

    server.on["FETCH"] = fetch
    result = sync(connect(server), sink)
    assert (result.outcome, result.owed) == ("incomplete", 1)
    assert sink.connection.execute("SELECT note FROM sighting").fetchall() == [("substitute",)]
    assert [u for u, _ in owed(sink)] == [1]
    again = sync(connect(server), sink)
    assert (again.owed, again.sightings) == (1, 0)
    server.on.clear()
    inbox.messages[1].raw = raw
    mended = sync(connect(server), sink)
    assert (mended.outcome, mended.owed, mended.new) == ("complete", 0, 1)
    assert owed(sink) == []


def test_a_letter_that_quotes_a_servers_text_is_a_letter(server: FakeImap, inbox: FakeFolder, sink: Archive) -> None:
    inbox.add(letter(1, body="You wrote: The server couldn't retrieve the following message"))
    assert sync(connect(server), sink).outcome == "complete"


# ---- listings that do not tell all --------------------------------------------------------------


@pytest.mark.parametrize("capabilities", [b"IMAP4rev1", b"IMAP4rev1 ESEARCH"])
def test_a_message_hidden_from_search_is_found(
    server: FakeImap, inbox: FakeFolder, sink: Archive, capabilities: bytes
) -> None:
    server.capabilities = capabilities
    for n in range(10):
        inbox.add(letter(n))
    inbox.hidden = {4}
    result = sync(connect(server), sink)
    assert (result.new, result.outcome) == (10, "complete")
    assert observations(sink, "search-disagrees")


def test_a_search_that_is_refused_is_replaced_by_a_look_at_every_message(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    for n in range(10):
        inbox.add(letter(n))

    def search(session: Session, tag: bytes, rest: bytes) -> bool:
        session.send(tag + b" NO [BADCHARSET (US-ASCII)] Backend error\r\n")
        return True

    server.on["SEARCH"] = search
    assert sync(connect(server), sink).new == 10
    assert not any(b"CHARSET" in line for line in server.lines)


def test_a_header_the_server_will_not_show_is_judged_by_the_octets(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    inbox.add(letter(1))
    inbox.add(letter(2, "a@b.example"))

    def fetch(session: Session, tag: bytes, rest: bytes) -> bool:
        if b"HEADER" not in rest:
            return False
        session.send(b"* 1 FETCH (UID 1 RFC822.SIZE 5 BODY[HEADER.FIELDS (FROM)] NIL)\r\n")
        session.ok(tag)
        return True

    server.on["FETCH"] = fetch
    result = sync(connect(server), sink)
    assert (result.new, result.outcome) == (1, "complete")
    assert [(f.in_scope, f.out_of_scope) for f in result.folders] == [(1, 1)]


def test_a_folder_named_007_stays_007_and_utf8_names_are_read(sink: Archive) -> None:
    folders = {
        b"007": FakeFolder(2),
        "Клиенты".encode(): FakeFolder(3),
        b'quo"te\\s': FakeFolder(4),
        encode("Архив"): FakeFolder(5),
    }
    for folder in folders.values():
        folder.add(letter(folder.uidvalidity))
    with FakeImap(folders) as server:
        server.wires = {
            b"007": b"007",
            "Клиенты".encode(): b"{14}\r\n" + "Клиенты".encode(),
            b'quo"te\\s': b'"quo\\"te\\\\s"',
        }
        literal = "Клиенты".encode()

        def take_literal(session: Session, tag: bytes, rest: bytes) -> bool:
            if not rest.endswith(b"{14}"):
                return False
            session.send(b"+ go on\r\n")
            line = session.file.readline().rstrip(b"\r\n")
            verb = rest.split(b" ")[0].lower().decode()
            assert line.startswith(literal)
            session.server.folders[b"@"] = folders[literal]
            getattr(session, f"do_{verb}")(tag, verb.encode() + b' "@"')
            del session.server.folders[b"@"]
            return True

        server.on["EXAMINE"] = server.on["STATUS"] = take_literal
        result = sync(connect(server), sink)
    assert {f.folder for f in result.folders} == {"007", "Клиенты", 'quo"te\\s', "Архив"}
    assert (result.new, result.outcome) == (4, "complete")


# ---- attacks -------------------------------------------------------------------------------------


def test_line_breaks_in_what_a_sender_wrote_never_reach_a_command(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    hostile = (
        b'From: "x\r\n A1 DELETE INBOX" <director@romashka.example>\r\nTo: office@north.example\r\n'
        b'Message-ID: <a"\r\n\tA2 STORE 1 +FLAGS (\\Deleted)@x>\r\nReferences: <{3}\r\n abc> <") NOOP>\r\n'
        b"Subject: \r\n A3 EXPUNGE\r\n\r\nA4 LOGOUT\r\n"
    )
    inbox.add(hostile)
    inbox.add(letter(2, "x@y.example", "z@y.example", refs='<") NOOP>'))
    sync(connect(server), sink)
    text = b"\n".join(server.lines)
    for word in (b"DELETE", b"STORE", b"EXPUNGE", b"romashka", b"{3}", b'")'):
        assert word not in text
    verbs = {line.split(b" ")[1] for line in server.lines}
    assert verbs <= {b"CAPABILITY", b"LOGIN", b"ID", b"LIST", b"STATUS", b"EXAMINE", b"UID", b"NOOP", b"LOGOUT"}


def test_a_folder_whose_name_holds_a_line_break_is_named_and_the_others_are_read(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    inbox.add(letter(1))
    evil = b'x"\r\nA9 DELETE INBOX'
    server.folders[evil] = FakeFolder(9)
    server.wires[evil] = b"{%d}\r\n" % len(evil) + evil
    result = sync(connect(server), sink)
    assert result.outcome == "incomplete"
    assert result.new == 1
    assert any("line break" in p for p in result.problems)
    assert not any(b"DELETE" in line for line in server.lines)


def test_two_messages_with_one_message_id_are_both_kept(server: FakeImap, inbox: FakeFolder, sink: Archive) -> None:
    inbox.add(letter("same"))
    inbox.add(letter("same", body="and yet another text"))
    inbox.add(letter("x").replace(b"Message-ID: <x@mail.example>\r\n", b""))
    inbox.add(letter("y").replace(b"<y@mail.example>", b""))
    assert sync(connect(server), sink).new == 4


# ---- servers that do not end ---------------------------------------------------------------------


def stopped(server: FakeImap, **limits: Any) -> tuple[MailboxError, float]:
    began = time.monotonic()
    with pytest.raises(MailboxError) as caught:
        mailbox = connect(server, **limits)
        mailbox.examine(mailbox.list_folders()[0])
        list(mailbox.fetch([Wanted(1, 100)]))
    return caught.value, time.monotonic() - began


def drip(text: bytes) -> Callable[[Session, bytes, bytes], bool]:
    def answer(session: Session, tag: bytes, rest: bytes) -> bool:
        for octet in text:
            session.send(bytes([octet]))
            time.sleep(0.2)
        return True

    return answer


@pytest.mark.parametrize("verb", ["CAPABILITY", "LOGIN", "LIST", "EXAMINE", "FETCH"])
def test_a_server_that_drips_is_ended_by_the_overall_deadline(server: FakeImap, inbox: FakeFolder, verb: str) -> None:
    inbox.add(letter(1))
    server.on[verb] = drip(b"* 1 FETCH (UID 1 BODY[] {1000}\r\n" + b"x" * 1000)
    error, took = stopped(server, deadline=1.0)
    assert took < 4
    assert "slow" in str(error)


@pytest.mark.parametrize("verb", ["LOGIN", "LIST", "EXAMINE", "FETCH"])
def test_a_server_that_never_stops_talking_is_ended_by_the_byte_cap(
    server: FakeImap, inbox: FakeFolder, verb: str
) -> None:
    inbox.add(letter(1))

    def flood(session: Session, tag: bytes, rest: bytes) -> bool:
        while True:
            session.send(b"* OK noise noise noise noise noise noise\r\n" * 500)

    server.on[verb] = flood
    error, took = stopped(server, stray=2_000_000, deadline=30.0)
    assert "without end" in str(error)
    assert took < 20


def test_a_line_without_end_is_ended_by_the_line_cap(server: FakeImap, inbox: FakeFolder) -> None:
    def endless(session: Session, tag: bytes, rest: bytes) -> bool:
        while True:
            session.send(b"x" * 100_000)

    server.on["LIST"] = endless
    error, _ = stopped(server, line=1_000_000)
    assert "without end" in str(error)


def test_a_literal_of_eight_gigabytes_is_refused_unread_and_the_rest_is_had(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    for n in range(12):
        inbox.add(letter(n))
    inbox.messages[5].literal = b"BODY[] {8000000000}\r\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = sync(connect(server), sink)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100 * 1024
    assert (result.outcome, result.new, result.owed) == ("incomplete", 11, 1)
    assert "8000000000 octets announced" in owed(sink)[0][1]


def test_an_eight_gigabyte_header_ends_the_connection_in_words(server: FakeImap, inbox: FakeFolder) -> None:
    inbox.add(letter(1))

    def fetch(session: Session, tag: bytes, rest: bytes) -> bool:
        session.send(b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM)] {8000000000}\r\nFrom")
        return True

    server.on["FETCH"] = fetch
    mailbox = connect(server)
    mailbox.examine(mailbox.list_folders()[0])
    with pytest.raises(MailboxError, match="impossible size"):
        list(mailbox.peek_headers(1, None))


def test_an_oversized_header_is_stepped_over_and_the_message_judged_whole(
    server: FakeImap, inbox: FakeFolder, sink: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evidence.mailbox.imap.LARGEST_HEADER", 10_000)
    inbox.add(letter(1, more="Cc: " + ",\r\n ".join(f"p{n}@third.example" for n in range(2000))))
    inbox.add(letter(2))
    result = sync(connect(server), sink)
    assert (result.new, result.outcome) == (2, "complete")
    assert result.folders[0].in_scope == 2


# ---- limits of the provider -----------------------------------------------------------------------


def test_too_many_connections_at_login_says_until_when_to_wait(server: FakeImap) -> None:
    def login(session: Session, tag: bytes, rest: bytes) -> bool:
        session.send(tag + b" NO [LIMIT] Maximum number of connections from user+IP exceeded\r\n")
        return True

    server.on["LOGIN"] = login
    with pytest.raises(Throttled) as caught:
        connect(server)
    assert caught.value.retry_after


def test_a_wrong_password_is_a_refused_login_and_not_a_limit(server: FakeImap) -> None:
    def login(session: Session, tag: bytes, rest: bytes) -> bool:
        session.send(tag + b" NO [AUTHENTICATIONFAILED] invalid credentials\r\n")
        return True

    server.on["LOGIN"] = login
    with pytest.raises(LoginRefused) as caught:
        connect(server)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "hours"),
    [(b"* OK [THROTTLED] slow down\r\n", 0.25), (b"* BYE [OVERQUOTA] Account exceeded bandwidth limits.\r\n", 24.0)],
)
def test_a_limit_in_the_middle_keeps_what_came_and_says_until_when(
    server: FakeImap, inbox: FakeFolder, sink: Archive, answer: bytes, hours: float
) -> None:
    for n in range(450):
        inbox.add(letter(n))
    asked = 0

    def fetch(session: Session, tag: bytes, rest: bytes) -> bool:
        nonlocal asked
        asked += b"BODY.PEEK[]" in rest
        if asked == 2 and b"BODY.PEEK[]" in rest:
            session.send(answer)
            return True
        return False

    server.on["FETCH"] = fetch
    clock = Clock()
    result = sync(connect(server), sink, now=clock)
    assert result.outcome == "incomplete"
    assert result.retry_at is not None
    assert (result.retry_at - clock.at).total_seconds() == hours * 3600
    assert any(f"{result.retry_at:%Y-%m-%d %H:%M}" in p for p in result.problems)
    assert 200 <= result.new < 450
    server.on.clear()
    rest = sync(connect(server), sink)
    assert (rest.outcome, rest.new) == ("complete", 450 - result.new)


def test_a_bye_in_the_middle_is_answered_by_waiting_and_going_on(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    for n in range(450):
        inbox.add(letter(n))
    asked = 0

    def fetch(session: Session, tag: bytes, rest: bytes) -> bool:
        nonlocal asked
        asked += b"BODY.PEEK[]" in rest
        if asked == 2 and b"BODY.PEEK[]" in rest:
            session.send(b"* BYE shutting down for maintenance\r\n")
            session.sock.close()
            return True
        return False

    server.on["FETCH"] = fetch
    waits: list[float] = []
    result = sync(connect(server), sink, waits=waits)
    assert (result.outcome, result.new) == ("complete", 450)
    assert waits and waits[0] >= 1.0


def test_a_server_that_stays_away_ends_the_run_as_incomplete(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    inbox.add(letter(1))
    mailbox = connect(server)
    server.__exit__(None, None, None)
    result = sync(mailbox, sink)
    assert result.outcome == "incomplete"
    assert result.problems


# ---- the rest of the network list ------------------------------------------------------------------


def test_a_greeting_that_claims_to_be_logged_in_is_refused(server: FakeImap) -> None:
    server.greeting = b"* PREAUTH welcome back\r\n"
    with pytest.raises(MailboxError, match="PREAUTH"):
        connect(server)
    assert not any(b"secret" in line for line in server.lines)


@pytest.mark.parametrize("capabilities", [b"IMAP4rev1", b"IMAP4rev1 STARTTLS"])
def test_stripped_starttls_never_sends_the_password(server: FakeImap, capabilities: bytes) -> None:
    server.capabilities = capabilities

    def starttls(session: Session, tag: bytes, rest: bytes) -> bool:
        session.send(tag + b" NO not today\r\n")
        return True

    server.on["STARTTLS"] = starttls
    with pytest.raises(EvidenceError):
        ImapMailbox.connect(matter.account(server.port, tls="starttls"), "secret", deadline=5.0)
    assert not any(b"secret" in line or b"LOGIN" in line for line in server.lines)


def test_text_injected_before_tls_is_refused(server: FakeImap) -> None:
    server.capabilities = b"IMAP4rev1 STARTTLS"

    def starttls(session: Session, tag: bytes, rest: bytes) -> bool:
        session.send(tag + b" OK begin\r\n* OK [ALERT] injected\r\n* CAPABILITY IMAP4rev1 LOGIN\r\n")
        return True

    server.on["STARTTLS"] = starttls
    with pytest.raises(MailboxError, match="before encryption"):
        ImapMailbox.connect(matter.account(server.port, tls="starttls"), "secret", deadline=5.0)
    assert not any(b"secret" in line for line in server.lines)


def test_not_a_mail_server_is_said_plainly(server: FakeImap) -> None:
    server.greeting = b"HTTP/1.1 400 Bad Request\r\n"
    with pytest.raises(MailboxError, match="does not respond as a mail server would"):
        connect(server)


def test_a_user_name_with_a_line_break_is_not_sent(server: FakeImap) -> None:
    mailbox_account = matter.account(server.port).model_copy(update={"username": "x\r\nA1 DELETE INBOX"})
    with pytest.raises(CommandRefused):
        ImapMailbox.connect(mailbox_account, "secret", deadline=5.0)
    assert not any(b"DELETE" in line for line in server.lines)


def test_a_folder_without_uidvalidity_is_unreadable_and_the_others_are_read(
    server: FakeImap, inbox: FakeFolder, sink: Archive
) -> None:
    inbox.add(letter(1))
    server.folders[b"Public"] = FakeFolder(3)

    def examine(session: Session, tag: bytes, rest: bytes) -> bool:
        if b"Public" not in rest:
            return False
        session.send(b"* 3 EXISTS\r\n* OK [UIDNOTSTICKY] no persistent uids\r\n")
        session.ok(tag)
        return True

    server.on["EXAMINE"] = examine
    mailbox = connect(server)
    with pytest.raises(FolderUnreadable):
        mailbox.examine(mailbox.list_folders()[1])
    result = sync(mailbox, sink)
    assert (result.new, result.outcome) == (1, "incomplete")


def test_a_lost_answer_is_not_a_message(server: FakeImap, inbox: FakeFolder) -> None:
    """The halves of a batch are asked for again; what stays silent is named with the server's own words."""
    for n in range(4):
        inbox.add(letter(n))
        inbox.messages[n + 1].silent = n % 2 == 0
    mailbox = connect(server)
    mailbox.examine(mailbox.list_folders()[0])
    got = list(mailbox.fetch([Wanted(u) for u in range(1, 5)]))
    assert sorted(g.uid for g in got if isinstance(g, RawMessage)) == [2, 4]
    assert {g.uid: g.gone for g in got if isinstance(g, NotDelivered)} == {1: False, 3: False}
