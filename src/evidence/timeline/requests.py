"""The ledger of requests: what each side asked of the other, and what a search of the archive found of an answer.

One function serves both askers. Outcomes: ``answered`` in time, ``answered-late``, ``deferred``,
``reply-without-answer`` (they wrote in the thread in time, no answer is visible; for a person to confirm), ``no-reply``
(no human message of theirs in the thread before the deadline and no answer anywhere up to ``as_of``), ``pending``.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from evidence.canonical import canonical_json
from evidence.config import Config
from evidence.model import Letter, Outcome, Request, Side, Tier, judged_id
from evidence.ports import FolderCount
from evidence.timeline.answers import Evidence, Vocabulary, files_of, stems_of, weigh
from evidence.timeline.answers_features import stems_in
from evidence.timeline.answers_letter import Place
from evidence.timeline.answers_reports import acknowledged, reported, reported_call
from evidence.timeline.deadlines import Reckoner
from evidence.timeline.parties import Parties
from evidence.timeline.requests_find import SURE_AT, Ask, find_asks
from evidence.timeline.requests_repeats import Again, Repeats

OTHER_MESSAGES_AT_MOST = 20  # named one by one; ``detail["other_count"]`` says how many there are
THREAD_AT_MOST, ELSEWHERE_AT_MOST = 25, 200  # letters weighed for one asking
REPORTS_AT_MOST = 100  # the asker's own letters that report a call, or that something came
ELSEWHERE_OVERLAP = 0.34  # weighted share of the asked words that a letter of another thread must say
DOUBT_AT = 0.15  # see docs/reckoning.md, "When silence is asserted"
NOT_SEARCHED = ("telephone", "messengers", "paper", "other mailboxes")
_SUBJECT_PREFIX = re.compile(r"^(?:\s*(?:re|fwd?|fw|aw|отв|на|ha|пересл)(?:\[\d+\])?\s*:)+\s*", re.I)


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
    asks: Mapping[str, Sequence[Ask]] | None = None,
) -> tuple[Request, ...]:
    """All requests of both sides in ``letters`` as they stood at ``as_of``; later mail is not looked at.

    Asking letters are human, in scope and addressed to the other side. The result is in order of asking. ``asks`` is what
    ``asks_of`` gave per letter's sha256, if somebody has it already (worker processes, say).
    """
    search, asked, repeats = prepared(letters, settings, coverage, as_of=as_of, asks=asks)
    first_of: dict[int, int] = {}
    for index in range(len(asked)):
        before = repeats.ties.get(index)
        first_of[index] = first_of[before] if before is not None else index
    found = [search.outcome(letter, ask, repeats.next_at(i)) for i, (letter, ask) in enumerate(asked)]
    return tuple(replace(r, repeats=found[first_of[i]].id if first_of[i] != i else None) for i, r in enumerate(found))


def prepared(
    letters: Sequence[Letter],
    settings: RequestSettings,
    coverage: Sequence[FolderCount],
    *,
    as_of: datetime,
    asks: Mapping[str, Sequence[Ask]] | None = None,
) -> tuple[Search, list[tuple[Letter, Ask]], Repeats]:
    """What is searched, every asking in order of time, and which of them repeat an earlier one."""
    known = sorted((x for x in letters if x.at <= as_of and not x.withheld), key=lambda x: (x.at, x.number))
    stems = {x.sha256: stems_in(x.own_text()) for x in known if x.kind == "human"}
    vocabulary = Vocabulary()
    for one in stems.values():
        vocabulary.learn(one)
    asked = [(x, ask) for x in known for ask in (asks_of(x) if asks is None else asks.get(x.sha256, ()))]
    repeats = Repeats(asked, vocabulary)
    return Search(known, settings, coverage, as_of, vocabulary, stems, asked, repeats), asked, repeats


def _other(side: Side) -> Side:
    return "client" if side == "us" else "us"


def _may_ask(letter: Letter) -> bool:
    return letter.kind == "human" and letter.speaker in ("us", "client") and _other(letter.speaker) in letter.addressees


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


def bare_subject(subject: str) -> str:
    return _SUBJECT_PREFIX.sub("", subject).strip().casefold()


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
        asked: Sequence[tuple[Letter, Ask]],
        repeats: Repeats,
    ) -> None:
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
        self._written = _Run(letters)
        human = [x for x in letters if x.kind == "human" and x.speaker != "third" and _other(x.speaker) in x.addressees]
        self._human: Mapping[str, _Run] = {s: _Run([x for x in human if x.speaker == s]) for s in ("us", "client")}
        threads: dict[tuple[str, str], list[Letter]] = {}
        for x in human:
            threads.setdefault((x.speaker, x.thread), []).append(x)
        self._thread = {key: _Run(found) for key, found in threads.items()}
        self._stems = {x.sha256: stems[x.sha256] | stems_of(" ".join(files_of(x))) for x in human}
        self._reports = {x.sha256: found for x in human if (found := reported(x))}
        self._reporting: Mapping[str, _Run] = {
            s: _Run([x for x in self._human[s].letters if x.sha256 in self._reports]) for s in ("us", "client")
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
        side = _other(letter.speaker)
        due = self._reckoner.due(letter.at)
        later = self._human[side].after(letter.at)
        in_thread = self._thread[side, letter.thread].after(letter.at) if (side, letter.thread) in self._thread else ()
        in_time = in_thread and in_thread[0].at <= due
        evidence = self._evidence(letter, ask, side, due, repeated_at)
        answer = next((e for e in evidence if e.verdict == "answered"), None)
        deferral = next((e for e in evidence if e.verdict == "deferred"), None)
        returned, delivered = self._returned(letter)
        quote: str | None = None
        closed_at = self._as_of
        if answer:
            closed_at = self._by_hash[answer.sha256].at
            outcome: Outcome = "answered" if closed_at <= due else "answered-late"
            quote, why, sure = answer.quote, answer.why, answer.sure
        elif self._as_of < due:
            outcome, why, sure = "pending", "the time to answer is not up", True
        elif deferral and self._by_hash[deferral.sha256].at <= due:
            outcome, why, sure, quote = "deferred", deferral.why, deferral.sure, deferral.quote
        elif in_time:
            outcome, why, sure = "reply-without-answer", "they wrote in the thread in time; no answer is visible", False
        else:
            # Their answer to the repeat leaves this one without reply, but nobody should read that unexamined.
            seen = evidence if repeated_at is None else self._evidence(letter, ask, side, due, None)
            doubtful = any(e.probability >= DOUBT_AT for e in seen)
            outcome, why, sure = "no-reply", _silence_in_words(in_thread, later), not doubtful
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
            kind=ask.kind, asked_at=letter.at, outcome=outcome, tier=tier, due_at=due,
            answering_sha256=answer.sha256 if answer else None, answer_quote=quote,
            other_messages=tuple(x.sha256 for x in sorted(others, key=lambda x: (x.at, x.number))),
            waited_days=self._reckoner.calendar_days(letter.at, closed_at),
            waited_working_days=self._reckoner.working_days(letter.at, closed_at),
            searched=self._searched(letter, side, len(later), returned), why=why, detail=detail,
        )  # fmt: skip

    def _evidence(
        self, letter: Letter, ask: Ask, side: Side, due: datetime, repeated_at: datetime | None
    ) -> list[Evidence]:
        """What the letters show, in order of time. After a repeat, an answer counts for the repeat only."""
        theirs = self.candidates(letter, ask, side, due, repeated_at)
        place_of = {other.sha256: place for other, place in theirs}
        reports = self._reporting[letter.speaker].after(letter.at, repeated_at)[:REPORTS_AT_MOST]
        found: list[Evidence] = []
        for other in sorted((*(other for other, _ in theirs), *reports), key=lambda x: (x.at, x.number)):
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
                found.append(said)
            if said and said.verdict == "answered":
                break  # the first answer decides
        return found

    def candidates(
        self, letter: Letter, ask: Ask, side: Side, due: datetime, repeated_at: datetime | None
    ) -> list[tuple[Letter, Place]]:
        """The letters of ``side`` that may answer ``ask``, with their places to it: all of the thread, and others that speak of it."""
        asks = self._asks_in.get(letter.sha256) or [ask]
        asking = _Asking(
            letter, due, repeated_at is not None, len(asks), sum(a.end <= ask.start for a in asks),
            self._again.get((letter.sha256, ask.start), ()),
        )  # fmt: skip
        stems = stems_of(ask.quote) or stems_of(letter.own_text())
        theirs = self._thread.get((side, letter.thread))
        thread = theirs.after(letter.at, repeated_at)[:THREAD_AT_MOST] if theirs else ()
        window = self._human[side].after(letter.at, repeated_at)[: ELSEWHERE_AT_MOST + len(thread)]
        elsewhere = [x for x in window if x.thread != letter.thread and self._speaks_of(stems, x)]
        return [(x, self._place(asking, x)) for x in (*thread, *elsewhere)]

    def _speaks_of(self, stems: frozenset[str], other: Letter) -> bool:
        """One word in common ties nothing to another thread: everybody speaks of payments."""
        said = self._stems[other.sha256]
        return len(stems & said) >= 2 and self.vocabulary.overlap(stems, said) >= ELSEWHERE_OVERLAP

    def _place(self, asking: _Asking, other: Letter) -> Place:
        letter = asking.letter
        subject = bare_subject(letter.subject)
        before = self._thread.get((other.speaker, letter.thread))
        between = self._thread.get((letter.speaker, letter.thread))
        following = self._thread.get((letter.speaker, other.thread))
        after = following.first_after(other.at) if following else None
        return Place(
            direct=other.parent == letter.sha256,
            in_thread=other.thread == letter.thread,
            same_subject=bool(subject) and bare_subject(other.subject) == subject,
            before=before.count(letter.at, other.at) if before else 0,
            between=between.count(letter.at, other.at) if between else 0,
            asks=asking.asks,
            asks_before=asking.asks_before,
            hours=int((other.at - letter.at) / timedelta(hours=1)),
            late=other.at > asking.due,
            repeated=asking.repeated,
            again=max((a.likeness for a in asking.again if a.at > other.at), default=0.0),
            again_marked=any(a.marked and a.at > other.at for a in asking.again),
            following=after.own_text() if after else "",
        )

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
        theirs = {a for a in sent_to if self._is_theirs(a, _other(letter.speaker))}
        return tuple(sorted(returned)), not theirs or bool(theirs - returned)

    def _is_theirs(self, address: str, side: Side) -> bool:
        known = self._their[side]
        return not known or address in known or "@" + address.rpartition("@")[2] in known

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


@dataclass(frozen=True, slots=True)
class _Asking:
    """One asking as a place to reckon from."""

    letter: Letter
    due: datetime
    repeated: bool
    asks: int
    asks_before: int
    again: Sequence[Again]


class _Run:
    """Letters in order of time, cut by bisection."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self.letters = letters
        self._at = [x.at for x in letters]

    def after(self, moment: datetime, until: datetime | None = None) -> Sequence[Letter]:
        """Later than ``moment``; up to and with ``until``, where it is given."""
        end = len(self._at) if until is None else bisect_right(self._at, until)
        return self.letters[bisect_right(self._at, moment) : end]

    def first_after(self, moment: datetime) -> Letter | None:
        at = bisect_right(self._at, moment)
        return self.letters[at] if at < len(self.letters) else None

    def count(self, since: datetime, before: datetime) -> int:
        """Later than ``since`` and earlier than ``before``."""
        return max(0, bisect_left(self._at, before) - bisect_right(self._at, since))


def _by_thread(letters: Iterable[Letter]) -> dict[str, list[Letter]]:
    found: dict[str, list[Letter]] = {}
    for letter in letters:
        found.setdefault(letter.thread, []).append(letter)
    return found


def _folded(addresses: Iterable[str]) -> frozenset[str]:
    return frozenset(a.casefold() for a in addresses)


def _silence_in_words(in_thread: Sequence[Letter], later: Sequence[Letter]) -> str:
    if in_thread:
        return "no reply in this thread by the deadline; their later messages in it show no answer"
    if later:
        return "no reply in this thread; no answer found in their other messages"
    return "no later message of theirs was found"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
