"""One acquisition of one account while it runs: its folders, its counts, its connection, and what it has to say."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from evidence.config import Account
from evidence.errors import EvidenceError
from evidence.mailbox.held import Held
from evidence.mailbox.ledger import Kind, Ledger
from evidence.mailbox.mailbox import FolderUnreadable, Mailbox, MailboxError, Throttled
from evidence.mailbox.plan import Fingerprint, ScopeRule, Verdict
from evidence.model import FolderName, FolderStatus
from evidence.ports import AcquisitionSink, Generation, Progress

PAUSES = (1.0, 5.0, 20.0)  # seconds before we knock again after a lost connection
OLD_SECONDS = 2.0  # what was written longer ago than this is committed before anything else is asked for
PATIENCE = 60.0  # a longer wait than this ends the run; it is said until when


@dataclass(slots=True)
class Place:
    """A folder generation in work."""

    name: FolderName
    status: FolderStatus
    id: int
    ledger: Ledger
    generation: Generation | None
    held: Held = field(default_factory=Held)
    vanished: list[tuple[int, str]] = field(default_factory=list)  # (sighting, sha256)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    fetched: int = 0
    looked: bool = False  # the listing was read in this run
    done: bool = False  # and all of it was worked through
    would_fetch: int = 0
    doubted: bool = False  # empty where it was not
    expected: int = 0  # messages held of the generation before
    twins: dict[int, tuple[str, Fingerprint]] = field(default_factory=dict)  # after a spurious UIDVALIDITY change

    def vanish(self, uids: Iterable[int]) -> None:
        """Take note that these UIDs are no longer there; what we hold stays."""
        gone = set(uids)
        self.vanished += [self.held.pop(u) for u in sorted(gone) if u in self.held]
        self.ledger.drop(gone)


class Run:
    """State shared by the steps of one acquisition (``reader``, ``taking``, ``changes``). Made by ``reader.acquire``."""

    def __init__(
        self,
        mailbox: Mailbox,
        account: Account,
        rule: ScopeRule,
        sink: AcquisitionSink,
        now: Callable[[], datetime],
        progress: Progress,
        dry_run: bool,
        record: dict[str, Any],
        pause: Callable[[float], None],
        trust_reset: Collection[str],
    ) -> None:
        self.mailbox = mailbox
        self.account = account
        self.rule = rule
        self.sink = sink
        self.now = now
        self.progress = progress
        self.dry = dry_run
        self.record = record
        self.pause = pause
        self.trust_reset = frozenset(trust_reset)
        self.acquisition = 0
        self.places: list[Place] = []
        self.problems: list[str] = []
        self.proposed: dict[str, None] = {}
        self.retry_at: datetime | None = None
        self.read_to_the_end = False  # every folder was come to: what is not there is not there
        self.new = self.sightings = self.octets = self.vanished = 0
        self.pending_octets = 0
        self.committed_at = time.monotonic()
        self.linked: set[int] = set()
        self.gm: dict[str, str] = {}  # X-GM-MSGID -> sha256
        self.known_owed: set[tuple[int | None, int | None]] = set()

    def steadily(self, ask: Callable[[], Any]) -> Any:
        """Ask; after a lost connection wait, connect again and ask again, a few times."""
        for wait in (*PAUSES, None):
            try:
                return ask()
            except MailboxError as error:
                if wait is None:
                    raise
                self.reconnect(error, wait)
        raise AssertionError("unreachable")

    def reconnect(self, error: MailboxError, wait: float) -> None:
        if not self.dry:
            self.commit()
        asked = error.retry_after
        if asked is not None and asked > PATIENCE:
            self.retry_at = self.now() + timedelta(seconds=asked)
            raise error
        self.progress.say(f"{error.what} {error.why}".strip())
        self.pause(max(wait, asked or 0.0))
        for again in (*PAUSES, None):
            try:
                self.mailbox.reopen()
                return
            except MailboxError as later:
                if again is None or (later.retry_after or 0) > PATIENCE:
                    if later.retry_after:
                        self.retry_at = self.now() + timedelta(seconds=later.retry_after)
                    raise
                self.pause(again)
            except FolderUnreadable:
                return

    def owed(self) -> int:
        return sum(p.ledger.count(Kind.OWED) for p in self.places)

    def commit(self) -> None:
        self.sink.commit()
        self.pending_octets = 0
        self.committed_at = time.monotonic()

    def commit_if_old(self) -> None:
        """Between folders and while headers are read: small folders share a commit, and nobody waits long for the archive's lock."""
        if time.monotonic() - self.committed_at > OLD_SECONDS:
            self.commit()

    @property
    def gmail(self) -> bool:
        return "X-GM-EXT-1" in self.mailbox.capabilities

    def oddities(self, place: Place) -> None:
        for kind, detail in self.mailbox.oddities:
            self.alarm(kind, detail, place)
        self.mailbox.oddities.clear()

    def problem(self, error: EvidenceError, *, kind: str = "", detail: Mapping[str, Any] | None = None) -> None:
        if isinstance(error, Throttled) and self.retry_at is None and error.retry_after:
            self.retry_at = self.now() + timedelta(seconds=error.retry_after)
        until = f" Not before {self.retry_at:%Y-%m-%d %H:%M} UTC." if self.retry_at else ""
        text = " ".join(filter(None, (error.what, error.why))) + until
        self.problems.append(text)
        if kind:
            self.alarm(kind, {**(detail or {}), "why": text})

    def alarm(
        self,
        kind: str,
        detail: Mapping[str, Any],
        place: Place | None = None,
        uid: int | None = None,
        *,
        folder: int | None = None,
    ) -> None:
        self.observe(kind, detail, "alarm", folder or (place.id if place and place.id else None), uid)

    def note(self, kind: str, detail: Mapping[str, Any], place: Place, uid: int | None = None) -> None:
        self.observe(kind, detail, "note", place.id, uid)

    def observe(self, kind: str, detail: Mapping[str, Any], severity: str, folder: int | None, uid: int | None) -> None:
        if not self.dry:
            self.sink.observe(self.acquisition, kind, detail, severity=severity, folder=folder, uid=uid)
