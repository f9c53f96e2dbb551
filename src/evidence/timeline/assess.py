"""The four questions a business asks before it parts with a client, for both sides alike. The program counts; people judge."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from evidence.model import Flag, Letter, Request, Side
from evidence.ports import OutsideFile, Review
from evidence.reckoning import AssessedQuestion, Assessment, QuestionSide
from evidence.timeline.build import recategorised
from evidence.timeline.claims import claim_lines, notices

# Which categories (and, for threats, which subtypes) stand under each question. The same table serves both sides.
QUESTIONS: tuple[tuple[str, Mapping[str, frozenset[str] | None]], ...] = (
    (
        "demands",
        {"demand": None, "accusation": None, "threat": frozenset(("police", "court", "regulator", "extortion"))},
    ),
    ("disrespect", {"insult": None, "threat": frozenset(("violence",))}),
    ("obligations", {"refusal": None, "broken_promise": None, "nonpayment": None, "admission": None}),
    ("publicity", {"threat": frozenset(("reputation", "economic"))}),
)
# What speaks of the *other* side's failing, not of the writer's own: it is counted under the one it is said of.
OF_THE_OTHER = frozenset(("broken_promise", "nonpayment"))
UNANSWERED = ("no-reply",)
LATE = ("answered-late",)


def assess(
    letters: Sequence[Letter],
    flags: Sequence[Flag],
    requests: Sequence[Request],
    reviews: Mapping[tuple[str, str], Review],
    answers: Mapping[int, Mapping[str, Any]],
    claims: Sequence[Mapping[str, Any]],
    links: Sequence[Mapping[str, Any]],
    outside_files: Sequence[OutsideFile],
    as_of: datetime,
    *,
    within: Collection[str] | None = None,
    around: Sequence[Letter] = (),
) -> Assessment:
    """Counts, dates, flags and requests under each question for each side, and the answer a person recorded.

    Counted are accepted flags and, apart from them, stated ones no person has looked at; possible ones wait for a person and
    are not counted; rejected ones are counted as rejected. What a person accepted in another category stands under that one's
    question. Under "obligations" stand also the side's requests left without reply or answered late (requests *to* that side).

    ``within``: only what stands in these messages is counted and listed; what became of it (the answer to a notice, when a claim
    was first said, the proof that came) is looked for in all ``letters``, so that leaving letters out never makes a silence.
    ``around``: context messages, among which a notice that came back undelivered is told.
    """
    flags = [recategorised(f, reviews.get(("flag", f.id))) for f in flags]
    at = {x.sha256: x.at for x in letters}
    standing = [f for f in flags if _stands(_review(reviews, "flag", f.id), f.tier)]
    claims_made = claim_lines(letters, standing, requests, claims, links, outside_files)
    notices_given = notices(letters, standing, around)
    if within is not None:
        flags = [f for f in flags if f.sha256 in within]
        requests = [r for r in requests if r.sha256 in within]
        counted = {f.id for f in flags}
        claims_made = tuple(c for c in claims_made if c.recorded or not counted.isdisjoint(c.flags))
        notices_given = tuple(n for n in notices_given if n.sha256 in within)
    questions = []
    for number, (key, categories) in enumerate(QUESTIONS, 1):
        answer = answers.get(number)
        sides: dict[Side, QuestionSide] = {}
        for side in ("client", "us"):
            owed = [
                r
                for r in requests
                if key == "obligations"
                and r.asker != side
                and outcome_of(r, reviews) in UNANSWERED + LATE
                and _stands(_review(reviews, "request", r.id), r.tier)
            ]
            sides[side] = _side([f for f in flags if f.sha256 in at and _under(f, categories, side)], owed, reviews, at)
        questions.append(
            AssessedQuestion(
                number,
                key,
                sides["client"],
                sides["us"],
                answer=str(answer["answer"]) if answer else None,
                answer_note=str(answer.get("note") or "") if answer else "",
                answered_by=str(answer.get("actor") or "") if answer else "",
                answered_at=_moment(answer.get("at")) if answer else None,
            )
        )
    theirs = [r for r in requests if r.asker == "client" and _stands(_review(reviews, "request", r.id), r.tier)]
    return Assessment(
        as_of=as_of,
        questions=tuple(questions),
        claims=claims_made,
        notices=notices_given,
        ours_unanswered=tuple(r.id for r in theirs if outcome_of(r, reviews) in UNANSWERED),
        ours_late=tuple(r.id for r in theirs if outcome_of(r, reviews) in LATE),
    )


def outcome_of(request: Request, reviews: Mapping[tuple[str, str], Review]) -> str:
    """The outcome as a person corrected it, else as found."""
    review = reviews.get(("request", request.id))
    return (review.outcome if review and review.outcome else None) or request.outcome


def _under(flag: Flag, categories: Mapping[str, frozenset[str] | None], side: Side) -> bool:
    if flag.category not in categories:
        return False
    subtypes = categories[flag.category]
    if subtypes is not None and (flag.subtype or "") not in subtypes:
        return False
    of = flag.speaker
    if flag.category in OF_THE_OTHER and of in ("us", "client"):
        of = "us" if of == "client" else "client"
    return of == side


def _side(
    flags: Sequence[Flag],
    requests: Sequence[Request],
    reviews: Mapping[tuple[str, str], Review],
    at: Mapping[str, datetime],
) -> QuestionSide:
    decided = {f.id: _review(reviews, "flag", f.id) for f in flags}
    ordered = sorted(flags, key=lambda f: (at[f.sha256], f.start))
    shown = [f for f in ordered if _stands(decided[f.id], f.tier)]
    moments = [at[f.sha256] for f in shown] + [r.asked_at for r in requests]
    return QuestionSide(
        accepted=sum(decided[f.id] == "accepted" for f in shown),
        unreviewed=sum(decided[f.id] != "accepted" for f in shown),
        rejected=sum(d == "rejected" for d in decided.values()),
        first=min(moments, default=None),
        last=max(moments, default=None),
        flags=tuple(f.id for f in shown),
        requests=tuple(r.id for r in requests),
        waiting=tuple(f.id for f in ordered if decided[f.id] == "unreviewed" and f.tier == "possible"),
    )


def _review(reviews: Mapping[tuple[str, str], Review], target: str, target_id: str) -> str:
    """accepted, rejected or unreviewed: the last decision of a person."""
    review = reviews.get((target, target_id))
    if review is None:
        return "unreviewed"
    return review.decision


def _stands(review: str, tier: str) -> bool:
    return review == "accepted" or (review != "rejected" and tier == "stated")


def _moment(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
