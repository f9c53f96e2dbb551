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
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

from evidence.config import Account
from evidence.errors import EvidenceError, IntegrityFailure
from evidence.i18n import talk
from evidence.mailbox.changes import changed_uidvalidity, disappearances, doubt_emptiness, left_behind, reused_uids
from evidence.mailbox.commands import mailbox_argument
from evidence.mailbox.held import Held
from evidence.mailbox.ledger import Kind, Ledger
from evidence.mailbox.mailbox import CommandRefused, FolderUnreadable, Mailbox, MailboxError, Unsized, Wanted
from evidence.mailbox.plan import ScopeRule, plan_folder
from evidence.mailbox.run import PAUSES, Place, Run
from evidence.mailbox.run_record import about_the_server, about_this_run
from evidence.mailbox.taking import consider, peeks, take, tie
from evidence.model import FolderName, FolderStatus
from evidence.ports import AcquisitionSink, FolderCount, Generation, Progress

_ = talk("mailbox")

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
    run = Run(mailbox, account, rule, sink, now, progress, dry_run, dict(record or {}), pause, trust_reset)
    return _run(run)


def _run(run: Run) -> AcquisitionResult:
    began = run.now()
    if not run.dry:
        run.acquisition = run.sink.begin("sync", run.account.name, about_this_run(run.rule, began, run.record))
        run.sink.commit()
    outcome: OutcomeWord = "failed"
    try:
        try:
            _read_account(run)
            run.read_to_the_end = True
            outcome = "complete"
        except MailboxError as error:
            run.problem(error)
        if run.problems or run.owed():
            outcome = "incomplete"
    except KeyboardInterrupt:
        _end_run(run, "interrupted", began)
        raise
    except CommandRefused as error:
        run.problem(error)
        _end_run(run, "failed", began)
        raise
    _end_run(run, outcome, began)
    return _result_of(run, outcome)


def _read_account(run: Run) -> None:
    generations = run.sink.generations(run.account.name)
    run.known_owed = {(f, u) for f, u, _ in run.sink.owed(run.account.name)}
    run.gm = dict(run.sink.gm_msgids(run.account.name)) if run.gmail else {}
    for name in run.rule.accounts if run.rule.messages == "linked" else ():
        others = generations if name == run.account.name else run.sink.generations(name)
        for generation in others:
            if generation.scope_key == run.rule.key:
                run.linked |= Ledger.read(generation.passed_over).links
    everything = run.steadily(run.mailbox.list_folders)
    folders = [f for f in everything if _selected(f.name, run.account)]
    _say_what_names_nothing(run, everything)
    folders.sort(key=lambda f: "\\All" not in f.attributes)  # Gmail's All Mail first: labels then need no second fetch
    latest: dict[str, Generation] = {g.name: g for g in sorted(generations, key=lambda g: g.id)}
    known = [f for f in _sayable(run, folders) if f.name in latest]  # of others nothing could be unchanged
    statuses = dict(zip(known, run.steadily(lambda: run.mailbox.status(known)) if known else (), strict=True))
    for folder in _sayable(run, folders):
        status, last = statuses.get(folder), latest.get(folder.name)
        if status is not None and last is not None and _unchanged(run, status, last):
            place = Place(folder, status, last.id, Ledger.read(last.passed_over), last)
            place.done = True
            run.places.append(place)
            continue
        _read_folder(run, folder, last)
    complete = len(run.places) == len(folders)
    if run.rule.messages == "linked":
        tie(run)
    if complete and all(p.done for p in run.places):
        left_behind(run, generations, everything)
    disappearances(run)
    _write_states(run)


def _sayable(run: Run, folders: Sequence[FolderName]) -> list[FolderName]:
    """Without folders whose very name cannot be sent (a line break in it); each is named as a problem once."""
    fine = []
    for folder in folders:
        try:
            mailbox_argument(folder.wire)
            fine.append(folder)
        except CommandRefused as error:
            if str(error) not in run.problems:
                run.problem(error, kind="folder-name-refused", detail={"folder": repr(folder.wire[:200])})
    return fine


