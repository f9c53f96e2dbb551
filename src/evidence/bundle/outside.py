"""Attachments and outside files on paper: pictures and PDF pages drawn in a child, everything else by its cover sheet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from evidence.bundle.pdf import Renderer, RenderFailure
from evidence.ports import OutsideFile

MOST_PDF_PAGES = 60
LARGEST_DRAWN = 80_000_000  # octets
_PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What of a file is shown on paper. ``pictures`` are JPEG files by name; ``total`` pages or frames it has.

    ``why`` is empty, or why it is not shown: ``kind`` (not drawn by us), ``large``, ``time``, ``unreadable``.
    """

    pictures: tuple[tuple[str, Path], ...] = ()
    total: int = 0
    kind: Literal["picture", "pages", ""] = ""
    why: str = ""


# An outside file, what is drawn of it, the name it is embedded under (or empty), and its octets if embedded.
OutsideDrawn: TypeAlias = tuple[OutsideFile, Drawn, str, bytes | None]


def draw(renderer: Renderer, octets: bytes, content_type: str, filename: str) -> Drawn:
    """Draw a file's pages. Never raises on its content."""
    if len(octets) > LARGEST_DRAWN:
        return Drawn(why="large")
    name = hashlib.sha256(octets).hexdigest()
    try:
        if octets.startswith(b"%PDF-") or (content_type == "application/pdf" and b"%PDF-" in octets[:1024]):
            paths, total = renderer.pdf_pages(octets, MOST_PDF_PAGES)
            return Drawn(tuple((f"{name}-{i}", p) for i, p in enumerate(paths)), total, "pages")
        if content_type in _PICTURES or _looks_like_picture(octets):
            path, facts = renderer.picture(octets)
            return Drawn(((name, path),), int(facts["frames"]), "picture")
    except RenderFailure as failure:
        if failure.reason == "pixels" or failure.reason.startswith("DecompressionBomb"):
            return Drawn(why="large")
        return Drawn(why="time" if failure.reason in ("time", "memory") else "unreadable")
    return Drawn(why="kind")


def _looks_like_picture(octets: bytes) -> bool:
    return octets.startswith(
        (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
    ) or (octets[:4] == b"RIFF" and octets[8:12] == b"WEBP")


def leaf_octets(raw: bytes) -> dict[str, bytes]:
    """Decoded leaves of a message by the SHA-256 of their octets, to find an attachment without trusting its place."""
    import email
    import email.policy

    found: dict[str, bytes] = {}
    try:
        for part in email.message_from_bytes(raw, policy=email.policy.compat32).walk():
            if part.is_multipart():
                continue
            octets = part.get_payload(decode=True)
            if isinstance(octets, bytes):
                found[hashlib.sha256(octets).hexdigest()] = octets
    except Exception:  # hostile structure: the attachment is listed, not drawn
        return found
    return found


def joined(stream: Iterator[bytes], limit: int) -> bytes | None:
    """The octets of a stream, or None when there are more than ``limit``."""
    pieces, total = [], 0
    for piece in stream:
        total += len(piece)
        if total > limit:
            return None
        pieces.append(piece)
    return b"".join(pieces)
