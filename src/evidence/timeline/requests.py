"""The ledger of requests: what each side asked of the other, and what a search of the archive found of an answer.

One function serves both askers. Outcomes: ``answered`` in time, ``answered-late``, ``deferred``,
``reply-without-answer`` (they wrote in the thread in time, no answer is visible; for a person to confirm), ``no-reply``
(no human message of theirs in the thread before the deadline and no answer anywhere up to ``as_of``), ``pending``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from evidence.addresses import normal
from evidence.canonical import canonical_json
from evidence.config import Config
from evidence.model import Flag, Letter, Outcome, Request, Side, Tier, judged_id, other_side
from evidence.ports import FolderCount
from evidence.timeline.answers import Evidence, Vocabulary, files_of, stems_of, weigh
from evidence.timeline.answers_features import stems_in
from evidence.timeline.answers_letter import DOUBT_AT, Place, Tone
from evidence.timeline.answers_places import Asking, Correspondence, Run
from evidence.timeline.answers_reports import acknowledged, another_sum, names_as_made, reported, reported_call
from evidence.timeline.deadlines import Reckoner
from evidence.timeline.parties import Parties
from evidence.timeline.requests_find import SURE_AT, Ask, find_asks
from evidence.timeline.requests_repeats import Again, Repeats

OTHER_MESSAGES_AT_MOST = 20  # named one by one; ``detail["other_count"]`` says how many there are
REPORTS_AT_MOST = 100  # the asker's own letters that report a call, or that something came
_BEING = stems_of("будут будет было был есть")  # "Когда будут?" has no other word
NOT_SEARCHED = ("telephone", "messengers", "paper", "other mailboxes")


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """How requests are judged: the deadline, the calendar, and whose addresses were searched."""

    answer_within_days: int = 3
    days: Literal["working", "calendar"] = "working"
    country: str = "RU"
    timezone: str = "Europe/Moscow"
    own_addresses: tuple[str, ...] = ()
    their_addresses: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Config) -> RequestSettings:
        """The settings of a matter's configuration."""
        parties = Parties(config)
        return cls(
            config.timeline.answer_within_days,
            config.timeline.days,
            config.timeline.country,
            config.matter.timezone,
            parties.own_addresses,
            parties.their_addresses,
        )

    @property
    def reckoner(self) -> Reckoner:
        return Reckoner(self.answer_within_days, self.days, self.country, self.timezone)


def find_requests(
    letters: Sequence[Letter],
    settings: RequestSettings,
    coverage: Sequence[FolderCount],
    *,
    as_of: datetime,
    flags: Iterable[Flag],
    asks: Mapping[str, Sequence[Ask]] | None = None,
) -> tuple[Request, ...]:
    """All requests of both sides in ``letters`` as they stood at ``as_of``; later mail is not looked at.

    ``flags``: what ``find_flags`` gave, of any letters; a letter that attacks answers less often than its words suggest.
    Asking letters are human, in scope and addressed to the other side. The result is in order of asking. ``asks`` is what
    ``asks_of`` gave per letter's sha256, if somebody has it already (worker processes, say).
    """
    search, asked, repeats = prepared(letters, settings, coverage, as_of=as_of, flags=flags, asks=asks)
    first_of: dict[int, int] = {}
    for index in range(len(asked)):
        before = repeats.ties.get(index)
        first_of[index] = first_of[before] if before is not None else index
    found = [search.outcome(letter, ask, repeats.next_at(i)) for i, (letter, ask) in enumerate(asked)]
    for i in reversed(range(len(found))):
        following = repeats.next(i)
        if following and found[i].answering_sha256 is None:
            at = search.stated_at(asked[following.number][0])
            found[i] = search.asked_again(found[i], at, found[following.number])
    return tuple(replace(r, repeats=found[first_of[i]].id if first_of[i] != i else None) for i, r in enumerate(found))


def prepared(
    letters: Sequence[Letter],
    settings: RequestSettings,
    coverage: Sequence[FolderCount],
    *,
    as_of: datetime,
    flags: Iterable[Flag],
    asks: Mapping[str, Sequence[Ask]] | None = None,
) -> tuple[Search, list[tuple[Letter, Ask]], Repeats]:
    """What is searched, every asking in order of time, and which of them repeat an earlier one."""
    taken = [x for x in letters if x.at <= as_of and not x.withheld]
    known = sorted(_replies_later(taken), key=lambda x: (x.at, x.number))
    stated = {x.sha256: x.at for x in taken}
    stems = {x.sha256: stems_in(x.own_text()) for x in known if x.kind == "human"}
    vocabulary = Vocabulary()
    for one in stems.values():
        vocabulary.learn(one)
    asked = [(x, ask) for x in known for ask in (asks_of(x) if asks is None else asks.get(x.sha256, ()))]
    repeats = Repeats(asked, vocabulary)
    flagged: dict[str, list[Flag]] = {}
    for flag in flags:
        flagged.setdefault(flag.sha256, []).append(flag)
    tones = {sha256: Tone.of(found) for sha256, found in flagged.items()}
    return Search(known, settings, coverage, as_of, vocabulary, stems, tones, asked, repeats, stated), asked, repeats


