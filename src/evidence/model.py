"""The frozen values every stage shares. Stages never import each other; they meet here.

Times are aware ``datetime`` in UTC unless a field says otherwise; text forms are ISO 8601.
Hashes are lower-case hexadecimal SHA-256 of exact octets. Offsets are Unicode code points
into the text of the named part, as ``evidence show SHA256 --part PART`` prints it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from evidence.model_letters import *  # noqa: F403  # for type checkers; at run time see __getattr__

_LETTERS = frozenset(
    (
        "Address",
        "Attachment",
        "DkimResult",
        "Flag",
        "Letter",
        "ParsedMessage",
        "ReceivedHop",
        "Request",
        "Sighting",
        "ThreadPlace",
        "Zone",
    )
)

Side = Literal["us", "client", "third"]
Clock = Literal["date", "internaldate", "received", "capture"]
MessageKind = Literal["human", "auto", "bounce", "list"]
ZoneKind = Literal["own", "quoted", "forwarded", "signature", "disclaimer"]
Scope = Literal["in-scope", "context", "out-of-scope"]
Tier = Literal["stated", "possible"]
ReviewState = Literal["unreviewed", "accepted", "rejected"]
RequestKind = Literal["question", "document", "action", "payment"]
Outcome = Literal["answered", "answered-late", "deferred", "reply-without-answer", "no-reply", "pending"]

CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "threat": ("police", "court", "regulator", "reputation", "violence", "economic", "extortion", "other"),
    "demand": ("compensation", "refund", "apology", "discount", "deadline", "action", "other"),
    "accusation": (),
    "insult": (),
    "refusal": (),
    "broken_promise": (),
    "nonpayment": (),
    "admission": (),
    "deadline_notice": (),
    "termination_notice": (),
}


def sha256_hex(octets: bytes) -> str:
    """SHA-256 of the octets as 64 lower-case hexadecimal digits (FIPS 180-4)."""
    return hashlib.sha256(octets).hexdigest()


# ---- mailbox -------------------------------------------------------------------------------


def other_side(side: str) -> Side:
    """Whom a side writes to."""
    return "client" if side == "us" else "us"


@dataclass(frozen=True, slots=True)
class FolderName:
    """A folder as the server lists it. ``wire`` is the name in modified UTF-7 or UTF-8, as sent."""

    name: str
    wire: bytes
    delimiter: str = "/"
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """What EXAMINE said. ``highest_modseq`` is None where CONDSTORE (RFC 7162) is not offered."""

    folder: FolderName
    uidvalidity: int
    uidnext: int | None
    exists: int
    highest_modseq: int | None = None


@dataclass(frozen=True, slots=True)
class HeaderPeek:
    """Header octets of one message, fetched to decide on scope. ``size`` is RFC822.SIZE as the server states it."""

    uid: int
    header: bytes
    size: int
    flags: tuple[str, ...] = ()
    internal_date: str | None = None
    gm_msgid: str | None = None
    gm_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One message as the server delivered it. ``internal_date`` is the server's text, RFC 3501 date-time.

    ``sha256``: of ``raw``, where the reader computed it while receiving; None: not yet computed.
    """

    uid: int
    raw: bytes
    internal_date: str | None
    flags: tuple[str, ...] = ()
    server_size: int | None = None
    gm_msgid: str | None = None
    gm_labels: tuple[str, ...] = ()
    sha256: str | None = None


# ---- archive -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ArchivedMessage:
    """A stored message. ``number`` is its row id in the archive, in order of first acquisition."""

    number: int
    sha256: str
    size: int
    event: int
    new: bool = True


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One leaf of the custody log: ``leaf`` is SHA-256(0x00 || body) (RFC 6962 section 2.1)."""

    seq: int
    at: datetime
    kind: str
    body: str
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """Something ``verify`` found wrong: which table, row and column, which event binds it, in words."""

    code: str
    where: str
    text: str
    row: int | None = None
    column: str | None = None
    event: int | None = None


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What was checked, what is wrong, and what a check of this kind cannot know."""

    checked: Mapping[str, int]
    problems: tuple[Problem, ...]
    root: str
    size: int
    anchors: tuple[Mapping[str, Any], ...] = ()
    unknowable: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        return not self.problems


# ---- DKIM keys -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DnsKey:
    """A DKIM key record as DNS answered it (RFC 6376 section 3.6.1)."""

    name: str
    answer: bytes
    resolver: str
    authenticated: bool  # the AD bit (RFC 4035 section 3.2.3)
    asked_at: datetime
    error: str = ""


def judged_id(what: Literal["flag", "request"], sha256: str, part: str, start: int, end: int, key: str) -> str:
    """The stable id of a flag (key: its category) or a request (key: its asker): docs/contracts.md."""
    from evidence.canonical import canonical_json

    return hashlib.sha256(canonical_json([what, sha256, part, start, end, key]).encode()).hexdigest()[:16]


# ---- message and timeline --------------------------------------------------------------------


def __getattr__(name: str) -> Any:
    """The values of ``model_letters``, when first asked for (PEP 562)."""
    if name not in _LETTERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from evidence import model_letters

    found = globals()[name] = getattr(model_letters, name)
    return found
