"""Self-contained HTML pages of the views: timeline, requests, assessment, effort. No script, nothing loaded from anywhere.

Tables are tables with captions and headings, links lead within the page, and everything prints. Both sides in the same type size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib import resources
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from evidence.i18n import translation
from evidence.model import Flag, Letter, Request
from evidence.ports import Review
from evidence.reckoning import AssessedQuestion, Assessment, ClaimLine, Effort, Notice, QuestionSide, TimelineEntry
from evidence.timeline.build import silence_in_words
from evidence.timeline.picture import picture
from evidence.timeline.requests_words import outcome_in_words, searched_in_words
from evidence.timeline.words import (
    ANSWER_WORDS,
    CATEGORY_WORDS,
    CLAIM_WORDS,
    KIND_WORDS,
    N_,
    OUTCOME_WORDS,
    QUESTION_WORDS,
    REVIEW_WORDS,
    SUBTYPE_WORDS,
)

What = Literal["timeline", "requests", "assess", "effort"]


class _Page:
    """What every part of a page needs to know."""

    def __init__(
        self, language: str, timezone: str, flags: Sequence[Flag], requests: Sequence[Request], letters: Mapping[str, Letter],
        reviews: Mapping[tuple[str, str], Review], as_of: datetime,
    ) -> None:  # fmt: skip
        self.language, self.zone = language, ZoneInfo(timezone)
        self._: Callable[[str], str] = translation("timeline", language).gettext
        self.flags = {f.id: f for f in flags}
        self.requests = {r.id: r for r in requests}
        self.letters, self.reviews, self.as_of = letters, reviews, as_of

    def time(self, moment: datetime) -> str:
        local = moment.astimezone(self.zone)
        shown = format_datetime(local, "d MMM y, HH:mm", locale=self.language)
        return f'<time datetime="{local.isoformat(timespec="seconds")}">{escape(shown)}</time>'

    def day(self, moment: datetime) -> str:
        local = moment.astimezone(self.zone)
        return f'<time datetime="{local.date().isoformat()}">{escape(format_date(local, "d MMM y", locale=self.language))}</time>'

    def review(self, target: str, target_id: str) -> str:
        review = self.reviews.get((target, target_id))
        return review.decision if review else "unreviewed"

    def flag_word(self, flag: Flag) -> str:
        key = (flag.category, flag.subtype or "")
        return self._(SUBTYPE_WORDS.get(key) or CATEGORY_WORDS.get(flag.category, flag.category))

    def message_link(self, sha256: str, text: str) -> str:
        return f'<a href="#m-{sha256}">{escape(text)}</a>'

    def when_link(self, sha256: str | None) -> str:
        letter = self.letters.get(sha256 or "")
        if letter is None or sha256 is None:
            return ""
        local = letter.at.astimezone(self.zone)
        return self.message_link(sha256, format_datetime(local, "d MMM y, HH:mm", locale=self.language))


def html_page(
    what: What,
    *,
    title: str,
    language: str,
    timezone: str,
    entries: Sequence[TimelineEntry],
    flags: Sequence[Flag],
    requests: Sequence[Request],
    letters: Mapping[str, Letter],
    reviews: Mapping[tuple[str, str], Review],
    assessment: Assessment | None = None,
    effort: Effort | None = None,
    as_of: datetime,
) -> str:
    """A whole HTML document. ``letters`` are by sha256; the messages a view refers to are quoted at its end."""
    page = _Page(language, timezone, flags, requests, letters, reviews, as_of)
    _ = page._
    if what == "timeline":
        heading = _("Timeline")
        drawn = picture(entries, flags, requests, language=language, timezone=timezone, links=True)
        body = (
            f'<figure class="picture" tabindex="0" aria-label="{escape(_("Picture of the timeline"))}">{drawn}</figure>'
        )
        body += _timeline(page, entries)
    elif what == "requests":
        heading = _("Requests and what became of them")
        body = _requests(page, requests)
        body += _messages(
            page,
            [
                s
                for r in requests
                for s in (
                    r.sha256,
                    r.answering_sha256,
                    str(r.detail.get("answer", {}).get("sha256", "")),
                    *r.other_messages[:5],
                )
                if s
            ],
        )
    elif what == "assess":
        if assessment is None:
            raise ValueError("the page «assess» needs an assessment")
        heading = _("Assessment")
        body = _assessment(page, assessment)
        body += _messages(page, _assessed_messages(page, assessment))
    else:
        if effort is None:
            raise ValueError("the page «effort» needs an effort")
        heading = _("Effort")
        body = _effort(page, effort)
    style = resources.files("evidence.timeline").joinpath("page.css").read_text(encoding="utf-8")
    shown_as_of = format_datetime(as_of.astimezone(page.zone), "d MMM y, HH:mm", locale=language)
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{escape(heading)} — {escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">{escape(_("Skip to the content"))}</a>\n'
        f'<header><p class="matter">{escape(title)}</p><h1>{escape(heading)}</h1>'
        f'<p class="as-of">{escape(_("As of %s; all times in the zone %s.") % (shown_as_of, timezone))}</p></header>\n'
        f'<main id="main">\n{body}\n</main>\n'
        f"<footer><p>{escape(_('The program quotes and counts; it does not judge. Unflagged does not mean absent.'))}</p></footer>\n"
        "</body>\n</html>\n"
    )


# ---- timeline ------------------------------------------------------------------------------


def _timeline(page: _Page, entries: Sequence[TimelineEntry]) -> str:
    _ = page._
    rows = "".join(_entry(page, e) for e in entries)
    head = "".join(
        f'<th scope="col">{escape(h)}</th>'
        for h in (_("When"), _("Who, to whom"), _("What, quoted"), _("Flags and requests"))
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(_("Timeline as a table"))}"><table class="timeline">'
        f"<caption>{escape(_('Messages and events in order of time'))}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _entry(page: _Page, e: TimelineEntry) -> str:
    _ = page._
    if e.kind == "silence":
        until = f" – {page.day(e.until)}" if e.until else ""
        text = escape(silence_in_words(e, page.language))
        return f'<tr class="silence"><td>{page.day(e.at)}{until}</td><td></td><td colspan="2">{text}</td></tr>'
    if e.kind == "disappearance":
        where = escape(_("no longer in %s") % e.detail.get("folder", "?"))
        gist = f" <q>{escape(e.gist)}</q>" if e.gist else ""
        return f'<tr class="gone"><td>{page.time(e.at)}</td><td>{escape(e.actor)}</td><td colspan="2">{where}:{gist}</td></tr>'
    if e.kind == "outside":
        note = str(e.detail.get("note") or "")
        return (
            f'<tr class="outside"><td>{page.day(e.at)}</td><td>{escape(_("outside mail"))}</td>'
            f"<td>{escape(e.gist)}</td><td>{escape(str(e.detail.get('filename', '')))}{'. ' + escape(note) if note else ''}</td></tr>"
        )
    to = f'<span class="to">→ {escape(", ".join(e.addressees))}</span>' if e.addressees else ""
    note = f'<p class="note">{escape(e.at_note)}</p>' if e.at_note else ""
    files = (
        f'<p class="note">{escape(_("attachments: %d") % e.detail["attachments"])}</p>'
        if e.detail.get("attachments")
        else ""
    )
    kind = {"auto": _("automatic reply"), "bounce": _("returned undelivered")}.get(str(e.detail.get("kind")))
    kind_note = f'<p class="note">{escape(kind)}</p>' if kind else ""
    subject = str(e.detail.get("subject") or "")
    shown_subject = (
        f'<p class="subject">{escape(subject)}</p>' if subject and e.detail.get("gist_from") == "own" else ""
    )
    marks = "".join(_flag_item(page, page.flags[i]) for i in e.flags if i in page.flags)
    marks += "".join(_opened_item(page, page.requests[i]) for i in e.opened if i in page.requests)
    marks += "".join(_closed_item(page, page.requests[i]) for i in e.closed if i in page.requests)
    return (
        f'<tr id="m-{e.sha256}" class="{e.side or "third"}"><td>{page.time(e.at)}{note}</td><td><strong>{escape(e.actor)}</strong> {to}</td>'
        f"<td>{shown_subject}<q>{escape(e.gist)}</q>{files}{kind_note}</td><td>{f'<ul>{marks}</ul>' if marks else ''}</td></tr>"
    )


def _flag_item(page: _Page, flag: Flag) -> str:
    state = page.review("flag", flag.id)
    note = "" if state == "accepted" else f" <small>({escape(page._(REVIEW_WORDS[state]))})</small>"
    return f'<li class="{flag.tier} {state}"><b>{escape(page.flag_word(flag))}</b>: <q>{escape(" ".join(flag.quote.split()))}</q>{note}</li>'


def _opened_item(page: _Page, r: Request) -> str:
    answer = f" {page.when_link(r.answering_sha256)}" if r.answering_sha256 else ""
    return (
        f'<li class="request {r.outcome}"><b>{escape(page._("asks"))}</b>: <q>{escape(" ".join(r.quote.split()))}</q>'
        f" — {escape(page._(OUTCOME_WORDS[r.outcome]))}{answer}</li>"
    )


def _closed_item(page: _Page, r: Request) -> str:
    return f'<li class="closes">{escape(page._("answers what was asked on"))} {page.when_link(r.sha256)}</li>'


# ---- requests ------------------------------------------------------------------------------


def _requests(page: _Page, requests: Sequence[Request]) -> str:
    _ = page._
    parts = []
    for asker, caption in (("us", _("Asked by us")), ("client", _("Asked by the client"))):
        rows = [r for r in requests if r.asker == asker]
        counts = ", ".join(
            f"{_(OUTCOME_WORDS[o])}: {n}" for o in OUTCOME_WORDS if (n := sum(r.outcome == o for r in rows))
        )  # fmt: skip
        parts.append(f"<h2>{escape(caption)}</h2><p>{escape(counts or _('none'))}</p>")
        if rows:
            parts.append(_request_table(page, rows, caption))
    searched = {searched_in_words(r, page.language, page.zone) for r in requests}
    if len(searched) <= 2:
        parts.append(
            f"<h2>{escape(_('What was searched'))}</h2>" + "".join(f"<p>{escape(s)}</p>" for s in sorted(searched))
        )
    return "".join(parts)


def _request_table(page: _Page, rows: Sequence[Request], caption: str) -> str:
    _ = page._
    head = "".join(
        f'<th scope="col">{escape(h)}</th>'
        for h in (_("Asked"), _("Request, quoted"), _("Answer due"), _("Outcome"), _("Waited: days (working days)"))
    )
    lines = []
    for r in rows:
        letter = page.letters.get(r.sha256)
        who = escape(letter.person if letter else "")
        first = page.requests.get(r.repeats or "")
        repeats = (
            f'<p class="note">{escape(_("repeats what was asked on"))} {page.when_link(first.sha256)}</p>'
            if first
            else ""
        )
        possible = f'<p class="note">{escape(_("for a person to confirm"))}</p>' if r.tier == "possible" else ""
        said_in = r.answering_sha256 or str(r.detail.get("answer", {}).get("sha256", ""))
        quote = (
            f"<p><q>{escape(' '.join(r.answer_quote.split()))}</q> {page.when_link(said_in)}</p>"
            if r.answer_quote
            else ""
        )
        words = escape(outcome_in_words(r, page.letters, page.language, page.zone))
        waited = f"{r.waited_days:g}" if r.waited_days is not None else ""
        working = f" ({r.waited_working_days})" if r.waited_working_days is not None else ""
        lines.append(
            f'<tr class="{r.outcome}"><td>{page.when_link(r.sha256)}<p class="note">{who}</p></td>'
            f'<td><q>{escape(" ".join(r.quote.split()))}</q><p class="note">{escape(_(KIND_WORDS[r.kind]))}</p>{repeats}</td>'
            f"<td>{page.time(r.due_at) if r.due_at else ''}</td><td><b>{escape(_(OUTCOME_WORDS[r.outcome]))}</b><p>{words}</p>{quote}{possible}</td>"
            f"<td>{waited}{working}</td></tr>"
        )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption class="quiet">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


# ---- assessment ----------------------------------------------------------------------------


def _assessment(page: _Page, a: Assessment) -> str:
    _ = page._
    parts = [
        f"<p>{escape(_('The program counts; people judge. Flags that no person has looked at are counted apart.'))}</p>"
    ]
    for q in a.questions:
        parts.append(f"<section><h2>{q.number}. {escape(_(QUESTION_WORDS[q.key]))}</h2>{_answer(page, q)}")
        parts.append('<div class="sides">')
        for side, name in ((q.client, _("The client")), (q.us, _("We"))):
            parts.append(f"<div><h3>{escape(name)}</h3>{_question_side(page, side)}</div>")
        parts.append("</div></section>")
    parts.append(f"<h2>{escape(_('Our own lapses'))}</h2>")
    lapses = "".join(
        _request_item(page, page.requests[i]) for i in (*a.ours_unanswered, *a.ours_late) if i in page.requests
    )
    parts.append(
        f"<ul>{lapses}</ul>"
        if lapses
        else f"<p>{escape(_('No request of theirs is found without reply or answered late.'))}</p>"
    )
    parts.append(f"<h2>{escape(_('Claims of the client'))}</h2>{_claims(page, a.claims)}")
    parts.append(f"<h2>{escape(_('Notices we gave'))}</h2>{_notices(page, a.notices)}")
    return "".join(parts)


def _answer(page: _Page, q: AssessedQuestion) -> str:
    _ = page._
    if q.answer is None:
        return f'<p class="answer"><b>{escape(_("Answer of a person"))}</b>: {escape(_("not answered"))}</p>'
    when = f", {page.day(q.answered_at)}" if q.answered_at else ""
    note = f" — {escape(q.answer_note)}" if q.answer_note else ""
    return (
        f'<p class="answer"><b>{escape(_("Answer of a person"))}</b>: {escape(_(ANSWER_WORDS.get(q.answer, q.answer)))}'
        f" ({escape(q.answered_by)}{when}){note}</p>"
    )


def _question_side(page: _Page, side: QuestionSide) -> str:
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
    items += "".join(_request_item(page, page.requests[i]) for i in side.requests if i in page.requests)
    return f"<p>{escape(said)}</p>" + (f"<ul>{items}</ul>" if items else "")


def side_in_words(side: QuestionSide, language: str, zone: ZoneInfo) -> str:
    """Counts and the first and last date, in a line."""
    _ = translation("timeline", language).gettext
    said = _("accepted: %d; not reviewed: %d; rejected: %d; requests: %d") % (
        side.accepted, side.unreviewed, side.rejected, len(side.requests),
    )  # fmt: skip
    if side.first and side.last:
        first, last = (format_date(x.astimezone(zone), "d MMM y", locale=language) for x in (side.first, side.last))
        said += "; " + (
            _("first and last on %s") % first if first == last else _("first on %s, last on %s") % (first, last)
        )
    return said


def _request_item(page: _Page, r: Request) -> str:
    words = outcome_in_words(r, page.letters, page.language, page.zone)
    return f"<li>{page.when_link(r.sha256)} <q>{escape(' '.join(r.quote.split()))}</q> — {escape(words)}</li>"


def _claims(page: _Page, claims: Sequence[ClaimLine]) -> str:
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
        answers = ", ".join([_("file %d") % f for f in c.files] + [_("message %s") % m[:12] for m in c.messages])
        rows.append(
            f'<tr><td>{title}<p class="note">{escape(source)}</p></td><td>{link or first}</td><td>{c.repeats}{again}</td>'
            f"<td>{f'<ul>{proofs}</ul>' if proofs else escape(_('none'))}</td><td>{escape(answers or _('none'))}</td>"
            f"<td>{escape(_('open') if c.open else _('something answers it'))}</td></tr>"
        )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(_("Claims of the client"))}"><table><caption>{escape(_("Claims of the client"))}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _notices(page: _Page, notices: Sequence[Notice]) -> str:
    _ = page._
    if not notices:
        return f"<p>{escape(_('none'))}</p>"
    items = []
    for n in notices:
        flag = page.flags.get(n.flag)
        quote = f": <q>{escape(' '.join(flag.quote.split()))}</q>" if flag else ""
        came = _("returned undelivered") if n.bounced else _("no sign of non-delivery")
        answer = (
            f"{escape(_('their next letter in the thread:'))} {page.when_link(n.answered_by)}"
            if n.answered_by
            else escape(_("no reply found"))
        )
        items.append(
            f"<li>{page.when_link(n.sha256)} {escape(_(CATEGORY_WORDS[n.category]))}{quote} — {escape(came)}; {answer}</li>"
        )
    return f"<ul>{''.join(items)}</ul>"


def _assessed_messages(page: _Page, a: Assessment) -> list[str]:
    flags = [i for q in a.questions for s in (q.client, q.us) for i in s.flags] + [
        i for c in a.claims for i in c.flags[:1]
    ]
    requests = [i for q in a.questions for s in (q.client, q.us) for i in s.requests]
    requests += [*a.ours_unanswered, *a.ours_late, *(i for c in a.claims for i in c.proof_requests)]
    found = [page.flags[i].sha256 for i in flags if i in page.flags]
    for r in (page.requests[i] for i in requests if i in page.requests):
        found += [r.sha256, *([r.answering_sha256] if r.answering_sha256 else [])]
    found += [s for n in a.notices for s in (n.sha256, n.answered_by) if s]
    return found


def _messages(page: _Page, hashes: Sequence[str]) -> str:
    """The messages that the view's links lead to, own words whole."""
    shown = sorted(
        (page.letters[s] for s in set(hashes) if s in page.letters and not page.letters[s].withheld),
        key=lambda x: (x.at, x.number),
    )
    if not shown:
        return ""
    parts = [f"<h2>{escape(page._('The messages referred to'))}</h2>"]
    for x in shown:
        parts.append(
            f'<article id="m-{x.sha256}"><h3>{page.time(x.at)}, {escape(x.person or x.sender)}</h3><p class="subject">{escape(x.subject)}</p>'
            f'<blockquote>{escape(x.own_text().strip())}</blockquote><p class="note">SHA-256 {x.sha256}</p></article>'
        )
    return "".join(parts)


