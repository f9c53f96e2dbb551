"""The timeline as a table: one row an entry, with its flags and what it opened and closed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from evidence.model import Flag, Request
from evidence.reckoning import TimelineEntry
from evidence.timeline.build import silence_in_words
from evidence.timeline.page_parts import Page
from evidence.timeline.words import (
    OUTCOME_WORDS,
    REVIEW_WORDS,
)


def timeline_part(page: Page, entries: Sequence[TimelineEntry]) -> str:
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


def _entry(page: Page, e: TimelineEntry) -> str:
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


def _flag_item(page: Page, flag: Flag) -> str:
    state = page.review("flag", flag.id)
    note = "" if state == "accepted" else f" <small>({escape(page._(REVIEW_WORDS[state]))})</small>"
    return f'<li class="{flag.tier} {state}"><b>{escape(page.flag_word(flag))}</b>: <q>{escape(" ".join(flag.quote.split()))}</q>{note}</li>'


def _opened_item(page: Page, r: Request) -> str:
    answer = f" {page.when_link(r.answering_sha256)}" if r.answering_sha256 else ""
    return (
        f'<li class="request {r.outcome}"><b>{escape(page._("asks"))}</b>: <q>{escape(" ".join(r.quote.split()))}</q>'
        f" — {escape(page._(OUTCOME_WORDS[r.outcome]))}{answer}</li>"
    )


def _closed_item(page: Page, r: Request) -> str:
    return f'<li class="closes">{escape(page._("answers what was asked on"))} {page.when_link(r.sha256)}</li>'
