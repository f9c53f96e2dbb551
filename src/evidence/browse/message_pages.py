"""The page of one message and what is given out of it: the original, its layout, its proof, attachments; files from outside mail."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import sqlite3
from typing import Any
from urllib.parse import quote

from datasette.utils.asgi import Forbidden, NotFound, Response

from evidence.browse import access, mailhtml, messages, octets
from evidence.browse.pages import BASE, args_of, page, the_site, words_of
from evidence.browse.site import Site, read


async def short_link(datasette: Any, request: Any) -> Response:
    site = the_site(datasette)
    found = await read(datasette, site, lambda conn: messages.known(conn, request.url_vars["start"]))
    if len(found) != 1:
        raise NotFound(words_of(site, request)._("There is no single message whose SHA-256 begins with these digits."))
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
    """The sender's layout with the pictures that the letter carries itself; nothing is fetched for it, from here or elsewhere."""
    site, sha = await _unless_withheld(datasette, request)

    def fetch(conn: sqlite3.Connection) -> Any:
        row = conn.execute("SELECT html, subject FROM parsed_message WHERE sha256 = ?", (sha,)).fetchone()
        return row, octets.pictures(conn, sha, row["html"]) if row is not None and row["html"] else {}

    row, pictures = await read(datasette, site, fetch)
    said = words_of(site, request)
    if row is None or not row["html"]:
        raise NotFound(said._("This message has no HTML part."))
    refused = said._("This layout is too large or too deeply nested to be shown. The text above is what it says.")
    body = await asyncio.to_thread(
        mailhtml.frame, row["html"], title=row["subject"], language=said.language, refused=refused, pictures=pictures
    )
    return Response.html(body, headers={"content-security-policy": access.MAIL_POLICY, "cache-control": "no-store"})


async def message_proof(datasette: Any, request: Any) -> Response:
    site, sha = await _unless_withheld(datasette, request)
    asked = args_of(request).get("size", "")
    size = int(asked) if asked.isdecimal() and len(asked) < 16 else None
    proof = await read(datasette, site, lambda conn: messages.inclusion(conn, site.cache, sha, size))
    if proof is None:
        raise NotFound(words_of(site, request)._("The log at that size does not contain this message."))
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
        text = words_of(site, request)._("This attachment cannot be extracted here. Run: {command}")
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
        raise NotFound(words_of(site, request)._("This file cannot be downloaded here."))
    return download(body, row["filename"], row["sha256"])