def assessment_lines(assessment: Assessment, *, language: str, timezone: str) -> list[str]:
    """The assessment for a terminal, a line each."""
    _, zone = translation("timeline", language).gettext, ZoneInfo(timezone)
    lines = []
    for q in assessment.questions:
        lines.append(f"{q.number}. {_(QUESTION_WORDS[q.key])}")
        lines.append(f"   {_('The client')}: {side_in_words(q.client, language, zone)}")
        lines.append(f"   {_('We')}: {side_in_words(q.us, language, zone)}")
        answer = (
            _("not answered") if q.answer is None else f"{_(ANSWER_WORDS.get(q.answer, q.answer))} ({q.answered_by})"
        )
        lines.append(f"   {_('Answer of a person')}: {answer}" + (f" — {q.answer_note}" if q.answer_note else ""))
    lines.append("")
    lines.append(
        _("Requests of theirs: without reply found %d, answered late %d")
        % (len(assessment.ours_unanswered), len(assessment.ours_late))
    )
    open_claims = sum(c.open for c in assessment.claims)
    lines.append(_("Claims of the client: %d, open %d") % (len(assessment.claims), open_claims))
    for c in assessment.claims:
        if c.recorded:
            lines.append(f"   {c.name}: {c.title} — {_('open') if c.open else _('something answers it')}")
    for n in assessment.notices:
        day = format_date(n.at.astimezone(zone), "d MMM y", locale=language)
        state = _("returned undelivered") if n.bounced else _("answered") if n.answered_by else _("no reply found")
        lines.append(f"{_(CATEGORY_WORDS[n.category])}, {day}: {state}")
    return lines


