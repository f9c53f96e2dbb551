"""Addresses and message identifiers out of raw header octets (RFC 5322 sections 3.4 and 3.6.4), for deciding on scope.

Nothing here raises on mail. Display names are decoded for people; addresses are compared in ``normal`` form.
"""

from __future__ import annotations

import binascii
import hashlib
import quopri
import re
from dataclasses import dataclass
from functools import lru_cache

from evidence.mailbox.mailbox import SCOPE_HEADERS

_FIELD_NAMES = {name.lower().encode("ascii"): name.lower() for name in SCOPE_HEADERS}
_ENCODED = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(=\?[^?\s]+\?[bBqQ]\?[^?]*\?=)\s+(?==\?)")
_ID = re.compile(rb"<([^<>]+)>")
_IN_TEXT = re.compile(r"[^\s<>\"(),:;@\[\]]+@[^\s<>\"(),:;@\[\]]+")
LARGEST_PARSED = 256 * 1024  # of one field: longer ones are searched, not parsed


@dataclass(frozen=True, slots=True)
class Mention:
    """An address in a header field. ``shown`` is True for one that stands only in a display name."""

    header: str
    address: str
    name: str = ""
    shown: bool = False


def header_octets(raw: bytes) -> bytes:
    """The header section: up to the first empty line, whichever line ends are used."""
    wide = raw.find(b"\r\n\r\n")
    narrow = raw.find(b"\n\n", 0, wide if wide >= 0 else len(raw))
    end = narrow if narrow >= 0 else wide
    return raw[:end] if end >= 0 else raw


def fields(header: bytes) -> tuple[tuple[str, bytes], ...]:
    """(name in lower case, value unfolded) of each field that decides on scope, in order; all others are passed over.

    The last header is remembered, unless it is huge: addresses and thread links of a message are read one after the other.
    """
    return _fields(header) if len(header) <= LARGEST_PARSED else _fields.__wrapped__(header)


@lru_cache(maxsize=2)
def _fields(header: bytes) -> tuple[tuple[str, bytes], ...]:
    found: list[tuple[str, bytes]] = []
    name: str | None = None
    value = b""
    for line in header.split(b"\n"):
        if line[:1] in (b" ", b"\t"):  # folded: RFC 5322 section 2.2.3
            if name is not None:
                value = value.removesuffix(b"\r") + line
            continue
        if name is not None:
            found.append((name, value.strip()))
        before, colon, value = line.partition(b":")
        name = _FIELD_NAMES.get(before.rstrip(b" \t").lower()) if colon else None
    if name is not None:
        found.append((name, value.strip()))
    return tuple(found)


def identifiers(value: bytes) -> list[str]:
    """Message identifiers without their brackets, blanks from folding removed; a bare value counts as one."""
    return [i for i in map(_squeeze, _bracketed(value)) if i]


def _bracketed(value: bytes) -> list[bytes]:
    """What stands between brackets, else the bare value."""
    found: list[bytes] = _ID.findall(value)
    if not found and value.strip() and b" " not in value.strip():
        found = [value]
    return found


def _squeeze(octets: bytes) -> str:
    return b"".join(octets.split()).decode("utf-8", "replace")


@lru_cache(maxsize=4096)
def reference(octets: bytes) -> int:
    """``digest`` of an identifier as it stands between its brackets; 0 where nothing does. A thread names the same ones again."""
    text = _squeeze(octets)
    return digest(text) if text else 0


def references(value: bytes) -> list[int]:
    """``digest`` of each of ``identifiers``, the last 200."""
    return [d for d in map(reference, _bracketed(value)) if d][-200:]


def digest(identifier: str) -> int:
    """64 bits of SHA-256: enough to recognise an identifier, too few to tell what it was."""
    return int.from_bytes(hashlib.sha256(identifier.encode("utf-8", "replace")).digest()[:8], "little")


