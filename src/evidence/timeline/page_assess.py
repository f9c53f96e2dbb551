"""The assessment: four questions with both sides under each, claims, notices; for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from html import escape
from zoneinfo import ZoneInfo

from babel.dates import format_date

from evidence.i18n import translation
from evidence.model import Letter
from evidence.ports import OutsideFile
from evidence.reckoning import AssessedQuestion, Assessment, ClaimLine, Notice, QuestionSide
from evidence.timeline.page_parts import Page, request_item
from evidence.timeline.words import (
    ANSWER_WORDS,
    CATEGORY_WORDS,
    CLAIM_WORDS,
    OUTCOME_WORDS,
    QUESTION_WORDS,
    REVIEW_WORDS,
)


def assessment_part(page: Page, a: Assessment, files: Mapping[int, OutsideFile]) -> str:
    _ = page._
    parts = [
        f"<p>{escape(_('The program counts; people judge. Flags that no person has looked at are counted separately.'))}</p>"
    ]
    for q in a.questions:
        parts.append(f"<section><h2>{q.number}. {escape(_(QUESTION_WORDS[q.key]))}</h2>{_answer(page, q)}")
        parts.append('<div class="sides">')
        for side, name in ((q.client, _("The client")), (q.us, _("Our side"))):
            parts.append(f"<div><h3>{escape(name)}</h3>{_question_side(page, side)}</div>")
        parts.append("</div></section>")
    parts.append(f"<h2>{escape(_('Our own lapses'))}</h2>")
    lapses = "".join(
        request_item(page, page.requests[i]) for i in (*a.ours_unanswered, *a.ours_late) if i in page.requests
    )
    parts.append(
        f"<ul>{lapses}</ul>"
        if lapses
        else f"<p>{escape(_('No request of theirs was found that had no reply or was answered late.'))}</p>"
    )
    parts.append(f"<h2>{escape(_('Claims by the client'))}</h2>{_claims(page, a.claims, files)}")
    parts.append(f"<h2>{escape(_('Notices we gave'))}</h2>{_notices(page, a.notices)}")
    return "".join(parts)


def _answer(page: Page, q: AssessedQuestion) -> str:
    _ = page._
    if q.answer is None:
        return f'<p class="answer"><b>{escape(_("Answer given by a person"))}</b>: {escape(_("not answered"))}</p>'
    when = f", {page.day(q.answered_at)}" if q.answered_at else ""
    note = f" — {escape(q.answer_note)}" if q.answer_note else ""
    return (
        f'<p class="answer"><b>{escape(_("Answer given by a person"))}</b>: {escape(_(ANSWER_WORDS.get(q.answer, q.answer)))}'
        f" ({escape(q.answered_by)}{when}){note}</p>"
    )


def _question_side(page: Page, side: QuestionSide) -> str:
    _ = page._
    said = side_in_words(side, page.language, page.zone)
    items = "".join(
        f"<li>{page.when_link(f.sha256)} <b>{escape(page.flag_word(f))}</b>: <q>{escape(' '.join(f.quote.split()))}</q>"
        + (
            ""
            if page.review("flag", f.id) == "accepted"
            else f" <small>({escape(_(REVIEW_WORDS['unreviewed']))})</small>"
        )
        + "</li>"
        for f in (page.flags[i] for i in side.flags if i in page.flags)
    )
    items += "".join(request_item(page, page.requests[i]) for i in side.requests if i in page.requests)
    return f"<p>{escape(said)}</p>" + (f"<ul>{items}</ul>" if items else "")


def side_in_words(side: QuestionSide, language: str, zone: ZoneInfo) -> str:
    """Counts and the first and last date, in a line."""
    _ = translation("timeline", language).gettext
    said = _("accepted: %d; not reviewed: %d; rejected: %d") % (side.accepted, side.unreviewed, side.rejected)
    if side.requests:
        said += "; " + _("requests to this side without reply or answered late: %d") % len(side.requests)
    if side.first and side.last:
        first, last = (format_date(x.astimezone(zone), "d MMM y", locale=language) for x in (side.first, side.last))
        said += "; " + (
            _("first and last on %s") % first if first == last else _("first on %s, last on %s") % (first, last)
        )
    return said


def _claims(page: Page, claims: Sequence[ClaimLine], files: Mapping[int, OutsideFile]) -> str:
    _ = page._
    if not claims:
        return f"<p>{escape(_('none'))}</p>"
    head = "".join(
        f'<th scope="col">{escape(h)}</th>'
        for h in (
            _("Claim"),
            _("First said"),
            _("Repeated"),
            _("Proof we asked for"),
            _("Files and messages that answer it"),
            _("Open"),
        )
    )
    rows = []
    for c in claims:
        first = page.day(c.first) if c.first else ""
        said = page.flags.get(c.flags[0]) if c.flags else None
        link = page.when_link(said.sha256) if said else ""
        source = _("named by a person") if c.recorded else _("proposed from the flags")
        source = f"{_(CLAIM_WORDS[c.kind])}; {source}"
        later = ", ".join(page.when_link(page.flags[i].sha256) for i in c.flags[1:] if i in page.flags)
        again = f'<p class="note">{later}</p>' if later else ""
        title = escape(c.title) if c.recorded else f"<q>{escape(' '.join(c.title.split()))}</q>"
        proofs = "".join(
            f"<li>{page.when_link(r.sha256)}: {escape(_(OUTCOME_WORDS[r.outcome]))}</li>"
            for r in (page.requests[i] for i in c.proof_requests if i in page.requests)
        )
        named = [_file(page, number, files.get(number)) for number in c.files]
        named += [page.when_link(m) or escape(_("message %s") % m[:12]) for m in c.messages]
        answers = f"<ul>{''.join(f'<li>{one}</li>' for one in named)}</ul>" if named else escape(_("none"))
        rows.append(
            f'<tr><td>{title}<p class="note">{escape(source)}</p></td><td>{link or first}</td><td>{c.repeats}{again}</td>'
            f"<td>{f'<ul>{proofs}</ul>' if proofs else escape(_('none'))}</td><td>{answers}</td>"
            f"<td>{escape(_('open') if c.open else _('something answers it'))}</td></tr>"
        )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(_("Claims by the client"))}"><table><caption>{escape(_("Claims by the client"))}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _file(page: Page, number: int, file: OutsideFile | None) -> str:
    """A file from outside mail by its title, day and name: a number alone would lead nobody to it."""
    said = escape(page._("file %d") % number)
    if file is None:
        return said
    day = format_date(date.fromisoformat(file.event_date[:10]), "d MMM y", locale=page.language)
    return f"{said}: <q>{escape(file.title)}</q>, {escape(day)} <small>({escape(file.filename)})</small>"


def _notices(page: Page, notices: Sequence[Notice]) -> str:
    _ = page._
    if not notices:
        return f"<p>{escape(_('none'))}</p>"
    items = []
    for n in notices:
        flag = page.flags.get(n.flag)
        quote = f": <q>{escape(' '.join(flag.quote.split()))}</q>" if flag else ""
        came = _("returned undelivered") if n.bounced else _("no sign of non-delivery")
        if n.answered_by:
            answer = f"{escape(_('their next letter in the thread:'))} {page.when_link(n.answered_by)}"
        elif n.wrote_elsewhere:
            answer = f"{escape(_('no reply in this thread; their next letter in another one:'))} {page.when_link(n.wrote_elsewhere)}"
        else:
            answer = escape(_("no reply found"))
        items.append(
            f"<li>{page.when_link(n.sha256)} {escape(_(CATEGORY_WORDS[n.category]))}{quote} — {escape(came)}; {answer}</li>"
        )
    return f"<ul>{''.join(items)}</ul>"


def assessed_messages(page: Page, a: Assessment) -> list[str]:
    flags = [i for q in a.questions for s in (q.client, q.us) for i in s.flags] + [
        i for c in a.claims for i in c.flags[:1]
    ]
    requests = [i for q in a.questions for s in (q.client, q.us) for i in s.requests]
    requests += [*a.ours_unanswered, *a.ours_late, *(i for c in a.claims for i in c.proof_requests)]
    found = [page.flags[i].sha256 for i in flags if i in page.flags]
    for r in (page.requests[i] for i in requests if i in page.requests):
        found += [r.sha256, *([r.answering_sha256] if r.answering_sha256 else [])]
    found += [m for c in a.claims for m in c.messages]
    found += [s for n in a.notices for s in (n.sha256, n.answered_by, n.wrote_elsewhere) if s]
    return found


def assessment_lines(
    assessment: Assessment, *, language: str, timezone: str, letters: Mapping[str, Letter] | None = None
) -> list[str]:
    """The assessment for a terminal, a line each. ``letters`` by sha256 give the dates of what came after a notice."""
    _, zone = translation("timeline", language).gettext, ZoneInfo(timezone)

    def day(moment: datetime) -> str:
        return str(format_date(moment.astimezone(zone), "d MMM y", locale=language))

    def after(sha256: str) -> str:
        letter = (letters or {}).get(sha256)
        return f" {day(letter.at)}" if letter else f" {sha256[:12]}"

    lines = []
    for q in assessment.questions:
        lines.append(f"{q.number}. {_(QUESTION_WORDS[q.key])}")
        lines.append(f"   {_('The client')}: {side_in_words(q.client, language, zone)}")
        lines.append(f"   {_('Our side')}: {side_in_words(q.us, language, zone)}")
        answer = (
            _("not answered") if q.answer is None else f"{_(ANSWER_WORDS.get(q.answer, q.answer))} ({q.answered_by})"
        )
        lines.append(f"   {_('Answer given by a person')}: {answer}" + (f" — {q.answer_note}" if q.answer_note else ""))
    lines.append("")
    lines.append(
        _("Their requests: no reply found %d, answered late %d")
        % (len(assessment.ours_unanswered), len(assessment.ours_late))
    )
    open_claims = sum(c.open for c in assessment.claims)
    lines.append(_("Claims by the client: %d, open %d") % (len(assessment.claims), open_claims))
    for c in assessment.claims:
        if c.recorded:
            lines.append(f"   {c.name}: {c.title} — {_('open') if c.open else _('something answers it')}")
    for n in assessment.notices:
        if n.answered_by:  # a letter in the thread is not yet an answer
            state = _("their next letter in the thread:") + after(n.answered_by)
        elif n.wrote_elsewhere:
            state = _("no reply in this thread; their next letter in another one:") + after(n.wrote_elsewhere)
        else:
            state = _("no reply found")
        if n.bounced:
            state = f"{_('returned undelivered')}; {state}"
        lines.append(f"{_(CATEGORY_WORDS[n.category])}, {day(n.at)}: {state}")
    return lines
