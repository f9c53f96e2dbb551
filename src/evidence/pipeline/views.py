"""What the commands and pages show: letters, flags, requests, entries, assessment, effort, as of a date. Nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from evidence.config import Config
from evidence.model import Flag, Letter, Request
from evidence.pipeline.second_reader import proposed_flags, proposed_outcomes
from evidence.ports import CaseFile, OutsideFile, Review
from evidence.reckoning import Assessment, Effort, TimelineEntry, as_decided


@dataclass(frozen=True, slots=True)
class View:
    """One reading of the archive. ``letters`` are those shown; ``by_sha`` has all of them, context included."""

    as_of: datetime
    letters: tuple[Letter, ...]
    flags: tuple[Flag, ...]
    requests: tuple[Request, ...]
    reviews: Mapping[tuple[str, str], Review]
    by_sha: Mapping[str, Letter]
    proposed: Mapping[str, Sequence[Mapping[str, Any]]] = field(
        default_factory=dict
    )  # outcomes of requests, by their id
    asked: datetime | None = None  # the moment somebody asked for by name; None: as far as the archive can speak
    whole: View | None = None  # the view of which this one is a part


def end_of_day(text: str, config: Config) -> datetime:
    """``--as-of``: a day, also as 31.03.2026, is taken to its end in the matter's time zone, a full time as it is. Raises ValueError."""
    if len(text) <= 10:
        day = datetime.strptime(text, "%d.%m.%Y").date() if "." in text else date.fromisoformat(text)
        return datetime.combine(day + timedelta(days=1), time(), config.zone).astimezone(UTC) - timedelta(seconds=1)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=config.zone)).astimezone(UTC)


def view(config: Config, case: CaseFile, *, as_of: datetime | None = None, everything: bool = False) -> View:
    """Letters in scope (and context with ``everything``) with their flags and requests, judged as of a moment."""
    whole = case.letters(everything=True)
    shown = whole if everything else case.letters()
    flags: Sequence[Flag] = case.flags()
    requests: Sequence[Request] = case.requests()
    if as_of is not None:
        from evidence.pipeline.index_reckoning import find_all_requests

        whole = tuple(letter for letter in whole if letter.at <= as_of)
        shown = tuple(letter for letter in shown if letter.at <= as_of)
        requests = find_all_requests(config, whole, case.folder_counts(), as_of, flags)
    by_sha = {letter.sha256: letter for letter in whole}
    reviews = case.reviews()
    if as_of is not None:
        reviews = _known_by(as_of, reviews, requests, by_sha)
    flags = [*flags, *proposed_flags(case, by_sha, (flag.id for flag in flags))]
    held = {letter.sha256 for letter in shown if not letter.withheld}
    return View(
        as_of=as_of
        or stated_as_of(case)
        or max((letter.at for letter in whole), default=datetime(1970, 1, 1, tzinfo=UTC)),
        letters=tuple(letter for letter in shown if not letter.withheld),
        flags=tuple(flag for flag in flags if flag.sha256 in held),
        requests=tuple(request for request in requests if request.sha256 in held),
        reviews=reviews,
        by_sha=by_sha,
        proposed=proposed_outcomes(case, by_sha),
        asked=as_of,
    )


def _known_by(
    as_of: datetime,
    reviews: Mapping[tuple[str, str], Review],
    requests: Sequence[Request],
    by_sha: Mapping[str, Letter],
) -> Mapping[tuple[str, str], Review]:
    """The reviews without outcomes that rest on what came after ``as_of``: an answer in a later letter, a silence not yet over.

    That a flag or a request is one, or is none, holds whenever it was decided.
    """
    pending = {r.id for r in requests if r.outcome == "pending"}

    def later(target: str, target_id: str, review: Review) -> bool:
        if target != "request":
            return False
        if review.answering_sha256:
            return review.answering_sha256 not in by_sha
        return review.outcome is not None and target_id in pending and review.at > as_of

    return {
        key: replace(review, outcome=None, answering_sha256=None) if later(*key, review) else review
        for key, review in reviews.items()
    }


