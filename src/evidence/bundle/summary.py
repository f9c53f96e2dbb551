"""The summary: what was found, counted by side and quoted, requests with their outcome, the four questions of a business."""

from __future__ import annotations

from typing import Any

from evidence.bundle import labels
from evidence.bundle.brief import Brief
from evidence.bundle.select import category_of, kind_of, stands
from evidence.bundle.text import one_line
from evidence.model import CATEGORIES, Flag, Request
from evidence.ports import Review

ANSWERED = ("answered", "answered-late")


def summary(b: Brief) -> dict[str, Any]:
    _, words = b._, b.words
    in_scope = set(b.selection.numbers)
    flags = [f for f in b.flags if f.sha256 in in_scope]
    counts = []
    for key in CATEGORIES:
        mine = [f for f in flags if category_of(f, b.reviews) == key]
        cell = {
            side: (
                sum(1 for f in mine if f.speaker == side and b.decision("flag", f.id) == "accepted"),
                sum(
                    1
                    for f in mine
                    if f.speaker == side and b.decision("flag", f.id) == "unreviewed" and f.tier == "stated"
                ),
            )
            for side in ("us", "client")
        }
        rejected = sum(1 for f in mine if b.decision("flag", f.id) == "rejected")
        if any(cell["us"]) or any(cell["client"]) or rejected:
            counts.append({"name": labels.group(words, key), **cell, "rejected": rejected})
    waiting = sum(1 for f in flags if f.tier == "possible" and b.decision("flag", f.id) == "unreviewed")
    return {
        "us": b.config.us.name,
        "client": b.config.client.name,
        "us_short": labels.side(words, "us"),
        "client_short": labels.side(words, "client"),
        "counts": counts,
        "waiting": _("Possible findings awaiting a person's review, and therefore not printed anywhere: %s.")
        % words.number(waiting),
        "whole_matter": _("These counts cover every message in scope; quoted below is only what is in this bundle.")
        if b.partial
        else "",
        "questions": _questions(b),
        "ours_line": _ours(b),
        "flag_groups": flag_groups(b),
        "request_groups": _request_groups(b),
        "search_note": _(
            "“No reply found” means: no reply in the same thread by the date shown, and no answer found in the folders searched, up to the time stated. Other channels were not searched."
        ),
    }


def flag_groups(b: Brief) -> list[dict[str, Any]]:
    groups = []
    for key in CATEGORIES:
        found = [
            f
            for f in b.flags
            if category_of(f, b.reviews) == key and stands(f, b.reviews, b.options) and f.sha256 in b.selection.numbers
        ]
        if b.partial:
            found = [f for f in found if b.printed(f.sha256)]
        if found:
            rows = [_flag_row(b, f) for f in sorted(found, key=lambda f: (b.letters[f.sha256].at, f.part, f.start))]
            groups.append({"title": f"{labels.group(b.words, key)} · {len(rows)}", "flags": rows})
    return groups


def _flag_row(b: Brief, f: Flag) -> dict[str, Any]:
    letter = b.letters[f.sha256]
    review = b.reviews.get(("flag", f.id))
    return {
        "date": b.words.short_day(letter.at),
        "who": letter.person or letter.sender,
        "side": labels.side(b.words, f.speaker),
        "quote": b.words.quote(one_line(f.quote)),
        "what": labels.category(b.words, *kind_of(f, b.reviews)),
        "review": _review_text(b, review),
        "rule": f"{f.rule} ({f.pack.partition('#')[0]})",
        "exhibit": b.selection.numbers[f.sha256],
        "printed": b.printed(f.sha256),
    }


def _review_text(b: Brief, review: Review | None) -> str:
    if review is None or review.decision == "unreviewed":
        return labels.review(b.words, "unreviewed")
    return f"{labels.review(b.words, review.decision)} ({review.actor}, {b.words.short_day(review.at)})"


