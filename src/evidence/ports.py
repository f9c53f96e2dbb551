"""What stages ask of the archive without knowing it: protocols that ``archive`` satisfies and ``pipeline`` hands over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from evidence.model import (
        ArchivedMessage,
        DkimResult,
        DnsKey,
        Flag,
        FolderName,
        Letter,
        ParsedMessage,
        Request,
        Sighting,
    )


@dataclass(frozen=True, slots=True)
class Generation:
    """A folder and UIDVALIDITY we know, with the state its last acquisition left (None: never finished)."""

    id: int
    account: str
    name: str
    uidvalidity: int
    last_uid: int = 0
    uidnext: int | None = None
    highest_modseq: int | None = None
    on_server: int = 0
    in_scope: int = 0
    context: int = 0
    out_of_scope: int = 0
    owed: int = 0
    scope_key: str = ""
    passed_over: bytes = (
        b""  # the blobs of all its folder_state rows, joined in row order (a row holds only what changed)
    )
    state_at: datetime | None = None


class AcquisitionSink(Protocol):
    """What a mailbox reader or importer writes to. Nothing is durable before ``commit``; every call appends a custody event."""

    def begin(self, kind: str, account: str, record: Mapping[str, Any]) -> int: ...
    def end(self, acquisition: int, outcome: str, record: Mapping[str, Any]) -> None: ...
    def generations(self, account: str) -> tuple[Generation, ...]: ...
    def folder(self, acquisition: int, account: str, name: FolderName, uidvalidity: int) -> int:
        """The id of this folder generation, appended if new."""
        ...

    def held(self, folder: int) -> Mapping[int, tuple[int, str]]:
        """UID -> (sighting id, sha256) of what was seen in this generation and has not disappeared."""
        ...

    def held_everywhere(self, account: str) -> Mapping[str, tuple[int, ...]]:
        """sha256 -> ids of sightings not disappeared, to tell moves from deletions."""
        ...

    def gm_msgids(self, account: str) -> Mapping[str, str]:
        """Gmail's X-GM-MSGID -> sha256 of what we hold, so that a second label is a sighting and not a second fetch."""
        ...

    def message_number(self, sha256: str) -> int | None:
        """The row id of a message held, for ``sight`` without storing its octets again. None: not held."""
        ...

    def message_ids(self) -> Mapping[str, str]:
        """Message-ID -> sha256 of messages held (in scope and context), for thread links."""
        ...

    def owed(self, account: str) -> tuple[tuple[int, int, str], ...]:
        """(folder id, uid, reason) still owed."""
        ...

    def source(self, acquisition: int, path: str, kind: str, size: int, sha256: str, caveat: str = "") -> int: ...
    def store(self, acquisition: int, raw: bytes, *, sha256: str | None = None) -> ArchivedMessage:
        """``sha256``: of ``raw``, where the reader has just computed it; else the sink computes it."""
        ...

    def sight(
        self,
        acquisition: int,
        message: int,
        *,
        folder: int | None = None,
        uid: int | None = None,
        source: int | None = None,
        position: str | None = None,
        internal_date: str | None = None,
        server_size: int | None = None,
        flags: Sequence[str] = (),
        labels: Sequence[str] = (),
        gm_msgid: str | None = None,
        scope: str = "in-scope",
        reason: str = "",
        note: str = "",
    ) -> int: ...
    def disappear(self, acquisition: int, sighting: int, kind: str, moved_to: int | None = None) -> None: ...
    def owe(self, acquisition: int, folder: int | None, uid: int | None, what: str, reason: str) -> None: ...
    def observe(
        self,
        acquisition: int,
        kind: str,
        detail: Mapping[str, Any],
        *,
        severity: str = "note",
        folder: int | None = None,
        uid: int | None = None,
        message: int | None = None,
    ) -> None: ...
    def folder_state(
        self,
        acquisition: int,
        folder: int,
        *,
        uidnext: int | None,
        highest_modseq: int | None,
        last_uid: int,
        on_server: int,
        in_scope: int,
        context: int,
        out_of_scope: int,
        owed: int,
        fetched: int,
        vanished: int,
        scope_key: str,
        passed_over: bytes,
    ) -> None: ...
    def dns_key(self, key: DnsKey) -> int: ...
    def commit(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FolderCount:
    """One line of the completeness statement. on_server = in_scope + context + out_of_scope + owed, always."""

    account: str
    folder: str
    uidvalidity: int
    at: datetime
    on_server: int
    in_scope: int
    context: int
    out_of_scope: int
    owed: int
    vanished: int
    last_uid: int


@dataclass(frozen=True, slots=True)
class OutsideFile:
    """Evidence from outside mail: a recording, an acceptance act, a screenshot, a staff statement."""

    id: int
    sha256: str
    size: int
    filename: str
    content_type: str
    title: str
    event_date: str
    kind: str
    note: str
    added_by: str
    added_at: datetime
    bears_on: tuple[tuple[str, str], ...] = ()  # (claim|request|flag|message, id)


@dataclass(frozen=True, slots=True)
class Review:
    """The last decision of a person on a flag or request."""

    target: str
    target_id: str
    decision: str
    category: str | None
    outcome: str | None
    answering_sha256: str | None
    note: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LogHead:
    """Size and root of the custody log: the Merkle tree hash over its leaves (RFC 9162 section 2.1)."""

    size: int
    root: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedBundle:
    number: int
    kind: str
    folder: str
    issued_at: datetime
    dated: str
    log_size: int
    root: str
    pages: int
    pdf_sha256: str
    package_sha256: str
    language: str
    options: Mapping[str, Any]
    supplements: int | None = None


@dataclass(frozen=True, slots=True)
class IssuedExhibit:
    number: int
    kind: str  # message | file
    sha256: str
    bundle: int
    bates_first: str = ""
    bates_last: str = ""


class CaseFile(Protocol):
    """Read access to an archive at a log size. ``at_size`` None is now. All sequences are in a stated, fixed order."""

    def head(self, size: int | None = None) -> LogHead: ...
    def letters(self, *, everything: bool = False) -> Sequence[Letter]:
        """Copy-merged letters by (at, number): in scope and included ones; ``everything`` adds context and withheld."""
        ...

    def flags(self) -> Sequence[Flag]: ...
    def requests(self) -> Sequence[Request]: ...
    def reviews(self) -> Mapping[tuple[str, str], Review]: ...
    def review_history(self, target: str, target_id: str) -> Sequence[Review]: ...
    def raw(self, sha256: str) -> bytes: ...
    def parsed(self, sha256: str) -> ParsedMessage: ...
    def clocks(self, sha256: str) -> Mapping[str, datetime | None]:
        """date, received, internaldate, capture."""
        ...

    def sightings(self, sha256: str) -> Sequence[Sighting]: ...
    def dkim(self, sha256: str) -> Sequence[DkimResult]: ...
    def dns_keys(self) -> Sequence[DnsKey]: ...
    def folder_counts(self) -> Sequence[FolderCount]: ...
    def owed_now(self) -> Sequence[Mapping[str, Any]]: ...
    def observations(self) -> Sequence[Mapping[str, Any]]: ...
    def disappearances(self) -> Sequence[Mapping[str, Any]]: ...
    def acquisitions(self) -> Sequence[Mapping[str, Any]]: ...
    def sources(self) -> Sequence[Mapping[str, Any]]:
        """Files that mail was imported from: {id, acquisition, path, kind, size, sha256, caveat}; a caveat a line."""
        ...

    def anchors(self) -> Sequence[Mapping[str, Any]]: ...
    def outside_files(self) -> Sequence[OutsideFile]: ...
    def outside_stream(self, file: int) -> Iterator[bytes]: ...
    def hours(self) -> Sequence[Mapping[str, Any]]: ...
    def answers(self) -> Mapping[int, Mapping[str, Any]]: ...
    def selections(self) -> Mapping[str, Mapping[str, Any]]:
        """sha256 -> the last include or exclude: {action, reason, actor, at}."""
        ...

    def redactions(self) -> Sequence[Mapping[str, Any]]: ...
    def links(self) -> Sequence[Mapping[str, Any]]: ...
    def claims(self) -> Sequence[Mapping[str, Any]]: ...
    def notes(self) -> Sequence[Mapping[str, Any]]: ...
    def proposals(self) -> Sequence[Mapping[str, Any]]: ...
    def bundles(self) -> Sequence[IssuedBundle]: ...
    def exhibits(self) -> Sequence[IssuedExhibit]: ...
    def events(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, str, bytes]]:
        """(seq, canonical JSON body, leaf hash)."""
        ...

    def inclusion_proof(self, seq: int, size: int) -> Sequence[bytes]: ...
    def consistency_proof(self, first: int, second: int) -> Sequence[bytes]: ...
    def event_of(self, table: str, key: int | str) -> int:
        """The seq of the custody event that binds a row; for messages the key may be the sha256."""
        ...


