"""The archive in a browser: a Datasette plugin that opens on the timeline. It knows the SQL views of an archive and nothing else.

By its entry point a plain ``datasette archive.db`` shows the pages, read-only; ``serve`` starts them for a person who decides.
Where no database of a Datasette is an archive of ours, every hook stands aside.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from datasette.utils.asgi import Forbidden
from pluggy import HookimplMarker

from evidence.browse import access, pages, routes, site
from evidence.browse.metadata import CLOSED_TABLES, metadata

hookimpl = HookimplMarker("datasette")
__all__ = ["asgi_wrapper", "register_routes", "startup"]


@hookimpl
def startup(datasette: Any) -> Callable[[], Awaitable[Any]]:
    async def discover() -> None:
        await site.discover(datasette)

    return discover


@hookimpl
def prepare_connection(conn: sqlite3.Connection, database: str, datasette: Any) -> None:
    if database != "_internal":
        site.prepare_connection(conn)


@hookimpl
def get_metadata(datasette: Any, key: str | None, database: str | None, table: str | None) -> dict[str, Any]:
    here = site.site_of(datasette)
    return metadata(here.database, here.title) if here else {}


@hookimpl
def register_routes(datasette: Any) -> list[tuple[str, Any]]:
    return routes.all_routes()


@hookimpl(trylast=True)
def asgi_wrapper(datasette: Any) -> Callable[[access.App], access.App]:
    return lambda app: access.guard(datasette, app)


@hookimpl
def skip_csrf(datasette: Any, scope: dict[str, Any]) -> bool:
    """Our forms carry a value bound to our own session, checked in ``deciding``; Datasette's cookie is shared between archives."""
    return str(scope.get("path", "")).startswith(pages.BASE + "/")


@hookimpl
def permission_allowed(datasette: Any, action: str, resource: Any) -> bool | None:
    here = site.site_of(datasette)
    if here is None:
        return None
    if action == "view-database-download":
        return False
    if (
        action == "view-table"
        and resource
        and resource[0] == here.database
        and str(resource[1]).casefold() in CLOSED_TABLES
    ):
        return False
    if action == "execute-sql":
        stated = datasette.metadata("allow_sql", database=here.database)
        return None if stated is not None else False
    return None


@hookimpl
def extra_template_vars(datasette: Any, request: Any) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def variables() -> dict[str, Any]:
        here = site.site_of(datasette)
        return await pages.context(datasette, here, request) if here else {}

    return variables


@hookimpl
def handle_exception(datasette: Any, request: Any, exception: Exception) -> Callable[[], Awaitable[Any]]:
    """What goes wrong on Datasette's own pages is said on a page of ours, in the language of the others."""

    async def answer() -> Any:
        here = site.site_of(datasette)
        return await routes.sorry_of_datasette(datasette, here, request, exception) if here else None

    return answer


@hookimpl
def forbidden(datasette: Any, request: Any, message: str) -> Callable[[], Awaitable[Any]] | None:
    here = site.site_of(datasette)
    if here is None or request.path.endswith(".json"):
        return None  # Datasette takes the first answer it is given and fails where that holds none

    async def answer() -> Any:
        return await routes.sorry(datasette, here, request, Forbidden(""))

    return answer


@hookimpl
def render_cell(value: Any, column: str, table: str | None, datasette: Any) -> Any:
    here = site.site_of(datasette)
    return routes.cell(value, column) if here else None