def _request_groups(b: Brief) -> list[dict[str, Any]]:
    groups = []
    for asker, title in (("us", b._("Asked by our side")), ("client", b._("Asked by the other side"))):
        rows = []
        for r in b.requests:
            decision = b.decision("request", r.id)
            if r.asker != asker or r.sha256 not in b.selection.numbers or decision == "rejected":
                continue
            if decision == "unreviewed" and (r.tier != "stated" or b.options.only_accepted):
                continue
            if b.partial and not b.printed(r.sha256):
                continue
            rows.append(_request_row(b, r))
        if rows:
            groups.append({"title": f"{title} · {len(rows)}", "requests": rows})
    return groups


def _request_row(b: Brief, r: Request) -> dict[str, Any]:
    _, words = b._, b.words
    review = b.reviews.get(("request", r.id))
    outcome = (review.outcome if review else None) or r.outcome
    answering = (review.answering_sha256 if review else None) or r.answering_sha256
    if outcome not in ANSWERED:  # a person found that what the search took for the answer is none
        answering = None
    detail = []
    if answering and (letter := b.letters.get(answering)):
        number = b.selection.number_of(letter.sha256)
        detail.append(
            _("on %(day)s, exhibit %(number)s") % {"day": words.short_day(letter.at), "number": number or "—"}
        )
    # The search reckoned up to the letter it found; what a person recorded, by telephone say, has no such day.
    if r.waited_days is not None and outcome in ANSWERED and r.outcome in ANSWERED and answering == r.answering_sha256:
        days = f"{r.waited_days:.1f}".replace(".", "," if words.language == "ru" else ".")
        detail.append(_("after %s days") % days)
    if outcome == "no-reply" and r.due_at:
        detail.append(_("in this thread by %s") % words.short_day(r.due_at))
        others = [b.letters[s] for s in r.other_messages if s in b.letters]
        if others:
            days = ", ".join(dict.fromkeys(words.short_day(x.at) for x in others[:5]))
            detail.append(_("they wrote on %s; no answer found there") % days)
    if r.repeats:
        detail.append(_("asked again"))
    return {
        "date": words.short_day(r.asked_at),
        "quote": words.quote(one_line(r.quote)),
        "kind": labels.request_kind(words, r.kind),
        "review": _review_text(b, review),
        "outcome": labels.outcome(words, outcome),
        "detail": "; ".join(detail),
        "exhibit": b.selection.numbers[r.sha256],
        "printed": b.printed(r.sha256),
    }


def _questions(b: Brief) -> list[dict[str, Any]]:
    _, words = b._, b.words
    if b.assessment is None:
        return []

    def side(found: Any) -> str:
        text = _("accepted %(a)s, not reviewed %(u)s, rejected %(r)s") % {
            "a": found.accepted, "u": found.unreviewed, "r": found.rejected,
        }  # fmt: skip
        if found.requests:  # the dates that follow are of these too
            text += "; " + _("requests to this side without reply or answered late: %d") % len(found.requests)
        if found.first and found.last:
            text += f"; {words.short_days(found.first, found.last)}"
        return text

    rows = []
    for q in b.assessment.questions:
        answer = labels.answer(words, q.answer)
        if q.answer:
            answer += f" ({q.answered_by}{', ' + words.short_day(q.answered_at) if q.answered_at else ''})"
            if q.answer_note:
                answer += f": {q.answer_note}"
        rows.append(
            {
                "number": q.number,
                "text": labels.question(words, q.number),
                "answer": _("A person's answer: %s") % answer,
                "client": side(q.client),
                "us": side(q.us),
            }
        )
    return rows


def _ours(b: Brief) -> str:
    if b.assessment is None:
        return ""
    return b._(
        "Requests from the other side to which no reply of ours was found: %(none)s; answered late: %(late)s."
    ) % {
        "none": b.words.number(len(b.assessment.ours_unanswered)),
        "late": b.words.number(len(b.assessment.ours_late)),
    }
