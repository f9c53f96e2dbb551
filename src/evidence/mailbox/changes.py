"""What is gone or changed on the server: disappearances and moves, sudden emptiness, reused UIDs, a new UIDVALIDITY."""

from __future__ import annotations

from collections.abc import Sequence

from evidence.i18n import talk
from evidence.mailbox.held import Held
from evidence.mailbox.ledger import Ledger, shape
from evidence.mailbox.mailbox import FolderUnreadable, MailboxError, Wanted
from evidence.mailbox.plan import EMPTY_DOUBTED_FROM, Fingerprint, judge_reset, links
from evidence.mailbox.run import Place, Run
from evidence.mailbox.taking import peeks
from evidence.model import FolderName, FolderStatus, RawMessage, sha256_hex
from evidence.ports import Generation

_ = talk("mailbox")


def doubt_emptiness(run: Run, place: Place, listed: int) -> bool:
    """An empty folder where there was mail is looked at twice, and believed only by the next acquisition."""
    expected = len(place.held) or place.expected
    if listed or expected < EMPTY_DOUBTED_FROM:
        place.ledger.questioned = False
        return False
    if place.ledger.questioned:
        place.ledger.questioned = False
        run.note("folder-empty-confirmed", {"held": expected}, place)
        return False
    run.mailbox.examine(place.name)
    if len(run.mailbox.uids()):
        raise MailboxError(
            _("The folder “{folder}” looked empty and then did not.").format(folder=place.name.name)
        )  # work it again
    place.doubted = True
    return True


def _resolve_doubts(run: Run) -> None:
    """A folder whose every message now lies elsewhere was emptied by moving; any other stays in doubt until next time."""
    live = run.sink.held_everywhere(run.account.name)
    for place in (p for p in run.places if p.doubted):
        own = {s for s, _ in place.held.values()}
        moved = bool(own) and all(set(live.get(sha, ())) - own for _, sha in place.held.values())
        if moved:
            place.doubted = False
            place.vanish([*place.held, *place.ledger.uids])
            continue
        place.ledger.questioned = True
        held = len(own) or place.expected
        text = _(
            "The folder “{folder}” looks empty; messages of it held here: {n}. Not believed until seen again."
        ).format(folder=place.name.name, n=held)
        run.problems.append(text)
        run.alarm("folder-suddenly-empty", {"held": held}, place)


def reused_uids(run: Run, place: Place) -> set[int]:
    """Known UIDs whose size or arrival date changed: their octets are asked for again and compared.

    Where the server keeps mod-sequences (CONDSTORE), only what changed since the last acquisition is looked at.
    """
    ledger, before = place.ledger, place.generation
    if not len(ledger) or before is None:
        return set()
    since, top = before.highest_modseq, place.status.highest_modseq
    back = {
        name: {"before": was, "now": now}
        for name, was, now in (("uidnext", before.uidnext, place.status.uidnext), ("highest_modseq", since, top))
        if was is not None and now is not None and now < was
    }
    if back:  # neither may fall while UIDVALIDITY stays (RFC 9051 2.3.1.1, RFC 7162 3.1.2): a backup was put back
        run.alarm("server-went-back", back, place)
    if top is None or back:
        since = None  # no short cut: every known UID is looked at
    elif since == top:
        return set()
    uids = list(ledger.uids) if since is not None or len(ledger) <= 100_000 else sorted(place.held)
    inside, changed = set(uids) if len(uids) <= 100_000 else ledger, set()
    first, last = (uids[0], uids[-1]) if uids else (1, 0)
    for peek in run.mailbox.peek_headers(first, last, headers=False, changed_since=since) if uids else ():
        known = ledger.fingerprint(peek.uid) if peek.uid in inside else None
        if known and known[1] and known[1] != shape(peek.size, peek.internal_date):
            changed.add(peek.uid)
    return changed


