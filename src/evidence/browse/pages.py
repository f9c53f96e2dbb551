"""What every page has: its address, the words of its language, the variables of its template, files that stand still."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from datasette.utils.asgi import NotFound, Response

from evidence.browse import access, banners, words
from evidence.browse.site import Site, TooLong, read, site_of

BASE = "/-/evidence"
STATIC_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
PAGES = (("timeline", "/"), ("review", f"{BASE}/review"), ("requests", f"{BASE}/requests"), ("assessment", f"{BASE}/assessment"),
         ("effort", f"{BASE}/effort"), ("completeness", f"{BASE}/completeness"), ("log", f"{BASE}/log"),
         ("bundles", f"{BASE}/bundles"), ("files", f"{BASE}/files"))  # fmt: skip


def words_of(site: Site, request: Any) -> words.Words:
    chosen = request.cookies.get(access.LANGUAGE_COOKIE) if request else None
    return words.Words(chosen if chosen in ("ru", "en") else site.language, site.zone)


async def context(datasette: Any, site: Site, request: Any) -> dict[str, Any]:
    """Variables of every template of this Datasette, its own pages included."""
    said = words_of(site, request)
    session = access.session_of(datasette, site, request) if request else None
    try:
        shown = await read(
            datasette,
            site,
            lambda conn: banners.banners(conn, said, site.now(), site.given(said.language), sealed=site.sealed),
        )
    except (sqlite3.Error, TooLong):
        text = said._("What is out of date or missing in this archive could not be checked just now.")
        shown = (
            banners.Banner("unread", "warning", text),
        )  # a page without its warnings must not look like one that needs none
    return {
        "evidence": site,
        "evidence_layout": "evidence/layout.html",
        "w": said,
        "_": said._,
        "ngettext": said.ngettext,
        "T": words,
        "base": BASE,
        "nav_pages": PAGES,
        "session": session,
        "banners": shown,
        "nonce": request.scope.get("evidence_nonce", "") if request else "",
        "static": static_address,
        "link": link,
        "path_here": request.full_path if request else "/",
        "tables_url": datasette.urls.database(site.database),
        "table_url": lambda name: datasette.urls.table(site.database, name),
        "quote": quote,
    }


def link(path: str, parameters: Mapping[str, Any]) -> str:
    """``path`` with URL parameters, empty ones left out."""
    told = {k: v for k, v in parameters.items() if v not in ("", None)}
    return path + (f"?{urlencode(told)}" if told else "")


async def page(datasette: Any, request: Any, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    html = await datasette.render_template(f"evidence/{template}", dict(values), request=request)
    return Response.html(html, status=status, headers={"cache-control": "no-store"})


def the_site(datasette: Any) -> Site:
    site = site_of(datasette)
    if site is None:
        raise NotFound("There is no archive here.")
    return site


def args_of(request: Any) -> dict[str, str]:
    return {key: request.args.get(key) for key in request.args}


def page_number(args: Mapping[str, str]) -> int:
    asked = args.get("page", "1")
    return int(asked) if asked.isdecimal() and len(asked) < 7 else 1


def local_path(path: str, otherwise: str) -> str:
    """A path of this site only: one leading slash, no scheme, no backslash, no line end."""
    return path if re.fullmatch(r"/(?![/\\])[^\\\s]*", path) else otherwise


@cache
def _static(name: str) -> bytes:
    return (files(__package__) / "static" / name).read_bytes()


def static_address(name: str) -> str:
    return f"{BASE}/static/{name}?{hashlib.sha256(_static(name)).hexdigest()[:12]}"


async def static_file(datasette: Any, request: Any) -> Response:
    try:
        body = _static(request.url_vars["name"])
    except FileNotFoundError:
        raise NotFound("No such file.") from None
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(body, headers=headers, content_type=STATIC_TYPES[request.url_vars["kind"]])
