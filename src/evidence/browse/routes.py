"""The addresses of the pages and what answers at each. SQL is in the modules beside this one; texts are in the templates."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from datasette.utils.asgi import Forbidden, NotFound, Response
from markupsafe import Markup, escape

from evidence.browse import access, banners, ledgers, mailhtml, messages, octets, reviewing, searching, timeline, words
from evidence.browse.language import QueryError, parse
from evidence.browse.site import Site, TooLong, read, site_of
from evidence.errors import EvidenceError
from evidence.model import CATEGORIES

BASE = "/-/evidence"
STATIC_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
SHA = r"(?P<sha>[0-9a-f]{64})"
PAGES = (("timeline", "/"), ("review", f"{BASE}/review"), ("requests", f"{BASE}/requests"), ("assessment", f"{BASE}/assessment"),
         ("effort", f"{BASE}/effort"), ("completeness", f"{BASE}/completeness"), ("log", f"{BASE}/log"),
         ("bundles", f"{BASE}/bundles"), ("files", f"{BASE}/files"))  # fmt: skip


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


# ---- what every page has -------------------------------------------------------------------


def words_of(site: Site, request: Any) -> words.Words:
    chosen = request.cookies.get(access.LANGUAGE_COOKIE) if request else None
    return words.Words(chosen if chosen in ("ru", "en") else site.language, site.zone)


async def context(datasette: Any, site: Site, request: Any) -> dict[str, Any]:
    """Variables of every template of this Datasette, its own pages included."""
    said = words_of(site, request)
    session = access.session_of(datasette, site, request) if request else None
    try:
        shown = await read(
            datasette, site, lambda conn: banners.banners(conn, said, site.now(), site.banners, sealed=site.sealed)
        )
    except (sqlite3.Error, TooLong):
        shown = ()
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


# ---- reading -------------------------------------------------------------------------------


async def timeline_page(datasette: Any, request: Any) -> Any:
    site = site_of(datasette)
    if site is None:  # no archive of ours: Datasette's own front page
        from datasette.views.index import IndexView

        return await IndexView.as_view(datasette)(Request_with_format(request), None)
    args = args_of(request)
    filters = timeline.filters_from(args)
    said = words_of(site, request)
    error = ""

    def fetch(conn: sqlite3.Connection) -> Any:
        return timeline.page(conn, filters, page_number(args), site.zone), ledgers.rendered(
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


class Request_with_format:
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
    if start < 0 or re.search(r"<\s*(script|foreignObject|iframe|object|embed)\b|\son\w+\s*=", svg, re.IGNORECASE):
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
        "deep": _("The query has more than {shown} brackets inside one another."),
        "quote": _("A quotation mark is opened and not closed: {shown}"),
        "open": _("A bracket is opened and not closed."),
        "close": _("A bracket is closed that was not opened."),
        "empty": _("There is nothing between the brackets."),
        "operator": _(
            "«{shown}» needs something to search for on both sides. To find the word itself, put it in quotation marks."
        ),
        "field": _("There is no search by «{shown}:». To find the text itself, put it in quotation marks."),
        "value": _("«{shown}» has nothing to search for after it."),
        "date": _("«{shown}» is not a date. Write it as 2025-04-30, 30.04.2025, 2025-04 or 2025."),
        "hash": _("«{shown}» is not the beginning of a SHA-256: at least four of the signs 0–9 and a–f."),
        "has": _("«{shown}» cannot be searched for with has: — attachment, flag, request and note can."),
        "is": _("«{shown}» cannot be searched for with is: — unreviewed, context, excluded, gone and unreadable can."),
        "category": _("There is no category «{shown}»."),
    }[mistake.code].format(shown=shown)
    return text + (
        " " + _("Did you mean {near}?").format(near=f"{near}:" if mistake.code == "field" else near) if near else ""
    )


async def short_link(datasette: Any, request: Any) -> Response:
    site = the_site(datasette)
    found = await read(datasette, site, lambda conn: messages.known(conn, request.url_vars["start"]))
    if len(found) != 1:
        raise NotFound(words_of(site, request)._("No single message begins with these digits."))
    return Response.redirect(f"{BASE}/message/{found[0]}")


async def message_page(datasette: Any, request: Any) -> Response:
    site = the_site(datasette)
    sha = request.url_vars["sha"]

    def fetch(conn: sqlite3.Connection) -> Any:
        found = messages.message(conn, sha)
        if found is None or found.row["withheld"]:
            return found, None, messages.known(conn, sha), None
        return (
            found,
            messages.inclusion(conn, site.cache, sha),
            None,
            conn.execute("SELECT length(html) FROM parsed_message WHERE sha256 = ?", (sha,)).fetchone()[0],
        )

    found, proof, stored, html_size = await read(datasette, site, fetch)
    said = words_of(site, request)
    if found is None:
        raise NotFound(
            said._("This message is stored but has not been read into the timeline yet. Run: evidence reindex")
            if stored else said._("No message with this SHA-256 is in the archive.")
        )  # fmt: skip
    if found.row["withheld"]:
        raise Forbidden(said._("Counsel's mail is withheld: it is archived and counted, and shown in no view."))
    names = {f"flag-{f['id']}": f for f in found.flags} | {f"request-{q['id']}": q for q in found.requests}
    values = {"m": found, "proof": proof, "html_size": html_size, "names": names, "here": "message"}
    return await page(datasette, request, "message.html", values)


async def _unless_withheld(datasette: Any, request: Any) -> tuple[Site, str]:
    site = the_site(datasette)
    sha: str = request.url_vars["sha"]
    row = await read(
        datasette,
        site,
        lambda conn: conn.execute("SELECT withheld FROM parsed_message WHERE sha256 = ?", (sha,)).fetchone(),
    )
    if row is not None and row[0]:
        raise Forbidden(
            words_of(site, request)._("Counsel's mail is withheld: it is archived and counted, and shown in no view.")
        )
    return site, sha


def download(body: bytes, filename: str, sha256: str, content_type: str = "application/octet-stream") -> Response:
    """Octets as a file to keep, never to open inside the browser; the hash goes with it (RFC 9530)."""
    import base64

    plain = re.sub(r"[^A-Za-z0-9._-]", "_", filename) or "file"
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    headers = {
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}",
        "content-security-policy": access.FILE_POLICY,
        "repr-digest": f"sha-256=:{digest}:",
        "content-length": str(len(body)),
        "cache-control": "no-store",
    }
    return Response(body, headers=headers, content_type=content_type)


async def message_original(datasette: Any, request: Any) -> Response:
    site, sha = await _unless_withheld(datasette, request)
    try:
        body = await read(datasette, site, lambda conn: octets.raw(conn, sha))
    except octets.NotHere:
        raise NotFound(words_of(site, request)._("No message with this SHA-256 is in the archive.")) from None
    return download(body, f"{sha}.eml", sha, "message/rfc822")


async def message_html(datasette: Any, request: Any) -> Response:
    site, sha = await _unless_withheld(datasette, request)
    row = await read(
        datasette,
        site,
        lambda conn: conn.execute("SELECT html, subject FROM parsed_message WHERE sha256 = ?", (sha,)).fetchone(),
    )
    if row is None or not row["html"]:
        raise NotFound(words_of(site, request)._("This message has no HTML part."))
    said = words_of(site, request)
    refused = said._("This layout is too large or too deeply nested to be shown. The text above is what it says.")
    body = await asyncio.to_thread(
        mailhtml.frame, row["html"], title=row["subject"], language=said.language, refused=refused
    )
    return Response.html(body, headers={"content-security-policy": access.MAIL_POLICY, "cache-control": "no-store"})


async def message_proof(datasette: Any, request: Any) -> Response:
    site, sha = await _unless_withheld(datasette, request)
    asked = args_of(request).get("size", "")
    size = int(asked) if asked.isdecimal() and len(asked) < 16 else None
    proof = await read(datasette, site, lambda conn: messages.inclusion(conn, site.cache, sha, size))
    if proof is None:
        raise NotFound(words_of(site, request)._("The log of that size does not hold this message."))
    return Response.json({
        "sha256": sha, "seq": proof.seq, "size": proof.size, "leaf": proof.leaf, "path": list(proof.path), "root": proof.root,
        "body": proof.body, "holds": proof.holds, "how": "RFC 9162 section 2.1.3; leaf = SHA-256(0x00 || body)",
        "anchors": [dict(a) for a in proof.anchored],
    })  # fmt: skip


async def _attachment(datasette: Any, request: Any) -> tuple[Any, bytes]:
    site, sha = await _unless_withheld(datasette, request)
    try:
        return await read(datasette, site, lambda conn: octets.attachment(conn, sha, int(request.url_vars["number"])))
    except octets.NotHere:
        text = words_of(site, request)._("The octets of this attachment cannot be cut out here. Run: {command}")
        command = f"evidence show {sha[:16]} --part attachment:{request.url_vars['number']}"
        raise NotFound(text.format(command=command)) from None


async def attachment_file(datasette: Any, request: Any) -> Response:
    row, body = await _attachment(datasette, request)
    return download(body, row["safe_name"] or f"attachment-{row['number']}", row["sha256"])


async def attachment_picture(datasette: Any, request: Any) -> Response:
    _, body = await _attachment(datasette, request)
    kind = octets.picture_type(body)
    if kind is None:
        raise NotFound(words_of(the_site(datasette), request)._("This is not a picture that can be shown safely."))
    return Response(
        body, headers={"content-security-policy": access.FILE_POLICY, "cache-control": "no-store"}, content_type=kind
    )


async def outside_file(datasette: Any, request: Any) -> Response:
    site = the_site(datasette)
    number = int(request.url_vars["id"])

    def fetch(conn: sqlite3.Connection) -> Any:
        row = conn.execute("SELECT filename, sha256, size FROM outside_file WHERE id = ?", (number,)).fetchone()
        if row is None or row["size"] > 256 * 1024 * 1024:
            return row, None
        return row, b"".join(
            bytes(r[0])
            for r in conn.execute("SELECT octets FROM outside_chunk WHERE file = ? ORDER BY number", (number,))
        )

    row, body = await read(datasette, site, fetch)
    if body is None or hashlib.sha256(body).hexdigest() != row["sha256"]:
        raise NotFound(words_of(site, request)._("This file cannot be given out here."))
    return download(body, row["filename"], row["sha256"])


async def _ledger(
    datasette: Any, request: Any, name: str, fetch: Callable[[sqlite3.Connection], dict[str, Any]]
) -> Response:
    found = await read(datasette, the_site(datasette), fetch)
    return await page(datasette, request, f"{name}.html", {**found, "here": name, "args": args_of(request)})


async def requests_page(datasette: Any, request: Any) -> Response:
    return await _ledger(datasette, request, "requests", lambda conn: ledgers.requests(conn, args_of(request)))


async def effort_page(datasette: Any, request: Any) -> Response:
    return await _ledger(datasette, request, "effort", ledgers.effort)


async def completeness_page(datasette: Any, request: Any) -> Response:
    return await _ledger(datasette, request, "completeness", ledgers.completeness)


async def log_page(datasette: Any, request: Any) -> Response:
    site = the_site(datasette)
    return await _ledger(datasette, request, "log", lambda conn: ledgers.log(conn, site.cache, args_of(request)))


async def bundles_page(datasette: Any, request: Any) -> Response:
    return await _ledger(datasette, request, "bundles", ledgers.bundles)


async def files_page(datasette: Any, request: Any) -> Response:
    return await _ledger(datasette, request, "files", ledgers.files)


async def help_page(datasette: Any, request: Any) -> Response:
    return await page(datasette, request, "help.html", {"here": "help"})


# ---- deciding ------------------------------------------------------------------------------


async def _form(datasette: Any, request: Any) -> tuple[Site, access.Session, dict[str, str]]:
    """The fields of a form from a browser that may write. Raises Forbidden."""
    site = the_site(datasette)
    said = words_of(site, request)
    session = access.session_of(datasette, site, request)
    if session is None:
        raise Forbidden(
            said._("This browser may only read. Open the address that `evidence browse` printed to decide.")
        )
    if int(request.headers.get("content-length") or 0) > access.MAX_FORM_BYTES:
        raise Forbidden(said._("The form is too large."))
    fields = await request.post_vars()
    if not access.form_is_ours(session, fields):
        raise Forbidden(said._("The form is out of date. Reload the page and try again."))
    return site, session, fields


async def _write(site: Site, call: Callable[[], int]) -> tuple[int, str]:
    """(row id, what went wrong in words). Writes come one after another: the writer has one connection."""
    lock = site.cache.setdefault("write-lock", asyncio.Lock())
    async with lock:
        try:
            return await asyncio.to_thread(call), ""
        except EvidenceError as error:
            return 0, str(error)


async def review_page(datasette: Any, request: Any) -> Response:
    site = the_site(datasette)
    args = args_of(request)
    choice = reviewing.choice_from(args)
    found = await read(datasette, site, lambda conn: reviewing.queue(conn, choice, page_number(args)))
    values = {
        "queue": found, "choice": choice, "here": "review", "categories": list(CATEGORIES), "message": args.get("said", "")[:300],
        "undo": args.get("undo", ""), "back": request.full_path,
    }  # fmt: skip
    return await page(datasette, request, "review.html", values)


async def review_item(datasette: Any, request: Any) -> Response:
    """GET shows one flag or request with everything that can be decided about it; POST decides and goes back to the queue."""
    if request.method == "POST":
        return await decide(datasette, request)
    site = the_site(datasette)
    what, id_ = request.url_vars["what"], request.url_vars["id"]

    def fetch(conn: sqlite3.Connection) -> Any:
        history = conn.execute(
            "SELECT * FROM review WHERE target = ? AND target_id = ? ORDER BY id", (what, id_)
        ).fetchall()
        notes = conn.execute(
            "SELECT * FROM note WHERE target = ? AND target_id = ? ORDER BY id", (what, id_)
        ).fetchall()
        return (
            reviewing.item(conn, what, id_),
            history,
            notes,
            reviewing.candidates(conn, id_) if what == "request" else [],
        )

    item, history, notes, candidates = await read(datasette, site, fetch)
    if item is None:
        raise NotFound(words_of(site, request)._("This flag or request is no longer found."))
    values = {"item": item, "history": history, "notes": notes, "candidates": candidates, "here": "review", "categories": CATEGORIES,
              "back": args_of(request).get("back", f"{BASE}/review")}  # fmt: skip
    return await page(datasette, request, "item.html", values)


async def decide(datasette: Any, request: Any) -> Response:
    site, session, fields = await _form(datasette, request)
    said = words_of(site, request)
    what, id_ = request.url_vars["what"], request.url_vars["id"]
    seen = fields.get("seen", "")
    expect = int(seen) if seen.isdecimal() and len(seen) < 16 else 0
    act = fields.get("act", "")
    writer = site.writer
    assert writer is not None  # noqa: S101 - session_of gives a session only where there is a writer
    item = await read(datasette, site, lambda conn: reviewing.item(conn, what, id_))
    if item is None:
        raise NotFound(said._("This flag or request is no longer found."))
    current = {"decision": item.row["review"], "category": item.row.get("decided_category"), "note": item.row.get("decided_note"),
               "outcome": item.row.get("decided_outcome"), "answering_sha256": item.row.get("decided_answer")}  # fmt: skip
    if act == "note":
        text = fields.get("note", "").strip()
        if not text:
            return _decided(request, fields, {"ok": False, "message": said._("The note is empty.")})
        row, wrong = await _write(site, lambda: writer.note(what, id_, text, actor=session.actor))
        return _decided(
            request, fields, {"ok": not wrong, "message": wrong or said._("Note added."), "seen": expect, "note": text}
        )
    if act == "undo":
        decision = await read(datasette, site, lambda conn: reviewing.previous(conn, what, id_, expect))
    elif act in ("accept", "reject", "reopen"):
        decision = {**current, "decision": {"accept": "accepted", "reject": "rejected", "reopen": "unreviewed"}[act]}
        decision["note"] = fields.get("note", "").strip()
        if act == "reopen":
            decision |= {"category": None, "outcome": None, "answering_sha256": None}
    elif act == "category" and what == "flag" and fields.get("category", "").partition("/")[0] in CATEGORIES:
        decision = {
            **current,
            "decision": "accepted",
            "category": fields["category"],
            "note": fields.get("note", "").strip(),
        }
    elif act == "answered" and what == "request" and re.fullmatch(r"[0-9a-f]{64}", fields.get("answering", "")):
        decision = {**current, "decision": "accepted", "outcome": "answered", "answering_sha256": fields["answering"],
                    "note": fields.get("note", "").strip()}  # fmt: skip
    elif act == "outcome" and what == "request" and fields.get("outcome") in words.OUTCOMES:
        decision = {
            **current,
            "decision": "accepted",
            "outcome": fields["outcome"],
            "answering_sha256": None,
            "note": fields.get("note", "").strip(),
        }
    else:
        return _decided(
            request, fields, {"ok": False, "message": said._("The form is out of date. Reload the page and try again.")}
        )
    row, wrong = await _write(
        site, lambda: reviewing.decide(writer, what, id_, decision, actor=session.actor, expect=expect)
    )
    after = await read(datasette, site, lambda conn: reviewing.item(conn, what, id_))
    answer: dict[str, Any] = {
        "ok": not wrong,
        "what": what,
        "id": id_,
        "seen": after.seen if after else row,
        "undo": row or None,
    }
    if after is not None:
        answer |= {
            "review": after.row["review"], "review_text": said.of(words.REVIEWS, after.row["review"]), "by": after.row["actor"] or "",
            "category_text": said.does(after.row["category"], after.row["subtype"]) if what == "flag" else said.of(words.OUTCOMES, after.row["outcome"]),
        }  # fmt: skip
    if wrong and after is not None and after.seen != expect:
        answer["conflict"] = True
        answer["message"] = said._(
            "Not written: {who} decided on this meanwhile — {what}. Look again and decide anew."
        ).format(who=after.row["actor"], what=said.of(words.REVIEWS, after.row["review"]))
    else:
        answer["message"] = wrong or {
            "accept": said._("Accepted."), "reject": said._("Rejected."), "reopen": said._("Open again."), "undo": said._("Undone."),
            "category": said._("Accepted in another category."), "answered": said._("Recorded: this message did answer it."),
            "outcome": said._("Recorded."),
        }[act]  # fmt: skip
    return _decided(request, fields, answer)


def _decided(request: Any, fields: Mapping[str, str], answer: dict[str, Any]) -> Response:
    if "application/json" in request.headers.get("accept", ""):
        return Response.json(answer, status=200 if answer["ok"] else 409)
    back = local_path(fields.get("back", ""), f"{BASE}/review")
    path, _, query = back.partition("?")
    kept = [p for p in query.split("&") if p and not p.startswith(("said=", "undo="))]
    told = {"said": answer["message"]}
    if answer.get("undo") and fields.get("act") != "undo":
        told["undo"] = f"{answer['what']}/{answer['id']}/{answer['undo']}"
    return Response.redirect(f"{path}?{'&'.join([*kept, urlencode(told)])}", status=303)


def local_path(path: str, otherwise: str) -> str:
    """A path of this site only: one leading slash, no scheme, no backslash, no line end."""
    return path if re.fullmatch(r"/(?![/\\])[^\\\s]*", path) else otherwise


async def assessment_page(datasette: Any, request: Any) -> Response:
    if request.method == "POST":
        site, session, fields = await _form(datasette, request)
        question, answer, note = fields.get("question", ""), fields.get("answer", ""), fields.get("note", "").strip()
        if question not in ("1", "2", "3", "4") or answer not in words.ANSWERS:
            raise Forbidden(words_of(site, request)._("The form is out of date. Reload the page and try again."))
        writer = site.writer
        assert writer is not None  # noqa: S101 - as in decide
        _, wrong = await _write(site, lambda: writer.answer(int(question), answer, note=note, actor=session.actor))
        return Response.redirect(link(f"{BASE}/assessment", {"said": wrong}) + f"#question-{question}", status=303)
    return await _ledger(datasette, request, "assessment", ledgers.assessment)


async def select_message(datasette: Any, request: Any) -> Response:
    if request.method != "POST":
        return Response.redirect(f"{BASE}/message/{request.url_vars['sha']}")
    site, session, fields = await _form(datasette, request)
    sha, action, reason = request.url_vars["sha"], fields.get("action", ""), fields.get("reason", "").strip()
    said = words_of(site, request)
    writer = site.writer
    assert writer is not None  # noqa: S101 - as in decide
    if action not in ("include", "exclude"):
        raise Forbidden(said._("The form is out of date. Reload the page and try again."))
    wrong = said._("Give a reason: it is printed with what was left out.")
    if reason:
        _, wrong = await _write(site, lambda: writer.select(sha, action, reason, actor=session.actor))
    return Response.redirect(link(f"{BASE}/message/{sha}", {"said": wrong}) + "#selection", status=303)


# ---- the door ------------------------------------------------------------------------------


async def enter(datasette: Any, request: Any) -> Response:
    """GET with the printed token lets this browser write. POST changes the name its decisions are logged under."""
    site = the_site(datasette)
    said = words_of(site, request)
    if request.method == "POST":
        site, _, fields = await _form(datasette, request)
        actor = " ".join(fields.get("actor", "").split())[:80]
        if not actor:
            raise Forbidden(said._("Give a name: each decision is logged under it."))
        answer = Response.redirect(local_path(fields.get("back", ""), "/"), status=303)
    else:
        if not access.token_opens(site, args_of(request).get("token", "")):
            raise Forbidden(
                said._("This address does not open the right to decide. Use the one that `evidence browse` printed.")
            )
        actor = site.actor
        answer = Response.redirect("/", status=303)
    answer.set_cookie(
        access.cookie_name(site), access.session_cookie(datasette, actor), httponly=True, samesite="strict"
    )
    return answer


async def leave(datasette: Any, request: Any) -> Response:
    site, _, _ = await _form(datasette, request)
    answer = Response.redirect("/", status=303)
    answer.set_cookie(access.cookie_name(site), "", max_age=0, httponly=True, samesite="strict")
    return answer


async def set_language(datasette: Any, request: Any) -> Response:
    the_site(datasette)
    answer = Response.redirect(local_path(args_of(request).get("back", ""), "/"), status=303)
    answer.set_cookie(access.LANGUAGE_COOKIE, request.url_vars["language"], max_age=365 * 24 * 3600, samesite="strict")
    return answer


# ---- files, errors, cells ------------------------------------------------------------------


async def nothing_here(datasette: Any, request: Any) -> Response:
    raise NotFound(words_of(the_site(datasette), request)._("There is no page at this address."))


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
            _("The search was ended after its time ran out. Narrow it with a date or a folder."),
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
            _("A run holds the archive for a moment. Load the page again."),
            503,
        )
    else:
        return None
    return await page(datasette, request, "sorry.html", {"title": title, "text": text, "here": ""}, status)


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
