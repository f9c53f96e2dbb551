"""Small letters for the tests of this folder."""

from __future__ import annotations

import re

from evidence.message.parse import parse_message
from evidence.message.zones import find_zones
from evidence.model import ParsedMessage, Zone

HEAD = b"From: Anna Orlova <anna@north.example>\r\nTo: director@romashka.example\r\nDate: Mon, 03 Mar 2025 11:12:53 +0300\r\nMessage-ID: <1@north.example>\r\n"


def letter(
    body: str = "", *, subject: str = "Re: shelf", html: bool = False, sender: str = "Anna Orlova", extra: bytes = b""
) -> bytes:
    """A one-part UTF-8 message. A reply, unless the subject says otherwise."""
    kind = b"html" if html else b"plain"
    reply = b"In-Reply-To: <0@romashka.example>\r\n" if subject.startswith("Re:") else b""
    return (
        f"From: {sender} <anna@north.example>\r\nTo: director@romashka.example\r\n".encode()
        + b"Date: Mon, 03 Mar 2025 11:12:53 +0300\r\nMessage-ID: <1@north.example>\r\n"
        + reply
        + extra
        + f"Subject: {subject}\r\n".encode()
        + b"Content-Type: text/" + kind + b"; charset=utf-8\r\n\r\n"
        + body.replace("\n", "\r\n").encode()
    )  # fmt: skip


def parsed(body: str, **options: object) -> ParsedMessage:
    return parse_message(letter(body, **options))  # type: ignore[arg-type]


def body_zones(message: ParsedMessage, parent: str | None = None) -> list[tuple[str, str]]:
    """(kind, text squeezed) of each zone of the body; asserts that they cover it without gap or overlap."""
    zones = [z for z in find_zones(message, parent) if z.part == "body"]
    assert_covers(zones, message.texts["body"])
    return [(z.kind, squeeze(message.texts["body"][z.start : z.end])) for z in zones]


def own_words(message: ParsedMessage, parent: str | None = None) -> str:
    return squeeze(" ".join(text for kind, text in body_zones(message, parent) if kind == "own"))


def assert_covers(zones: list[Zone], text: str) -> None:
    assert [z.number for z in zones] == list(range(1, len(zones) + 1))
    at = 0
    for zone in zones:
        assert zone.start == at and zone.end > zone.start
        at = zone.end
    assert at == len(text)


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
