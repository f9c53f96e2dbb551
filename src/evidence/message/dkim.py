"""Verifies DKIM signatures on the raw octets, offline, against DNS answers that were kept as evidence (RFC 6376).

A passing signature says that a *domain* vouched for the body and *some* headers; the rest is listed as a warning.
A missing or unverifiable signature says nothing about a message: no result here means "forged".

``DkimResult.reason`` and ``.warnings`` are sentences of a closed set, English msgids of this package's catalogue, some
followed by ``": "`` and particulars that are not translated; ``evidence.i18n.translated`` renders them.

dkimpy canonicalises, selects and hashes; what is quadratic in it on hostile mail is brought to a harmless size first,
and its clock (``t=``, ``x=``) is left out: the same octets and keys give the same result in ten years.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dkim.canonicalization import CanonicalizationPolicy, InvalidCanonicalizationPolicyError
from dkim.crypto import HASH_ALGORITHMS, RSASSA_PKCS1_v1_5_verify, parse_public_key
from dkim.util import InvalidTagValueList, parse_tag_value

import dkim
from evidence.model import DkimResult, DnsKey

MAX_SIGNATURES = 20
MAX_SIGNATURE_OCTETS = 8_192
MAX_HEADER_OCTETS = 1_048_576
MAX_FIELDS = 5_000
MAX_SIGNED_NAMES = 500
MAX_KEY_BITS = 8_192
MIN_KEY_BITS = 1_024  # RFC 8301 section 3.2: a verifier must not accept less
GOOD_KEY_BITS = 2_048  # RFC 8301 section 3.2: a signer should use no less
LATE_DAYS = 7

# ---- what is said: msgids of the catalogue ----------------------------------------------------------------------
PASSED = "The body and the signed headers are as the domain signed them"
PASSED_IN_PART = "The signed headers and the signed beginning of the body are as the domain signed them"
BODY_DIFFERS = "The body is not the one that was signed; the signed headers are unchanged"
HEADERS_DIFFER = "The signed headers do not match the signature under this key; the body matches its hash"
ALL_DIFFERS = "Neither the body nor the signed headers match the signature under this key"
NOT_ASKED = "The key was not asked for, so the signature was not checked"
NO_ANSWER = "DNS gave no usable answer, so the signature was not checked"
NO_KEY = "DNS holds no key of this name; keys are removed in time, and this says nothing against the message"
REVOKED = "The domain has withdrawn this key; this says nothing against the message"
KEY_UNREADABLE = "The key record cannot be read"
KEY_OF_OTHER_KIND = "The key is of another kind than the signature"
KEY_NOT_FOR_MAIL = "The key record does not allow this use"
KEY_TOO_SHORT = "The signature matches, but a key this short does not count (RFC 8301)"
SHA1 = "The signature matches, but SHA-1 no longer counts (RFC 8301)"
MALFORMED = "The signature header is malformed"
TOO_LARGE = "The signature is larger than is checked here"
TOO_MANY = "There are more signatures than are checked here"
HEADERS_UNREADABLE = "The message's headers cannot be read as the signature needs them"

BODY_MATCHES = "The body matches the hash in the signature"
BODY_DOES_NOT_MATCH = "The body does not match the hash in the signature"
PART_OF_BODY = "Only the beginning of the body is signed (l=); octets signed and present"
REPEATED = "Headers that stand more than once"
UNSIGNED = "Important headers that are not signed"
SHORT_KEY = "Short key, bits"
NOT_ALIGNED = "The signing domain is not that of the sender's address"
TESTING = "The domain says that it is only testing DKIM (t=y)"
LATE = "The key was asked for long after the signing; keys may have been changed since. Days"
EXPIRED = "The signature's own validity had ended when the key was asked for"
LF_READ_AS_CRLF = "Line ends were single LF; they were read as CRLF, as mail travels"
SEVERAL_KEYS = "DNS holds several key records of this name"
NOT_AUTHENTICATED_FROM = "The From header is not signed"

_SINGLE = (
    "from sender reply-to to cc subject date message-id in-reply-to references mime-version content-type "
    "content-transfer-encoding"
).split()
_IMPORTANT = ("from", "to", "cc", "subject", "date", "reply-to", "message-id", "content-type")
_LABEL = rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rb"%b(?:\.%b)*" % (_LABEL, _LABEL))
_FIELD = re.compile(rb"([!-9;-~]+):")
_LONG_SPACE = re.compile(rb"\s{200}")
# Second levels under which registries sell names, so that two names below them are two owners.
_REGISTRY = frozenset("ac co com edu gov mil net org msk spb".split())

Result = Literal["pass", "fail", "no-key", "unchecked", "error"]


@dataclass(frozen=True, slots=True)
class _Message:
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    bare_lf: bool
    readable: bool

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name]


@dataclass(frozen=True, slots=True)
class _Signature:
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


@dataclass(frozen=True, slots=True)
class _Key:
    kind: str
    bits: int
    public: Any
    tags: Mapping[bytes, bytes]
    testing: bool


def needed_keys(raw: bytes) -> tuple[str, ...]:
    """The DNS names that ``raw``'s signatures need, in lower case, without a final dot; each once, at most 20."""
    found = (s.key_name for s in _signatures(_split(raw)) if not s.problem)
    return tuple(dict.fromkeys(found))