def standing_of(shown: View, *, tier: str | None = None, only_accepted: bool = False) -> View:
    """The view with only the flags and requests that may stand in a document (``timeline.build.standing``)."""
    from evidence.timeline.build import standing

    flags, requests = standing(shown.flags, shown.requests, shown.reviews, tier=tier, only_accepted=only_accepted)
    return replace(shown, flags=flags, requests=requests)


def proposals_of(shown: View, case: CaseFile) -> tuple[Flag, ...]:
    """Of the view's flags those that no rule found: the second reader's proposals, decided or not."""
    found = {flag.id for flag in case.flags()}
    return tuple(flag for flag in shown.flags if flag.id not in found)


def stated_as_of(case: CaseFile) -> datetime | None:
    """The end of the last acquisition that came to its end: up to then the archive can speak.

    The last by its number: a clock that once stood years ahead must not make every silence since then years long. A run that
    was cut off looked at some folders only, and what it did not see is no silence; it counts where there is no other.
    """
    runs = [a for a in case.acquisitions() if a.get("kind") != "add"]
    for run in (*(r for r in reversed(runs) if _came_to_its_end(r)), *reversed(runs)):
        if at := run.get("ended_at") or run.get("began_at"):
            return datetime.fromisoformat(str(at).replace("Z", "+00:00"))
    return None


def _came_to_its_end(run: Mapping[str, Any]) -> bool:
    if run.get("outcome") not in ("complete", "incomplete"):
        return False
    result = run.get("result") or "{}"
    stated = json.loads(result) if isinstance(result, str) else result
    return bool(stated.get("read_to_the_end", True))


def assessment_of(config: Config, case: CaseFile, shown: View) -> Assessment:
    from evidence.timeline.assess import assess

    whole = shown.whole or shown
    return assess(
        whole.letters,
        whole.flags,
        whole.requests,
        shown.reviews,
        case.answers(),
        case.claims(),
        _links(case, shown),
        _outside_files(config, case, shown),
        as_of=shown.as_of,
        within=None if shown.whole is None else {letter.sha256 for letter in shown.letters},
        around=[letter for letter in shown.by_sha.values() if not letter.withheld],
    )


def _outside_files(config: Config, case: CaseFile, shown: View) -> Sequence[OutsideFile]:
    """Files from outside mail; as of a day asked for, those of what had happened by then."""
    from evidence.timeline.build import happened_at

    files = case.outside_files()
    return [f for f in files if shown.asked is None or happened_at(f, config.zone) <= shown.asked]


def _links(case: CaseFile, shown: View) -> Sequence[Mapping[str, Any]]:
    """What a person tied together; as of a day asked for, without messages that came later."""

    def there(link: Mapping[str, Any]) -> bool:
        ends = ((link["subject"], link["subject_id"]), (link["object"], link["object_id"]))
        return all(what != "message" or sha256 in shown.by_sha for what, sha256 in ends)

    return [link for link in case.links() if shown.asked is None or there(link)]


def effort_of(
    config: Config, case: CaseFile, shown: View, *, since: date | None = None, until: date | None = None
) -> Effort:
    """``since`` and ``until`` (inclusive) narrow the logged hours, as ``narrowed`` does the letters."""
    from evidence.timeline.effort import EffortSettings, effort

    def wanted(day: str) -> bool:
        logged_on = date.fromisoformat(day[:10])
        return not (since and logged_on < since) and not (until and logged_on > until)

    return effort(
        shown.letters,
        [
            {**row, "person": as_configured(config, str(row["person"]))}
            for row in case.hours()
            if wanted(str(row["day"]))
        ],
        {person.name: person.hourly_rate for person in config.us.staff},
        EffortSettings(
            minutes_per_message=config.effort.minutes_per_message,
            words_per_minute_reading=config.effort.words_per_minute_reading,
            words_per_minute_writing=config.effort.words_per_minute_writing,
            currency=config.effort.currency,
            timezone=config.matter.timezone,
        ),
        share_of_traffic(case) if shown.asked is None and shown.whole is None else None,
        _own_names(config, shown.by_sha.values()),
    )


