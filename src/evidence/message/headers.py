"""Header fields from raw octets: split, unfolded, decoded (RFC 5322 section 2.2, RFC 2047, RFC 2231), by ourselves.

Libraries that decode first lose raw 8-bit letters; here every field keeps its octets until its charset is settled.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from evidence.message.charsets import codec_of, decode_octets
from evidence.message.limits import MAX_HEADER_BLOCK, MAX_HEADER_VALUE, MAX_HEADERS

_FIELD = re.compile(rb"([!-9;-~]{1,998})[ \t]*:")
_FOLD = re.compile(rb"\r*\n(?=[ \t])")
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})")
# A question mark inside is against RFC 2047 section 4.2, yet «Where is it?» is written so; it opens no further word.
_ENCODED = re.compile(
    rb"=\?([!-<>@-~]{1,80})\?([bBqQ])\?([^?\r\n]*(?:\?(?![=!-<>@-~]{1,80}\?[bBqQ]\?|=)[^?\r\n]*){0,20})\?="
)
ENCODED_WORD = re.compile(r"=\?[!-<>@-~]{1,80}\?[bBqQ]\?[^?\r\n]*\?=")
_KNOWN = frozenset(
    "from sender reply-to to cc bcc subject date message-id in-reply-to references received return-path mime-version "
    "content-type content-transfer-encoding content-disposition content-id delivered-to dkim-signature x-mailer "
    "user-agent authentication-results list-id precedence auto-submitted".split()
)
# C0, DEL, C1, and the Unicode line and paragraph separators: a decoded field is one line (RFC 2047 section 6.2 lets
# an encoded word hold any octet, so CR LF may come out of it).
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: ``name`` as written, ``raw`` its octets after the colon, folds included."""

    name: str
    raw: bytes

    @property
    def key(self) -> str:
        return self.name.lower()

    def unfolded(self) -> bytes:
        value = self.raw[:MAX_HEADER_VALUE].strip(b" \t\r\n")
        return _FOLD.sub(b"", value) if b"\n" in value else value


def split_fields(block: bytes) -> tuple[tuple[Field, ...], tuple[str, ...], int | None]:
    """The fields of a header block (without its closing empty line), in order, defects, and where the body begins
    if the empty line before it is missing. Linear.

    A line that is no field is taken for a continuation without its space when a field known to mail follows later, else
    for the first line of the body.
    """
    fields: list[Field] = []
    broken: tuple[int, int] | None = None  # offset of the first unreadable line, fields before it
    at = 0
    defects: list[str] = []
    if len(block) > MAX_HEADER_BLOCK:
        block = block[:MAX_HEADER_BLOCK]
        defects.append("header-block-cut")
    name: str | None = None
    parts: list[bytes] = []

    def close() -> None:
        if name is not None:
            fields.append(Field(name, b"\n".join(parts)))

    for number, line in enumerate(block.split(b"\n")):
        offset, at = at, at + len(line) + 1
        if line[:1] in (b" ", b"\t") and name is not None:
            parts.append(line)
            continue
        match = _FIELD.match(line)
        if match:
            close()
            if len(fields) >= MAX_HEADERS:
                name = None
                defects.append("header-fields-cut")
                break
            name = match.group(1).decode("ascii")
            if broken is not None and name.lower() in _KNOWN:
                broken = None
            parts = [line[match.end() :]]
        elif line.strip() and not (number == 0 and line.startswith(b"From ")):
            defects.append("header-line-unreadable")
            if broken is None:
                broken = (offset, len(fields) + (name is not None))
            if name is not None:
                parts.append(b" " + line)
    close()
    if broken is not None:
        kept = fields[: broken[1]]
        if kept:
            last = kept[-1]
            kept[-1] = Field(last.name, block[: broken[0]].rpartition(last.name.encode() + b":")[2] or last.raw)
        return tuple(kept), tuple(dict.fromkeys([*defects, "no-empty-line-before-body"])), broken[0]
    return tuple(fields), tuple(dict.fromkeys(defects)), None


def decode_field(raw: bytes, charset_hint: str | None = None) -> tuple[str, tuple[str, ...]]:
    """(one line of text, defects) of an unstructured field's octets, already unfolded.

    Adjacent encoded words are joined before decoding when charset and encoding agree, so a letter split between two of
    them (against RFC 2047 section 5, yet common) is whole again. Raw 8-bit octets are guessed, and the guess recorded.
    """
    if raw.isascii() and b"=?" not in raw:
        text = raw.decode("ascii")
        return (text.strip(" "), ()) if text.isprintable() else _one_line(text, [])
    defects: list[str] = []
    pieces: list[str] = []
    at = 0
    run: tuple[str, list[bytes]] | None = None

    def flush() -> None:
        nonlocal run
        if run is not None:
            text, defect = decode_octets(b"".join(run[1]), run[0])
            pieces.append(text)
            if defect:
                defects.append(defect)
            elif codec_of(run[0]) is None:
                defects.append(f"charset-unknown:{run[0]}")
            run = None

    for match in _ENCODED.finditer(raw):
        between = raw[at : match.start()]
        octets = _word_octets(match.group(2), match.group(3))
        if octets is None:
            continue
        if run is None or between.strip(b" \t\r\n"):
            flush()
            pieces.append(_raw_text(between, charset_hint, defects))
        charset = match.group(1).decode("ascii").split("*", 1)[0].lower()
        if run is not None and run[0] == charset:
            run[1].append(octets)
        else:
            flush()
            run = (charset, [octets])
        at = match.end()
    flush()
    pieces.append(_raw_text(raw[at:], charset_hint, defects))
    return _one_line("".join(pieces), defects)


