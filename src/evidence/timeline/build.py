"""The timeline: one entry a message or outside event, with what it opened and closed; silence and disappearance between them.

The gist of an entry is always a quotation: the writer's first own sentence, or the subject. Nothing is summarised.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from evidence.i18n import quoted, translation
from evidence.model import Flag, Letter, Request
from evidence.ports import OutsideFile, Review
from evidence.reckoning import TimelineEntry, as_decided
from evidence.timeline.requests_sentences import sentences
from evidence.timeline.words import CATEGORY_WORDS, OUTCOME_WORDS, SUBTYPE_WORDS

GIST_AT_MOST = 140
ANSWERED = ("answered", "answered-late")
_GREETING = re.compile(
    r"^\W*(?:(?:[\w.-]+\s*,?\s+){0,3}(?:здравствуйте|добр(?:ый|ое|ого|ой)\s+\w+|доброе\s+утро|привет\w*|приветствую|good\s+(?:morning|afternoon|evening)|"
    r"hi|hello|hey|dear|morning)\b[^.!?]{0,40}|(?:dear|hi|hello|hey|уважаем\w+|коллеги)\b[^.!?]{0,50})\W*$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class ViewFilter:
    """What of the timeline is asked for. Days are inclusive, in the matter's time zone; ``person`` is part of the sender's name or address."""

    since: date | None = None
    until: date | None = None
    category: tuple[str, ...] | str | None = None
    person: str | None = None
    tier: str | None = None

    @property
    def categories(self) -> frozenset[str]:
        return frozenset((self.category,) if isinstance(self.category, str) else self.category or ())


def standing(
    flags: Sequence[Flag],
    requests: Sequence[Request],
    reviews: Mapping[tuple[str, str], Review],
    *,
    tier: str | None = None,
    only_accepted: bool = False,
) -> tuple[tuple[Flag, ...], tuple[Request, ...]]:
    """What may stand in a document: stated and not rejected, or accepted; with the category and outcome a person set.

    ``tier`` asks for one tier by name: ``possible`` gives those that wait for a person too. With ``only_accepted`` what no
    person has looked at falls away.
    """

    def stands(target: str, target_id: str, found: str) -> bool:
        review = reviews.get((target, target_id))
        decision = review.decision if review else "unreviewed"
        if decision == "rejected" or (tier and found != tier):
            return False
        return decision == "accepted" or (not only_accepted and (found == "stated" or tier == "possible"))

    return (
        tuple(recategorised(f, reviews.get(("flag", f.id))) for f in flags if stands("flag", f.id, f.tier)),
        tuple(corrected(r, reviews.get(("request", r.id))) for r in requests if stands("request", r.id, r.tier)),
    )


def recategorised(flag: Flag, review: Review | None) -> Flag:
    """The flag under the category a person accepted it in; as found where they named none."""
    if review is None or review.decision != "accepted" or review.category in (None, "", flag.category):
        return flag
    category, subtype = as_decided(flag.category, flag.subtype, review.category)
    return replace(flag, category=category, subtype=subtype)


def corrected(request: Request, review: Review | None) -> Request:
    """The request as a person decided it. What the search quoted and how long it reckoned stay only where they still fit:

    words found in one letter are never shown as those of another, nor days up to a letter that is no answer.
    """
    if review is None or review.decision != "accepted" or not (review.outcome or review.answering_sha256):
        return request
    outcome = review.outcome or request.outcome
    answering = review.answering_sha256 or request.answering_sha256
    if outcome == request.outcome and answering == request.answering_sha256:
        return request
    if outcome not in ANSWERED:
        answering = None
    if answering == request.answering_sha256 and outcome in ANSWERED and request.outcome in ANSWERED:
        return replace(request, outcome=outcome)  # type: ignore[arg-type]  # the store lets only outcomes in
    return replace(
        request,
        outcome=outcome,  # type: ignore[arg-type]
        answering_sha256=answering,
        answer_quote=None,
        waited_days=request.waited_days if outcome not in ANSWERED and request.outcome not in ANSWERED else None,
        waited_working_days=(
            request.waited_working_days if outcome not in ANSWERED and request.outcome not in ANSWERED else None
        ),
        detail={k: v for k, v in request.detail.items() if k != "answer"},
    )


def gist_of(letter: Letter) -> tuple[str, str]:
    """(a quotation, ``own`` or ``subject``): the first own sentence that is not a greeting, else the subject."""
    body = letter.texts.get("body", "")
    fallback = ""
    for zone in letter.zones_of("body"):
        if zone.kind != "own":
            continue
        for sentence in sentences(body, zone.start, zone.end):
            text = " ".join(sentence.text.split())
            fallback = fallback or text
            if not _GREETING.match(text) and len(text.split()) > 2:
                return _shortened(text), "own"
    if letter.subject.strip():
        return _shortened(" ".join(letter.subject.split())), "subject"
    return _shortened(fallback), "own"


def _shortened(text: str) -> str:
    if len(text) <= GIST_AT_MOST:
        return text
    return text[:GIST_AT_MOST].rsplit(" ", 1)[0].rstrip(" ,;:–—-") + " …"


def build_timeline(
    letters: Sequence[Letter],
    flags: Sequence[Flag],
    requests: Sequence[Request],
    outside_files: Sequence[OutsideFile] = (),
    disappearances: Sequence[Mapping[str, Any]] = (),
    *,
    timezone: str,
    gap_days: int = 14,
    as_of: datetime | None = None,
    filters: ViewFilter | None = None,
) -> tuple[TimelineEntry, ...]:
    """All entries in order of time. Silence is reckoned before any filter, so that a filter never makes a silence.

    ``as_of``: the silence after the last letter is reckoned up to then; None: not at all.
    """
    zone = ZoneInfo(timezone)
    wanted = filters or ViewFilter()
    flags_of: dict[str, list[str]] = defaultdict(list)
    for flag in flags:
        if (not wanted.categories or flag.category in wanted.categories) and (
            not wanted.tier or flag.tier == wanted.tier
        ):
            flags_of[flag.sha256].append(flag.id)
    opened: dict[str, list[str]] = defaultdict(list)
    closed: dict[str, list[str]] = defaultdict(list)
    for request in requests:
        opened[request.sha256].append(request.id)
        if request.answering_sha256:
            closed[request.answering_sha256].append(request.id)
    ordered = sorted(letters, key=lambda x: (x.at, x.number))
    by_hash = {x.sha256: x for x in ordered}
    entries: list[TimelineEntry] = []
    for letter in ordered:
        if (wanted.categories or wanted.tier) and not flags_of.get(letter.sha256):
            continue
        if wanted.person and not sent_by(letter, wanted.person):
            continue
        entries.append(_message(letter, flags_of, opened, closed))
    if not wanted.categories and not wanted.tier and not wanted.person:
        entries += [_outside(f, zone) for f in outside_files]
        entries += _silences(ordered, gap_days, as_of)
        entries += [_gone(row, by_hash) for row in disappearances if row.get("kind", "gone") == "gone"]
    return tuple(sorted((e for e in entries if _within(e, wanted, zone)), key=_order))


def _order(entry: TimelineEntry) -> tuple[datetime, str, str]:
    return entry.at, {"message": "0", "outside": "1", "disappearance": "2"}.get(entry.kind, "3"), entry.sha256 or ""


def _within(entry: TimelineEntry, wanted: ViewFilter, zone: ZoneInfo) -> bool:
    first = entry.at.astimezone(zone).date()
    last = (entry.until or entry.at).astimezone(zone).date()
    return not (wanted.since and last < wanted.since) and not (wanted.until and first > wanted.until)


def sent_by(letter: Letter, person: str) -> bool:
    """What ``--person`` means in every view: ``person`` is part of the sender's configured name or of their address."""
    return person.casefold() in f"{letter.person} {letter.sender}".casefold()