def verify_message(raw: bytes, key_of: Callable[[str], DnsKey | None]) -> tuple[DkimResult, ...]:
    """One result for each DKIM-Signature of ``raw``, topmost first. Never raises on mail; no network, no clock.

    ``key_of`` gets a name of ``needed_keys`` and gives the kept answer, or None if it was never asked for.
    ``pass`` and ``fail`` follow RFC 6376; ``no-key``: DNS has none, or it is withdrawn; ``unchecked``: nobody asked or
    DNS failed; ``error``: malformed, beyond the limits, or of a strength that no longer counts.
    """

    def history(name: str) -> Sequence[DnsKey]:
        key = key_of(name)
        return () if key is None else (key,)

    return verify_with_history(raw, history)


def verify_with_history(raw: bytes, keys_of: Callable[[str], Sequence[DnsKey]]) -> tuple[DkimResult, ...]:
    """As ``verify_message``, where a name was asked for more than once and the answers may differ (a rotated key).

    A pass under any kept answer is a pass; otherwise the earliest answer that held a key is reported.
    """
    message = _split(raw)
    return tuple(_judge(signature, message, keys_of) for signature in _signatures(message))


def _split(raw: bytes) -> _Message:
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
    return _Message(whole, body, bare_lf, readable)


def _signatures(message: _Message) -> list[_Signature]:
    fields = [field for field in message.fields if field[0].lower() == b"dkim-signature"]
    read = [_read_signature(number, field, message) for number, field in enumerate(fields[:MAX_SIGNATURES])]
    more = fields[MAX_SIGNATURES : MAX_SIGNATURES + 1]
    return read + [_Signature(MAX_SIGNATURES, field, {}, problem=TOO_MANY) for field in more]


def _read_signature(index: int, field: tuple[bytes, bytes], message: _Message) -> _Signature:
    value = field[1]
    if len(value) > MAX_SIGNATURE_OCTETS or _LONG_SPACE.search(value):
        return _Signature(index, field, {}, problem=TOO_LARGE)
    try:
        tags = parse_tag_value(value)
    except (InvalidTagValueList, IndexError):
        return _Signature(index, field, {}, problem=MALFORMED)
    domain, selector = tags.get(b"d", b""), tags.get(b"s", b"")
    domain = _ascii_name(domain)
    names = tuple(n.strip().lower() for n in tags.get(b"h", b"").split(b":"))
    length = tags.get(b"l")
    stated = int(length) if length is not None and re.fullmatch(rb"\d{1,18}", length) else None
    found = _Signature(
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
    return found if not problem else _with_problem(found, problem)


def _with_problem(s: _Signature, problem: str) -> _Signature:
    return _Signature(s.index, s.field, s.tags, s.domain, s.selector, s.names, s.length, problem)


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
    if _base64(tags[b"b"]) is None:
        return f"{MALFORMED}: b="
    if _base64(tags[b"bh"]) is None:
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
        owner = _ascii_name(identity.rpartition(b"@")[2]).lower()
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


def _judge(signature: _Signature, message: _Message, keys_of: Callable[[str], Sequence[DnsKey]]) -> DkimResult:
    if signature.problem:
        head = signature.problem
        return _result(signature, "unchecked" if head == TOO_MANY else "error", head, None, ())
    policy = CanonicalizationPolicy.from_c_value(signature.tags.get(b"c"))
    body_ok, warnings = _body(signature, message, policy)
    warnings += _header_warnings(signature, message)
    kept = sorted(keys_of(signature.key_name), key=lambda k: k.asked_at)
    if not kept:
        return _result(signature, "unchecked", NOT_ASKED, None, (_body_note(body_ok), *warnings))
    found = [_under(answer, signature, message, policy, body_ok, warnings) for answer in kept]
    passed = [r for r in found if r.result == "pass"]
    keyed = [r for r in found if r.result not in ("no-key", "unchecked")]
    return (passed or keyed or found)[0]


def _under(
    answer: DnsKey,
    signature: _Signature,
    message: _Message,
    policy: Any,
    body_ok: bool,
    warnings: tuple[str, ...],
) -> DkimResult:
    """The signature's result under one kept DNS answer."""
    note = _body_note(body_ok)
    if answer.error in ("nxdomain", "no-answer"):
        return _result(
            signature, "no-key", NO_KEY, None, (note, *warnings, *_time_warnings(answer, signature, message))
        )
    if answer.error:
        return _result(signature, "unchecked", f"{NO_ANSWER}: {answer.error}", None, (note, *warnings))
    late = _time_warnings(answer, signature, message)
    records = [r for r in answer.answer.split(b"\n") if r]
    if len(records) > 1:
        warnings = (*warnings, SEVERAL_KEYS)
    # RFC 6376 section 3.6.2.2 leaves several records undefined: the first that can be a key counts.
    read = [_read_key(record, signature) for record in records] or [(NO_KEY, "no-key")]
    key = next((k for k in read if isinstance(k, _Key)), read[0])
    if not isinstance(key, _Key):
        reason, verdict = key
        return _result(signature, verdict, reason, None, (note, *warnings, *late))
    if key.testing:
        warnings = (*warnings, TESTING)
    if key.kind == "rsa" and MIN_KEY_BITS <= key.bits < GOOD_KEY_BITS:
        warnings = (*warnings, f"{SHORT_KEY}: {key.bits}")
    warnings = (*warnings, *late)
    headers_ok = _headers_match(signature, message, policy, key)
    if not (body_ok and headers_ok):
        reason = BODY_DIFFERS if headers_ok else HEADERS_DIFFER if body_ok else ALL_DIFFERS
        return _result(signature, "fail", reason, key.bits, warnings)
    if key.kind == "rsa" and key.bits < MIN_KEY_BITS:
        return _result(signature, "error", KEY_TOO_SHORT, key.bits, warnings)
    if signature.tags[b"a"] == b"rsa-sha1":
        return _result(signature, "error", SHA1, key.bits, warnings)
    in_part = any(w.startswith(PART_OF_BODY) for w in warnings)
    return _result(signature, "pass", PASSED_IN_PART if in_part else PASSED, key.bits, warnings)


def _body(signature: _Signature, message: _Message, policy: Any) -> tuple[bool, tuple[str, ...]]:
    body = policy.canonicalize_body(_prepared_body(message.body, policy))
    warnings: tuple[str, ...] = ()
    whole = len(body)
    if signature.length is not None:
        body = body[: signature.length]
        if signature.length < whole:
            warnings = (f"{PART_OF_BODY}: {signature.length}/{whole}",)
    digest = HASH_ALGORITHMS[signature.tags[b"a"]](body).digest()
    # A length beyond the body is a signature over octets that are not there (RFC 6376 section 3.5, l=).
    return digest == _base64(signature.tags[b"bh"]) and (signature.length or 0) <= whole, warnings


def _prepared_body(body: bytes, policy: Any) -> bytes:
    """``body`` with the same canonical form, but without the runs on which dkimpy takes quadratic or per-line time."""
    if policy.body_algorithm.name == b"relaxed":
        body = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n")
    end = len(body.rstrip(b"\r\n"))
    closing = re.match(rb"(?:\n\r)*", body[end:][::-1])
    pairs = closing.end() if closing else 0
    return body[: len(body) - pairs] + (b"\r\n" if pairs else b"")


def _headers_match(signature: _Signature, message: _Message, policy: Any, key: _Key) -> bool:
    wanted = set(signature.names)
    fields = [f for f in message.fields if f[0].lower() in wanted]
    names = list(signature.names)
    # A second From must not ride on a signed first one (RFC 6376 section 8.15); dkimpy asks for one more as well.
    names.append(b"from")
    algorithm = signature.tags[b"a"]
    hasher = HASH_ALGORITHMS[algorithm]()
    try:
        canonical = policy.canonicalize_headers(fields)
        dkim.hash_headers(hasher, policy, canonical, names, signature.field, dict(signature.tags))
        proof = _base64(signature.tags[b"b"]) or b""
        if key.kind == "ed25519":
            key.public.verify(proof, hasher.digest())
            return True
        return bool(RSASSA_PKCS1_v1_5_verify(hasher, proof, key.public))
    except (InvalidSignature, dkim.crypto.DigestTooLargeError, TypeError, ValueError, AssertionError, OverflowError):
        return False


def _read_key(record: bytes, signature: _Signature) -> _Key | tuple[str, Result]:
    """The key in one TXT record (RFC 6376 section 3.6.1, RFC 8463 section 4), or why it is none for this signature."""
    try:
        tags = parse_tag_value(record)
    except (InvalidTagValueList, IndexError):
        return KEY_UNREADABLE, "error"
    if tags.get(b"v", b"DKIM1") != b"DKIM1" or b"p" not in tags:
        return KEY_UNREADABLE, "error"
    if not tags[b"p"]:
        return REVOKED, "no-key"
    kind = tags.get(b"k", b"rsa").lower().decode("ascii", "replace")
    algorithm = signature.tags[b"a"].decode("ascii")
    if not algorithm.startswith(kind + "-"):
        return KEY_OF_OTHER_KIND, "error"
    words = {name: {w.strip() for w in tags[name].split(b":")} for name in (b"h", b"s", b"t") if name in tags}
    if b"h" in words and algorithm.partition("-")[2].encode() not in words[b"h"]:
        return KEY_NOT_FOR_MAIL, "error"
    if b"s" in words and not words[b"s"] & {b"*", b"email"}:
        return KEY_NOT_FOR_MAIL, "error"
    flags = words.get(b"t", set())
    owner = signature.tags.get(b"i", b"").rpartition(b"@")[2].lower()
    if b"s" in flags and owner and owner != signature.tags[b"d"].lower():
        return KEY_NOT_FOR_MAIL, "error"
    octets = _base64(tags[b"p"])
    if octets is None:
        return KEY_UNREADABLE, "error"
    try:
        if kind == "ed25519":
            return _Key(kind, 256, Ed25519PublicKey.from_public_bytes(octets), tags, b"y" in flags)
        public = parse_public_key(octets)
        bits = int(public["modulus"]).bit_length()
        exponent = int(public["publicExponent"])
    except Exception:  # dkimpy's ASN.1 reader raises whatever comes on broken octets
        return KEY_UNREADABLE, "error"
    if bits > MAX_KEY_BITS or exponent.bit_length() > 64:
        return TOO_LARGE, "error"
    if bits < 256 or exponent < 3:
        return KEY_UNREADABLE, "error"
    return _Key(kind, bits, public, tags, b"y" in flags)


def _header_warnings(signature: _Signature, message: _Message) -> tuple[str, ...]:
    found: list[str] = []
    present = [name.decode("ascii").lower() for name, _ in message.fields]
    repeated = [name for name in _SINGLE if present.count(name) > 1]
    if repeated:
        found.append(f"{REPEATED}: {', '.join(repeated)}")
    signed = {name.decode("ascii", "replace") for name in signature.names}
    unsigned = [name for name in _IMPORTANT if name in present and name not in signed]
    if unsigned:
        found.append(f"{UNSIGNED}: {', '.join(unsigned)}")
    senders = sorted({d for value in message.values(b"from") for d in _domains(value)})
    foreign = [d for d in senders if not aligned(signature.domain, d)]
    if foreign:
        found.append(f"{NOT_ALIGNED}: {signature.domain} / {', '.join(foreign[:5])}")
    if message.bare_lf:
        found.append(LF_READ_AS_CRLF)
    return tuple(found)


def _time_warnings(answer: DnsKey, signature: _Signature, message: _Message) -> tuple[str, ...]:
    found: list[str] = []
    signed_at = _seconds(signature.tags.get(b"t")) or _date(message)
    if signed_at is not None:
        days = (answer.asked_at - signed_at).days
        if days > LATE_DAYS:
            found.append(f"{LATE}: {days}")
    ends = _seconds(signature.tags.get(b"x"))
    if ends is not None and ends < answer.asked_at:
        found.append(f"{EXPIRED}: {ends:%Y-%m-%dT%H:%M:%SZ}")
    return tuple(found)


def aligned(signer: str, sender: str) -> bool:
    """Whether two domains belong together as DMARC's relaxed alignment means it (RFC 7489 section 3.1.1).

    Without the public suffix list: the longest common end must be a name someone can own.
    """
    ours, theirs = signer.lower().split("."), sender.lower().split(".")
    common: list[str] = []
    for a, b in zip(reversed(ours), reversed(theirs), strict=False):
        if a != b:
            break
        common.insert(0, a)
    if common in (ours, theirs) and len(common) >= 2:
        return True
    registry = len(common) == 2 and len(common[1]) == 2 and common[0] in _REGISTRY
    return len(common) >= 2 and not registry


def _domains(value: bytes) -> set[str]:
    text = value[:20_000].decode("utf-8", "replace")
    text = re.sub(r"\"(?:[^\"\\]|\\.)*\"", " ", text)
    angled = re.findall(r"<[^<>]*@([^<>\s@]+)>", text)
    found = angled or re.findall(r"@([A-Za-z0-9._-]+|[^\s@<>,;()]+)", text)
    return {_ascii_name(d.strip(".").encode()).decode("ascii", "replace").lower() for d in found}


def _ascii_name(name: bytes) -> bytes:
    """A domain in its ASCII form (RFC 8616 section 3 allows UTF-8 in d=); unchanged where it has none."""
    if name.isascii():
        return name
    try:
        return name.decode("utf-8").encode("idna")
    except UnicodeError:
        return name


def _base64(value: bytes) -> bytes | None:
    try:
        return base64.b64decode(re.sub(rb"\s+", b"", value), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _seconds(value: bytes | None) -> datetime | None:
    if value is None or not re.fullmatch(rb"\d{1,11}", value):
        return None
    return datetime.fromtimestamp(int(value), UTC)


def _date(message: _Message) -> datetime | None:
    for value in message.values(b"date")[:1]:
        try:
            read = parsedate_to_datetime(value[:200].decode("ascii", "replace"))
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    return None


def _body_note(body_ok: bool) -> str:
    return BODY_MATCHES if body_ok else BODY_DOES_NOT_MATCH


def _result(s: _Signature, result: Result, reason: str, bits: int | None, warnings: tuple[str, ...]) -> DkimResult:
    def tag(name: bytes, otherwise: str = "") -> str:
        return s.tags.get(name, otherwise.encode()).decode("ascii", "replace")

    return DkimResult(
        index=s.index,
        domain=s.domain[:253],
        selector=s.selector[:253],
        result=result,
        reason=reason,
        signed_headers=tuple(n.decode("ascii", "replace") for n in s.names if n),
        length_tag=s.length,
        key_bits=bits,
        algorithm=tag(b"a"),
        canonicalization=tag(b"c", "simple/simple") if s.tags else "",
        warnings=warnings,
    )
