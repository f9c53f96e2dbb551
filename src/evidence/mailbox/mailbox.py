"""What a mailbox is to the reader: a place that can only be looked at.

Terms
-----
listing   the UIDs a folder holds, each a 32-bit number (RFC 9051 section 2.3.1.1)
peek      the header octets of a message, fetched to decide on scope, with its size as the server states it
delivery  the exact octets of a message, or a ``NotDelivered`` that says why there are none

``ImapMailbox`` and ``MemoryMailbox`` satisfy the protocol; ``tests/mailbox/contract.py`` is run on every implementation.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, overload

from evidence.errors import EvidenceError, NetworkError
from evidence.model import FolderName, FolderStatus, HeaderPeek, RawMessage

Uids: TypeAlias = "array[int]"  # typecode "I", ascending, no duplicates
SCOPE_HEADERS = (
    "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc",
    "Delivered-To", "Message-ID", "In-Reply-To", "References",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """A UID that was asked for and whose octets did not come. ``gone``: the server no longer has the UID at all."""

    uid: int
    reason: str
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A UID to fetch and its size in octets as the server states it (0: unknown)."""

    uid: int
    size: int = 0


class Unsized(Sequence[Wanted]):
    """UIDs in ascending order, of sizes unknown: a hundred thousand are held as numbers, not as objects."""

    def __init__(self, uids: Uids) -> None:
        self._uids = uids

    def __len__(self) -> int:
        return len(self._uids)

    @overload
    def __getitem__(self, at: int) -> Wanted: ...
    @overload
    def __getitem__(self, at: slice) -> Unsized: ...
    def __getitem__(self, at: int | slice) -> Wanted | Unsized:
        return Unsized(self._uids[at]) if isinstance(at, slice) else Wanted(self._uids[at])


class MailboxError(NetworkError):
    """The connection can no longer be used. ``retry_after``: seconds the server, or good manners, ask us to wait."""

    def __init__(self, what: str, why: str = "", next_step: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(what, why, next_step)
        self.retry_after = retry_after


class Throttled(MailboxError):
    """The provider limits us: [THROTTLED], [OVERQUOTA], too many connections (RFC 5530 LIMIT, UNAVAILABLE)."""


class FolderUnreadable(EvidenceError):
    """One folder cannot be opened or listed; the connection itself is sound."""


class CommandRefused(EvidenceError):
    """We refused to send this: not on the allow list, or CR, LF or NUL in it. A fault of ours or an attack, never routine."""


class Mailbox(Protocol):
    """Read access to one account. Methods after ``examine`` concern the examined folder.

    Raises ``MailboxError`` when the connection is lost or a limit was passed, ``FolderUnreadable`` for one folder;
    what concerns a single message is returned as ``NotDelivered``.
    """

    greeting: str
    capabilities: tuple[str, ...]
    tls_fingerprint: str  # SHA-256 of the server's certificate (DER), hexadecimal; empty without TLS
    server_date: datetime | None  # a date in the greeting, where a server gives one
    oddities: list[
        tuple[str, dict[str, Any]]
    ]  # (kind, detail) of what the server did against its own word; the reader takes them

    def list_folders(self) -> tuple[FolderName, ...]:
        """Every folder that can hold messages, in the server's order."""
        ...

    def status(self, folders: Sequence[FolderName]) -> tuple[FolderStatus | None, ...]:
        """Counts without opening (RFC 9051 section 6.3.11); None where the server refused."""
        ...

    def examine(self, folder: FolderName) -> FolderStatus:
        """Open read-only. Raises FolderUnreadable."""
        ...

    def uids(self) -> Uids:
        """The listing, checked against the count of messages; a search that returns too few is not believed."""
        ...

    def peek_headers(
        self, first_uid: int, last_uid: int | None, *, headers: bool = True, changed_since: int | None = None
    ) -> Iterator[HeaderPeek]:
        """Peeks of the UIDs in the window (None: to the end), in any order.

        ``headers`` False: sizes and dates only. ``changed_since``: where the server can (RFC 7162), only what changed
        after that mod-sequence.
        """
        ...

    def fetch(self, wanted: Sequence[Wanted]) -> Iterator[RawMessage | NotDelivered]:
        """Octets of each wanted UID. Every wanted UID is answered at least once; one that came twice, twice."""
        ...

    def reopen(self) -> FolderStatus | None:
        """After a MailboxError: a fresh connection with the same folder open, if one was."""
        ...

    def noop(self) -> None: ...
    def close(self) -> None: ...