def _message(
    letter: Letter, flags_of: Mapping[str, list[str]], opened: Mapping[str, list[str]], closed: Mapping[str, list[str]]
) -> TimelineEntry:
    gist, source = gist_of(letter)
    to = tuple(dict.fromkeys(a.name or a.address for a in letter.addresses if a.header in ("to", "cc")))
    return TimelineEntry(
        kind="message",
        at=letter.at,
        until=None,
        at_note=letter.at_note,
        sha256=letter.sha256,
        actor=letter.person or letter.sender,
        side=letter.speaker,
        addressees=to,
        gist=gist,
        flags=tuple(flags_of.get(letter.sha256, ())),
        opened=tuple(opened.get(letter.sha256, ())),
        closed=tuple(closed.get(letter.sha256, ())),
        detail={
            "gist_from": source,
            "subject": letter.subject,
            "kind": letter.kind,
            "scope": letter.scope,
            "folders": list(letter.folders),
            "attachments": len(letter.attachments),
            "copies": len(letter.copies),
            "message_id": letter.message_id,
            "thread": letter.thread,
        },
    )


def happened_at(file: OutsideFile, zone: ZoneInfo) -> datetime:
    """When what a file from outside mail shows was, as its owner stated it: at noon where no time was given."""
    try:
        moment = datetime.fromisoformat(file.event_date.replace("Z", "+00:00"))
    except ValueError:
        moment = file.added_at
    if len(file.event_date) <= 10:
        moment = datetime.combine(moment.date(), time(12), zone)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def _outside(file: OutsideFile, zone: ZoneInfo) -> TimelineEntry:
    return TimelineEntry(
        kind="outside",
        at=happened_at(file, zone),
        until=None,
        at_note="",
        sha256=file.sha256,
        actor=file.added_by,
        side=None,
        addressees=(),
        gist=file.title,
        detail={
            "file": file.id,
            "kind": file.kind,
            "filename": file.filename,
            "note": file.note,
            "event_date": file.event_date,
            "bears_on": [list(x) for x in file.bears_on],
        },
    )


