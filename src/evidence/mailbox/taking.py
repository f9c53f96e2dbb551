"""Judge headers, fetch what is wanted, store it, and tie in what threads lead to."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence

from evidence.interrupts import uninterrupted
from evidence.mailbox import words
from evidence.mailbox.addresses import header_octets
from evidence.mailbox.held import Held
from evidence.mailbox.ledger import Kind, shape
from evidence.mailbox.mailbox import FolderUnreadable, MailboxError, NotDelivered, Wanted
from evidence.mailbox.plan import OUT, Links, Verdict, links
from evidence.mailbox.run import PAUSES, Place, Run
from evidence.mailbox.substitutes import is_substitute
from evidence.model import HeaderPeek, RawMessage, sha256_hex

COMMIT_OCTETS = 32 * 1024 * 1024
COMMIT_SECONDS = 10.0
MOST_RUNS = 100  # stretches of UIDs asked for one by one before asking for all between


def peeks(run: Run, uids: Sequence[int], listing: Sequence[int], *, headers: bool) -> Iterator[HeaderPeek]:
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
        yield from run.mailbox.peek_headers(low, high, headers=headers)


def consider(run: Run, place: Place, peek: HeaderPeek, *, again: bool, tying: bool = False) -> bool:
    """Judge one header; True if its octets are to be fetched. ``again``: held, but the place looks changed."""
    mark = shape(peek.size, peek.internal_date)
    if not peek.header:
        return True
    verdict, found = run.rule.judge(peek.header), links(peek.header)
    if verdict == OUT and run.rule.messages == "linked" and not run.linked.isdisjoint(found.all):
        verdict = run.rule.tie(peek.header, run.linked)
    if verdict == OUT:
        if peek.uid in place.held and again:
            run.alarm("uid-reused", {"by": "a message out of scope"}, place, peek.uid)
            place.vanish([peek.uid])
        if not tying:
            place.ledger.put(peek.uid, Kind.OUT, mark, found.own, found.refs)
        return False
    if peek.uid in place.held and not again:
        enter(run, place, peek.uid, verdict, mark, found)
        return False
    if _known_elsewhere(run, place, peek, verdict, mark, found):
        return False
    place.verdicts[peek.uid] = verdict
    if run.rule.messages == "linked" and (verdict.scope == "in-scope" or verdict.tied):
        run.linked |= found.all
    return True


def _known_elsewhere(run: Run, place: Place, peek: HeaderPeek, verdict: Verdict, mark: int, found: Links) -> bool:
    """A second Gmail label, or the same place after a spurious UIDVALIDITY change: a sighting without a second fetch."""
    sha256, note = "", ""
    if peek.gm_msgid and peek.gm_msgid in run.gm:
        sha256, note = run.gm[peek.gm_msgid], words.SAME_LETTER
    elif peek.uid in place.twins and place.twins[peek.uid][1] == (found.own, mark):
        sha256, note = (
            place.twins[peek.uid][0],
            words.SAME_PLACE,
        )
    number = run.sink.message_number(sha256) if sha256 else None
    if number is None:
        return False
    enter(run, place, peek.uid, verdict, mark, found)
    if not run.dry:
        sighting = run.sink.sight(
            run.acquisition, number, folder=place.id, uid=peek.uid, internal_date=peek.internal_date, server_size=peek.size,
            flags=peek.flags, labels=peek.gm_labels, gm_msgid=peek.gm_msgid, scope=verdict.scope, reason=verdict.reason, note=note,
        )  # fmt: skip
        place.held[peek.uid] = (sighting, sha256)
        run.sightings += 1
    return True


def enter(run: Run, place: Place, uid: int, verdict: Verdict, mark: int, found: Links) -> None:
    place.ledger.put(uid, Kind.IN if verdict.scope == "in-scope" else Kind.CONTEXT, mark, found.own)
    if run.rule.messages == "linked" and (verdict.scope == "in-scope" or verdict.tied):
        place.ledger.link(found.all)
        run.linked |= found.all


def take(run: Run, place: Place, wanted: Sequence[Wanted]) -> None:
    if run.dry:
        for one in wanted:
            verdict = place.verdicts.get(one.uid, Verdict("context"))
            place.ledger.put(one.uid, Kind.IN if verdict.scope == "in-scope" else Kind.CONTEXT, 0)
        return
    fresh: set[int] | None = set() if place.held else None  # None: all that will be held comes now
    items = run.mailbox.fetch(wanted) if wanted else iter(())
    try:
        for done, item in enumerate(items, start=1):
            if isinstance(item, NotDelivered):
                _not_had(run, place, item)
            else:
                _keep(run, place, item, twice=fresh is None or item.uid in fresh)
                if fresh is not None:
                    fresh.add(item.uid)
            if done % 50 == 0:
                run.progress.step(place.name.name, done, len(wanted))
    finally:
        if isinstance(items, Generator):
            items.close()  # an error of the archive's, or Ctrl-C: whoever reads ahead stops now
    run.oddities(place)


def _not_had(run: Run, place: Place, item: NotDelivered) -> None:
    if item.gone:
        run.note("gone-before-fetched", {"reason": item.reason}, place, item.uid)
        place.vanish([item.uid])
        return
    _owe(run, place, item.uid, item.reason)


def _owe(run: Run, place: Place, uid: int, reason: str) -> None:
    known = place.ledger.fingerprint(uid) or (0, 0)
    place.ledger.put(uid, Kind.OWED, known[1], known[0])
    if (place.id, uid) not in run.known_owed:
        run.known_owed.add((place.id, uid))
        run.sink.owe(run.acquisition, place.id, uid, "message", reason[:500])


def _keep(run: Run, place: Place, message: RawMessage, *, twice: bool) -> None:
    """Store the octets, then the sighting, then the ledger's entry."""
    header = header_octets(message.raw)
    found = links(header)
    verdict = place.verdicts.get(message.uid)
    if verdict is None:
        verdict = run.rule.judge(header)
        if verdict == OUT and run.rule.messages == "linked":
            verdict = run.rule.tie(header, run.linked)
    mark = shape(message.server_size, message.internal_date)
    if verdict == OUT:
        place.ledger.put(message.uid, Kind.OUT, mark, found.own, found.refs)
        return
    substitute = is_substitute(message.raw)
    before = place.held.get(message.uid)
    sha256 = message.sha256 or sha256_hex(message.raw)
    if before is not None and sha256 == before[1]:
        if not substitute:
            enter(run, place, message.uid, verdict, mark, found)
        return
    if before is not None and place.ledger.kind(message.uid) is not Kind.OWED:
        run.alarm("uid-twice" if twice else "uid-reused", {"held": before[1]}, place, message.uid)
        if not twice:
            place.vanish([message.uid])
    with uninterrupted:  # never a message without its sighting
        stored = run.sink.store(run.acquisition, message.raw, sha256=sha256)
        sighting = run.sink.sight(
            run.acquisition, stored.number, folder=place.id, uid=message.uid, internal_date=message.internal_date,
            server_size=message.server_size, flags=message.flags, labels=message.gm_labels, gm_msgid=message.gm_msgid,
            scope=verdict.scope, reason=verdict.reason, note=words.SUBSTITUTE if substitute else "",
        )  # fmt: skip
        place.held[message.uid] = (sighting, stored.sha256)
        place.fetched += 1
        run.sightings += 1
        run.new += stored.new
        run.octets += len(message.raw)
        run.pending_octets += len(message.raw)
        if substitute:
            _owe(run, place, message.uid, "the server sent a text of its own in place of the message")
        else:
            enter(run, place, message.uid, verdict, mark, found)
            if message.gm_msgid:
                run.gm[message.gm_msgid] = stored.sha256
    if verdict.tied:
        _propose(run, header, verdict, stored.number)
    if run.pending_octets >= COMMIT_OCTETS or time.monotonic() - run.committed_at > COMMIT_SECONDS:
        run.commit()


