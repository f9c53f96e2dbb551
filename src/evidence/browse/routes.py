"""The addresses of the pages and what answers at each. The pages are in the modules beside this one; texts are in the templates."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from datasette.utils.asgi import Forbidden, NotFound, Response
from markupsafe import Markup, escape

from evidence.browse.deciding import (
    assessment_page,
    enter,
    leave,
    review_item,
    review_page,
    select_message,
    set_language,
)
from evidence.browse.message_pages import (
    attachment_file,
    attachment_picture,
    message_html,
    message_original,
    message_page,
    message_proof,
    outside_file,
    short_link,
)
from evidence.browse.pages import BASE, page, static_file, the_site, words_of
from evidence.browse.reading import (
    bundles_page,
    completeness_page,
    effort_page,
    files_page,
    help_page,
    jump,
    log_page,
    requests_page,
    search_page,
    timeline_page,
)
from evidence.browse.site import Site, TooLong, site_of

SHA = r"(?P<sha>[0-9a-f]{64})"
View = Callable[[Any, Any], Awaitable[Any]]


def all_routes() -> list[tuple[str, View]]:
    return [(pattern, kindly(view)) for pattern, view in _routes()]


def kindly(view: View) -> View:
    """What goes wrong in one of our pages is said in words, on a page, with the next step."""

    async def answered(datasette: Any, request: Any) -> Any:
        try:
            return await view(datasette, request)
        except Exception as exception:
            site = site_of(datasette)
            answer = await sorry(datasette, site, request, exception) if site else None
            if answer is None:
                raise
            return answer

    return answered


def _routes() -> list[tuple[str, View]]:
    return [
        (r"^/$", timeline_page),
        (rf"^{BASE}/at/{SHA}$", jump),
        (rf"^{BASE}/search$", search_page),
        (rf"^{BASE}/message/(?P<start>[0-9a-f]{{8,63}})$", short_link),
        (rf"^{BASE}/message/{SHA}$", message_page),
        (rf"^{BASE}/message/{SHA}\.eml$", message_original),
        (rf"^{BASE}/message/{SHA}/html$", message_html),
        (rf"^{BASE}/message/{SHA}/proof\.json$", message_proof),
        (rf"^{BASE}/message/{SHA}/attachment/(?P<number>\d{{1,6}})$", attachment_file),
        (rf"^{BASE}/message/{SHA}/picture/(?P<number>\d{{1,6}})$", attachment_picture),
        (rf"^{BASE}/message/{SHA}/select$", select_message),
        (rf"^{BASE}/review$", review_page),
        (rf"^{BASE}/review/(?P<what>flag|request)/(?P<id>[0-9a-f]{{16}})$", review_item),
        (rf"^{BASE}/requests$", requests_page),
        (rf"^{BASE}/assessment$", assessment_page),
        (rf"^{BASE}/effort$", effort_page),
        (rf"^{BASE}/completeness$", completeness_page),
        (rf"^{BASE}/log$", log_page),
        (rf"^{BASE}/bundles$", bundles_page),
        (rf"^{BASE}/files$", files_page),
        (rf"^{BASE}/file/(?P<id>\d{{1,9}})$", outside_file),
        (rf"^{BASE}/enter$", enter),
        (rf"^{BASE}/leave$", leave),
        (rf"^{BASE}/language/(?P<language>ru|en)$", set_language),
        (rf"^{BASE}/help$", help_page),
        (rf"^{BASE}/static/(?P<name>[a-z]+\.(?P<kind>css|js|svg))$", static_file),
        (rf"^{BASE}(/.*)?$", nothing_here),
    ]


async def nothing_here(datasette: Any, request: Any) -> Response:
    raise NotFound(words_of(the_site(datasette), request)._("There is no page at this address."))


async def sorry(datasette: Any, site: Site, request: Any, exception: Exception) -> Response | None:
    """An error as a page with words and the next step; None leaves it to Datasette (JSON, and what only its developers can mend)."""
    if request.path.partition("?")[0].endswith(".json"):
        return None
    said = words_of(site, request)
    _ = said._
    if isinstance(exception, NotFound):
        shown = str(exception.args[0]) if exception.args else ""
        title, text, status = (
            _("Not found"),
            shown if shown not in ("", "404") else _("There is no page at this address."),
            404,
        )
    elif isinstance(exception, Forbidden):
        title, text, status = _("Not allowed"), str(exception.args[0]) if exception.args else "", 403
    elif isinstance(exception, TooLong):
        title, text, status = (
            _("This takes too long"),
            _("The search took too long and was stopped. Narrow it with a date or a folder."),
            503,
        )
    elif isinstance(exception, sqlite3.OperationalError) and "no such" in str(exception):
        title, text, status = (
            _("The timeline is not built"),
            _("The derived tables are missing or being rebuilt. Run: evidence reindex"),
            503,
        )
    elif isinstance(exception, sqlite3.OperationalError) and "locked" in str(exception):
        title, text, status = (
            _("The archive is being written"),
            _("Another command is using the archive. Reload the page in a moment."),
            503,
        )
    else:
        return None
    if request.method == "POST" and "application/json" in request.headers.get("accept", ""):  # the script of a queue
        return Response.json({"ok": False, "message": text}, status=status)
    return await page(datasette, request, "sorry.html", {"title": title, "text": text, "here": ""}, status)


async def sorry_of_datasette(datasette: Any, site: Site, request: Any, exception: Exception) -> Response | None:
    """As ``sorry`` for Datasette's own pages, whose messages are in English and not for people. None: Datasette answers."""
    from datasette.utils.asgi import Base400
    from datasette.views.base import DatasetteError

    if isinstance(exception, NotFound):
        exception = NotFound("")
    elif isinstance(exception, DatasetteError) and exception.status == 403:
        exception = Forbidden("")
    elif isinstance(exception, DatasetteError | Base400) and not isinstance(exception, Forbidden):
        if request.path.partition("?")[0].endswith(".json"):
            return None
        _ = words_of(site, request)._
        said = {
            "title": _("This cannot be shown"),
            "text": _("The address asks for something these tables do not have. Go back and choose again."),
            "here": "",
        }
        return await page(datasette, request, "sorry.html", said, 400)
    return await sorry(datasette, site, request, exception)


_LINKED = re.compile(r"[0-9a-f]{64}")


def cell(value: Any, column: str) -> Markup | None:
    """In Datasette's tables a message's hash leads to its page. Everything else stays as Datasette shows it."""
    if column in ("sha256", "message_sha256", "answering_sha256", "thread", "parent", "copy_of") and isinstance(
        value, str
    ):
        if _LINKED.fullmatch(value):
            return Markup('<a href="{}/message/{}"><code>{}</code></a>').format(BASE, value, value)
    elif isinstance(value, str) and re.match(r"\s*(https?|ftp|file|javascript|data):", value, re.IGNORECASE):
        return escape(value)  # Datasette would make it a link; out of a mail that is a trap
    return None