def _silences(ordered: Sequence[Letter], gap_days: int, as_of: datetime | None) -> list[TimelineEntry]:
    """Runs of at least ``gap_days`` without a human message between the sides; the last one may be open."""
    spoken = [x for x in ordered if x.kind == "human" and x.scope == "in-scope" and (as_of is None or x.at <= as_of)]
    found = [_silence(before, after.at, after.speaker) for before, after in pairwise(spoken)]
    if spoken and as_of is not None:
        found.append(_silence(spoken[-1], as_of, None))
    return [entry for entry in found if entry.detail["days"] >= gap_days]


def _silence(before: Letter, until: datetime, next_side: str | None) -> TimelineEntry:
    """``next_side``: whose letter ended it; None while nobody's has."""
    return TimelineEntry(
        kind="silence",
        at=before.at + timedelta(seconds=1),
        until=until,
        at_note="",
        sha256=None,
        actor="",
        side=None,
        addressees=(),
        gist="",
        detail={
            "days": (until - before.at) // timedelta(days=1),
            "last_side": before.speaker,
            "next_side": next_side,
        },
    )


def _gone(row: Mapping[str, Any], by_hash: Mapping[str, Letter]) -> TimelineEntry:
    noticed = row["noticed_at"]
    at = noticed if isinstance(noticed, datetime) else datetime.fromisoformat(str(noticed).replace("Z", "+00:00"))
    letter = by_hash.get(str(row.get("sha256") or ""))
    return TimelineEntry(
        kind="disappearance",
        at=at.astimezone(UTC),
        until=None,
        at_note="",
        sha256=row.get("sha256"),
        actor=letter.person if letter else "",
        side=letter.speaker if letter else None,
        addressees=(),
        gist=gist_of(letter)[0] if letter else "",
        detail={
            k: row.get(k)
            for k in ("account", "folder", "uid", "uidvalidity", "last_seen_at", "noticed_at")
            if row.get(k) is not None
        },
    )


def silence_in_words(entry: TimelineEntry, language: str) -> str:
    _ = translation("timeline", language).gettext
    said = _("no messages for %d days") % int(entry.detail.get("days", 0))
    if entry.until and entry.detail.get("next_side", "") is None:
        said += "; " + _("no message after it up to the date of this view")
    return said


def to_rows(
    entries: Sequence[TimelineEntry],
    flags: Sequence[Flag],
    requests: Sequence[Request],
    *,
    timezone: str,
    language: str,
    reviews: Mapping[tuple[str, str], Review] | None = None,
) -> list[dict[str, Any]]:
    """One plain row an entry for table, JSON and CSV; the columns are the same for every kind."""
    zone, _ = ZoneInfo(timezone), translation("timeline", language).gettext
    by_flag, by_request = {f.id: f for f in flags}, {r.id: r for r in requests}
    rows = []
    for e in entries:
        gist = e.gist
        if e.kind == "silence":
            gist = silence_in_words(e, language)
        elif e.kind == "disappearance":
            gist = _("no longer in %s") % e.detail.get("folder", "?") + (
                f": {quoted(e.gist, language)}" if e.gist else ""
            )
        rows.append(
            {
                "when": e.at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
                "at": e.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "until": e.until.strftime("%Y-%m-%dT%H:%M:%SZ") if e.until else None,
                "kind": e.kind,
                "side": e.side,
                "actor": e.actor,
                "addressees": "; ".join(e.addressees),
                "gist": gist,
                "marks": marks_in_words(e, by_flag, by_request, language, reviews or {}),
                "flags": list(e.flags),
                "opened": list(e.opened),
                "closed": list(e.closed),
                "sha256": e.sha256,
                "subject": e.detail.get("subject", ""),
                "attachments": e.detail.get("attachments", 0),
                "at_note": e.at_note,
                "exhibit": e.exhibit,
            }
        )
    return rows


def marks_in_words(
    e: TimelineEntry,
    by_flag: Mapping[str, Flag],
    by_request: Mapping[str, Request],
    language: str,
    reviews: Mapping[tuple[str, str], Review],
) -> str:
    """What stands under an entry, in words a person reads; a question mark on what waits for a person."""
    _ = translation("timeline", language).gettext
    said = []
    for flag in (by_flag[i] for i in e.flags if i in by_flag):
        word = _(
            SUBTYPE_WORDS.get((flag.category, flag.subtype or ""), CATEGORY_WORDS.get(flag.category, flag.category))
        )
        review = reviews.get(("flag", flag.id))
        waits = flag.tier == "possible" and (review is None or review.decision != "accepted")
        said.append(f"{word} (?)" if waits else word)
    for request in (by_request[i] for i in e.opened if i in by_request):
        said.append(_("asks") + ": " + _(OUTCOME_WORDS[request.outcome]))
    answered = [i for i in e.closed if i in by_request]
    if answered:
        said.append(_("answers") + (f" ×{len(answered)}" if len(answered) > 1 else ""))
    return "; ".join(dict.fromkeys(said))
