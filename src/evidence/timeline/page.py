"""Self-contained HTML pages of the views: timeline, flags, requests, assessment, effort. No script, nothing loaded from anywhere.

Tables are tables with captions and headings, links lead within the page, and everything prints. Both sides in the same type size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from importlib import resources
from typing import Literal

from babel.dates import format_datetime

from evidence.model import Flag, Letter, Request
from evidence.ports import OutsideFile, Review
from evidence.reckoning import Assessment, Effort, TimelineEntry
from evidence.timeline.page_assess import assessed_messages, assessment_part
from evidence.timeline.page_effort import effort_part
from evidence.timeline.page_flags import flags_part
from evidence.timeline.page_parts import Page, messages_part
from evidence.timeline.page_requests import requests_part
from evidence.timeline.page_timeline import timeline_part
from evidence.timeline.picture import picture

What = Literal["timeline", "flags", "requests", "assess", "effort"]


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
    part: str = "",
    files: Sequence[OutsideFile] = (),
) -> str:
    """A whole HTML document. ``letters`` are by sha256; the messages a view refers to are quoted at its end.

    ``part``: the options that left something out; the page says so under its heading, so that nobody takes a part for the whole.
    ``files``: those from outside mail, which an assessment names.
    """
    page = Page(language, timezone, flags, requests, letters, reviews, as_of)
    _ = page._
    if what == "timeline":
        heading = _("Timeline")
        drawn = picture(entries, flags, requests, language=language, timezone=timezone, links=True)
        body = (
            f'<figure class="picture" tabindex="0" aria-label="{escape(_("Picture of the timeline"))}">{drawn}</figure>'
        )
        body += timeline_part(page, entries)
    elif what == "flags":
        heading = _("What was flagged")
        body = flags_part(page, flags) + messages_part(page, [f.sha256 for f in flags])
    elif what == "requests":
        heading = _("Requests and what became of them")
        body = requests_part(page, requests)
        body += messages_part(
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
        body = assessment_part(page, assessment, {f.id: f for f in files})
        body += messages_part(page, assessed_messages(page, assessment))
    else:
        if effort is None:
            raise ValueError("the page «effort» needs an effort")
        heading = _("Effort")
        body = effort_part(page, effort)
    style = resources.files("evidence.timeline").joinpath("page.css").read_text(encoding="utf-8")
    partial = (
        f'<p class="as-of"><strong>{escape(_("Only a part is shown, by these options:"))}</strong> <code>{escape(part)}</code></p>'
        if part
        else ""
    )
    shown_as_of = format_datetime(as_of.astimezone(page.zone), "d MMM y, HH:mm", locale=language)
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{escape(heading)} — {escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">{escape(_("Skip to the content"))}</a>\n'
        f'<header><p class="matter">{escape(title)}</p><h1>{escape(heading)}</h1>'
        f'<p class="as-of">{escape(_("As of %s; all times in the zone %s.") % (shown_as_of, timezone))}</p>{partial}</header>\n'
        f'<main id="main">\n{body}\n</main>\n'
        f"<footer><p>{escape(_('The program quotes and counts; it does not judge. Unflagged does not mean absent.'))}</p></footer>\n"
        "</body>\n</html>\n"
    )