def _may_ask(letter: Letter) -> bool:
    return (
        letter.kind == "human"
        and letter.speaker in ("us", "client")
        and other_side(letter.speaker) in letter.addressees
    )


def asks_of(letter: Letter) -> list[Ask]:
    """What one letter asks of the other side. Pure: needs nothing but the letter."""
    if letter.withheld or not _may_ask(letter):
        return []
    body = letter.texts.get("body", "")
    found: dict[tuple[int, int], Ask] = {}
    for zone in letter.zones_of("body"):
        if zone.kind == "own":
            for ask in find_asks(body, zone.start, zone.end):
                found.setdefault((ask.start, ask.end), ask)
    return list(found.values())


class Search:
    """The letters in which answers are looked for, and how far the search reached. Each letter is prepared once."""

    def __init__(
        self,
        letters: Sequence[Letter],
        settings: RequestSettings,
        coverage: Sequence[FolderCount],
        as_of: datetime,
        vocabulary: Vocabulary,
        stems: Mapping[str, frozenset[str]],
        tones: Mapping[str, Tone],
        asked: Sequence[tuple[Letter, Ask]],
        repeats: Repeats,
        stated: Mapping[str, datetime],
    ) -> None:
        # When each letter was written by its own clock: ``letters`` stand in the order of who answers whom.
        self._stated = stated
        self._by_hash = {x.sha256: x for x in letters}
        self._settings = settings
        self._reckoner = settings.reckoner
        self._as_of = as_of
        self.vocabulary = vocabulary
        self._asks_in: dict[str, list[Ask]] = {}
        self._again: dict[tuple[str, int], Sequence[Again]] = {}
        for number, (letter, ask) in enumerate(asked):
            self._asks_in.setdefault(letter.sha256, []).append(ask)
            self._again[letter.sha256, ask.start] = repeats.again(number)
        self._written = Run(letters)
        human = [
            x for x in letters if x.kind == "human" and x.speaker != "third" and other_side(x.speaker) in x.addressees
        ]
        files = {x.sha256: stems_of(" ".join(files_of(x))) for x in human}
        self._between = Correspondence(human, vocabulary, {x: stems[x] | named for x, named in files.items()}, tones)
        self._human = self._between.of
        self._reports = {x.sha256: found for x in human if (found := reported(x))}
        self._reporting: Mapping[str, Run] = {
            s: Run([x for x in self._human[s].letters if x.sha256 in self._reports]) for s in ("us", "client")
        }
        self._bounces = _by_thread(x for x in letters if x.kind == "bounce")
        self._automatic = _by_thread(x for x in letters if x.kind == "auto")
        self._their = {
            side: _folded(settings.their_addresses if side == "client" else settings.own_addresses)
            for side in ("us", "client")
        }
        self._coverage = [
            {
                "account": c.account,
                "folder": c.folder,
                "uidvalidity": c.uidvalidity,
                "up_to_uid": c.last_uid,
                "at": _text(c.at),
            }
            for c in coverage
        ]
        canonical_json(self._coverage)

    def outcome(self, letter: Letter, ask: Ask, repeated_at: datetime | None) -> Request:
        side = other_side(letter.speaker)
        asked_at = self.stated_at(letter)
        due = self._reckoner.due(asked_at)
        later = self._human[side].after(letter.at)
        in_thread = self._between.in_thread(side, letter.thread).after(letter.at)
        in_time = in_thread and in_thread[0].at <= due
        evidence = self._evidence(letter, ask, due, repeated_at)
        answer = next((e for e in evidence if e.verdict == "answered"), None)
        deferral = next((e for e in evidence if e.verdict == "deferred"), None)
        returned, delivered = self._returned(letter)
        quote: str | None = None
        closed_at = self._as_of
        if answer:
            closed_at = max(asked_at, self._stated[answer.sha256])
            outcome: Outcome = "answered" if closed_at <= due else "answered-late"
            quote, why, sure = answer.quote, answer.why, answer.sure
            if ask.kind == "payment" and another_sum(letter, quote or ""):
                why, sure = f"{why}; names another sum than was asked for", False
        elif self._as_of < due:
            outcome, why, sure = "pending", "the time to answer is not up", True
        elif deferral and self._by_hash[deferral.sha256].at <= due:
            outcome, why, sure, quote = "deferred", deferral.why, deferral.sure, deferral.quote
        elif in_time:
            outcome, why, sure = "reply-without-answer", "they wrote in the thread in time; no answer is visible", False
        else:
            doubtful = any(e.probability >= DOUBT_AT for e in evidence)
            if repeated_at is not None and not doubtful:
                # Their answer to the repeat leaves this one without reply, but nobody should read that unexamined.
                # What came before the repeat has been weighed above.
                after = self._shown(letter, ask, due, None, since=repeated_at)
                doubtful = any(e.probability >= DOUBT_AT for e in after)
            outcome, why, sure = "no-reply", _silence_in_words(in_thread, later), not doubtful
            if later and not stems_of(ask.quote) - _BEING:  # "What is this?" gives nothing to search other threads by
                why, sure = f"{why}; the request has no word of its own to search by", False
            if any(names_as_made(letter, x) for x in (self._by_hash[e.sha256] for e in evidence) if x.speaker == side):
                why, sure = f"{why}; a message of theirs says that something with that number was paid or sent", False
        if not delivered:
            why, sure = f"the letter was returned undelivered from {', '.join(returned)}; {why}", False
        tier: Tier = "stated" if sure and (ask.probability >= SURE_AT or ask.explicit) else "possible"
        others = [x for x in in_thread if not answer or x.sha256 != answer.sha256][:OTHER_MESSAGES_AT_MOST]
        room = OTHER_MESSAGES_AT_MOST - len(others)
        others += [
            x for x in later[: 2 * OTHER_MESSAGES_AT_MOST + len(in_thread)]
            if x.thread != letter.thread and (not answer or x.sha256 != answer.sha256)
        ][:room]  # fmt: skip
        answered_by_theirs = answer is not None and self._by_hash[answer.sha256].speaker == side
        count = len(later) - answered_by_theirs
        detail: dict[str, Any] = {"ask": ask.why, "ask_score": ask.probability, "other_count": count}
        pointing = answer or (deferral if outcome == "deferred" else None)
        if pointing:
            detail["answer"] = {
                "sha256": pointing.sha256,
                "start": pointing.start,
                "end": pointing.end,
                "score": pointing.probability,
            }
        if returned:
            detail["returned"] = list(returned)
        return Request(
            id=judged_id("request", letter.sha256, "body", ask.start, ask.end, letter.speaker),
            sha256=letter.sha256, part="body", start=ask.start, end=ask.end, quote=ask.quote,
            asker=letter.speaker,  # type: ignore[arg-type]
            kind=ask.kind, asked_at=asked_at, outcome=outcome, tier=tier, due_at=due,
            answering_sha256=answer.sha256 if answer else None, answer_quote=quote,
            other_messages=tuple(x.sha256 for x in sorted(others, key=lambda x: (x.at, x.number))),
            waited_days=self._reckoner.calendar_days(asked_at, closed_at),
            waited_working_days=self._reckoner.working_days(asked_at, closed_at),
            searched=self._searched(letter, side, len(later), returned), why=why, detail=detail,
        )  # fmt: skip

    def stated_at(self, letter: Letter) -> datetime:
        """When a letter was written, by the clock that orders it."""
        return self._stated.get(letter.sha256, letter.at)

    def asked_again(self, request: Request, at: datetime, repeat: Request) -> Request:
        """A request without an answer of its own whose ``repeat`` came at ``at``: nobody waited longer than up to the repeat's answer.

        ``detail["again"]`` says when it was asked again, and when that was answered (or None).
        """
        answer = self._by_hash.get(repeat.answering_sha256 or "")
        answered_at = _text(self.stated_at(answer)) if answer else repeat.detail.get("again", {}).get("answered_at")
        detail = {**request.detail, "again": {"at": _text(at), "answered_at": answered_at}}
        if answered_at is None:
            return replace(request, detail=detail)
        closed_at = datetime.fromisoformat(str(answered_at).replace("Z", "+00:00"))
        return replace(
            request,
            waited_days=self._reckoner.calendar_days(request.asked_at, closed_at),
            waited_working_days=self._reckoner.working_days(request.asked_at, closed_at),
            detail=detail,
        )

    def _evidence(self, letter: Letter, ask: Ask, due: datetime, repeated_at: datetime | None) -> list[Evidence]:
        """What the letters show, in order of time, up to the first answer. After a repeat, an answer counts for the repeat only."""
        found = []
        for said in self._shown(letter, ask, due, repeated_at, since=letter.at):
            found.append(said)
            if said.verdict == "answered":
                break
        return found

    def _shown(
        self, letter: Letter, ask: Ask, due: datetime, repeated_at: datetime | None, *, since: datetime
    ) -> Iterator[Evidence]:
        """What each letter later than ``since`` shows."""
        theirs = self.candidates(letter, ask, due, repeated_at)
        place_of = {other.sha256: place for other, place in theirs}
        reports = self._reporting[letter.speaker].after(letter.at, repeated_at)[:REPORTS_AT_MOST]
        known = (x for x in (*(other for other, _ in theirs), *reports) if x.at > since)
        for other in sorted(known, key=lambda x: (x.at, x.number)):
            reported_here = self._reports.get(other.sha256, ())
            said: Evidence | None
            if other.speaker == letter.speaker:
                said = reported_call(ask, reported_here, self.vocabulary)
                said = said or acknowledged(ask, letter, reported_here, self.vocabulary)
            else:
                said = weigh(ask, letter, other, place_of[other.sha256], self.vocabulary)
                if said.verdict == "none":
                    said = reported_call(ask, reported_here, self.vocabulary) or said
            if said:
                yield said

    def candidates(
        self, letter: Letter, ask: Ask, due: datetime, repeated_at: datetime | None
    ) -> list[tuple[Letter, Place]]:
        """The letters of the other side that may answer ``ask``, with their places to it."""
        asks = self._asks_in.get(letter.sha256) or [ask]
        before = sum(a.end <= ask.start for a in asks)
        again = self._again.get((letter.sha256, ask.start), ())
        return self._between.candidates(Asking(letter, ask, due, repeated_at, len(asks), before, again))

    def _returned(self, letter: Letter) -> tuple[tuple[str, ...], bool]:
        """(addresses the letter was returned from, whether it reached the other side at all)."""
        sent_to = {a.address.casefold() for a in letter.addresses if a.header in ("to", "cc", "bcc")}
        returned: set[str] = set()
        for bounce in self._bounces.get(letter.thread, ()):
            if bounce.at < letter.at:
                continue
            if bounce.parent != letter.sha256 and any(
                x.thread == letter.thread and x.speaker == letter.speaker
                for x in self._written.after(letter.at, bounce.at)
            ):
                continue  # a later letter of ours in the thread came back, not this one
            text = bounce.texts.get("body", "").casefold()
            returned |= {a for a in sent_to if a in text}
        theirs = {a for a in sent_to if self._is_theirs(a, other_side(letter.speaker))}
        return tuple(sorted(returned)), not theirs or bool(theirs - returned)

    def _is_theirs(self, address: str, side: Side) -> bool:
        known = self._their[side]
        known_form = normal(address)
        return not known or known_form in known or "@" + known_form.rpartition("@")[2] in known

    def _searched(self, letter: Letter, side: Side, count: int, returned: Sequence[str]) -> Mapping[str, Any]:
        automatic = [x.sha256 for x in self._automatic.get(letter.thread, ()) if x.at > letter.at and x.speaker == side]
        searched: dict[str, Any] = {
            "accounts": sorted({str(c["account"]) for c in self._coverage}),
            "folders": self._coverage,
            "addresses": list(self._settings.their_addresses if side == "client" else self._settings.own_addresses),
            "letters": count,
            "up_to": _text(self._as_of),
            "automatic_replies": automatic,
            "returned": list(returned),
            "not_searched": list(NOT_SEARCHED),
        }
        return searched


