"""Acquire: read a mailbox folder by folder and hand what is in scope to the archive.

1. STATUS tells which folders changed; those that did not cost nothing more.
2. A folder's listing is compared with its ledger (``plan.plan_folder``); new messages are judged by their headers.
3. Wanted octets are fetched, stored, then sighted; what did not come is owed and asked for again next time.
4. Messages passed over that References or In-Reply-To tie to one in scope are fetched as context, in whatever folder.
5. What is gone is a disappearance, told from a move by looking for the same octets elsewhere.
6. Only then the folder's state, our cursor, is written.

The idea of testing a changed UIDVALIDITY is mbsync's; of doubting a suddenly empty store, vdirsyncer's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal

from evidence.config import Account
from evidence.errors import EvidenceError, IntegrityFailure
from evidence.mailbox.addresses import header_octets
from evidence.mailbox.ledger import Kind, Ledger, shape
from evidence.mailbox.mailbox import (
    CommandRefused,
    FolderUnreadable,
    Mailbox,
    MailboxError,
    NotDelivered,
    Throttled,
    Wanted,
)
from evidence.mailbox.plan import (
    EMPTY_DOUBTED_FROM,
    OUT,
    Fingerprint,
    Links,
    ScopeRule,
    Verdict,
    judge_reset,
    links,
    plan_folder,
)
from evidence.mailbox.run_record import about_the_server, about_this_run
from evidence.mailbox.substitutes import is_substitute
from evidence.model import FolderName, FolderStatus, HeaderPeek, RawMessage, sha256_hex
from evidence.ports import AcquisitionSink, FolderCount, Generation, Progress

COMMIT_OCTETS = 32 * 1024 * 1024
COMMIT_SECONDS = 10.0
PAUSES = (1.0, 5.0, 20.0)  # seconds before we knock again after a lost connection
PATIENCE = 60.0  # a longer wait than this ends the run; it is said until when
MOST_RUNS = 100  # stretches of UIDs asked for one by one before asking for all between

OutcomeWord = Literal["complete", "incomplete", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class AcquisitionResult:
    """What one run did. ``owed``: messages asked for and still not had; ``problems``: whole folders or the connection."""

    acquisition: int | None
    new: int
    sightings: int
    owed: int
    vanished: int
    folders: tuple[FolderCount, ...]
    outcome: OutcomeWord
    octets: int = 0
    problems: tuple[str, ...] = ()
    proposed: tuple[str, ...] = ()
    retry_at: datetime | None = None
    would_fetch: int = 0  # of a dry run


@dataclass(slots=True)
class _Place:
    """A folder generation in work."""

    name: FolderName
    status: FolderStatus
    id: int
    ledger: Ledger
    generation: Generation | None
    held: dict[int, tuple[int, str]] = field(default_factory=dict)
    vanished: list[tuple[int, str]] = field(default_factory=list)  # (sighting, sha256)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    fetched: int = 0
    looked: bool = False  # the listing was read in this run
    done: bool = False  # and all of it was worked through
    would_fetch: int = 0
    doubted: bool = False  # empty where it was not
    expected: int = 0  # messages held of the generation before
    twins: dict[int, tuple[str, Fingerprint]] = field(default_factory=dict)  # after a spurious UIDVALIDITY change


def acquire(
    mailbox: Mailbox,
    account: Account,
    rule: ScopeRule,
    sink: AcquisitionSink,
    *,
    now: Callable[[], datetime],
    progress: Progress,
    dry_run: bool = False,
    record: Mapping[str, Any] | None = None,
    pause: Callable[[float], None] = time.sleep,
    trust_reset: Collection[str] = (),
) -> AcquisitionResult:
    """Bring ``sink`` up to date with ``mailbox``. Nothing on the server is changed.

    ``trust_reset`` names folders whose doubtful UIDVALIDITY change a person has confirmed. A lost connection is opened again
    a few times; limits of the provider end the run with ``retry_at``. Whatever was committed stays, the next run goes on.
    Errors of the sink (disk full, lock) are raised as they come.
    """
    return _Run(mailbox, account, rule, sink, now, progress, dry_run, dict(record or {}), pause, trust_reset).run()


class _Run:
    """One acquisition of one account."""

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
        self._mailbox = mailbox
        self._account = account
        self._rule = rule
        self._sink = sink
        self._now = now
        self._progress = progress
        self._dry = dry_run
        self._record = record
        self._pause = pause
        self._trust_reset = frozenset(trust_reset)
        self._acquisition = 0
        self._places: list[_Place] = []
        self._problems: list[str] = []
        self._proposed: dict[str, None] = {}
        self._retry_at: datetime | None = None
        self._new = self._sightings = self._octets = self._vanished = 0
        self._pending_octets = 0
        self._committed_at = time.monotonic()
        self._linked: set[int] = set()
        self._gm: dict[str, str] = {}  # X-GM-MSGID -> sha256
        self._known_owed: set[tuple[int | None, int | None]] = set()

    # ---- the run ---------------------------------------------------------------------------

    def run(self) -> AcquisitionResult:
        began = self._now()
        if not self._dry:
            self._acquisition = self._sink.begin(
                "sync", self._account.name, about_this_run(self._rule, began, self._record)
            )
            self._sink.commit()
        outcome: OutcomeWord = "failed"
        try:
            try:
                self._read_account()
                outcome = "complete"
            except MailboxError as error:
                self._problem(error)
            if self._problems or self._owed():
                outcome = "incomplete"
        except KeyboardInterrupt:
            self._end("interrupted", began)
            raise
        except CommandRefused as error:
            self._problem(error)
            self._end("failed", began)
            raise
        self._end(outcome, began)
        return self._result(outcome)

    def _read_account(self) -> None:
        generations = self._sink.generations(self._account.name)
        self._known_owed = {(f, u) for f, u, _ in self._sink.owed(self._account.name)}
        self._gm = dict(self._sink.gm_msgids(self._account.name)) if self._gmail else {}
        for name in self._rule.accounts if self._rule.messages == "linked" else ():
            others = generations if name == self._account.name else self._sink.generations(name)
            for generation in others:
                if generation.scope_key == self._rule.key:
                    self._linked |= Ledger.read(generation.passed_over).links
        everything = self._steadily(self._mailbox.list_folders)
        folders = [f for f in everything if _selected(f.name, self._account)]
        folders.sort(
            key=lambda f: "\\All" not in f.attributes
        )  # Gmail's All Mail first: labels then need no second fetch
        latest: dict[str, Generation] = {g.name: g for g in sorted(generations, key=lambda g: g.id)}
        statuses = self._steadily(lambda: self._mailbox.status(self._sayable(folders)))
        for folder, status in zip(self._sayable(folders), statuses, strict=True):
            last = latest.get(folder.name)
            if status is not None and last is not None and self._unchanged(status, last):
                place = _Place(folder, status, last.id, Ledger.read(last.passed_over), last)
                place.done = True
                self._places.append(place)
                continue
            self._folder(folder, last)
        complete = len(self._places) == len(folders)
        if self._rule.messages == "linked":
            self._tie()
        if complete and all(p.done for p in self._places):
            self._left_behind(generations, everything)
        self._disappearances()
        self._states()

    def _steadily(self, ask: Callable[[], Any]) -> Any:
        """Ask; after a lost connection wait, connect again and ask again, a few times."""
        for wait in (*PAUSES, None):
            try:
                return ask()
            except MailboxError as error:
                if wait is None:
                    raise
                self._reconnect(error, wait)
        raise AssertionError("unreachable")

    def _reconnect(self, error: MailboxError, wait: float) -> None:
        if not self._dry:
            self._commit()
        asked = error.retry_after
        if asked is not None and asked > PATIENCE:
            self._retry_at = self._now() + timedelta(seconds=asked)
            raise error
        self._progress.say(f"{error.what} {error.why}".strip())
        self._pause(max(wait, asked or 0.0))
        for again in (*PAUSES, None):
            try:
                self._mailbox.reopen()
                return
            except MailboxError as later:
                if again is None or (later.retry_after or 0) > PATIENCE:
                    if later.retry_after:
                        self._retry_at = self._now() + timedelta(seconds=later.retry_after)
                    raise
                self._pause(again)
            except FolderUnreadable:
                return

    def _sayable(self, folders: Sequence[FolderName]) -> list[FolderName]:
        """Without folders whose very name cannot be sent (a line break in it); each is named as a problem once."""
        from evidence.mailbox.commands import mailbox_argument

        fine = []
        for folder in folders:
            try:
                mailbox_argument(folder.wire)
                fine.append(folder)
            except CommandRefused as error:
                if str(error) not in self._problems:
                    self._problem(error, kind="folder-name-refused", detail={"folder": repr(folder.wire[:200])})
        return fine

    def _unchanged(self, status: FolderStatus, generation: Generation) -> bool:
        """STATUS agrees with what the last acquisition left, nothing is owed, doubted or to be judged anew."""
        return (
            generation.state_at is not None
            and generation.scope_key == self._rule.key
            and status.uidvalidity == generation.uidvalidity
            and status.uidnext is not None
            and status.uidnext == generation.uidnext
            and status.exists == generation.on_server
            and generation.owed == 0
            and (
                status.highest_modseq is None
                or generation.highest_modseq is None
                or status.highest_modseq == generation.highest_modseq
            )
        )

    # ---- one folder ------------------------------------------------------------------------

    def _folder(self, folder: FolderName, generation: Generation | None) -> None:
        self._progress.step(folder.name, 0, None)
        place: _Place | None = None
        for wait in (*PAUSES, None):
            try:
                status = self._mailbox.examine(folder)
                if place is None or place.status.uidvalidity != status.uidvalidity:
                    place = self._open(folder, status, generation)
                    self._places.append(place)
                else:
                    place.status = status
                self._work(place)
                place.done = True
                break
            except FolderUnreadable as error:
                self._problem(error, kind="folder-unreadable", detail={"folder": folder.name})
                break
            except MailboxError as error:
                if wait is None:
                    raise
                self._reconnect(error, wait)
        if not self._dry:
            self._commit()

    def _open(self, folder: FolderName, status: FolderStatus, generation: Generation | None) -> _Place:
        if generation is not None and generation.uidvalidity == status.uidvalidity:
            same_rule = generation.scope_key == self._rule.key
            ledger = Ledger.read(generation.passed_over) if same_rule else Ledger()
            place = _Place(folder, status, generation.id, ledger, generation)
        else:
            place = _Place(folder, status, 0, Ledger(), None)
            if generation is not None:
                self._changed_uidvalidity(place, generation)
            if self._dry:
                return place
            place.id = self._sink.folder(self._acquisition, self._account.name, folder, status.uidvalidity)
        place.held = dict(self._sink.held(place.id))
        return place

    def _work(self, place: _Place) -> None:
        mailbox, ledger = self._mailbox, place.ledger
        listing = mailbox.uids()
        self._oddities(place)
        place.looked = True
        if self._doubt_emptiness(place, len(listing)):
            return
        reused = self._reused(place)
        again = {*reused, *ledger.of(Kind.OWED), *(u for f, u in self._known_owed if f == place.id and u is not None)}
        plan = plan_folder(ledger.uids, listing, {u for u in again if u in ledger})
        self._vanish(place, plan.vanished)
        if place.held:
            here = set(listing)
            self._vanish(place, [u for u in place.held if u not in here and u not in ledger])
        new = plan.fetch
        missing_peeks = set(new)
        wanted: list[Wanted] = []
        whole = self._rule.messages == "all" and not self._gmail
        rejudge: list[int] = []
        for peek in self._peeks(new, listing, headers=not whole):
            if peek.uid not in missing_peeks:
                continue
            missing_peeks.discard(peek.uid)
            if whole and peek.uid in place.held and peek.uid not in again:
                rejudge.append(peek.uid)  # stored before an interruption; its header says on which side it stands
            elif whole or self._consider(place, peek, again=peek.uid in again):
                wanted.append(Wanted(peek.uid, peek.size))
        here = set(rejudge)
        for peek in self._peeks(sorted(rejudge), listing, headers=True):
            if peek.uid in here:
                self._consider(place, peek, again=False)
        place.would_fetch += len(wanted)
        self._fetch(place, wanted + [Wanted(u) for u in sorted(missing_peeks)])  # no header shown: the octets decide

    def _peeks(self, uids: Sequence[int], listing: Sequence[int], *, headers: bool) -> Iterator[HeaderPeek]:
        """Peeks of ``uids``, asked for in stretches that skip what is known. Both ascend; ``uids`` are among ``listing``."""
        if not uids:
            return
        runs: list[tuple[int, int]] = []
        first = last = at = 0
        for uid in listing:
            if at < len(uids) and uid == uids[at]:
                first, last = first or uid, uid
                at += 1
            elif first:
                runs.append((first, last))
                first = 0
        if first:
            runs.append((first, last))
        if at < len(uids):
            runs = [(uids[0], uids[-1])]
        if len(runs) > MOST_RUNS:
            runs = [(uids[0], uids[-1])]
        for low, high in runs:
            yield from self._mailbox.peek_headers(low, high, headers=headers)

    def _consider(self, place: _Place, peek: HeaderPeek, *, again: bool, tying: bool = False) -> bool:
        """Judge one header; True if its octets are to be fetched. ``again``: held, but the place looks changed."""
        mark = shape(peek.size, peek.internal_date)
        if not peek.header:
            return True
        verdict, found = self._rule.judge(peek.header), links(peek.header)
        if verdict == OUT and self._rule.messages == "linked" and not self._linked.isdisjoint(found.all):
            verdict = self._rule.tie(peek.header, self._linked)
        if verdict == OUT:
            if peek.uid in place.held and again:
                self._alarm("uid-reused", {"by": "a message out of scope"}, place, peek.uid)
                self._vanish(place, [peek.uid])
            if not tying:
                place.ledger.put(peek.uid, Kind.OUT, mark, found.own, found.refs)
            return False
        if peek.uid in place.held and not again:
            self._enter(place, peek.uid, verdict, mark, found)
            return False
        if self._known_elsewhere(place, peek, verdict, mark, found):
            return False
        place.verdicts[peek.uid] = verdict
        if self._rule.messages == "linked" and (verdict.scope == "in-scope" or verdict.tied):
            self._linked |= found.all
        return True

    def _known_elsewhere(self, place: _Place, peek: HeaderPeek, verdict: Verdict, mark: int, found: Links) -> bool:
        """A second Gmail label, or the same place after a spurious UIDVALIDITY change: a sighting without a second fetch."""
        sha256, note = "", ""
        if peek.gm_msgid and peek.gm_msgid in self._gm:
            sha256, note = self._gm[peek.gm_msgid], "same X-GM-MSGID as a message held; not fetched again"
        elif peek.uid in place.twins and place.twins[peek.uid][1] == (found.own, mark):
            sha256, note = (
                place.twins[peek.uid][0],
                "same place, Message-ID, size and date before UIDVALIDITY changed; not fetched again",
            )
        number = self._sink.message_number(sha256) if sha256 else None
        if number is None:
            return False
        self._enter(place, peek.uid, verdict, mark, found)
        if not self._dry:
            sighting = self._sink.sight(
                self._acquisition, number, folder=place.id, uid=peek.uid, internal_date=peek.internal_date, server_size=peek.size,
                flags=peek.flags, labels=peek.gm_labels, gm_msgid=peek.gm_msgid, scope=verdict.scope, reason=verdict.reason, note=note,
            )  # fmt: skip
            place.held[peek.uid] = (sighting, sha256)
            self._sightings += 1
        return True

    def _enter(self, place: _Place, uid: int, verdict: Verdict, mark: int, found: Links) -> None:
        place.ledger.put(uid, Kind.IN if verdict.scope == "in-scope" else Kind.CONTEXT, mark, found.own)
        if self._rule.messages == "linked" and (verdict.scope == "in-scope" or verdict.tied):
            place.ledger.link(found.all)
            self._linked |= found.all

    # ---- octets ----------------------------------------------------------------------------

    def _fetch(self, place: _Place, wanted: Sequence[Wanted]) -> None:
        if self._dry:
            for one in wanted:
                verdict = place.verdicts.get(one.uid, Verdict("context"))
                place.ledger.put(one.uid, Kind.IN if verdict.scope == "in-scope" else Kind.CONTEXT, 0)
            return
        fresh: set[int] = set()
        for done, item in enumerate(self._mailbox.fetch(wanted) if wanted else (), start=1):
            if isinstance(item, NotDelivered):
                self._not_had(place, item)
            else:
                self._keep(place, item, twice=item.uid in fresh)
                fresh.add(item.uid)
            if done % 50 == 0:
                self._progress.step(place.name.name, done, len(wanted))
        self._oddities(place)

    def _not_had(self, place: _Place, item: NotDelivered) -> None:
        if item.gone:
            self._note("gone-before-fetched", {"reason": item.reason}, place, item.uid)
            self._vanish(place, [item.uid])
            return
        self._owe(place, item.uid, item.reason)

    def _owe(self, place: _Place, uid: int, reason: str) -> None:
        known = place.ledger.fingerprint(uid) or (0, 0)
        place.ledger.put(uid, Kind.OWED, known[1], known[0])
        if (place.id, uid) not in self._known_owed:
            self._known_owed.add((place.id, uid))
            self._sink.owe(self._acquisition, place.id, uid, "message", reason[:500])

    def _keep(self, place: _Place, message: RawMessage, *, twice: bool) -> None:
        """Store the octets, then the sighting, then the ledger's entry."""
        header = header_octets(message.raw)
        found = links(header)
        verdict = place.verdicts.get(message.uid)
        if verdict is None:
            verdict = self._rule.judge(header)
            if verdict == OUT and self._rule.messages == "linked":
                verdict = self._rule.tie(header, self._linked)
        mark = shape(message.server_size, message.internal_date)
        if verdict == OUT:
            place.ledger.put(message.uid, Kind.OUT, mark, found.own, found.refs)
            return
        substitute = is_substitute(message.raw)
        before = place.held.get(message.uid)
        if before is not None and sha256_hex(message.raw) == before[1]:
            if not substitute:
                self._enter(place, message.uid, verdict, mark, found)
            return
        if before is not None and place.ledger.kind(message.uid) is not Kind.OWED:
            self._alarm("uid-twice" if twice else "uid-reused", {"held": before[1]}, place, message.uid)
            if not twice:
                self._vanish(place, [message.uid])
        stored = self._sink.store(self._acquisition, message.raw)
        sighting = self._sink.sight(
            self._acquisition, stored.number, folder=place.id, uid=message.uid, internal_date=message.internal_date,
            server_size=message.server_size, flags=message.flags, labels=message.gm_labels, gm_msgid=message.gm_msgid,
            scope=verdict.scope, reason=verdict.reason, note="substitute" if substitute else "",
        )  # fmt: skip
        place.held[message.uid] = (sighting, stored.sha256)
        place.fetched += 1
        self._sightings += 1
        self._new += stored.new
        self._octets += len(message.raw)
        self._pending_octets += len(message.raw)
        if substitute:
            self._owe(place, message.uid, "the server sent a text of its own in place of the message")
        else:
            self._enter(place, message.uid, verdict, mark, found)
            if message.gm_msgid:
                self._gm[message.gm_msgid] = stored.sha256
        if verdict.tied:
            self._propose(header, verdict, stored.number)
        if self._pending_octets >= COMMIT_OCTETS or time.monotonic() - self._committed_at > COMMIT_SECONDS:
            self._commit()

    def _propose(self, header: bytes, verdict: Verdict, message: int) -> None:
        """Name the strangers of a tied message; a person decides whether they write for the client."""
        for stranger in self._rule.strangers(header):
            if stranger.address not in self._proposed:
                self._proposed[stranger.address] = None
                self._sink.observe(
                    self._acquisition,
                    "delegate-proposed",
                    {
                        "address": stranger.address,
                        "name": stranger.name[:200],
                        "header": stranger.header,
                        "why": verdict.reason,
                    },
                    message=message,
                )

    # ---- threads ---------------------------------------------------------------------------

    def _tie(self) -> None:
        """Fetch what was passed over and belongs to a thread in scope, until nothing more is tied in."""
        tried: set[tuple[int, int]] = set()
        while True:
            for place in self._places:
                self._linked |= place.ledger.links
            todo = [
                (p, [u for u in p.ledger.tied(self._linked) if (id(p), u) not in tried])
                for p in self._places
                if p.done or p.looked
            ]
            if not any(uids for _, uids in todo):
                return
            for place, uids in todo:
                if uids:
                    tried.update((id(place), u) for u in uids)
                    self._tie_in(place, uids)

    def _tie_in(self, place: _Place, uids: list[int]) -> None:
        for wait in (*PAUSES, None):
            try:
                status = self._mailbox.examine(place.name)
                if status.uidvalidity != place.status.uidvalidity:
                    return  # the next run sees to it
                if not place.held and place.id:
                    place.held = dict(self._sink.held(place.id))
                inside, wanted = set(uids), []
                for peek in self._peeks(uids, place.ledger.uids, headers=True):
                    if peek.uid in inside and place.ledger.kind(peek.uid) is Kind.OUT:
                        inside.discard(peek.uid)
                        if self._consider(place, peek, again=False, tying=True):
                            wanted.append(Wanted(peek.uid, peek.size))
                place.would_fetch += len(wanted)
                self._fetch(place, wanted)
                return
            except FolderUnreadable as error:
                self._problem(error, kind="folder-unreadable", detail={"folder": place.name.name})
                return
            except MailboxError as error:
                if wait is None:
                    raise
                self._reconnect(error, wait)

    # ---- what is gone, what changed --------------------------------------------------------

    def _vanish(self, place: _Place, uids: Iterable[int]) -> None:
        gone = set(uids)
        place.vanished += [place.held.pop(u) for u in sorted(gone) if u in place.held]
        place.ledger.drop(gone)

    def _doubt_emptiness(self, place: _Place, listed: int) -> bool:
        """An empty folder where there was mail is looked at twice, and believed only by the next acquisition."""
        expected = len(place.held) or place.expected
        if listed or expected < EMPTY_DOUBTED_FROM:
            place.ledger.questioned = False
            return False
        if place.ledger.questioned:
            place.ledger.questioned = False
            self._note("folder-empty-confirmed", {"held": expected}, place)
            return False
        self._mailbox.examine(place.name)
        if len(self._mailbox.uids()):
            raise MailboxError(f"The folder «{place.name.name}» looked empty and then did not.")  # work it again
        place.doubted = True
        return True

    def _resolve_doubts(self) -> None:
        """A folder whose every message now lies elsewhere was emptied by moving; any other stays in doubt until next time."""
        live = self._sink.held_everywhere(self._account.name)
        for place in (p for p in self._places if p.doubted):
            own = {s for s, _ in place.held.values()}
            moved = bool(own) and all(set(live.get(sha, ())) - own for _, sha in place.held.values())
            if moved:
                place.doubted = False
                self._vanish(place, [*place.held, *place.ledger.uids])
                continue
            place.ledger.questioned = True
            held = len(own) or place.expected
            text = f"The folder «{place.name.name}» looks empty; {held} messages of it are held. Not believed until seen again."
            self._problems.append(text)
            self._alarm("folder-suddenly-empty", {"held": held}, place)

    def _reused(self, place: _Place) -> set[int]:
        """Known UIDs whose size or arrival date changed: their octets are asked for again and compared."""
        ledger, before = place.ledger, place.generation
        if not len(ledger) or before is None:
            return set()
        since = before.highest_modseq if place.status.highest_modseq is not None else None
        if since is not None and since == place.status.highest_modseq:
            return set()
        uids = list(ledger.uids) if since is not None or len(ledger) <= 100_000 else sorted(place.held)
        inside, changed = set(uids) if len(uids) <= 100_000 else ledger, set()
        first, last = (uids[0], uids[-1]) if uids else (1, 0)
        for peek in self._mailbox.peek_headers(first, last, headers=False, changed_since=since) if uids else ():
            known = ledger.fingerprint(peek.uid) if peek.uid in inside else None
            if known and known[1] and known[1] != shape(peek.size, peek.internal_date):
                changed.add(peek.uid)
        return changed

    def _changed_uidvalidity(self, place: _Place, old: Generation) -> None:
        """Test a changed UIDVALIDITY by what lies at the same UIDs. Raises FolderUnreadable where it stays doubtful."""
        before = Ledger.read(old.passed_over)
        held = self._sink.held(old.id)
        uids = sorted({*held, *list(before.uids)[:: max(1, len(before) // 200)]})[:400]
        marks: dict[int, Fingerprint] = {u: m for u in uids if (m := before.fingerprint(u)) is not None}
        place.expected = len(held)
        now_there: dict[int, Fingerprint] = {}
        if marks and place.status.exists:
            inside = set(marks)
            for peek in self._peeks(sorted(marks), sorted(marks), headers=True):
                if peek.uid in inside:
                    now_there[peek.uid] = (links(peek.header).own, shape(peek.size, peek.internal_date))
        # in "all" no header was peeked, but the identifier was read from the octets: the ledger holds it either way
        verdict = judge_reset(marks, now_there, min(len(marks), place.status.exists))
        if verdict != "genuine":
            sample = [Wanted(u) for u in sorted(set(held) & set(now_there))[:3]]
            for item in self._mailbox.fetch(sample) if sample else ():
                if isinstance(item, RawMessage) and sha256_hex(item.raw) != held[item.uid][1]:
                    verdict = "genuine"
        trusted = place.name.name in self._trust_reset
        detail = {
            "before": old.uidvalidity,
            "now": place.status.uidvalidity,
            "verdict": verdict,
            "compared": len(marks),
            "same": sum(marks[u] == now_there.get(u) for u in marks),
            "trusted_by_a_person": trusted,
        }
        self._alarm("uidvalidity-changed", detail, place, folder=old.id)
        if verdict == "doubtful" and not trusted:
            raise FolderUnreadable(
                f"The folder «{place.name.name}» has a new UIDVALIDITY, and whether its messages are the same is doubtful.",
                f"{detail['same']} of {detail['compared']} agree, none contradicts.",
                "Nothing was taken from it. Look at the folder in your mail program; if it is in order, name it as trusted.",
            )
        if verdict == "spurious":
            place.twins = {u: (held[u][1], marks[u]) for u in held if u in now_there or (u in before)}
            for uid in place.twins:
                place.twins[uid] = (held[uid][1], before.fingerprint(uid) or (0, 0))

    def _left_behind(self, generations: Sequence[Generation], everything: Sequence[FolderName]) -> None:
        """Generations that are no longer a place: an older UIDVALIDITY, or a folder that is gone."""
        current = {p.id for p in self._places}
        doubted = {p.name.name for p in self._places if p.doubted}
        names = {f.name for f in everything}
        old = [g for g in generations if g.id not in current and (g.on_server or g.state_at is None)]
        missing = {g.name for g in old if g.name not in names}
        if missing:
            again = {f.name for f in self._steadily(self._mailbox.list_folders)}
            if not again or "INBOX" in {m.upper() for m in missing - again}:
                text = "The server no longer lists folders it must have; its list was not believed."
                self._problems.append(text)
                self._alarm("folder-list-doubted", {"listed": len(again), "missing": sorted(missing)[:50]})
                return
            missing -= again
        worked = {p.name.name for p in self._places if p.done}
        for generation in old:
            if generation.name in doubted or not (generation.name in missing or generation.name in worked):
                continue
            held = dict(self._sink.held(generation.id)) if not self._dry else {}
            if generation.name in missing and (held or generation.on_server):
                self._alarm("folder-gone", {"folder": generation.name, "held": len(held)}, folder=generation.id)
            name = FolderName(generation.name, b"")
            status = FolderStatus(name, generation.uidvalidity, None, 0)
            place = _Place(name, status, generation.id, Ledger.read(generation.passed_over), generation, held)
            self._vanish(place, [*held, *place.ledger.uids])
            place.done = True
            self._places.append(place)

    def _disappearances(self) -> None:
        """Events for what is gone. The same octets elsewhere in the account make it a move."""
        if self._dry:
            return
        if any(p.doubted for p in self._places):
            self._resolve_doubts()
        gone = [(p, s, sha) for p in self._places for s, sha in p.vanished]
        if not gone:
            return
        vanished = {s for _, s, _ in gone}
        live = self._sink.held_everywhere(self._account.name)
        for _, sighting, sha256 in gone:
            others = [s for s in live.get(sha256, ()) if s not in vanished]
            self._sink.disappear(self._acquisition, sighting, "moved" if others else "gone", max(others, default=None))
        self._vanished = len(gone)

    # ---- the end ---------------------------------------------------------------------------

    def _states(self, *, partial: bool = False) -> None:
        """The cursor of each folder worked through. After a broken run, only where nothing vanished: a move is not yet told."""
        if self._dry:
            return
        for place in self._places:
            if not place.done or (partial and (place.vanished or place.doubted)):
                continue
            counts = self._counts(place)
            before = place.generation
            unread = before if before is not None and not place.looked else None
            self._sink.folder_state(
                self._acquisition,
                place.id,
                uidnext=None if place.doubted else place.status.uidnext,
                highest_modseq=None if place.doubted else place.status.highest_modseq,
                last_uid=max(place.ledger.uids[-1] if len(place.ledger) else 0, before.last_uid if before else 0),
                on_server=counts.on_server,
                in_scope=counts.in_scope,
                context=counts.context,
                out_of_scope=counts.out_of_scope,
                owed=counts.owed,
                fetched=place.fetched,
                vanished=len(place.vanished),
                scope_key=unread.scope_key if unread else self._rule.key,
                passed_over=place.ledger.blob(),
            )
        self._commit()

    def _counts(self, place: _Place) -> FolderCount:
        ledger = place.ledger
        kinds = [0, 0, 0, 0] if place.doubted else [ledger.count(k) for k in Kind]
        total = 0 if place.doubted else len(ledger)
        if sum(kinds) != total:
            raise IntegrityFailure(f"The count of «{place.name.name}» does not come out even.", f"{kinds} of {total}")
        return FolderCount(
            self._account.name,
            place.name.name,
            place.status.uidvalidity,
            self._now(),
            on_server=total,
            in_scope=kinds[Kind.IN],
            context=kinds[Kind.CONTEXT],
            out_of_scope=kinds[Kind.OUT],
            owed=kinds[Kind.OWED],
            vanished=len(place.vanished),
            last_uid=ledger.uids[-1] if total else 0,
        )

    def _owed(self) -> int:
        return sum(p.ledger.count(Kind.OWED) for p in self._places)

    def _commit(self) -> None:
        self._sink.commit()
        self._pending_octets = 0
        self._committed_at = time.monotonic()

    def _end(self, outcome: OutcomeWord, began: datetime) -> None:
        if self._dry:
            return
        if outcome != "complete" and any(not p.done or p.vanished for p in self._places) and not self._vanished:
            self._states(partial=True)
        ended = self._now()
        record = {
            **about_the_server(self._mailbox, ended),
            "counts": {"new": self._new, "sightings": self._sightings, "octets": self._octets, "owed": self._owed(), "vanished": self._vanished},
            "folders": [
                {"name": p.name.name, "uidvalidity": p.status.uidvalidity, "on_server": len(p.ledger), "worked": p.done} for p in self._places
            ],
            "excluded": {"folders": list(self._account.exclude_folders), "by": "configuration"},
            "problems": list(self._problems),
            "retry_at": self._retry_at.strftime("%Y-%m-%dT%H:%M:%SZ") if self._retry_at else "",
            "seconds": int((ended - began).total_seconds()),
        }  # fmt: skip
        self._sink.end(self._acquisition, outcome, record)
        self._sink.commit()

    def _result(self, outcome: OutcomeWord) -> AcquisitionResult:
        return AcquisitionResult(
            acquisition=None if self._dry else self._acquisition,
            new=self._new,
            sightings=self._sightings,
            owed=self._owed(),
            vanished=self._vanished,
            folders=tuple(self._counts(p) for p in self._places if p.done),
            outcome=outcome,
            octets=self._octets,
            problems=tuple(self._problems),
            proposed=tuple(self._proposed),
            retry_at=self._retry_at,
            would_fetch=sum(p.would_fetch for p in self._places),
        )

    # ---- saying so -------------------------------------------------------------------------

    @property
    def _gmail(self) -> bool:
        return "X-GM-EXT-1" in self._mailbox.capabilities

    def _oddities(self, place: _Place) -> None:
        for kind, detail in self._mailbox.oddities:
            self._alarm(kind, detail, place)
        self._mailbox.oddities.clear()

    def _problem(self, error: EvidenceError, *, kind: str = "", detail: Mapping[str, Any] | None = None) -> None:
        if isinstance(error, Throttled) and self._retry_at is None and error.retry_after:
            self._retry_at = self._now() + timedelta(seconds=error.retry_after)
        until = f" Not before {self._retry_at:%Y-%m-%d %H:%M} UTC." if self._retry_at else ""
        text = " ".join(filter(None, (error.what, error.why))) + until
        self._problems.append(text)
        if kind:
            self._alarm(kind, {**(detail or {}), "why": text})

    def _alarm(
        self,
        kind: str,
        detail: Mapping[str, Any],
        place: _Place | None = None,
        uid: int | None = None,
        *,
        folder: int | None = None,
    ) -> None:
        self._observe(kind, detail, "alarm", folder or (place.id if place and place.id else None), uid)

    def _note(self, kind: str, detail: Mapping[str, Any], place: _Place, uid: int | None = None) -> None:
        self._observe(kind, detail, "note", place.id, uid)

    def _observe(
        self, kind: str, detail: Mapping[str, Any], severity: str, folder: int | None, uid: int | None
    ) -> None:
        if not self._dry:
            self._sink.observe(self._acquisition, kind, detail, severity=severity, folder=folder, uid=uid)


def _selected(name: str, account: Account) -> bool:
    """Does the configuration want this folder? Patterns as in a shell; INBOX in any case."""

    def fits(pattern: str) -> bool:
        return fnmatchcase(name, pattern) or (name.upper() == "INBOX" and pattern.upper() == "INBOX")

    return any(map(fits, account.folders)) and not any(map(fits, account.exclude_folders))
