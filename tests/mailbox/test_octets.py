"""Octet for octet, through our own reader into the archive: what each server lets be told about what was put in.

pymap serves what it was given. Dovecot and Cyrus do not: their changes are named here, so that nobody takes them for ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from evidence.mailbox.imap import ImapMailbox
from evidence.model import sha256_hex
from evidence.operate.embedded_server import EmbeddedServer
from tests.mailbox import matter
from tests.mailbox.contract import ODD
from tests.mailbox.hands import ImapHand
from tests.mailbox.matter import stored, sync
from tests.servers import cyrus as cyrus_server
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import PASSWORD, Dovecot

HEAD = b"From: director@romashka.example\r\nTo: office@north.example\r\n\r\n"
CASES = {
    **ODD,
    "nul": HEAD + b"a\0b\r\n",
    "bare-cr": HEAD + b"a\rb\r\r\nc\r",
    "every-octet": HEAD + bytes(range(256)) * 3,
    "lf-then-crlf": HEAD + b"one\ntwo\r\nthree\n\r\nfour",
    "empty-body": HEAD,
    "ends-in-lf": HEAD + b"x\n",
    "literal-in-text": HEAD + b"{10}\r\n* 1 FETCH (UID 1 BODY[] NIL)\r\nA1 OK done\r\n",
}
_number = itertools.count(5000)


def archived(connect: Callable[[], ImapMailbox], folder: Path) -> dict[int, str]:
    """UID -> hash of what the archive holds after one run over everything."""
    with matter.archive(folder) as sink:
        assert sync(connect(), sink, messages="all").outcome == "complete"
        return {uid: sha for (name, uid), (sha,) in stored(sink).items() if name == "INBOX"}


def test_pymap_every_octet_arrives_as_it_was_put_in_and_costs_no_neighbour(tmp_path: Path) -> None:
    raws = [raw for name, odd in CASES.items() for raw in (odd, matter.letter(f"after {name}"))]
    with EmbeddedServer("office") as server:
        server.fill("INBOX", [(raw, "01-Mar-2026 10:00:00 +0300", ()) for raw in raws])
        account = matter.account(server.port, username=server.username)
        held = archived(lambda: ImapMailbox.connect(account, server.password), tmp_path)
    assert [held[uid] for uid in sorted(held)] == [sha256_hex(raw) for raw in raws]


def as_dovecot_sends(raw: bytes) -> bytes:
    """Every line end becomes CRLF, a CR before it or before the end is dropped, NUL becomes 0x80 (as outside RFC 3516 BINARY)."""
    lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    return b"\r\n".join(line.removesuffix(b"\r") for line in lines).replace(b"\0", b"\x80")


def test_dovecot_every_octet_arrives_but_for_its_own_line_ends_and_nul(dovecot: Dovecot, tmp_path: Path) -> None:
    hand = ImapHand(dovecot.port, f"octets{next(_number)}@north.example", PASSWORD)
    uids = {hand.add("INBOX", raw): name for name, raw in CASES.items()}
    held = archived(hand.connect, tmp_path)
    for uid, name in uids.items():
        assert held[uid] == sha256_hex(hand.octets("INBOX", uid)), name
        assert held[uid] == sha256_hex(as_dovecot_sends(CASES[name])), name
    changed = {name for name, raw in CASES.items() if as_dovecot_sends(raw) != raw}
    assert changed == {"bare-lf", "nul", "bare-cr", "every-octet", "lf-then-crlf", "ends-in-lf"}


def test_cyrus_refuses_bare_line_feeds_and_nul_and_changes_nothing_else(cyrus: Cyrus, tmp_path: Path) -> None:
    hand = ImapHand(cyrus.port, f"octets{next(_number)}", cyrus_server.PASSWORD)
    uids: dict[int, str] = {}
    refused: dict[str, str] = {}
    for name, raw in CASES.items():
        try:
            uids[hand.add("INBOX", raw)] = name
        except AssertionError as error:
            refused[name] = str(error)
    held = archived(hand.connect, tmp_path)
    assert {name: held[uid] for uid, name in uids.items()} == {n: sha256_hex(CASES[n]) for n in uids.values()}
    assert set(refused) == {"bare-lf", "nul", "every-octet", "lf-then-crlf", "ends-in-lf"}
    assert all("bare newlines" in why or "NUL" in why for why in refused.values())
