"""Stored octets for the browser: the message as it came, its attachments found again by their hash, pictures that are safe to show."""

from __future__ import annotations

import base64
import html as entities
import re
import sqlite3
import struct
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import compat32

from evidence.model import sha256_hex
from evidence.safehtml import content_id

MAX_PREVIEW_BYTES = 20 * 1024 * 1024
MAX_PREVIEW_PIXELS = 50_000_000
MAX_PARTS = 2000
MAX_INLINE = 40  # pictures in one layout
MAX_INLINE_BYTES = 12 * 1024 * 1024
MAX_INLINE_PIXELS = 2 * MAX_PREVIEW_PIXELS
_CID = re.compile(r"cid:[^\s\"'<>)]{1,1000}", re.IGNORECASE)


class NotHere(LookupError):
    """There is no such message or attachment, or its octets cannot be cut out of the message here."""


def raw(conn: sqlite3.Connection, sha256: str) -> bytes:
    """The exact octets. Raises NotHere."""
    row = conn.execute("SELECT raw FROM message WHERE sha256 = ?", (sha256,)).fetchone()
    if row is None:
        raise NotHere(sha256)
    return bytes(row[0])


def attachment(conn: sqlite3.Connection, sha256: str, number: int) -> tuple[sqlite3.Row, bytes]:
    """(its row, its decoded octets). The octets are those whose SHA-256 the row states, or NotHere is raised."""
    row = conn.execute(
        "SELECT a.* FROM attachment a JOIN message m ON m.id = a.message WHERE m.sha256 = ? AND a.number = ?",
        (sha256, number),
    ).fetchone()
    if row is None:
        raise NotHere(f"{sha256} {number}")
    for octets in _candidates(raw(conn, sha256), str(row["path"])):
        if sha256_hex(octets) == row["sha256"]:
            return row, octets
    raise NotHere(f"{sha256} {number}")


def pictures(conn: sqlite3.Connection, sha256: str, html: str) -> dict[str, str]:
    """Content-ID -> ``data:`` address of the pictures that a layout shows out of its own letter (RFC 2392).

    A part is a picture by its octets, whatever type it states: PNG, JPEG, GIF or WebP; an SVG, which could hold anything, is none.
    They stand in the page itself, so that its policy lets nothing be loaded: the frame has an origin of its own, to which a
    picture's address could be opened only by opening it to every site. What goes beyond the bounds is left out.
    """
    named = {content_id(entities.unescape(found)) for found in _CID.findall(html)}
    rows = [
        row
        for row in conn.execute(
            "SELECT a.content_id, a.sha256 FROM attachment a JOIN message m ON m.id = a.message"
            " WHERE m.sha256 = ? AND a.content_id <> '' AND a.size <= ? ORDER BY a.number",
            (sha256, MAX_INLINE_BYTES),
        )
        if row["content_id"] in named
    ][:MAX_INLINE]
    wanted = {row["sha256"] for row in rows}
    if not wanted:
        return {}
    held: dict[str, str] = {}
    room, pixels = MAX_INLINE_BYTES, MAX_INLINE_PIXELS
    for octets in _candidates(raw(conn, sha256), ""):
        name = sha256_hex(octets) if len(octets) <= room else ""
        if name not in wanted or name in held:
            continue
        shown = _picture(octets)
        if shown is None or shown[1] * shown[2] > pixels:
            continue
        room, pixels = room - len(octets), pixels - shown[1] * shown[2]
        held[name] = f"data:{shown[0]};base64,{base64.b64encode(octets).decode()}"
    found: dict[str, str] = {}
    for row in rows:
        if row["sha256"] in held:  # two parts of one Content-ID: the first is shown
            found.setdefault(row["content_id"], held[row["sha256"]])
    return found


def _candidates(octets: bytes, path: str) -> Iterator[bytes]:
    """Decoded parts, the one at the MIME path first, then all others: the hash decides, not the path."""
    whole = message_from_bytes(octets, policy=compat32)
    numbered = list(_numbered(whole, ""))[:MAX_PARTS]
    numbered.sort(key=lambda pair: pair[0] != path)
    for _, part in numbered:
        yield from _octets_of(part)
    boundaries = {b for _, part in numbered if (b := part.get_boundary())}
    for boundary in boundaries:  # embedded messages, cut out as they lie
        for piece in re.split(
            rb"\r?\n?--" + re.escape(boundary.encode("utf-8", "surrogateescape")) + rb"(?:--)?[ \t]*\r?\n?", octets
        ):
            head, _, body = piece.partition(b"\r\n\r\n") if b"\r\n\r\n" in piece else piece.partition(b"\n\n")
            if b"message/" in head.lower():
                yield body


def _numbered(part: Message, path: str) -> Iterator[tuple[str, Message]]:
    stack = [(path, part)]
    while stack:
        at, here = stack.pop()
        yield at or "1", here
        children = here.get_payload()
        if isinstance(children, list):
            stack += [
                (f"{at}.{i}" if at else str(i), c)
                for i, c in reversed(list(enumerate(children, 1)))
                if isinstance(c, Message)
            ]


def _octets_of(part: Message) -> Iterator[bytes]:
    if part.is_multipart():
        children = part.get_payload()
        if (
            part.get_content_maintype() == "message"
            and isinstance(children, list)
            and children
            and isinstance(children[0], Message)
        ):
            try:
                yield children[0].as_bytes()
            except Exception:  # the generator of the standard library fails on some hostile headers
                return
        return
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        yield payload


def picture_type(octets: bytes) -> str | None:
    """The type of a raster picture by its first octets, if its stated size is one a browser can bear; else None."""
    shown = _picture(octets)
    return shown[0] if shown else None


def _picture(octets: bytes) -> tuple[str, int, int] | None:
    """(type, width, height) as ``picture_type`` judges them."""
    if len(octets) > MAX_PREVIEW_BYTES:
        return None
    for kind, measure in (("image/png", _png), ("image/gif", _gif), ("image/jpeg", _jpeg), ("image/webp", _webp)):
        try:
            size = measure(octets)
        except (struct.error, IndexError):
            continue
        if size is not None:
            return (kind, *size) if 0 < size[0] * size[1] <= MAX_PREVIEW_PIXELS else None
    return None


def _png(octets: bytes) -> tuple[int, int] | None:
    if not octets.startswith(b"\x89PNG\r\n\x1a\n") or octets[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", octets[16:24])
    return width, height


def _gif(octets: bytes) -> tuple[int, int] | None:
    if octets[:6] not in (b"GIF87a", b"GIF89a"):
        return None
    width, height = struct.unpack("<HH", octets[6:10])
    return width, height


def _jpeg(octets: bytes) -> tuple[int, int] | None:
    if not octets.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 9 < len(octets):
        if octets[at] != 0xFF:
            return None
        marker = octets[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", octets[at + 5 : at + 9])
            return width, height
        at += (
            2
            if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD8
            else 2 + struct.unpack(">H", octets[at + 2 : at + 4])[0]
        )
    return None


def _webp(octets: bytes) -> tuple[int, int] | None:
    if octets[:4] != b"RIFF" or octets[8:12] != b"WEBP":
        return None
    form = octets[12:16]
    if form == b"VP8X":
        return int.from_bytes(octets[24:27], "little") + 1, int.from_bytes(octets[27:30], "little") + 1
    if form == b"VP8L":
        bits = int.from_bytes(octets[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        width, height = struct.unpack("<HH", octets[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