def changed_uidvalidity(run: Run, place: Place, old: Generation) -> None:
    """Test a changed UIDVALIDITY by what lies at the same UIDs. Raises FolderUnreadable where it stays doubtful."""
    before = Ledger.read(old.passed_over)
    held = run.sink.held(old.id)
    uids = sorted({*held, *list(before.uids)[:: max(1, len(before) // 200)]})[:400]
    marks: dict[int, Fingerprint] = {u: m for u in uids if (m := before.fingerprint(u)) is not None}
    place.expected = len(held)
    now_there: dict[int, Fingerprint] = {}
    if marks and place.status.exists:
        inside = set(marks)
        for peek in peeks(run, sorted(marks), sorted(marks), headers=True):
            if peek.uid in inside:
                now_there[peek.uid] = (links(peek.header).own, shape(peek.size, peek.internal_date))
    # in "all" no header was peeked, but the identifier was read from the octets: the ledger holds it either way
    verdict = judge_reset(marks, now_there, min(len(marks), place.status.exists))
    if verdict != "genuine":
        sample = [Wanted(u) for u in sorted(set(held) & set(now_there))[:3]]
        for item in run.mailbox.fetch(sample) if sample else ():
            if isinstance(item, RawMessage) and sha256_hex(item.raw) != held[item.uid][1]:
                verdict = "genuine"
    trusted = place.name.name in run.trust_reset
    detail = {
        "before": old.uidvalidity,
        "now": place.status.uidvalidity,
        "verdict": verdict,
        "compared": len(marks),
        "same": sum(marks[u] == now_there.get(u) for u in marks),
        "trusted_by_a_person": trusted,
    }
    run.alarm("uidvalidity-changed", detail, place, folder=old.id)
    if verdict == "doubtful" and not trusted:
        raise FolderUnreadable(
            _("The folder “{folder}” has a new UIDVALIDITY, and whether its messages are the same is doubtful.").format(
                folder=place.name.name
            ),
            _("{same} of {compared} agree, none contradicts.").format(same=detail["same"], compared=detail["compared"]),
            _(
                "Nothing was taken from it. Look at the folder in your mail program; if it is in order, confirm it with --trust-reset."
            ),
        )
    if verdict == "spurious":
        place.twins = {u: (held[u][1], marks[u]) for u in held if u in now_there or (u in before)}
        for uid in place.twins:
            place.twins[uid] = (held[uid][1], before.fingerprint(uid) or (0, 0))


def left_behind(run: Run, generations: Sequence[Generation], everything: Sequence[FolderName]) -> None:
    """Generations that are no longer a place: an older UIDVALIDITY, or a folder that is gone."""
    current = {p.id for p in run.places}
    doubted = {p.name.name for p in run.places if p.doubted}
    names = {f.name for f in everything}
    old = [g for g in generations if g.id not in current and (g.on_server or g.state_at is None)]
    missing = {g.name for g in old if g.name not in names}
    if missing:
        again = {f.name for f in run.steadily(run.mailbox.list_folders)}
        if not again or "INBOX" in {m.upper() for m in missing - again}:
            text = _("The server no longer lists folders it must have; its list was not believed.")
            run.problems.append(text)
            run.alarm("folder-list-doubted", {"listed": len(again), "missing": sorted(missing)[:50]})
            return
        missing -= again
    worked = {p.name.name for p in run.places if p.done}
    for generation in old:
        if generation.name in doubted or not (generation.name in missing or generation.name in worked):
            continue
        held = Held(run.sink.held(generation.id)) if not run.dry else Held()
        if generation.name in missing and (held or generation.on_server):
            run.alarm("folder-gone", {"folder": generation.name, "held": len(held)}, folder=generation.id)
        name = FolderName(generation.name, b"")
        status = FolderStatus(name, generation.uidvalidity, None, 0)
        place = Place(name, status, generation.id, Ledger.read(generation.passed_over), generation, held)
        place.vanish([*held, *place.ledger.uids])
        place.done = True
        run.places.append(place)


def disappearances(run: Run) -> None:
    """Events for what is gone. The same octets elsewhere in the account make it a move."""
    if run.dry:
        return
    if any(p.doubted for p in run.places):
        _resolve_doubts(run)
    gone = [(p, s, sha) for p in run.places for s, sha in p.vanished]
    if not gone:
        return
    vanished = {s for _, s, _ in gone}
    live = run.sink.held_everywhere(run.account.name)
    for _uid, sighting, sha256 in gone:
        others = [s for s in live.get(sha256, ()) if s not in vanished]
        run.sink.disappear(run.acquisition, sighting, "moved" if others else "gone", max(others, default=None))
    run.vanished = len(gone)
