"""A mailbox in memory: the second implementation, for tests and for stating what a server does.

It behaves as RFC 9051 demands: UIDs ascend and are not used twice, UIDNEXT grows, a reset takes a new UIDVALIDITY.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from evidence.mailbox.addresses import header_octets
from evidence.mailbox.mailbox import FolderUnreadable, MailboxError, NotDelivered, Uids, Wanted
from evidence.model import FolderName, FolderStatus, HeaderPeek, RawMessage

ARRIVED = "01-Mar-2026 10:00:00 +0300"


@dataclass(slots=True)
class Stored:
    """A message as the server holds it. ``body`` None: the server answers NIL."""

    body: bytes | None
    internal_date: str = ARRIVED
    flags: tuple[str, ...] = ()
    size: int | None = None  # a size other than the true one, as some servers state it


@dataclass(slots=True)
class Box:
    """One folder."""

    uidvalidity: int
    uidnext: int = 1
    messages: dict[int, Stored] = field(default_factory=dict)


class MemoryMailbox:
    """``Mailbox`` over dictionaries. ``calls_left``: after so many calls the connection is lost (None: never)."""

    greeting = "* OK a mailbox in memory"
    capabilities: tuple[str, ...] = ("IMAP4REV1",)
    tls_fingerprint = ""
    server_date: datetime | None = None

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self.oddities: list[tuple[str, dict[str, Any]]] = []
        self.calls_left: int | None = None
        self._open: str | None = None
        self._last_uidvalidity = 1000

    # ---- what happens on the server ----------------------------------------------------------

    def add_folder(self, name: str) -> Box:
        self._last_uidvalidity += 1
        self.boxes[name] = Box(self._last_uidvalidity)
        return self.boxes[name]

    def deliver(self, name: str, body: bytes, **more: Any) -> int:
        box = self.boxes.get(name) or self.add_folder(name)
        uid = box.uidnext
        box.uidnext += 1
        box.messages[uid] = Stored(body, **more)
        return uid

    def expunge(self, name: str, uid: int) -> None:
        del self.boxes[name].messages[uid]

    def move(self, name: str, uid: int, target: str) -> int:
        stored = self.boxes[name].messages.pop(uid)
        if stored.body is None:
            raise ValueError("a message without octets cannot be moved")
        return self.deliver(target, stored.body, internal_date=stored.internal_date, flags=stored.flags)

    def reset(self, name: str, *, renumber: bool = True) -> None:
        """A new UIDVALIDITY; ``renumber`` False: the messages keep their UIDs, as Microsoft's servers do it."""
        self._last_uidvalidity += 1
        box = self.boxes[name]
        box.uidvalidity = self._last_uidvalidity
        if renumber:
            box.messages = dict(enumerate((m for _, m in sorted(box.messages.items(), reverse=True)), start=1))
            box.uidnext = len(box.messages) + 1

    # ---- Mailbox -----------------------------------------------------------------------------

    def _call(self) -> None:
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise MailboxError("The connection to the mail server broke.", "as the test asked")

    def list_folders(self) -> tuple[FolderName, ...]:
        self._call()
        return tuple(FolderName(n, n.encode()) for n in self.boxes)

    def _status(self, folder: FolderName) -> FolderStatus:
        box = self.boxes[folder.name]
        return FolderStatus(folder, box.uidvalidity, box.uidnext, len(box.messages))

    def status(self, folders: Sequence[FolderName]) -> tuple[FolderStatus | None, ...]:
        self._call()
        return tuple(self._status(f) if f.name in self.boxes else None for f in folders)

    def examine(self, folder: FolderName) -> FolderStatus:
        self._call()
        if folder.name not in self.boxes:
            raise FolderUnreadable(f"The folder «{folder.name}» could not be opened.", "no such folder")
        self._open = folder.name
        return self._status(folder)

    @property
    def _box(self) -> Box:
        if self._open is None:
            raise FolderUnreadable("No folder is open.")
        return self.boxes[self._open]

    def uids(self) -> Uids:
        self._call()
        return array("I", sorted(self._box.messages))

    def peek_headers(
        self, first_uid: int, last_uid: int | None, *, headers: bool = True, changed_since: int | None = None
    ) -> Iterator[HeaderPeek]:
        self._call()
        for uid, stored in sorted(self._box.messages.items()):
            if first_uid <= uid <= (last_uid if last_uid is not None else uid):
                body = stored.body or b""
                size = stored.size if stored.size is not None else len(body)
                header = header_octets(body) if headers else b""
                yield HeaderPeek(uid, header, size, stored.flags, stored.internal_date)

    def fetch(self, wanted: Sequence[Wanted]) -> Iterator[RawMessage | NotDelivered]:
        for one in wanted:
            self._call()
            stored = self._box.messages.get(one.uid)
            if stored is None:
                yield NotDelivered(one.uid, "no longer on the server", gone=True)
            elif stored.body is None:
                yield NotDelivered(one.uid, "NIL in place of the message")
            else:
                size = stored.size if stored.size is not None else len(stored.body)
                yield RawMessage(one.uid, stored.body, stored.internal_date, stored.flags, size)

    def reopen(self) -> FolderStatus | None:
        self.calls_left = None if self.calls_left is None or self.calls_left < 0 else self.calls_left
        if self._open is not None and self._open in self.boxes:
            return self._status(FolderName(self._open, self._open.encode()))
        return None

    def noop(self) -> None:
        self._call()

    def close(self) -> None:
        self._open = None