# ---- effort --------------------------------------------------------------------------------


def _effort(page: _Page, effort: Effort) -> str:
    _ = page._
    heads = (
        _("Person"), _("Month"), _("Messages read"), _("Messages written"), _("Words read"), _("Words written"), _("Hours, estimated"),
        _("Hours, logged"), _("Rate"), _("Cost"),
    )  # fmt: skip
    rows = []
    most = max(((x.estimated_minutes + x.logged_minutes) / 60 for x in effort.lines), default=0.0)
    bars = []
    for x in effort.lines:
        month = format_date(x.month, "LLLL y", locale=page.language)
        cells = (
            x.messages_in, x.messages_out, x.words_in, x.words_out, f"{x.estimated_minutes / 60:.1f}", f"{x.logged_minutes / 60:.1f}",
            f"{x.rate:g}", f"{x.cost:.0f}",
        )  # fmt: skip
        rows.append(
            f'<tr><th scope="row">{escape(x.person)}</th><td>{escape(month)}</td>'
            + "".join(f'<td class="n">{c}</td>' for c in cells)
            + "</tr>"
        )
        bars.append((f"{x.person}, {month}", x.estimated_minutes / 60, x.logged_minutes / 60))
    total = sum(x.cost for x in effort.lines)
    hours = sum(x.estimated_minutes + x.logged_minutes for x in effort.lines) / 60
    head = "".join(f'<th scope="col"{" class=n" if i > 1 else ""}>{escape(h)}</th>' for i, h in enumerate(heads))
    share = (
        f"<p>{escape(_('Share of all mail on the server: %.1f %%') % (effort.share_of_traffic * 100))}</p>"
        if effort.share_of_traffic is not None
        else ""
    )
    return (
        f"<p>{escape(_('Estimate: %s.') % formula_in_words(effort.formula, page.language))}</p>"
        f"<p><b>{escape(_('Together %.1f hours, %.0f %s') % (hours, total, effort.currency)).strip()}</b></p>{share}"
        f'<figure class="picture">{_bars(bars, most, page)}</figure>'
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(_("Effort per person and month"))}"><table><caption>{escape(_("Effort per person and month"))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def formula_in_words(formula: str, language: str) -> str:
    """The formula of ``Effort.formula`` with its words in ``language``; the numbers stay."""
    _ = translation("timeline", language).gettext
    for part in (N_("min per message"), N_("own words read"), N_("own words written"), N_("per min")):
        formula = formula.replace(part, _(part))
    return formula


