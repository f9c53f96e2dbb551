"""The gate: what may leave for a server, and the reading of what it answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.mailbox.batches import batches
from evidence.mailbox.commands import check_line, fetch, mailbox_argument, search, uid_set
from evidence.mailbox.mailbox import CommandRefused, Wanted
from evidence.mailbox.responses import (
    NIL,
    Malformed,
    Response,
    folder_text,
    parse_fetch,
    parse_list,
    parse_search,
    parse_status,
)

ALLOWED = [
    b"A1 CAPABILITY", b"A1 NOOP", b"A1 LOGOUT", b"A1 STARTTLS", b'A1 LOGIN user "pa ss"', b"A1 AUTHENTICATE PLAIN", b"A1 ID NIL",
    b'A1 LIST "" "*"', b'A1 STATUS "INBOX" (MESSAGES)', b'A1 EXAMINE "INBOX" (CONDSTORE)', b"A1 NAMESPACE", b"A1 ENABLE QRESYNC",
    b"A1 UID FETCH 1:* (UID FLAGS BODY.PEEK[])", b"A1 UID FETCH 1,3:5 (UID BODY.PEEK[HEADER.FIELDS (FROM TO)]) (CHANGEDSINCE 7)",
    b"A1 UID SEARCH RETURN (ALL) UID 1:*", b"A1 UID SEARCH UID 1:5 FROM \"a@b.example\"",
]  # fmt: skip
REFUSED = [
    b"A1 SELECT INBOX", b"A1 DELETE x", b"A1 CREATE x", b"A1 RENAME a b", b"A1 APPEND x {3}", b"A1 STORE 1 +FLAGS (x)", b"A1 COPY 1 x",
    b"A1 MOVE 1 x", b"A1 EXPUNGE", b"A1 CLOSE", b"A1 UNSELECT", b"A1 SUBSCRIBE x", b"A1 SETACL x", b"A1 FETCH 1 (BODY.PEEK[])",
    b"A1 UID STORE 1 +FLAGS (x)", b"A1 UID COPY 1 x", b"A1 UID MOVE 1 x", b"A1 UID EXPUNGE 1",
    b"A1 UID FETCH 1 (BODY[])", b"A1 UID FETCH 1 BODY.PEEK[]", b"A1 UID FETCH 1 (RFC822)", b"A1 UID FETCH 1 (BODY.PEEK[] BODY[TEXT])",
    b"A1 UID FETCH x (UID)", b"A1 UID FETCH 1 (UID) (VANISHED)", b"A1 UID SEARCH SUBJECT x", b"A1 UID SEARCH CHARSET UTF-8 ALL",
    b"A1 NOOP\r\nA2 DELETE INBOX", b"A1 NOOP\nA2", b"A1 NO\0OP", b"NOOP", b"", b" NOOP", b"A-1 NOOP",
]  # fmt: skip


@pytest.mark.parametrize("line", ALLOWED)
def test_reading_passes_the_gate(line: bytes) -> None:
    check_line(line)


@pytest.mark.parametrize("line", REFUSED)
def test_everything_else_is_refused(line: bytes) -> None:
    with pytest.raises(CommandRefused):
        check_line(line)


def test_a_refusal_never_repeats_a_password() -> None:
    with pytest.raises(CommandRefused) as caught:
        check_line(b"A1 LOGIN user hun\nter2")
    assert "ter2" not in str(caught.value)


@given(st.binary(max_size=40))
def test_a_folder_name_becomes_one_argument_or_is_refused(wire: bytes) -> None:
    if set(b"\r\n\0") & set(wire):
        with pytest.raises(CommandRefused):
            mailbox_argument(wire)
        return
    argument, literal = mailbox_argument(wire)
    if literal is not None:
        assert literal == wire
        assert argument == b"{%d}" % len(wire)
    else:
        import re

        assert re.fullmatch(rb'"(?:[^"\\]|\\["\\])*"', argument)
        assert re.sub(rb"\\(.)", rb"\1", argument[1:-1]) == wire


@given(st.sets(st.integers(1, 500), min_size=1))
def test_a_uid_set_names_exactly_the_uids(uids: set[int]) -> None:
    text = uid_set(sorted(uids))
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition(":")
        found |= set(range(int(low), int(high or low) + 1))
    assert found == uids
    check_line(b"A1 " + fetch(text, ["UID", "BODY.PEEK[]"]))
    check_line(b"A1 " + search("1:*", extended=True))


@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 3_000)), unique_by=lambda t: t[0]))
def test_batches_hold_everything_once_and_keep_to_both_limits(wanted: list[tuple[int, int]]) -> None:
    pieces = list(batches([Wanted(*w) for w in wanted], octets=5_000, uids=7))
    assert [w.uid for p in pieces for w in p] == sorted(u for u, _ in wanted)
    for piece in pieces:
        assert 1 <= len(piece) <= 7
        assert len(piece) == 1 or sum(w.size for w in piece) <= 5_000


# ---- responses -------------------------------------------------------------------------------


def test_octets_of_a_literal_are_never_read_as_syntax() -> None:
    body = b") UID 9 BODY[] {3}\r\nabc)\r\n"
    items = parse_fetch(Response([b"* 3 FETCH (UID 4 BODY[] {%d}\r\n" % len(body), body, b" FLAGS (\\Seen $x))\r\n"]))
    assert (items.uid, items.body, items.flags) == (4, body, ("\\Seen", "$x"))


def test_items_may_come_in_any_order_and_unknown_ones_are_stepped_over() -> None:
    line = (
        b'* 1 FETCH (MODSEQ (12) X-GM-LABELS ("\\\\Inbox" "&BBAEQARFBDgEMg-" a) BODY[HEADER.FIELDS ("FROM" TO)] "From: \\"x\\"" '
        b'INTERNALDATE "01-Mar-2026 10:00:00 +0300" ENVELOPE (NIL ("a" (b NIL)) NIL) RFC822.SIZE 12 X-GM-MSGID 99 UID 5)\r\n'
    )
    items = parse_fetch(Response([line]))
    assert (items.uid, items.size, items.gm_msgid) == (5, 12, "99")
    assert items.gm_labels == ("\\Inbox", "Архив", "a")
    assert items.header == b'From: "x"'
    assert items.internal_date == "01-Mar-2026 10:00:00 +0300"


def test_nil_is_told_from_an_empty_text_and_from_absence() -> None:
    assert parse_fetch(Response([b"* 1 FETCH (UID 1 BODY[] NIL)\r\n"])).body is NIL
    assert parse_fetch(Response([b'* 1 FETCH (UID 1 BODY[] "")\r\n'])).body == b""
    assert parse_fetch(Response([b"* 1 FETCH (UID 1)\r\n"])).body is None


@pytest.mark.parametrize(
    "line",
    [
        b"* 1 FETCH (UID 1\r\n",
        b'* 1 FETCH (UID 1 BODY[] "abc)\r\n',
        b"* 1 FETCH (((((\r\n",
        b"* 1 FETCH (UID)\r\n",
        b"* OK\r\n",
    ],
)
def test_a_broken_response_is_malformed_and_nothing_else(line: bytes) -> None:
    with pytest.raises(Malformed):
        parse_fetch(Response([line]))


@given(st.binary(max_size=60))
def test_no_octets_break_the_readers(octets: bytes) -> None:
    for start in (b"* 1 FETCH (", b"* LIST (", b'* LIST () "/" ', b"* STATUS x (", b"* SEARCH ", b"* ESEARCH ALL "):
        response = Response([start + octets + b"\r\n"])
        for read in (parse_fetch, parse_list, parse_search, parse_status):
            try:
                read(response)
            except Malformed:
                continue


@pytest.mark.parametrize(
    ("line", "uids"),
    [
        (b"* SEARCH 3 1 2\r\n", [3, 1, 2]),
        (b"* SEARCH\r\n", []),
        (b"* SEARCH 3 (MODSEQ 917162500)\r\n", [3]),
        (b'* ESEARCH (TAG "A1") UID ALL 1:3,7\r\n', [1, 2, 3, 7]),
        (b'* ESEARCH (TAG "A1") UID\r\n', []),
        (b'* ESEARCH (TAG "A1") UID ALL 5:4\r\n', [4, 5]),
    ],
)
def test_search_answers(line: bytes, uids: list[int]) -> None:
    assert list(parse_search(Response([line]))) == uids


def test_an_esearch_that_claims_four_billion_messages_is_malformed() -> None:
    with pytest.raises(Malformed):
        parse_search(Response([b"* ESEARCH UID ALL 1:4294967295\r\n"]))


def test_names_that_are_neither_utf7_nor_utf8_are_shown_escaped() -> None:
    assert folder_text("Клиенты".encode("koi8-r")).isascii()
    assert folder_text(b"&2D0-") == "&2D0-"  # a lone surrogate
    assert folder_text(b"A &- B") == "A & B"
