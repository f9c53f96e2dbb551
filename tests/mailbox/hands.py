"""Hands that may change a mailbox: one per kind of server, with the same methods, for the contract suite."""

from __future__ import annotations

import imaplib
import re
from typing import Any

from imapclient.imap_utf7 import encode

from evidence.mailbox.imap import ImapMailbox
from evidence.mailbox.memory import MemoryMailbox
from tests.mailbox import matter

DATE = '"01-Mar-2026 10:00:00 +0300"'


class MemoryHand:
    def __init__(self) -> None:
        self.mailbox = MemoryMailbox()
        self.mailbox.add_folder("INBOX")

    def connect(self) -> MemoryMailbox:
        return self.mailbox

    def add(self, folder: str, raw: bytes) -> int:
        return self.mailbox.deliver(folder, raw)

    def add_many(self, folder: str, raws: list[bytes]) -> list[int]:
        return [self.add(folder, r) for r in raws]

    def expunge(self, folder: str, uid: int) -> None:
        self.mailbox.expunge(folder, uid)

    def octets(self, folder: str, uid: int) -> bytes:
        return self.mailbox.boxes[folder].messages[uid].body or b""

    def flags(self) -> dict[tuple[str, int], tuple[str, ...]]:
        return {(n, u): m.flags for n, b in self.mailbox.boxes.items() for u, m in b.messages.items()}


class ImapHand:
    """Over imaplib, as any other mail program would: the octets it reads are our independent witness."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self.port, self.user, self.password = port, user, password
        self._uids: dict[str, int] = {}

    def client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.port)
        client.login(self.user, self.password)
        return client

    def account(self, **more: Any) -> Any:
        return matter.account(self.port, username=self.user, **more)

    def connect(self, **more: Any) -> ImapMailbox:
        return ImapMailbox.connect(self.account(), self.password, deadline=20.0, **more)

    @staticmethod
    def wire(folder: str) -> str:
        return '"' + encode(folder).decode().replace("\\", "\\\\").replace('"', '\\"') + '"'

    def add(self, folder: str, raw: bytes) -> int:
        return self.add_many(folder, [raw])[0]

    def add_many(self, folder: str, raws: list[bytes]) -> list[int]:
        client = self.client()
        try:
            if folder.upper() != "INBOX" and folder not in self._uids:
                client.create(self.wire(folder))
            self._uids[folder] = 1
            # MULTIAPPEND (RFC 3502) with LITERAL+; imaplib's own append would rewrite line ends
            command = b"A1 APPEND " + self.wire(folder).encode()
            for raw in raws:
                command += b" () " + DATE.encode() + b" {%d+}\r\n" % len(raw) + raw
            client.send(command + b"\r\n")
            while not (line := client.readline()).startswith(b"A1 "):
                assert line, "the server closed the connection"
            stated = re.search(rb"APPENDUID \d+ ([\d:,]+)", line)
            assert stated, line
            found: list[int] = []
            for part in stated[1].split(b","):
                low, _, high = part.partition(b":")
                found += range(int(low), int(high or low) + 1)
            assert len(found) == len(raws)
            return found
        finally:
            client.logout()

    def expunge(self, folder: str, uid: int) -> None:
        client = self.client()
        client.select(self.wire(folder))
        client.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
        client.expunge()
        client.logout()

    def octets(self, folder: str, uid: int) -> bytes:
        client = self.client()
        client.select(self.wire(folder), readonly=True)
        _, answer = client.uid("FETCH", str(uid), "(BODY.PEEK[])")
        client.logout()
        return bytes(answer[0][1])

    def flags(self) -> dict[tuple[str, int], bytes]:
        client = self.client()
        out = {}
        for line in client.list()[1]:
            assert isinstance(line, bytes)
            name = line.rpartition(b' "/" ')[2].decode()
            if client.select(name, readonly=True)[0] != "OK":
                continue
            for answer in client.uid("FETCH", "1:*", "(FLAGS)")[1]:
                if isinstance(answer, bytes):
                    uid = re.search(rb"UID (\d+)", answer)
                    flags = re.search(rb"FLAGS \(([^)]*)\)", answer)
                    assert uid and flags
                    out[name, int(uid[1])] = b" ".join(sorted(set(flags[1].split()) - {rb"\Recent"}))
        client.logout()
        return out