def as_configured(config: Config, name: str) -> str:
    """The name of one of us as the configuration spells it, however somebody typed it; another name with single blanks."""
    typed = " ".join(name.split())
    return next((p.name for p in config.us.staff if " ".join(p.name.split()).casefold() == typed.casefold()), typed)


def _own_names(config: Config, letters: Iterable[Letter]) -> Mapping[str, str]:
    """The name of each of our addresses: as configured for a person, else as whoever writes from it signs, else the address itself.

    How others write our names into their letters names nobody.
    """
    from evidence.timeline.parties import Parties

    parties = Parties(config)
    people = {person.name for person in config.us.staff}
    found: dict[str, str] = {}
    for letter in letters:
        for address in letter.addresses:
            folded = address.address.casefold()
            if not folded or folded in found:
                continue
            party, name = parties.who(folded)
            if party == "us":
                found[folded] = name if name in people else folded
    for letter in letters:
        folded = letter.sender.casefold()
        if letter.person and found.get(folded) == folded:
            found[folded] = letter.person
    return found


def share_of_traffic(case: CaseFile) -> float | None:
    """The share of all messages on the server that this dispute is, where whole folders were counted."""
    counts = case.folder_counts()
    total = sum(c.on_server for c in counts)
    return sum(c.in_scope for c in counts) / total if total else None


def entries_of(config: Config, case: CaseFile, shown: View, filters: Any = None) -> tuple[TimelineEntry, ...]:
    from evidence.timeline.build import ViewFilter, build_timeline

    return build_timeline(
        shown.letters,
        shown.flags,
        shown.requests,
        _outside_files(config, case, shown),
        case.disappearances(),
        timezone=config.matter.timezone,
        gap_days=config.timeline.gap_days,
        as_of=shown.as_of,
        filters=filters or ViewFilter(),
    )


def render_pages(
    config: Config,
    case: Any,
    letters: Sequence[Letter],
    flags: Sequence[Flag],
    requests: Sequence[Request],
    as_of: datetime,
) -> Iterable[tuple[str, str, str]]:
    """(name, language, body) of what the pages show but cannot reckon: picture, assessment, effort; as ``view`` would give it now."""
    from evidence.timeline.picture import picture

    by_sha = {letter.sha256: letter for letter in letters}
    included = {sha256 for sha256, last in case.selections().items() if last["action"] == "include"}
    shown = tuple(
        letter
        for letter in letters
        if not letter.withheld
        and (letter.scope == "in-scope" or not included.isdisjoint((letter.sha256, *letter.copies)))
    )
    held = {letter.sha256 for letter in shown}
    flags = [*flags, *proposed_flags(case, by_sha, (flag.id for flag in flags))]
    reading = View(
        as_of,
        shown,
        tuple(f for f in flags if f.sha256 in held),
        tuple(r for r in requests if r.sha256 in held),
        case.reviews(),
        by_sha,
    )
    drawn = standing_of(reading)
    entries = entries_of(config, case, drawn)
    for language in ("ru", "en"):
        yield (
            "picture",
            language,
            picture(entries, drawn.flags, drawn.requests, language=language, timezone=config.matter.timezone),
        )
    yield "assessment", "", to_json(assessment_of(config, case, reading))
    yield "effort", "", to_json(effort_of(config, case, reading))


def to_json(value: Any) -> str:
    """A dataclass as JSON with sorted keys; times in UTC."""

    def plain(item: Any) -> Any:
        if is_dataclass(item) and not isinstance(item, type):
            return asdict(item)
        if isinstance(item, datetime):
            return item.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return str(item)

    return json.dumps(asdict(value), default=plain, ensure_ascii=False, sort_keys=True)