def _raw_text(octets: bytes, charset_hint: str | None, defects: list[str]) -> str:
    if octets.isascii():
        return octets.decode("ascii")
    defects.append("raw-8bit")
    hint = charset_hint if charset_hint and _utf8(octets) is False else None
    text, defect = decode_octets(octets, hint)
    defects.append(defect or f"charset-guessed:{charset_hint}")
    return text


def _utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _one_line(text: str, defects: list[str]) -> tuple[str, tuple[str, ...]]:
    if _CONTROLS.search(text):
        if re.search("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]", text):
            defects.append("control-characters")
        text = _CONTROLS.sub(" ", text)
    return text.strip(" "), tuple(dict.fromkeys(defects))


def _word_octets(encoding: bytes, payload: bytes) -> bytes | None:
    if encoding in b"qQ":
        return _QUOTED.sub(lambda m: bytes((int(m.group(1), 16),)), payload.replace(b"_", b" "))
    payload = re.sub(rb"[^A-Za-z0-9+/]", b"", payload)
    payload = payload[: len(payload) - 1] if len(payload) % 4 == 1 else payload
    try:
        return binascii.a2b_base64(payload + b"=" * (-len(payload) % 4))
    except binascii.Error:
        return None


def parameters(raw: bytes, charset_hint: str | None = None) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """(value in lower case, parameters, defects) of Content-Type or Content-Disposition: RFC 2045, 2231, and the
    encoded words that RFC 2047 section 5 forbids there and mailers write all the same. First of a name wins."""
    defects: list[str] = []
    tokens = _split_semicolons(raw)
    value = tokens[0].strip().decode("latin-1").lower() if tokens else ""
    plain: dict[str, bytes] = {}
    pieces: dict[str, dict[int, tuple[bool, bytes]]] = {}
    for token in tokens[1:1000]:
        name_raw, _, content = token.partition(b"=")
        name = name_raw.strip().lower().decode("latin-1")
        content = _unquoted(content.strip())
        match = re.fullmatch(r"([^*]+)(?:\*(\d{1,3}))?(\*)?", name)
        if match is None:
            continue
        base, index, extended = match.group(1), match.group(2), match.group(3) is not None
        if index is None and not extended:
            plain.setdefault(base, content)
        else:
            pieces.setdefault(base, {}).setdefault(int(index or 0), (extended, content))
    result: dict[str, str] = {}
    for base, content in plain.items():
        text, found = decode_field(content, charset_hint)
        result[base] = text
        defects.extend(found)
    for base, numbered in pieces.items():
        charset: str | None = None
        octets = b""
        for index in sorted(numbered):
            extended, content = numbered[index]
            if extended:
                if index == 0 and content.count(b"'") >= 2:
                    label, _, content = content.split(b"'", 2)
                    charset = label.decode("latin-1") or None
                content = unquote_to_bytes(content)
            octets += content
        if charset is None and b"=?" in octets and not any(extended for extended, _ in numbered.values()):
            text, found = decode_field(octets, charset_hint)  # an encoded word cut over several pieces
            defects.extend(found)
        else:
            text, defect = decode_octets(octets, charset)
            if defect:
                defects.append(defect)
        result[base] = _CONTROLS.sub(" ", text)
    return value, result, tuple(dict.fromkeys(defects))


def _split_semicolons(raw: bytes) -> list[bytes]:
    """Split at semicolons outside quoted strings; backslash pairs respected. Linear."""
    if b'"' not in raw:
        return raw.split(b";")
    tokens: list[bytes] = []
    start, quoted, at, end = 0, False, 0, len(raw)
    while at < end:
        octet = raw[at]
        if quoted and octet == 0x5C:
            at += 2
            continue
        if octet == 0x22:
            quoted = not quoted
        elif octet == 0x3B and not quoted:
            tokens.append(raw[start:at])
            start = at + 1
        at += 1
    tokens.append(raw[start:])
    return tokens


def _unquoted(content: bytes) -> bytes:
    if content[:1] == b'"':
        end = content.rfind(b'"')
        content = content[1:end] if end > 0 else content[1:]
        # A Windows path in a file name is not a quoted pair; only \" and \\ are undone.
        return re.sub(rb'\\(["\\])', rb"\1", content)
    return content.split(b" (", 1)[0].strip()
