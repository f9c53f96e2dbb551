"""Reading ahead in a second thread changes nothing but the time it takes: order, errors, limits and an early end."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import EvidenceError
from evidence.mailbox import ahead, responses
from evidence.mailbox.addresses import fields
from evidence.mailbox.ahead import Ahead, Item
from evidence.mailbox.imap import ImapMailbox
from evidence.mailbox.mailbox import SCOPE_HEADERS, MailboxError, NotDelivered
from evidence.mailbox.responses import Malformed, Response, parse_fetch
from evidence.model import RawMessage
from evidence.operate.embedded_server import EmbeddedServer
from tests.mailbox import matter
from tests.mailbox.matter import stored, sync


def nothing() -> None:
    """No network to interrupt."""


def readers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "mailbox-ahead"]


def letters(count: int, size: int) -> Iterator[Item]:
    for uid in range(1, count + 1):
        yield RawMessage(uid, b"x" * size, None)


# ---- the thread --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 100_000, 3_000_000])
def test_everything_comes_in_order(size: int) -> None:
    assert [item.uid for item in Ahead(letters(60, size), nothing).items()] == list(range(1, 61))
    assert not readers()


def test_an_error_comes_after_all_that_came_before_it() -> None:
    def breaks() -> Iterator[Item]:
        yield from letters(7, 10)
        yield NotDelivered(8, "NIL")
        raise MailboxError("The line broke.")

    got: list[int] = []
    with pytest.raises(MailboxError, match="The line broke"):
        for item in Ahead(breaks(), nothing).items():
            got.append(item.uid)
    assert got == list(range(1, 9))


def test_no_more_is_held_than_allowed_however_slow_the_taker() -> None:
    made = 0

    def counted() -> Iterator[Item]:
        nonlocal made
        for item in letters(100, 1_000_000):
            made += 1
            yield item

    items = Ahead(counted(), nothing).items()
    next(items)
    time.sleep(0.3)
    assert made <= 1 + ahead.OCTETS_AHEAD // 1_000_000 + 2
    items.close()  # type: ignore[attr-defined]
    assert not readers()


def test_a_message_larger_than_the_limit_still_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "OCTETS_AHEAD", 1000)
    assert [i.uid for i in Ahead(letters(5, 400_000), nothing).items()] == [1, 2, 3, 4, 5]


def test_who_stops_early_wakes_a_reader_that_waits_for_the_network() -> None:
    woken = threading.Event()

    def waits() -> Iterator[Item]:
        yield from letters(1, 300_000)
        woken.wait(30)
        yield from letters(1, 300_000)

    items = Ahead(waits(), woken.set).items()
    next(items)
    began = time.monotonic()
    items.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 5
    assert not readers()


# ---- with a server and an archive ----------------------------------------------------------------


@pytest.mark.parametrize("stopped_by", [KeyboardInterrupt, EvidenceError("The disk is full.")])
def test_stopped_while_storing_it_ends_at_once_and_the_next_run_takes_the_rest(
    tmp_path: Path, stopped_by: BaseException | type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedServer("office") as server:
        server.fill(
            "INBOX", [(matter.letter(f"n{n}") + b"x" * 200_000, "01-Mar-2026 10:00:00 +0300", ()) for n in range(60)]
        )
        account = matter.account(server.port, username=server.username)

        def connect() -> ImapMailbox:
            return ImapMailbox.connect(account, server.password)

        with matter.archive(tmp_path) as sink:
            keep: Callable[..., int] = sink.sight
            calls = 0

            def sight(*arguments: object, **named: object) -> int:
                nonlocal calls
                calls += 1
                if calls == 20:
                    raise stopped_by
                return keep(*arguments, **named)

            monkeypatch.setattr(sink, "sight", sight)
            mailbox = connect()
            began = time.monotonic()
            with pytest.raises((KeyboardInterrupt, EvidenceError)):
                sync(mailbox, sink, messages="all")
            mailbox.close()
            assert time.monotonic() - began < 20
            assert not readers()
            sink.rollback()
            monkeypatch.undo()
            assert sync(connect(), sink, messages="all").outcome == "complete"
            assert len({uid for name, uid in stored(sink) if name == "INBOX"}) == 60


# ---- the short ways read what the long ones read ---------------------------------------------------


ITEMS = st.sampled_from([
    b"UID 7", b"uid 7", b"UID 007", b"UID x", b"UID NIL", b"RFC822.SIZE 12", b"RFC822.SIZE 1x", b"FLAGS ()", b"FLAGS (\\Seen)",
    b"FLAGS (\\Seen $x NIL  \xff)", b'FLAGS ("\\\\Seen")', b"FLAGS (a\tb)", b"FLAGS NIL", b"FLAGS ((a) b)",
    b'INTERNALDATE "01-Mar-2026 10:00:00 +0300"', b'INTERNALDATE " 1-Mar-2026 10:00:00 +0300"', b'INTERNALDATE "a\\"b"',
    b"INTERNALDATE NIL", b"MODSEQ (12)", b"MODSEQ 12", b"BODY[] NIL", b'BODY[] "text"', b"BODY[] {5}\r\n", b"BODY[] ~{5}\r\n", b"BODY[] {5+}\r\n",
    b"BODY[]<0> {5}\r\n", b"BODY[HEADER.FIELDS (FROM TO)] {5}\r\n", b'BODY[HEADER.FIELDS ("FROM")] {5}\r\n', b"body[] {5}\r\n",
    b"X-GM-MSGID 12", b"X-GM-LABELS (\\Inbox a)", b"", b")", b"(",
])  # fmt: skip


def as_parts(items: list[bytes], between: list[bytes], end: bytes) -> list[bytes]:
    """The line with its literals taken out, as a session reads it."""
    parts = [b"* 3 FETCH ("]
    for item, blank in zip(items, between, strict=True):
        parts[-1] += item
        if item.endswith(b"}\r\n"):
            parts += [b"a)b\r\n", b""]
        parts[-1] += blank
    parts[-1] += end
    return parts


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(ITEMS, st.sampled_from([b" ", b" ", b" ", b"  ", b""])), max_size=7),
    st.sampled_from([b")\r\n", b"\r\n"]),
)
def test_fetch_responses_read_alike_with_and_without_the_short_way(items: list[tuple[bytes, bytes]], end: bytes) -> None:  # fmt: skip
    parts = as_parts([i for i, _ in items], [b for _, b in items], end)

    def read() -> object:
        try:
            return parse_fetch(Response(parts))
        except (Malformed, IndexError) as error:
            return type(error)

    short = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(responses, "_plain_line", lambda _parts: None)
        assert read() == short
        patch.setattr(responses, "_plain_items", lambda _items, _parts, at: (0, at))
        assert read() == short


NAMES = "|".join(SCOPE_HEADERS).encode("ascii")
FIELD = re.compile(rb"^(" + NAMES + rb")[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE | re.MULTILINE)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from([
            b"To", b"to", b"FROM", b"Cc", b"Message-ID", b"Resent-To", b"Subject", b"Received", b":", b": ", b" :", b"\r\n", b"\n", b"\r",
            b"\r\n ", b"\n\t", b"\r\r\n ", b" ", b"\t", b"a@b.example", b"<x>", b"\x0b", b"\x0c", b"\x85", b"\xa0", b"x",
        ]),
        max_size=25,
    )
)  # fmt: skip
def test_fields_are_what_their_grammar_says(pieces: list[bytes]) -> None:
    header = b"".join(pieces)
    expected = [(m[1].decode().lower(), re.sub(rb"\r?\n(?=[ \t])", b"", m[2]).strip()) for m in FIELD.finditer(header)]
    assert list(fields(header)) == expected


def test_the_short_way_reads_what_servers_commonly_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dovecot's and Gmail's order of items: nothing is left to the scanner but the closing parenthesis."""
    monkeypatch.setattr(responses._Scanner, "item_name", lambda _self: pytest.fail("the scanner was needed"))
    head = b'UID 7 RFC822.SIZE 12 INTERNALDATE "01-Mar-2026 10:00:00 +0300" FLAGS (\\Seen $x)'
    for parts in (
        [b"* 1 FETCH (" + head + b" MODSEQ (12) BODY[] {3}\r\n", b"abc", b")\r\n"],
        [b"* 1 FETCH (" + head + b" BODY[HEADER.FIELDS (FROM TO)] {3}\r\n", b"abc", b")\r\n"],
        [b"* 1 FETCH (BODY[] {3}\r\n", b"abc", b" " + head + b")\r\n"],
    ):
        items = parse_fetch(Response(parts))
        assert (items.uid, items.size, items.flags) == (7, 12, ("\\Seen", "$x"))
        assert items.internal_date == "01-Mar-2026 10:00:00 +0300"
        assert b"abc" in (items.body, items.header)