def addresses(header: str, value: bytes) -> list[Mention]:
    """Every address of an address field, groups and routes opened, comments dropped; then those shown in display names."""
    text = _text(value)
    if len(text) > LARGEST_PARSED:
        return [Mention(header, a) for a in dict.fromkeys(_IN_TEXT.findall(text))]
    found = []
    for name, address in _boxes(text):
        shown = decode_words(name).strip()
        if "=?" in address:
            found += [Mention(header, a, shown) for a in _IN_TEXT.findall(decode_words(address))]
        elif "@" in address:
            found.append(Mention(header, address, shown))
        found += [Mention(header, a, shown, shown=True) for a in _IN_TEXT.findall(shown)]
    return found


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1251", "replace")  # raw 8-bit headers: only display names are at stake


def _boxes(text: str) -> list[tuple[str, str]]:
    """(display name, address) of each mailbox."""
    boxes: list[tuple[str, str]] = []
    words: list[str] = []
    bare: list[str] = []
    angle: str | None = None
    at, end = 0, len(text)

    def flush() -> None:
        nonlocal angle
        if angle is not None:
            boxes.append((" ".join(words), angle))
        elif words or bare:
            boxes.append(("", "".join(bare)))
        words.clear()
        bare.clear()
        angle = None

    while at < end:
        c = text[at]
        if c == '"':
            stop = at + 1
            while stop < end and text[stop] != '"':
                stop += 2 if text[stop] == "\\" else 1
            words.append(re.sub(r"\\(.)", r"\1", text[at + 1 : stop]))
            bare.append(text[at : stop + 1])
            at = stop + 1
        elif c == "(":
            depth, stop = 1, at + 1
            while stop < end and depth:
                depth += {"(": 1, ")": -1}.get(text[stop], 0)
                stop += 2 if text[stop] == "\\" else 1
            at = stop
        elif c == "<":
            stop = text.find(">", at)
            stop = end if stop < 0 else stop
            inner = re.sub(r"\([^()]*\)|\s", "", text[at + 1 : stop])
            angle = inner.rpartition(":")[2] if inner.startswith("@") else inner  # a route: RFC 5322 section 4.4
            at = stop + 1
        elif c in ",;":
            flush()
            at += 1
        elif c == ":" and angle is None:  # a group's name
            words.clear()
            bare.clear()
            at += 1
        else:
            stop = at + 1
            while stop < end and text[stop] not in '"(<,;:':
                stop += 1
            words.append(text[at:stop].strip())
            bare.append("".join(text[at:stop].split()))
            at = stop
    flush()
    return boxes


def decode_words(text: str) -> str:
    """Encoded words (RFC 2047) to text; what cannot be decoded stays as it is."""
    if "=?" not in text:
        return text
    return _ENCODED.sub(_word, _BETWEEN.sub(r"\1", text))


def word_octets(encoding: str, payload: str) -> bytes:
    if encoding in "bB":
        try:
            return binascii.a2b_base64(payload.encode("ascii", "ignore") + b"==")
        except binascii.Error:
            return b""
    return quopri.decodestring(payload.replace("_", " ").encode("utf-8"), header=False)


def _word(match: re.Match[str]) -> str:
    octets = word_octets(match[2], match[3])
    charset = match[1].partition("*")[0]  # RFC 2231 section 5: a language may follow
    try:
        return octets.decode(charset)
    except (LookupError, UnicodeError):
        return octets.decode("utf-8", "replace") if octets else match[0]


def hides_address(header: bytes) -> bool:
    """An encoded word whose octets hold «@», or a comment: then the plain octets do not show every address."""
    if b"(" in header:
        return True
    if b"=?" not in header:
        return False
    text = header.decode("ascii", "replace")
    return any(_hides_at(encoding, payload) for _charset, encoding, payload in _ENCODED.findall(text))


def _hides_at(encoding: str, payload: str) -> bool:
    return (_word_hides_at if len(payload) <= 75 else _word_hides_at.__wrapped__)(encoding, payload)


@lru_cache(maxsize=1024)
def _word_hides_at(encoding: str, payload: str) -> bool:
    return b"@" in word_octets(encoding, payload)