def _propose(run: Run, header: bytes, verdict: Verdict, message: int) -> None:
    """Name the strangers of a tied message; a person decides whether they write for the client."""
    for stranger in run.rule.strangers(header):
        if stranger.address not in run.proposed:
            run.proposed[stranger.address] = None
            run.sink.observe(
                run.acquisition,
                "delegate-proposed",
                {
                    "address": stranger.address,
                    "name": stranger.name[:200],
                    "header": stranger.header,
                    "why": verdict.reason,
                },
                message=message,
            )


def tie(run: Run) -> None:
    """Fetch what was passed over and belongs to a thread in scope, until nothing more is tied in."""
    tried: set[tuple[int, int]] = set()
    while True:
        for place in run.places:
            run.linked |= place.ledger.links
        todo = [
            (p, [u for u in p.ledger.tied(run.linked) if (id(p), u) not in tried])
            for p in run.places
            if p.done or p.looked
        ]
        if not any(uids for _, uids in todo):
            return
        for place, uids in todo:
            if uids:
                tried.update((id(place), u) for u in uids)
                _tie_in(run, place, uids)


def _tie_in(run: Run, place: Place, uids: list[int]) -> None:
    for wait in (*PAUSES, None):
        try:
            status = run.mailbox.examine(place.name)
            if status.uidvalidity != place.status.uidvalidity:
                return  # the next run sees to it
            if not place.held and place.id:
                place.held = Held(run.sink.held(place.id))
            inside, wanted = set(uids), []
            for peek in peeks(run, uids, place.ledger.uids, headers=True):
                if peek.uid in inside and place.ledger.kind(peek.uid) is Kind.OUT:
                    inside.discard(peek.uid)
                    if consider(run, place, peek, again=False, tying=True):
                        wanted.append(Wanted(peek.uid, peek.size))
            place.would_fetch += len(wanted)
            take(run, place, wanted)
            return
        except FolderUnreadable as error:
            run.problem(error, kind="folder-unreadable", detail={"folder": place.name.name})
            return
        except MailboxError as error:
            if wait is None:
                raise
            run.reconnect(error, wait)