@dataclass(frozen=True, slots=True)
class Derived:
    """All derived rows of one message, as ``pipeline.reindex`` hands them to the archive."""

    number: int
    sha256: str
    row: Mapping[str, Any]
    participants: tuple[Mapping[str, Any], ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    zones: tuple[Any, ...] = ()
    attachments: tuple[Any, ...] = ()
    dkim: tuple[Any, ...] = ()
    trail: tuple[Mapping[str, Any], ...] = ()  # columns kind, what, detail


class Progress(Protocol):
    """Talk on stderr. ``total`` None is unknown; implementations stay silent in a pipe."""

    def step(self, what: str, done: int, total: int | None = None) -> None: ...
    def say(self, text: str) -> None: ...


class Judgement(Protocol):
    """The only writes after acquisition: each call is an append-only row and a custody event."""

    def review(
        self,
        target: str,
        target_id: str,
        decision: str,
        *,
        actor: str,
        note: str = "",
        category: str | None = None,
        outcome: str | None = None,
        answering_sha256: str | None = None,
        expect: int | None = None,
    ) -> int: ...
    def note(self, target: str, target_id: str, text: str, *, actor: str) -> int: ...
    def hours(self, person: str, day: str, minutes: int, about: str, *, actor: str) -> int: ...
    def answer(self, question: int, answer: str, *, note: str, actor: str) -> int: ...
    def select(self, sha256: str, action: str, reason: str, *, actor: str) -> int: ...
    def redact(
        self,
        sha256: str,
        kind: str,
        part: str,
        start: int | None,
        end: int | None,
        value: str,
        reason: str,
        *,
        actor: str,
    ) -> int: ...
    def link(
        self, subject: str, subject_id: str, object: str, object_id: str, *, note: str = "", actor: str
    ) -> int: ...
    def claim(self, name: str, title: str, *, actor: str) -> int: ...
    def propose(self, rows: Iterable[Mapping[str, Any]]) -> int: ...
    def add_file(
        self,
        stream: BinaryIO,
        *,
        filename: str,
        content_type: str,
        title: str,
        event_date: str,
        kind: str,
        note: str,
        added_by: str,
    ) -> int: ...
