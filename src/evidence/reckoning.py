"""Values the timeline stage gives to the bundle, the pages and the command line: entries, assessment, claims, effort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from evidence.model import Side


def as_decided(category: str, subtype: str | None, decided: str | None) -> tuple[str, str | None]:
    """The category and subtype that hold once a person has set ``decided`` (``category`` or ``category/subtype``; None: as found)."""
    if not decided or decided == category:
        return category, subtype
    chosen, _, narrower = decided.partition("/")
    return chosen, narrower or None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One message, outside event, silence or disappearance, with what stands under it."""

    kind: Literal["message", "outside", "silence", "disappearance", "gap"]
    at: datetime
    until: datetime | None
    at_note: str
    sha256: str | None
    actor: str
    side: Side | None
    addressees: tuple[str, ...]
    gist: str  # subject or first own sentence, quoted
    flags: tuple[str, ...] = ()  # flag ids
    opened: tuple[str, ...] = ()  # request ids
    closed: tuple[str, ...] = ()
    exhibit: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuestionSide:
    """What stands under one of the four questions for one side. Counts are of accepted, and of unreviewed stated flags."""

    accepted: int
    unreviewed: int
    rejected: int
    first: datetime | None
    last: datetime | None
    flags: tuple[str, ...]
    requests: tuple[str, ...]
    waiting: tuple[
        str, ...
    ] = ()  # possible flags that no person has decided on: not counted, but to be joined once accepted


@dataclass(frozen=True, slots=True)
class AssessedQuestion:
    """One of the four questions, both sides, and the answer a person recorded (None: not answered)."""

    number: int
    key: str  # demands, disrespect, obligations, publicity
    client: QuestionSide
    us: QuestionSide
    answer: str | None
    answer_note: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """What a side claims, where first said, how often, which proof was asked for, what came, which files answer it."""

    name: str
    title: str
    by: Side
    flags: tuple[str, ...]
    first: datetime | None
    repeats: int
    proof_requests: tuple[str, ...]
    files: tuple[int, ...]
    messages: tuple[str, ...]
    open: bool
    recorded: bool  # a person named it; otherwise it is proposed from the flags
    kind: str = "other"  # what it is about: loss, damage, delay, money, conduct, other


@dataclass(frozen=True, slots=True)
class Notice:
    """A deadline or termination notice of ours, and what the archive shows of its receipt and answer."""

    flag: str
    sha256: str
    category: str
    at: datetime
    bounced: bool
    answered_by: str | None  # their next letter in the thread
    wrote_elsewhere: str | None = None  # their next letter in another thread, where none came in this one


@dataclass(frozen=True, slots=True)
class Assessment:
    as_of: datetime
    questions: tuple[AssessedQuestion, ...]
    claims: tuple[ClaimLine, ...]
    notices: tuple[Notice, ...]
    ours_unanswered: tuple[str, ...]  # their requests that we left without reply
    ours_late: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EffortLine:
    """Minutes of one person in one month: estimated from their mail (whole ones), and logged by hand; ``cost`` is of them at ``rate`` an hour."""

    person: str
    month: date
    messages_in: int
    messages_out: int
    words_in: int
    words_out: int
    estimated_minutes: float
    logged_minutes: int
    rate: float
    cost: float


@dataclass(frozen=True, slots=True)
class Effort:
    lines: tuple[EffortLine, ...]
    formula: str
    currency: str
    share_of_traffic: float | None = None
