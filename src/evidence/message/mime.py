"""The MIME tree of a message, cut out of its octets without copying attachments (RFC 2045, 2046).

Our own walk, because the libraries at hand merge a forwarded message's text into the sender's own (message/rfc822 stays
closed here: it is an attachment, never words of this sender), recurse on nesting, and cost seconds on large parts.
Linear in size times depth, and depth is bounded.
"""

from __future__ import annotations

import binascii
import quopri
import re
from dataclasses import dataclass, field

from evidence.message import words as stored
from evidence.message.headers import Field, parameters, split_fields
from evidence.message.limits import MAX_DEPTH, MAX_HEADER_BLOCK, MAX_PARTS

_END_OF_HEADERS = re.compile(rb"\r*\n\r*\n")
_BEFORE_FIELDS = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]{0,80}\r{0,2}\n){0,20}")
_TWO_FIELDS = re.compile(
    rb"(?:From|To|Cc|Subject|Date|Received|Message-ID|Return-Path|Delivered-To|MIME-Version|Content-Type|DKIM-Signature|X-[\w-]{1,60}|"
    rb"Reply-To|Sender|ARC-[\w-]{1,60})[ \t]*:[^\n]{0,2000}\n(?:[ \t][^\n]{0,2000}\n){0,50}[!-9;-~]{1,60}[ \t]*:",
    re.I,
)
_BASE64_AND_SPACE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"
_PLAIN_LINE = re.compile(rb"^(?=[^\n]*[^A-Za-z0-9+/=\s])[^\n]*|^[ \t]*[^\s=]+[ \t]+[^\s=][^\n]*", re.M)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@dataclass(slots=True, eq=False)
class Part:
    """A node of the tree: its fields and the span of its body in ``source``. ``path`` counts from 1: "2.1"."""

    path: str
    fields: tuple[Field, ...]
    source: bytes
    start: int
    end: int
    content_type: str = "text/plain"
    type_parameters: dict[str, str] = field(default_factory=dict)
    disposition: str = ""
    disposition_parameters: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    children: list[Part] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def filename(self) -> str:
        return self.disposition_parameters.get("filename") or self.type_parameters.get("name") or ""

    @property
    def charset(self) -> str | None:
        return self.type_parameters.get("charset") or None

    def first(self, name: str) -> bytes:
        """The first field of this name, unfolded; empty if there is none."""
        for one in self.fields:
            if one.key == name:
                return one.unfolded()
        return b""

    def encoded(self) -> bytes:
        return self.source[self.start : self.end]

    def decoded(self) -> tuple[bytes, str]:
        """(octets after the transfer encoding, defect)."""
        return decode_transfer(self.encoded(), self.encoding)


def decode_transfer(octets: bytes, encoding: str) -> tuple[bytes, str]:
    """Undo a Content-Transfer-Encoding (RFC 2045 section 6). Unknown ones leave the octets, with a defect."""
    if encoding == "base64":
        return _from_base64(octets)
    if encoding == "quoted-printable":
        return quopri.decodestring(octets), ""
    if encoding in {"", "7bit", "8bit", "binary"}:
        return octets, ""
    if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return _from_uuencode(octets)
    return octets, f"transfer-encoding-unknown:{encoding[:40]}"


def _from_base64(octets: bytes) -> tuple[bytes, str]:
    if octets.translate(None, _BASE64_AND_SPACE) and (trailer := _after_base64(octets)):
        return _from_base64(octets[:trailer])[0] + b"\n" + octets[trailer:], "base64-broken"
    kernel = octets.rstrip(b"= \t\r\n-")
    if b"=" not in kernel:
        try:
            return binascii.a2b_base64(octets), ""
        except binascii.Error:
            return _base64_run(octets), "base64-broken"
    # The C decoder stops at padding; several encoded pieces set end to end would lose all but the first.
    return b"".join(_base64_run(run) for run in kernel.split(b"=") if run), "base64-padding-inside"


def _after_base64(octets: bytes) -> int:
    """Where plain text begins that a list or a virus scanner set below encoded octets, after an empty line or the padding.

    0 if there is none: every line could be base64, or what cannot be stands among the encoded lines.
    """
    match = _PLAIN_LINE.search(octets)
    if match is None or not match.start() or not re.search(rb"[A-Za-z]{2}", octets[match.start() :]):
        return 0
    above = octets[: match.start()]
    padded = above.rstrip(b" \t\r\n")[-1:] == b"="
    parted = bool(re.search(rb"\n[ \t]*\r?\n[ \t\r\n]*\Z", above))
    rest = octets[match.start() :].splitlines()
    plain = sum(1 for line in rest if _PLAIN_LINE.match(line))
    return match.start() if (padded or parted) and plain * 2 >= sum(1 for line in rest if line.strip()) else 0


def _base64_run(octets: bytes) -> bytes:
    clean = _NOT_BASE64.sub(b"", octets)
    clean = clean[: len(clean) - 1] if len(clean) % 4 == 1 else clean
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def _from_uuencode(octets: bytes) -> tuple[bytes, str]:
    out: list[bytes] = []
    begun, defect = False, ""
    for line in octets.splitlines():
        if not begun:
            begun = line.startswith(b"begin ")
            continue
        if line.strip() == b"end":
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders pad the last line with rubbish; the count in its first octet says how much is meant.
            wanted = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            try:
                out.append(binascii.a2b_uu(line[:wanted]))
            except binascii.Error:
                defect = "uuencode-broken"
    return b"".join(out), defect