def _bars(bars: Sequence[tuple[str, float, float]], most: float, page: _Page) -> str:
    _ = page._
    if not bars or most <= 0:
        return ""
    height = 24 * len(bars) + 30
    parts = []
    for i, (label, estimated, logged) in enumerate(bars):
        y = 8 + 24 * i
        first, second = 480 * estimated / most, 480 * logged / most
        parts.append(f'<text x="0" y="{y + 12}" font-size="12" fill="#1a1a1a">{escape(label)}</text>')
        parts.append(f'<rect x="300" y="{y}" width="{first:.1f}" height="16" fill="#5c5c5c"/>')
        parts.append(
            f'<rect x="{300 + first:.1f}" y="{y}" width="{second:.1f}" height="16" fill="#ffffff" stroke="#5c5c5c"/>'
        )
        parts.append(
            f'<text x="{306 + first + second:.1f}" y="{y + 12}" font-size="12" fill="#1a1a1a">{estimated + logged:.1f}</text>'
        )
    legend = _("dark: estimated hours; white: logged hours")
    parts.append(f'<text x="300" y="{height - 8}" font-size="11" fill="#1a1a1a">{escape(legend)}</text>')
    title = escape(_("Hours per person and month"))
    desc = escape("; ".join(f"{label}: {a + b:.1f}" for label, a, b in bars))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 850 {height}" width="850" height="{height}" role="img" aria-labelledby="effort-title effort-desc"'
        f' font-family="sans-serif"><title id="effort-title">{title}</title><desc id="effort-desc">{desc}</desc>'
        f'<rect width="850" height="{height}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )
