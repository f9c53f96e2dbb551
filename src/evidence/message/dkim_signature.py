"""A message taken apart for DKIM, and its signature headers read and checked for form (RFC 6376 sections 3.5 and 6.1.1)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dkim.canonicalization import CanonicalizationPolicy, InvalidCanonicalizationPolicyError
from dkim.crypto import HASH_ALGORITHMS
from dkim.util import InvalidTagValueList, parse_tag_value

from evidence.message.dkim_words import HEADERS_UNREADABLE, MALFORMED, NOT_AUTHENTICATED_FROM, TOO_LARGE, TOO_MANY

MAX_SIGNATURES = 20
MAX_SIGNATURE_OCTETS = 8_192
MAX_HEADER_OCTETS = 1_048_576
MAX_FIELDS = 5_000
MAX_SIGNED_NAMES = 500
_LABEL = rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rb"%b(?:\.%b)*" % (_LABEL, _LABEL))
_FIELD = re.compile(rb"([!-9;-~]+):")
_LONG_SPACE = re.compile(rb"\s{200}")


@dataclass(frozen=True, slots=True)
class Message:
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    bare_lf: bool
    readable: bool

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name]


@dataclass(frozen=True, slots=True)
class Signature:
    index: int
    field: tuple[bytes, bytes]
    tags: Mapping[bytes, bytes]
    domain: str = ""
    selector: str = ""
    names: tuple[bytes, ...] = ()
    length: int | None = None
    problem: str = ""

    @property
    def key_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


def split(raw: bytes) -> Message:
    """Header fields and body with CRLF line ends, as dkimpy splits them, in linear time."""
    start = raw[: MAX_HEADER_OCTETS + 4]
    ends = re.match(rb"()\r?\n", start) or re.search(rb"\r?\n(\r?\n)", start)
    block = start if ends is None else start[: ends.start()]
    body = b"" if ends is None else raw[ends.end() :]
    bare_lf = bool(re.search(rb"(?<!\r)\n", raw))
    if bare_lf:
        body = re.sub(rb"\r?\n", b"\r\n", body)
    readable = len(block) <= MAX_HEADER_OCTETS
    fields: list[tuple[bytes, list[bytes]]] = []
    for number, line in enumerate(re.split(rb"\r?\n", block)):
        field = _FIELD.match(line)
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1].append(line)
        elif field:
            fields.append((field[1], [line[field.end() :]]))
        elif not (number == 0 and line.startswith(b"From ")) and line:
            readable = False
    if len(fields) > MAX_FIELDS:
        readable = False
    whole = tuple((name, b"\r\n".join(lines) + b"\r\n") for name, lines in fields[:MAX_FIELDS])
    return Message(whole, body, bare_lf, readable)


def read_signatures(message: Message) -> list[Signature]:
    fields = [field for field in message.fields if field[0].lower() == b"dkim-signature"]
    read = [_read_signature(number, field, message) for number, field in enumerate(fields[:MAX_SIGNATURES])]
    more = fields[MAX_SIGNATURES : MAX_SIGNATURES + 1]
    return read + [Signature(MAX_SIGNATURES, field, {}, problem=TOO_MANY) for field in more]


def _read_signature(index: int, field: tuple[bytes, bytes], message: Message) -> Signature:
    value = field[1]
    if len(value) > MAX_SIGNATURE_OCTETS or _LONG_SPACE.search(value):
        return Signature(index, field, {}, problem=TOO_LARGE)
    try:
        tags = parse_tag_value(value)
    except (InvalidTagValueList, IndexError):
        return Signature(index, field, {}, problem=MALFORMED)
    domain, selector = tags.get(b"d", b""), tags.get(b"s", b"")
    domain = ascii_name(domain)
    names = tuple(n.strip().lower() for n in tags.get(b"h", b"").split(b":"))
    length = tags.get(b"l")
    stated = int(length) if length is not None and re.fullmatch(rb"\d{1,18}", length) else None
    found = Signature(
        index,
        field,
        tags,
        domain.decode("ascii", "replace").lower(),
        selector.decode("ascii", "replace").lower(),
        names[:MAX_SIGNED_NAMES],
        stated,
    )
    problem = _fault(tags, domain, selector, names, length is not None and stated is None)
    if not problem and not message.readable:
        problem = HEADERS_UNREADABLE
    return replace(found, problem=problem)


def _fault(
    tags: Mapping[bytes, bytes], domain: bytes, selector: bytes, names: tuple[bytes, ...], bad_length: bool
) -> str:
    """RFC 6376 section 6.1.1, apart from the two checks that need a clock."""
    for tag in (b"v", b"a", b"b", b"bh", b"d", b"h", b"s"):
        if tag not in tags:
            return f"{MALFORMED}: {tag.decode()}="
    if tags[b"v"] != b"1":
        return f"{MALFORMED}: v="
    if tags[b"a"] not in HASH_ALGORITHMS:
        return f"{MALFORMED}: a="
    if base64_octets(tags[b"b"]) is None:
        return f"{MALFORMED}: b="
    if base64_octets(tags[b"bh"]) is None:
        return f"{MALFORMED}: bh="
    if not _NAME.fullmatch(domain) or b"." not in domain or len(domain) > 200:
        return f"{MALFORMED}: d="
    if not _NAME.fullmatch(selector) or len(selector) > 200 or len(selector) + len(domain) > 240:
        return f"{MALFORMED}: s="
    if b"from" not in names:
        return NOT_AUTHENTICATED_FROM
    if len(names) > MAX_SIGNED_NAMES:
        return TOO_LARGE
    identity = tags.get(b"i")
    if identity is not None:
        owner = ascii_name(identity.rpartition(b"@")[2]).lower()
        if owner != domain.lower() and not owner.endswith(b"." + domain.lower()):
            return f"{MALFORMED}: i="
    if bad_length:
        return f"{MALFORMED}: l="
    if b"dns/txt" not in tags.get(b"q", b"dns/txt").replace(b" ", b"").split(b":"):
        return f"{MALFORMED}: q="
    try:
        CanonicalizationPolicy.from_c_value(tags.get(b"c"))
    except InvalidCanonicalizationPolicyError:
        return f"{MALFORMED}: c="
    return ""


def ascii_name(name: bytes) -> bytes:
    """A domain in its ASCII form (RFC 8616 section 3 allows UTF-8 in d=); unchanged where it has none."""
    if name.isascii():
        return name
    try:
        return name.decode("utf-8").encode("idna")
    except UnicodeError:
        return name


def base64_octets(value: bytes) -> bytes | None:
    try:
        return base64.b64decode(re.sub(rb"\s+", b"", value), validate=True) or None
    except (binascii.Error, ValueError):
        return None
