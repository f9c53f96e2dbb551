"""The ledger of requests: what each side asked of the other, and what a search of the archive found of an answer.

One function serves both askers. Outcomes: ``answered`` in time, ``answered-late``, ``deferred``,
``reply-without-answer`` (they wrote in the thread in time, no answer is visible; for a person to confirm), ``no-reply``
(no human message of theirs in the thread before the deadline and no answer anywhere up to ``as_of``), ``pending``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from evidence.canonical import canonical_json
from evidence.config import Config
from evidence.model import Letter, Outcome, Request, Side, Tier, judged_id
from evidence.ports import FolderCount
from evidence.timeline.answers import Evidence, Vocabulary, acknowledged, may_report, reported_call, weigh
from evidence.timeline.deadlines import Reckoner
from evidence.timeline.parties import Parties
from evidence.timeline.requests_find import SURE_AT, Ask, find_asks
from evidence.timeline.requests_repeats import tie

OTHER_MESSAGES_AT_MOST = 20  # named one by one; ``detail["other_count"]`` says how many there are
THREAD_AT_MOST, ELSEWHERE_AT_MOST = 25, 200  # letters weighed for one asking
LATE_AT, DOUBT_AT = 0.35, 0.4  # see docs/reckoning.md, "When silence is asserted"
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
    known = sorted((x for x in letters if x.at <= as_of and not x.withheld), key=lambda x: (x.at, x.number))
    vocabulary = Vocabulary(x for x in known if x.kind == "human")
    asked = [(x, ask) for x in known for ask in (asks_of(x) if asks is None else asks.get(x.sha256, ()))]
    ties = tie(asked, vocabulary)
    first_of: dict[int, int] = {}
    for index in range(len(asked)):
        before = ties.get(index)
        first_of[index] = first_of[before] if before is not None else index
    next_of: dict[int, datetime] = {}
    for later, earlier in ties.items():
        moment = asked[later][0].at
        next_of[earlier] = min(next_of.get(earlier, moment), moment)
    search = _Search(known, settings, coverage, as_of, vocabulary)
    found = [search.outcome(letter, ask, next_of.get(i)) for i, (letter, ask) in enumerate(asked)]
    return tuple(replace(r, repeats=found[first_of[i]].id if first_of[i] != i else None) for i, r in enumerate(found))


def _other(side: Side) -> Side:
    return "client" if side == "us" else "us"


def _may_ask(letter: Letter) -> bool:
    return letter.kind == "human" and letter.speaker in ("us", "client") and _other(letter.speaker) in letter.addressees


def asks_of(letter: Letter) -> list[Ask]:
    """What one letter asks of the other side. Pure: needs nothing but the letter."""
    if letter.withheld or not _may_ask(letter):
        return []
    body = letter.texts.get("body", "")
    asks = [a for z in letter.zones_of("body") if z.kind == "own" for a in find_asks(body, z.start, z.end)]
    seen: set[tuple[int, int]] = set()
    return [a for a in asks if (a.start, a.end) not in seen and not seen.add((a.start, a.end))]  # type: ignore[func-returns-value]


def bare_subject(subject: str) -> str:
    return _SUBJECT_PREFIX.sub("", subject).strip().casefold()


class _Search:
    """The letters in which answers are looked for, and how far the search reached."""

    def __init__(
        self,
        letters: Sequence[Letter],
        settings: RequestSettings,
        coverage: Sequence[FolderCount],
        as_of: datetime,
        vocabulary: Vocabulary,
    ) -> None:
        self._letters = letters
        self._by_hash = {x.sha256: x for x in letters}
        self._settings = settings
        self._reckoner = settings.reckoner
        self._as_of = as_of
        self._vocabulary = vocabulary
        self._bounces = [x for x in letters if x.kind == "bounce"]
        self._automatic = [x for x in letters if x.kind == "auto"]
        self._human: Mapping[str, list[Letter]] = {
            side: [x for x in letters if x.kind == "human" and x.speaker == side and _other(side) in x.addressees]
            for side in ("us", "client")
        }
        self._reporting = {x.sha256 for x in letters if x.kind == "human" and may_report(x)}
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

    def outcome(self, letter: Letter, ask: Ask, repeated_at: datetime | None) -> Request:
        side = _other(letter.speaker)
        due = self._reckoner.due(letter.at)
        later = [x for x in self._human[side] if x.at > letter.at]
        in_thread = [x for x in later if x.thread == letter.thread]
        in_time = [x for x in in_thread if x.at <= due]
        evidence = self._evidence(letter, ask, later, repeated_at)
        answer = next((e for e in evidence if e.verdict == "answered"), None)
        doubtful = max((e.probability for e in evidence if e.verdict == "none"), default=0.0) >= DOUBT_AT
        if answer is None and not in_time and due <= self._as_of:
            # Silence is asserted only where not even a doubtful answer is: a late reply to this very letter is one.
            answer = next(
                (e for e in evidence if e.probability >= LATE_AT and self._replies_to(e.sha256, letter)), None
            )
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
            outcome, why, sure = "no-reply", _silence_in_words(in_thread, later), not doubtful
        if not delivered:
            why, sure = f"the letter was returned undelivered from {', '.join(returned)}; {why}", False
        tier: Tier = "stated" if sure and (ask.probability >= SURE_AT or ask.explicit) else "possible"
        others = [
            x
            for x in (*in_thread, *(x for x in later if x.thread != letter.thread))
            if not answer or x.sha256 != answer.sha256
        ]
        detail: dict[str, Any] = {"ask": ask.why, "ask_score": ask.probability, "other_count": len(others)}
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
            other_messages=tuple(x.sha256 for x in sorted(others, key=lambda x: (x.at, x.number))[:OTHER_MESSAGES_AT_MOST]),
            waited_days=self._reckoner.calendar_days(letter.at, closed_at),
            waited_working_days=self._reckoner.working_days(letter.at, closed_at),
            searched=self._searched(letter, side, len(later), returned), why=why, detail=detail,
        )  # fmt: skip

    def _evidence(
        self, letter: Letter, ask: Ask, later: Sequence[Letter], repeated_at: datetime | None
    ) -> list[Evidence]:
        """What the letters show, in order of time. After a repeat, an answer counts for the repeat only."""
        window = [x for x in later if repeated_at is None or x.at <= repeated_at]
        thread = [x for x in window if x.thread == letter.thread][:THREAD_AT_MOST]
        elsewhere = [x for x in window if x.thread != letter.thread][:ELSEWHERE_AT_MOST]
        direct = {x.sha256 for x in thread if x.parent == letter.sha256}
        if thread:
            direct.add(thread[0].sha256)
        subject = bare_subject(letter.subject)
        reports = [
            x
            for x in self._human[letter.speaker]
            if x.sha256 in self._reporting and x.at > letter.at and (repeated_at is None or x.at <= repeated_at)
        ]
        found: list[Evidence] = []
        for other in sorted((*thread, *elsewhere, *reports), key=lambda x: (x.at, x.number)):
            if other.speaker == letter.speaker:
                said = reported_call(ask, other, self._vocabulary) or acknowledged(ask, letter, other, self._vocabulary)
            else:
                said = weigh(
                    ask, letter, other, direct=other.sha256 in direct, in_thread=other.thread == letter.thread,
                    same_subject=bool(subject) and bare_subject(other.subject) == subject, vocabulary=self._vocabulary,
                )  # fmt: skip
                if said.verdict == "none" and other.sha256 in self._reporting:
                    said = reported_call(ask, other, self._vocabulary) or said
            if said:
                found.append(said)
            if said and said.verdict == "answered":
                break  # the first answer decides
        return found

    def _replies_to(self, sha256: str, letter: Letter) -> bool:
        return self._by_hash[sha256].parent == letter.sha256

    def _returned(self, letter: Letter) -> tuple[tuple[str, ...], bool]:
        """(addresses the letter was returned from, whether it reached the other side at all)."""
        sent_to = {a.address.casefold() for a in letter.addresses if a.header in ("to", "cc", "bcc")}
        returned: set[str] = set()
        for bounce in self._bounces:
            if bounce.at < letter.at or (bounce.parent != letter.sha256 and bounce.thread != letter.thread):
                continue
            if bounce.parent != letter.sha256 and any(
                letter.at < x.at <= bounce.at and x.thread == letter.thread and x.speaker == letter.speaker
                for x in self._letters
            ):
                continue  # a later letter of ours in the thread came back, not this one
            text = bounce.texts.get("body", "").casefold()
            returned |= {a for a in sent_to if a in text}
        theirs = {a for a in sent_to if self._is_theirs(a, _other(letter.speaker))}
        return tuple(sorted(returned)), not theirs or bool(theirs - returned)

    def _is_theirs(self, address: str, side: Side) -> bool:
        known = self._settings.their_addresses if side == "client" else self._settings.own_addresses
        folded = {k.casefold() for k in known}
        return not folded or address in folded or "@" + address.rpartition("@")[2] in folded

    def _searched(self, letter: Letter, side: Side, count: int, returned: Sequence[str]) -> Mapping[str, Any]:
        automatic = [
            x.sha256 for x in self._automatic if x.at > letter.at and x.thread == letter.thread and x.speaker == side
        ]
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
        canonical_json(searched)
        return searched


def _silence_in_words(in_thread: Sequence[Letter], later: Sequence[Letter]) -> str:
    if in_thread:
        return "no reply in this thread by the deadline; their later messages in it show no answer"
    if later:
        return "no reply in this thread; no answer found in their other messages"
    return "no later message of theirs was found"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
