"""The pages that list and count: timeline, search, requests, assessment, effort, completeness, log, bundles, files."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any

from datasette.utils.asgi import Response
from markupsafe import Markup, escape

from evidence.browse import ledgers, searching, timeline, words
from evidence.browse.language import QueryError, parse
from evidence.browse.pages import BASE, args_of, link, page, page_number, the_site, words_of
from evidence.browse.site import read, site_of
from evidence.model import CATEGORIES


async def timeline_page(datasette: Any, request: Any) -> Any:
    site = site_of(datasette)
    if site is None:  # no archive of ours: Datasette's own front page
        from datasette.views.index import IndexView

        return await IndexView.as_view(datasette)(RequestWithFormat(request), None)
    args = args_of(request)
    filters = timeline.filters_from(args)
    said = words_of(site, request)
    error = ""

    def fetch(conn: sqlite3.Connection) -> Any:
        return timeline.page(conn, filters, page_number(args), site.zone, site.gap_days), ledgers.rendered(
            conn, "picture", said.language
        )

    try:
        found, picture = await read(datasette, site, fetch)
    except QueryError as mistake:
        error = in_words(mistake, said)
        filters = timeline.filters_from({**args, "q": ""})
        found, picture = await read(datasette, site, fetch)
    values = {
        "error": error, "page": found, "filters": filters, "categories": list(CATEGORIES), "asked": args.get("q", ""),
        "picture": inline_picture(picture, request.scope.get("evidence_nonce", "")) if not filters.narrowing and found.number == 1 else None,
        "here": "timeline",
    }  # fmt: skip
    return await page(datasette, request, "timeline.html", values, 400 if error else 200)


async def jump(datasette: Any, request: Any) -> Response:
    """To a message's place in the timeline; to its own page where the timeline does not show it."""
    site, sha = the_site(datasette), request.url_vars["sha"]
    number = await read(datasette, site, lambda conn: timeline.page_of(conn, sha))
    if number is None:
        return Response.redirect(f"{BASE}/message/{sha}")
    return Response.redirect(link("/", {"page": number if number > 1 else ""}) + f"#m-{sha}")


class RequestWithFormat:
    """A request as Datasette's front page expects it: its route has a ``format`` group, ours has none."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return {"format": None} if name == "url_vars" else getattr(self._request, name)


def inline_picture(svg: str | None, nonce: str) -> Markup | None:
    """The picture the timeline stage drew, as part of the page so that its links jump; a style block is let through by nonce.

    Its links name messages (``#m-SHA256``); ours go by ``/at/``, which knows on which page of the timeline they stand.
    """
    if not svg:
        return None
    start = svg.find("<svg")
    tags = re.sub(
        r'"[^"]*"', '""', " ".join(re.findall(r"<[^>]*>", svg))
    )  # what letters say stands between or in quotes, escaped
    if start < 0 or re.search(r"<\s*(script|foreignObject|iframe|object|embed)\b|\son\w+\s*=", tags, re.IGNORECASE):
        return None
    drawn = re.sub(r"<style(?=[\s>])", f'<style nonce="{escape(nonce)}"', svg[start:])
    drawn = re.sub(r'href="#m-([0-9a-f]{64})"', rf'href="{BASE}/at/\1"', drawn)
    return Markup(drawn)  # noqa: S704 - drawn by us, checked above


async def search_page(datasette: Any, request: Any) -> Response:
    site = the_site(datasette)
    args = args_of(request)
    asked = args.get("q", "").strip()
    said = words_of(site, request)
    values: dict[str, Any] = {
        "asked": asked,
        "found": None,
        "error": "",
        "order": args.get("order", ""),
        "here": "search",
    }
    try:
        tree = parse(asked)
        if tree is not None:
            values["found"] = await read(
                datasette, site,
                lambda conn: searching.find(conn, tree, page_number(args), site.zone, oldest_first=args.get("order") == "oldest"),
            )  # fmt: skip
    except QueryError as mistake:
        values["error"] = in_words(mistake, said)
    return await page(datasette, request, "search.html", values, 400 if values["error"] else 200)


def in_words(mistake: QueryError, said: words.Words) -> str:
    _ = said._
    shown, near = mistake.shown, mistake.near
    text = {
        "long": _("The query is longer than {shown} characters."),
        "deep": _("The query has more than {shown} levels of nested brackets."),
        "quote": _("A quotation mark is opened and not closed: {shown}"),
        "open": _("A bracket is opened and not closed."),
        "close": _("A bracket is closed that was not opened."),
        "empty": _("There is nothing between the brackets."),
        "operator": _(
            "“{shown}” needs something to search for on both sides. To find the word itself, put it in quotation marks."
        ),
        "field": _("There is no search by “{shown}:”. To find the text itself, put it in quotation marks."),
        "value": _("“{shown}” has nothing to search for after it."),
        "word": _("“{shown}” holds no letter and no digit; only words and numbers can be searched for."),
        "date": _("“{shown}” is not a date. Write it as 2025-04-30, 30.04.2025, 2025-04 or 2025."),
        "hash": _("“{shown}” is not the beginning of a SHA-256: give at least four of the characters 0–9 and a–f."),
        "has": _("“{shown}” cannot be searched for with has: — attachment, flag, request and note can."),
        "is": _("“{shown}” cannot be searched for with is: — unreviewed, context, excluded, gone and unreadable can."),
        "category": _("There is no category “{shown}”."),
    }[mistake.code].format(shown=shown)
    return text + (
        " " + _("Did you mean {near}?").format(near=f"{near}:" if mistake.code == "field" else near) if near else ""
    )


async def ledger(
    datasette: Any, request: Any, name: str, fetch: Callable[[sqlite3.Connection], dict[str, Any]]
) -> Response:
    found = await read(datasette, the_site(datasette), fetch)
    args = args_of(request)
    told = {"said": args.pop("said", ""), "wrong": args.pop("wrong", "") == "1"}  # of this once: no link carries it on
    args.pop("undo", None)
    return await page(datasette, request, f"{name}.html", {**found, **told, "here": name, "args": args})


async def requests_page(datasette: Any, request: Any) -> Response:
    return await ledger(datasette, request, "requests", lambda conn: ledgers.requests(conn, args_of(request)))


async def effort_page(datasette: Any, request: Any) -> Response:
    counted = await the_site(datasette).recounted("effort")
    return await ledger(datasette, request, "effort", lambda conn: ledgers.effort(conn, counted))


async def completeness_page(datasette: Any, request: Any) -> Response:
    return await ledger(datasette, request, "completeness", ledgers.completeness)


async def log_page(datasette: Any, request: Any) -> Response:
    site = the_site(datasette)
    return await ledger(datasette, request, "log", lambda conn: ledgers.log(conn, site.cache, args_of(request)))


async def bundles_page(datasette: Any, request: Any) -> Response:
    return await ledger(datasette, request, "bundles", ledgers.bundles)


async def files_page(datasette: Any, request: Any) -> Response:
    return await ledger(datasette, request, "files", ledgers.files)


async def help_page(datasette: Any, request: Any) -> Response:
    return await page(datasette, request, "help.html", {"here": "help"})
