"""The ledger of requests: a table for each asker, in the same type size, and what was searched."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from babel.numbers import format_decimal

from evidence.model import Request
from evidence.timeline.page_parts import Page
from evidence.timeline.requests_words import outcome_in_words, searched_in_words
from evidence.timeline.words import (
    KIND_WORDS,
    OUTCOME_WORDS,
)


def requests_part(page: Page, requests: Sequence[Request]) -> str:
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


def _request_table(page: Page, rows: Sequence[Request], caption: str) -> str:
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
        waited = str(format_decimal(r.waited_days, locale=page.language)) if r.waited_days is not None else ""
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