def read_tree(raw: bytes) -> Part:
    """The whole tree. Never raises; what cannot be read is a leaf with its octets, its defect noted on the root."""
    if b"\n" not in raw and b"\r" in raw:
        raw = raw.replace(b"\r", b"\n")  # old Macintosh files; spans are of this copy
    counter = [0]
    defects: list[str] = []
    start = _leading(raw)
    if start:
        defects.append("header-line-unreadable")
    root = _part(raw, start, len(raw), "1", counter, 0, "text/plain", defects)
    root.path = ""
    return root


def _leading(raw: bytes) -> int:
    """Octets before the first field that programs put there when they save a message: a byte order mark, empty lines."""
    match = _BEFORE_FIELDS.match(raw)
    return match.end() if match and match.end() and _TWO_FIELDS.match(raw, match.end()) else 0


def _part(
    source: bytes, start: int, end: int, path: str, counter: list[int], depth: int, default: str, defects: list[str]
) -> Part:
    body_start, head_end = _body_of(source, start, end)
    fields, found, broken = split_fields(source[start:head_end])
    if broken is not None:
        body_start = start + broken  # the empty line is missing, or stands inside the text
    part = Part(path, fields, source, body_start, end, defects=defects)
    defects.extend(f"{d}:{path}" if depth else d for d in found)
    _describe(part, default)
    counter[0] += 1
    if part.content_type.startswith("multipart/"):
        _open_multipart(part, counter, depth)
    return part


def _body_of(source: bytes, start: int, end: int) -> tuple[int, int]:
    """(where the body starts, where the header block ends)."""
    if source[start : start + 1] == b"\n":
        return start + 1, start
    if source[start : start + 2] == b"\r\n":
        return start + 2, start
    match = _END_OF_HEADERS.search(source, start, end)
    if match is None:
        return end, min(end, start + MAX_HEADER_BLOCK + 1)
    return match.end(), match.start() + 1


def _describe(part: Part, default: str) -> None:
    raw = part.first("content-type")
    if raw:
        value, part.type_parameters, found = parameters(raw)
        part.defects.extend(found)
        value = value.replace(" ", "").replace("\t", "")
        if value.count("/") == 1 and not value.startswith("/") and not value.endswith("/") and value.isascii():
            part.content_type = value
        else:
            part.content_type = "text/plain"
            part.defects.append("content-type-unreadable")
    else:
        part.content_type = default
    raw = part.first("content-disposition")
    if raw:
        part.disposition, part.disposition_parameters, found = parameters(raw)
        part.defects.extend(found)
    encoding = part.first("content-transfer-encoding").split(b";")[0].strip(b" \t\"'")
    part.encoding = encoding.lower().decode("latin-1")


def _open_multipart(part: Part, counter: list[int], depth: int) -> None:
    boundary = part.type_parameters.get("boundary", "").rstrip(" ")
    if not boundary:
        part.defects.append("multipart-without-boundary")
        part.content_type = "text/plain"
        return
    if depth >= MAX_DEPTH:
        part.defects.append("nested-too-deep")
        part.note = stored.TOO_DEEP
        return
    spans, closed, after = _split(part.source, part.start, part.end, boundary.encode("utf-8", "replace"))
    if not spans:
        part.defects.append("multipart-without-parts")
        part.content_type = "text/plain"
        return
    if not closed:
        part.defects.append("multipart-not-closed")
    elif part.source[after : part.end].strip():
        part.defects.append("text-after-last-part")
    default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
    prefix = "" if depth == 0 else f"{part.path}."
    for number, (start, end) in enumerate(spans, 1):
        if counter[0] >= MAX_PARTS:
            part.defects.append("too-many-parts")
            rest = Part(f"{prefix}{number}", (), part.source, start, part.end, "application/octet-stream")
            rest.note = stored.NOT_OPENED.format(n=len(spans) - number + 1)
            rest.disposition = "attachment"
            part.children.append(rest)
            return
        part.children.append(
            _part(part.source, start, end, f"{prefix}{number}", counter, depth + 1, default, part.defects)
        )


def _split(source: bytes, start: int, end: int, boundary: bytes) -> tuple[list[tuple[int, int]], bool, int]:
    """(spans between delimiter lines, whether the closing one was there, where it ended).

    The line end before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
    """
    delimiter = b"--" + boundary
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    at = start
    while True:
        at = source.find(delimiter, at, end)
        if at < 0:
            break
        if at > start and source[at - 1 : at] != b"\n":
            at += len(delimiter)
            continue
        line_end = source.find(b"\n", at, end)
        line_end = end if line_end < 0 else line_end
        rest = source[at + len(delimiter) : line_end].rstrip(b" \t\r")
        if rest not in (b"", b"--"):
            at = max(line_end, at + 1)
            continue
        if opened is not None:
            stop = at
            if stop > opened and source[stop - 1 : stop] == b"\n":
                stop -= 1
                if stop > opened and source[stop - 1 : stop] == b"\r":
                    stop -= 1
            spans.append((opened, max(stop, opened)))
        opened = min(line_end + 1, end)
        if rest == b"--":
            return spans, True, opened
        at = opened
    if opened is not None and opened < end:
        spans.append((opened, end))
    return spans, False, end


def leaves(part: Part) -> list[Part]:
    """All parts without children, in order of appearance. No recursion."""
    found: list[Part] = []
    stack = [part]
    while stack:
        one = stack.pop()
        if one.children:
            stack.extend(reversed(one.children))
        else:
            found.append(one)
    return found
