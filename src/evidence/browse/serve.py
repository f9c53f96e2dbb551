"""Datasette with our pages over one archive, on this machine only. The command line calls this; Datasette needs no file of it."""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from evidence.actor import login_name
from evidence.browse import site
from evidence.browse.metadata import SETTINGS, metadata, write_metadata
from evidence.errors import NoArchive, UsageError
from evidence.i18n import talk

_ = talk("browse")

if TYPE_CHECKING:
    from datasette.app import Datasette

__all__ = ["address", "build", "free_port", "new_token", "run", "write_metadata"]

HOST = "127.0.0.1"


def new_token() -> str:
    """A fresh secret of 256 bits that opens the right to write, for the printed address."""
    return secrets.token_urlsafe(32)


def free_port(wanted: int = 0) -> int:
    """``wanted`` if it is free on loopback, else UsageError; 0 lets the system choose."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except (OSError, OverflowError) as error:  # beyond 65535 there is no port
            raise UsageError(
                _("Port {port} cannot be used.").format(port=wanted),
                str(error),
                _("Omit --port to use a free one."),
            ) from None
        return int(probe.getsockname()[1])


def address(port: int, token: str | None = None) -> str:
    """What to open: the timeline, or with a token the door that lets this browser write and then shows the timeline."""
    return f"http://{HOST}:{port}/" + (f"-/evidence/enter?token={quote(token)}" if token else "")


def build(
    path: Path,
    *,
    title: str | None = None,
    language: str | None = None,
    timezone: str | None = None,
    writer: site.Writer | None = None,
    token: str | None = None,
    ticket: str | None = None,
    banners: site.Given | Sequence[Mapping[str, Any]] = (),
    port: int = 0,
    actor: str = "",
    sealed: bool = False,
    now: Callable[[], datetime] | None = None,
    recount: site.Recount | None = None,
) -> Datasette:
    """A Datasette over the archive at ``path``.

    Without ``writer`` and ``token`` it is read-only and its pages say so. ``banners`` are {code, level, text, command}, or what
    gives them in a language whenever a page is opened. ``ticket`` is a secret that opens the right to write once: for an address
    that others can see, as the arguments of a program are.
    ``actor`` is the name decisions are logged under unless the person gives another. ``sealed`` opens an immutable copy.
    ``recount`` reckons the assessment and the effort anew when their page is opened; without it they are of the last rebuild.
    Raises NoArchive.
    """
    from datasette.app import Datasette

    if not path.is_file():
        raise NoArchive(
            _("There is no archive at {path}.").format(path=path),
            "",
            _("Run `evidence sync` first, or name the configuration with -c."),
        )
    _print_no_locals()
    name = path.stem
    datasette = Datasette(
        [] if sealed else [str(path)],
        immutables=[str(path)] if sealed else [],
        metadata=metadata(name, title or name),
        settings=SETTINGS,
        cache_headers=False,
    )
    told = site.Settings(
        title=title, language=language, timezone=timezone, writer=None if sealed else writer, token=token if writer else None,
        tickets=frozenset({ticket} if ticket and writer else ()),
        actor=actor or login_name(), banners=banners if callable(banners) else tuple(banners), now=now, recount=recount,
    )  # fmt: skip
    site.prepare(datasette, told)
    return datasette


def _print_no_locals() -> None:
    """Datasette prints every error, a mistyped address too, with the values of all locals: the request with its session cookie."""
    from datasette import handle_exception

    handle_exception.rich = None


def run(datasette: Datasette, port: int, *, on_ready: Callable[[], None] | None = None) -> None:
    """Serve on 127.0.0.1 until interrupted. ``on_ready`` is called once the port answers. Raises UsageError if the port is taken."""
    import uvicorn

    class _Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if on_ready is not None and self.started:
                on_ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # A page that is still being reckoned is given up: that is no error to print, least of all with its traceback.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
            await super().shutdown(sockets)

    config = uvicorn.Config(
        datasette.app(), host=HOST, port=port, log_level="warning", lifespan="on", server_header=False, date_header=True,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    _Server(config).run()