def _unchanged(run: Run, status: FolderStatus, generation: Generation) -> bool:
    """STATUS agrees with what the last acquisition left, nothing is owed, doubted or to be judged anew."""
    return (
        generation.state_at is not None
        and generation.scope_key == run.rule.key
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


def _read_folder(run: Run, folder: FolderName, generation: Generation | None) -> None:
    run.progress.step(folder.name, 0, None)
    place: Place | None = None
    for wait in (*PAUSES, None):
        try:
            status = run.mailbox.examine(folder)
            if place is None or place.status.uidvalidity != status.uidvalidity:
                place = _open_place(run, folder, status, generation)
                run.places.append(place)
            else:
                place.status = status
            _work(run, place)
            place.done = True
            break
        except FolderUnreadable as error:
            run.problem(error, kind="folder-unreadable", detail={"folder": folder.name})
            break
        except MailboxError as error:
            if wait is None:
                raise
            run.reconnect(error, wait)
    if not run.dry:
        run.commit_if_old()


def _open_place(run: Run, folder: FolderName, status: FolderStatus, generation: Generation | None) -> Place:
    if generation is not None and generation.uidvalidity == status.uidvalidity:
        same_rule = generation.scope_key == run.rule.key
        ledger = Ledger.read(generation.passed_over) if same_rule else Ledger()
        place = Place(folder, status, generation.id, ledger, generation)
    else:
        place = Place(folder, status, 0, Ledger(), None)
        if generation is not None:
            changed_uidvalidity(run, place, generation)
        if run.dry:
            return place
        place.id = run.sink.folder(run.acquisition, run.account.name, folder, status.uidvalidity)
    place.held = Held(run.sink.held(place.id))
    return place


def _work(run: Run, place: Place) -> None:
    mailbox, ledger = run.mailbox, place.ledger
    listing = mailbox.uids()
    run.oddities(place)
    place.looked = True
    if doubt_emptiness(run, place, len(listing)):
        return
    reused = reused_uids(run, place)
    again = {*reused, *ledger.of(Kind.OWED), *(u for f, u in run.known_owed if f == place.id and u is not None)}
    plan = plan_folder(ledger.uids, listing, {u for u in again if u in ledger})
    place.vanish(plan.vanished)
    if place.held:
        here = set(listing)
        place.vanish([u for u in place.held if u not in here and u not in ledger])
    new = plan.fetch
    whole = run.rule.messages == "all" and not run.gmail
    if whole and not place.held:  # sizes are not needed to ask, and nothing is to be judged before
        place.would_fetch += len(new)
        take(run, place, Unsized(new))
        return
    missing_peeks = set(new)
    wanted: list[Wanted] = []
    rejudge: list[int] = []
    for peek in peeks(run, new, listing, headers=not whole) if missing_peeks else ():
        if peek.uid not in missing_peeks:
            continue
        missing_peeks.discard(peek.uid)
        if not len(missing_peeks) % 500 and not run.dry:
            run.commit_if_old()
        if whole and peek.uid in place.held and peek.uid not in again:
            rejudge.append(peek.uid)  # stored before an interruption; its header says on which side it stands
        elif whole or consider(run, place, peek, again=peek.uid in again):
            wanted.append(Wanted(peek.uid, peek.size))
    here = set(rejudge)
    for peek in peeks(run, sorted(rejudge), listing, headers=True):
        if peek.uid in here:
            consider(run, place, peek, again=False)
    place.would_fetch += len(wanted)
    take(run, place, wanted + [Wanted(u) for u in sorted(missing_peeks)])  # no header shown: the octets decide


def _write_states(run: Run, *, partial: bool = False) -> None:
    """The cursor of each folder worked through. After a broken run, only where nothing vanished: a move is not yet told.

    Committed with the end of the run: until then the next run starts from the cursor before, and nothing is lost by it.
    """
    if run.dry:
        return
    for place in run.places:
        if not place.done or (partial and (place.vanished or place.doubted)):
            continue
        counts = _counts(run, place)
        before = place.generation
        unread = before if before is not None and not place.looked else None
        run.sink.folder_state(
            run.acquisition,
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
            scope_key=unread.scope_key if unread else run.rule.key,
            passed_over=place.ledger.blob(),
        )


def _counts(run: Run, place: Place) -> FolderCount:
    ledger = place.ledger
    kinds = [0, 0, 0, 0] if place.doubted else [ledger.count(k) for k in Kind]
    total = 0 if place.doubted else len(ledger)
    if sum(kinds) != total:
        raise IntegrityFailure(
            _("The message counts of “{folder}” do not add up.").format(folder=place.name.name),
            f"{kinds} / {total}",
            _("Nothing was lost: run the sync again, and report it if it happens again."),
        )
    return FolderCount(
        run.account.name,
        place.name.name,
        place.status.uidvalidity,
        run.now(),
        on_server=total,
        in_scope=kinds[Kind.IN],
        context=kinds[Kind.CONTEXT],
        out_of_scope=kinds[Kind.OUT],
        owed=kinds[Kind.OWED],
        vanished=len(place.vanished),
        last_uid=ledger.uids[-1] if total else 0,
    )


def _end_run(run: Run, outcome: OutcomeWord, began: datetime) -> None:
    if run.dry:
        return
    if outcome != "complete" and any(not p.done or p.vanished for p in run.places) and not run.vanished:
        _write_states(run, partial=True)
    ended = run.now()
    record = {
        **about_the_server(run.mailbox, ended),
        "counts": {"new": run.new, "sightings": run.sightings, "octets": run.octets, "owed": run.owed(), "vanished": run.vanished},
        "folders": [
            {"name": p.name.name, "uidvalidity": p.status.uidvalidity, "on_server": len(p.ledger), "worked": p.done} for p in run.places
        ],
        "excluded": {"folders": list(run.account.exclude_folders), "by": "configuration"},
        "problems": list(run.problems),
        "read_to_the_end": run.read_to_the_end,
        "retry_at": run.retry_at.strftime("%Y-%m-%dT%H:%M:%SZ") if run.retry_at else "",
        "seconds": int((ended - began).total_seconds()),
    }  # fmt: skip
    run.sink.end(run.acquisition, outcome, record)
    run.sink.commit()


def _result_of(run: Run, outcome: OutcomeWord) -> AcquisitionResult:
    return AcquisitionResult(
        acquisition=None if run.dry else run.acquisition,
        new=run.new,
        sightings=run.sightings,
        owed=run.owed(),
        vanished=run.vanished,
        folders=tuple(_counts(run, p) for p in run.places if p.done),
        outcome=outcome,
        octets=run.octets,
        problems=tuple(run.problems),
        proposed=tuple(run.proposed),
        retry_at=run.retry_at,
        would_fetch=sum(p.would_fetch for p in run.places),
    )


def _selected(name: str, account: Account) -> bool:
    """Does the configuration want this folder? Patterns as in a shell; INBOX in any case."""

    return any(_fits(name, p) for p in account.folders) and not any(_fits(name, p) for p in account.exclude_folders)


def _fits(name: str, pattern: str) -> bool:
    """A folder's own name always means that folder: "Client [2024]" is no set of digits then."""
    return name == pattern or fnmatchcase(name, pattern) or (name.upper() == pattern.upper() == "INBOX")


def _say_what_names_nothing(run: Run, everything: Sequence[FolderName]) -> None:
    """A folder that was asked for and is not there (misspelt, renamed) makes the run incomplete: nobody would look for it."""
    if not everything:
        return
    for pattern in run.account.folders:
        if not any(_fits(f.name, pattern) for f in everything):
            run.problem(EvidenceError(_("No folder on the server is named “{name}” (folders).").format(name=pattern)))
    for pattern in run.account.exclude_folders:
        if not any(_fits(f.name, pattern) for f in everything):
            run.progress.say(_("No folder on the server is named “{name}” (exclude_folders).").format(name=pattern))