def _replies_later(letters: Sequence[Letter]) -> list[Letter]:
    """The letters, each reply later than what it replies to, by a second where its clock says otherwise.

    Nobody answers what is not yet written: the clocks of two computers differ, or both wrote within a second. A silence must not
    hang on that.
    """
    by_hash = {x.sha256: x for x in letters}
    moved: dict[str, Letter] = {}

    def placed(letter: Letter) -> Letter:
        chain: dict[str, Letter] = {}
        at: Letter | None = letter
        while at is not None and at.sha256 not in moved and at.sha256 not in chain:
            chain[at.sha256] = at
            at = by_hash.get(at.parent or "")
        for one in reversed(chain.values()):
            parent = moved.get(one.parent or "")
            late = parent is not None and one.at <= parent.at and one.kind == "human"
            moved[one.sha256] = (
                replace(one, at=parent.at + timedelta(seconds=1)) if parent is not None and late else one
            )
        return moved[letter.sha256]

    return [placed(x) for x in letters]


def _by_thread(letters: Iterable[Letter]) -> dict[str, list[Letter]]:
    found: dict[str, list[Letter]] = {}
    for letter in letters:
        found.setdefault(letter.thread, []).append(letter)
    return found


def _folded(addresses: Iterable[str]) -> frozenset[str]:
    return frozenset(map(normal, addresses))


def _silence_in_words(in_thread: Sequence[Letter], later: Sequence[Letter]) -> str:
    if in_thread:
        return "no reply in this thread by the deadline; their later messages in it show no answer"
    if later:
        return "no reply in this thread; no answer found in their other messages"
    return "no later message of theirs was found"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
