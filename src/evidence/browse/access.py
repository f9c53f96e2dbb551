"""Who may ask, what may be written, and what a browser may do with our answers.

Every response passes ``guard``: a Host that is not ours is refused (DNS rebinding), and each page leaves with a
Content-Security-Policy that lets only our own files run. Writing needs the session that the printed token opens, and
each form carries a value bound to that session.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from datasette.utils import tilde_decode
from itsdangerous import BadData

from evidence.browse.metadata import CLOSED_TABLES
from evidence.browse.site import Site, site_of

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
FILE_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
OWN_POLICY = b"content-security-policy"
FIXED_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (
        b"referrer-policy",
        b"same-origin",
    ),  # none elsewhere; with no-referrer browsers send "Origin: null" with our own forms
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-dns-prefetch-control", b"off"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
LANGUAGE_COOKIE = "evidence_language"
MAX_FORM_BYTES = 64 * 1024

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that may write: ``actor`` is the name its decisions are logged under, ``form_key`` goes with each form."""

    actor: str
    form_key: str


def guard(datasette: Any, app: App) -> App:
    """The ASGI application that checks Host and Origin before ``app`` and puts our headers on whatever it answers."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        await datasette.invoke_startup()
        site = site_of(datasette)
        if site is None:
            await app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope.get("headers") or []}
        refusal = _refusal(site, scope, headers) or _closed(datasette, site, scope)
        nonce = secrets.token_urlsafe(16)

        async def send_guarded(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with_headers(list(message.get("headers") or []), nonce)}
            await send(message)

        if refusal:
            await _refuse(send_guarded, refusal)
            return
        await app({**scope, "evidence_nonce": nonce}, receive, send_guarded)

    return guarded


def host_allowed(site: Site, host: str) -> bool:
    """Whether a Host header (or the authority of an Origin) names this machine or a name the configuration lets in."""
    name = host.strip().lower()
    name = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
    return name in LOOPBACK or name in site.hosts


def _refusal(site: Site, scope: Scope, headers: Mapping[str, str]) -> str:
    host = headers.get("host", "")
    if not host_allowed(site, host):
        return "This address is not one of the archive's own. Open it as http://127.0.0.1 with the port it printed."
    if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.strip().lower():
            return "The form was sent from another site and was not read."
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "The form was sent from another site and was not read."
    return ""


def _closed(datasette: Any, site: Site, scope: Scope) -> str:
    """Free SQL, the database file and the tables that hold mail or whole files, by their address: a second lock beside Datasette's permissions."""
    # Datasette reads ~61 in a path as "a", SQLite takes names in any case: the lock looks at what they would.
    path = unquote(tilde_decode(scope["path"])).casefold()
    database = f"/{site.database}".casefold()
    if path == f"{database}.db":
        return "The database is not handed out as a whole here. Use `evidence export`."
    if any(
        path == f"{database}/{name}" or path.startswith((f"{database}/{name}.", f"{database}/{name}/"))
        for name in CLOSED_TABLES
    ):
        return "This table holds mail as it is stored. Use the views with plural names, and the pages of messages and files."
    asks = "sql" in parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    if (asks and (path == database or path.startswith(f"{database}."))) or path.startswith(f"{database}/-/"):
        stated = datasette.metadata("allow_sql", database=site.database) if hasattr(datasette, "metadata") else None
        if stated is None or stated is False:
            return "Free SQL is switched off. Use the filters of the tables, or sqlite3 on a copy."
    return ""


def _with_headers(headers: list[tuple[bytes, bytes]], nonce: str) -> list[tuple[bytes, bytes]]:
    fixed = {name for name, _ in FIXED_HEADERS}
    kept = [(k, v) for k, v in headers if k.lower() not in fixed and k.lower() != b"x-frame-options"]
    policy = next((v for k, v in kept if k.lower() == OWN_POLICY), None)
    if policy is None:
        policy = PAGE_POLICY.format(nonce=nonce).encode()
        kept.append((OWN_POLICY, policy))
    frame = b"SAMEORIGIN" if b"frame-ancestors 'self'" in policy else b"DENY"
    return [*kept, *FIXED_HEADERS, (b"x-frame-options", frame)]


async def _refuse(send: Send, words: str) -> None:
    body = (words + "\n").encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


# ---- the right to write --------------------------------------------------------------------


def cookie_name(site: Site) -> str:
    """Bound to the token, so that two archives open at once on one machine do not end each other's session."""
    return "evidence_" + hashlib.sha256((site.token or "").encode()).hexdigest()[:12]


def token_opens(site: Site, token: str) -> bool:
    """Whether this secret opens the right to write; a ticket does so once."""
    if not site.writable or not site.token:
        return False
    if hmac.compare_digest(site.token.encode(), token.encode()):
        return True
    for ticket in site.tickets:
        if hmac.compare_digest(ticket.encode(), token.encode()):
            site.tickets.discard(ticket)
            return True
    return False


def session_cookie(datasette: Any, site: Site, request: Any, actor: str) -> str:
    """A session under ``actor``; empty: under the name the browser has, else that of the configuration. A browser that has a
    session keeps it: the forms of its other tabs stay good when the link is opened again or the name is changed."""
    held = _held(datasette, site, request) or {}
    kept = {"a": actor or str(held.get("a") or site.actor), "s": str(held.get("s") or secrets.token_urlsafe(16))}
    return str(datasette.sign(kept, "evidence-session"))


def _held(datasette: Any, site: Site, request: Any) -> dict[str, Any] | None:
    """What the browser's cookie holds; None where there is none, or a malformed or foreign one."""
    cookie = request.cookies.get(cookie_name(site), "")
    if not cookie or not site.token:
        return None
    try:
        value = datasette.unsign(cookie, "evidence-session")
    except (BadData, ValueError):
        return None
    return value if isinstance(value, dict) and "a" in value and "s" in value else None


def session_of(datasette: Any, site: Site, request: Any) -> Session | None:
    """The session of this request, or None: then everything is read-only."""
    if not site.writable:
        return None
    if request.cookies.get(cookie_name(site), "") and site.token:
        held = _held(datasette, site, request)
        return Session(str(held["a"]), _form_key(datasette, f"session:{held['s']}")) if held else None
    if request.actor and request.actor.get("id"):
        name = str(request.actor.get("name") or request.actor["id"])
        return Session(name, _form_key(datasette, f"actor:{request.actor['id']}"))
    return None


def _form_key(datasette: Any, of: str) -> str:
    return hmac.new(str(datasette._secret).encode(), f"evidence-form:{of}".encode(), hashlib.sha256).hexdigest()


def form_is_ours(session: Session, fields: Mapping[str, str]) -> bool:
    return hmac.compare_digest(session.form_key.encode(), fields.get("form_key", "").encode())
