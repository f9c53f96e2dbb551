"""What was read in messages, and what is judged of them: the part of ``evidence.model`` that acquiring does without.

Import these names from ``evidence.model``; they are loaded when first asked for, since making classes takes time at every start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from evidence.model import Clock, MessageKind, Outcome, RequestKind, Scope, Side, Tier, ZoneKind

# ---- message -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox of an address header. ``address`` has its domain in lower case and is otherwise as written."""

    header: str  # from, sender, reply-to, to, cc, bcc, delivered-to, resent-*
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class ReceivedHop:
    """One Received header (RFC 5321 section 4.4), topmost first. ``at`` is None when its date cannot be read."""

    position: int
    raw: str
    from_host: str
    by_host: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A leaf part that is not the body. ``octets`` are decoded; the hash is of them. Index counts from 1."""

    index: int
    path: str  # MIME path such as "2.1"
    filename: str  # as the sender wrote it, decoded
    safe_name: str  # unique and harmless as a file name here
    content_type: str
    disposition: str
    size: int
    sha256: str
    content_id: str = ""
    note: str = ""  # encrypted, truncated, undecodable …


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """All that is read out of one message's octets. Built by ``message.parse.parse_message``; never raises on mail.

    ``texts`` maps a part name to its text with LF line ends: ``body``, ``subject``,
    ``display-name:HEADER`` and, where text can be had, ``attachment:N``.
    ``body_source`` says what ``body`` was made of. ``failed`` is the reason when the octets could not be read at all.
    """

    sha256: str
    message_id: str | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    date_raw: str | None
    date: datetime | None  # with the header's own offset (UTC where it stated none, see defects)
    subject: str
    addresses: tuple[Address, ...]
    received: tuple[ReceivedHop, ...]
    kind: MessageKind
    texts: Mapping[str, str]
    body_source: Literal["plain", "html", "none"]
    html: str | None
    attachments: tuple[Attachment, ...]
    headers: tuple[tuple[str, str], ...]
    x_mailer: str = ""
    language: str = ""
    defects: tuple[str, ...] = ()
    failed: str | None = None
    quote_hints: tuple[
        tuple[int, int, str], ...
    ] = ()  # spans of ``body`` the HTML marks: quoted, attribution, signature
    failed_recipients: tuple[str, ...] = ()  # of a bounce: whom the message did not reach (RFC 3464)

    def of(self, *headers: str) -> tuple[Address, ...]:
        return tuple(a for a in self.addresses if a.header in headers)


@dataclass(frozen=True, slots=True)
class Zone:
    """A run of a part's text and whose words it holds. Zones of a part cover it without gap or overlap.

    ``answers`` is, for an inline answer, the number of the quoted zone above it; ``why`` names the pattern that cut it.
    """

    part: str
    number: int
    start: int
    end: int
    kind: ZoneKind
    why: str = ""
    answers: int | None = None


@dataclass(frozen=True, slots=True)
class ThreadPlace:
    """Where a message hangs: ``thread`` is the first message's hash, ``parent`` the hash replied to, if we hold it."""

    thread: str
    parent: str | None
    by: str = ""  # references, in-reply-to, subject, quote


@dataclass(frozen=True, slots=True)
class DkimResult:
    """One DKIM-Signature and what became of it."""

    index: int
    domain: str
    selector: str
    result: Literal["pass", "fail", "no-key", "unchecked", "error"]
    reason: str
    signed_headers: tuple[str, ...]
    length_tag: int | None
    key_bits: int | None
    algorithm: str
    canonicalization: str
    warnings: tuple[str, ...] = ()


# ---- timeline ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sighting:
    """One place and time where a message was seen. For imports ``source`` names the file and ``uid`` is None."""

    account: str
    folder: str
    uidvalidity: int | None
    uid: int | None
    internal_date: datetime | None
    seen_at: datetime
    acquisition: int
    flags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    source: str = ""
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as the timeline stage reads it: texts, zones, speaker, place in its thread. Copies are merged before."""

    number: int
    sha256: str
    copies: tuple[str, ...]
    message_id: str | None
    date: datetime | None
    at: datetime
    at_clock: Clock
    at_note: str
    folders: tuple[str, ...]
    speaker: Side
    person: str
    sender: str
    addresses: tuple[Address, ...]
    subject: str
    kind: MessageKind
    scope: Scope
    withheld: bool
    thread: str
    parent: str | None
    language: str
    texts: Mapping[str, str]
    zones: tuple[Zone, ...]
    attachments: tuple[Attachment, ...] = ()
    addressees: tuple[Side, ...] = ()

    def zones_of(self, part: str) -> tuple[Zone, ...]:
        return tuple(z for z in self.zones if z.part == part)

    def own_text(self, part: str = "body") -> str:
        text = self.texts.get(part, "")
        return "\n".join(text[z.start : z.end] for z in self.zones_of(part) if z.kind == "own")


@dataclass(frozen=True, slots=True)
class Flag:
    """A category with a quote: ``texts[part][start:end] == quote`` always, and the span lies in one zone."""

    id: str
    sha256: str
    category: str
    subtype: str | None
    part: str
    start: int
    end: int
    quote: str
    speaker: Side
    tier: Tier
    rule: str
    pack: str  # name@version#hash
    why: str
    score: float = 1.0
    links: tuple[
        Mapping[str, Any], ...
    ] = ()  # second spans: condition, earlier promise … {sha256, part, start, end, quote, role}
    detail: Mapping[str, Any] = field(default_factory=dict)  # slots, blockers: what --explain prints


@dataclass(frozen=True, slots=True)
class Request:
    """Something one side asked of the other, and what a search of the archive found of an answer."""

    id: str
    sha256: str
    part: str
    start: int
    end: int
    quote: str
    asker: Literal["us", "client"]
    kind: RequestKind
    asked_at: datetime
    outcome: Outcome
    tier: Tier
    due_at: datetime | None = None
    answering_sha256: str | None = None
    answer_quote: str | None = None
    other_messages: tuple[str, ...] = ()
    waited_days: float | None = None
    waited_working_days: int | None = None
    repeats: str | None = None  # id of the first asking
    searched: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