# ---- rows of the contract (docs/contracts.md) ---------------------------------------------


def flag_rows(shown: View) -> list[dict[str, Any]]:
    """``flags --json``: one row a flag, in order of (at, message, start)."""
    rows: list[dict[str, Any]] = []
    for flag in sorted(
        shown.flags, key=lambda f: (shown.by_sha[f.sha256].at, shown.by_sha[f.sha256].number, f.part, f.start, f.id)
    ):
        letter = shown.by_sha[flag.sha256]
        review = shown.reviews.get(("flag", flag.id))
        category, subtype = as_decided(flag.category, flag.subtype, review.category if review else None)
        rows.append(
            {
                "id": flag.id,
                "sha256": flag.sha256,
                "copies": list(letter.copies),
                "message_id": letter.message_id,
                "date": letter.date.isoformat() if letter.date else None,
                "at": _utc(letter.at),
                "at_clock": letter.at_clock,
                "folder": letter.folders[0] if letter.folders else None,
                "folders": list(letter.folders),
                "speaker": flag.speaker,
                "category": category,
                "subtype": subtype,
                "part": flag.part,
                "quote": flag.quote,
                "start": flag.start,
                "end": flag.end,
                "tier": flag.tier,
                "rule": flag.rule,
                "pack": flag.pack,
                "why": flag.why,
                "review": review_state(review),
                "score": flag.score,
                "person": letter.person,
                "scope": letter.scope,
                "links": [dict(link) for link in flag.links],
            }
        )
    return rows


def request_rows(shown: View) -> list[dict[str, Any]]:
    """``requests --json``: one row a request, in order of asking. A person's decision stands over the search's."""
    from evidence.timeline.build import corrected

    rows = []
    for found in sorted(shown.requests, key=lambda r: (r.asked_at, shown.by_sha[r.sha256].number, r.start, r.id)):
        letter = shown.by_sha[found.sha256]
        review = shown.reviews.get(("request", found.id))
        request = corrected(found, review)
        answer = shown.by_sha.get(request.answering_sha256 or "")
        rows.append(
            {
                "id": request.id,
                "sha256": request.sha256,
                "copies": list(letter.copies),
                "message_id": letter.message_id,
                "part": request.part,
                "quote": request.quote,
                "start": request.start,
                "end": request.end,
                "asker": request.asker,
                "kind": request.kind,
                "asked_at": _utc(request.asked_at),
                "due_at": _utc(request.due_at) if request.due_at else None,
                "outcome": request.outcome,
                "found_outcome": found.outcome,
                "answering_message_id": answer.message_id if answer else None,
                "answering_sha256": request.answering_sha256,
                "answer_quote": request.answer_quote,
                "other_messages": list(request.other_messages),
                "waited_days": request.waited_days,
                "waited_working_days": request.waited_working_days,
                "searched": dict(request.searched),
                "tier": request.tier,
                "review": review_state(review),
                "repeats": request.repeats,
                "person": letter.person,
                "why": request.why,
            }
        )
    return rows


def review_state(review: Review | None) -> str:
    return "unreviewed" if review is None else review.decision


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def narrowed(config: Config, shown: View, *, since: date | None, until: date | None, person: str | None) -> View:
    """The view with only the letters of the asked days and from the asked person; days are the matter's."""
    from evidence.timeline.build import sent_by

    if not (since or until or person):
        return shown

    def fits(letter: Letter) -> bool:
        day = letter.at.astimezone(config.zone).date()
        if (since and day < since) or (until and day > until):
            return False
        return not person or sent_by(letter, person)

    letters = tuple(letter for letter in shown.letters if fits(letter))
    held = {letter.sha256 for letter in letters}
    return replace(
        shown,
        letters=letters,
        flags=tuple(f for f in shown.flags if f.sha256 in held),
        requests=tuple(r for r in shown.requests if r.sha256 in held),
        whole=shown.whole or shown,
    )
