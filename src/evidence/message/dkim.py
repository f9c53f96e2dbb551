"""Verifies DKIM signatures on the raw octets, offline, against DNS answers that were kept as evidence (RFC 6376).

A passing signature says that a *domain* vouched for the body and *some* headers; the rest is listed as a warning.
A missing or unverifiable signature says nothing about a message: no result here means "forged".

``DkimResult.reason`` and ``.warnings`` are sentences of a closed set, English msgids of this package's catalogue, some
followed by ``": "`` and particulars that are not translated; ``evidence.i18n.translated`` renders them.

dkimpy canonicalises, selects and hashes; what is quadratic in it on hostile mail is brought to a harmless size first,
and its clock (``t=``, ``x=``) is left out: the same octets and keys give the same result in ten years.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import HASH_ALGORITHMS, RSASSA_PKCS1_v1_5_verify

import dkim
from evidence.message.dkim_key import Key, Result, read_key
from evidence.message.dkim_signature import Message, Signature, ascii_name, base64_octets, read_signatures, split
from evidence.message.dkim_words import (
    ALL_DIFFERS,
    BODY_DIFFERS,
    BODY_DOES_NOT_MATCH,
    BODY_MATCHES,
    EXPIRED,
    HEADERS_DIFFER,
    KEY_TOO_SHORT,
    LATE,
    LF_READ_AS_CRLF,
    NO_ANSWER,
    NO_KEY,
    NOT_ALIGNED,
    NOT_ASKED,
    PART_OF_BODY,
    PASSED,
    PASSED_IN_PART,
    REPEATED,
    SEVERAL_KEYS,
    SHA1,
    SHORT_KEY,
    TESTING,
    TOO_MANY,
    UNSIGNED,
)
from evidence.model import DkimResult, DnsKey

MIN_KEY_BITS = 1_024  # RFC 8301 section 3.2: a verifier must not accept less
GOOD_KEY_BITS = 2_048  # RFC 8301 section 3.2: a signer should use no less
LATE_DAYS = 7
_SINGLE = (
    "from sender reply-to to cc subject date message-id in-reply-to references mime-version content-type "
    "content-transfer-encoding"
).split()
_IMPORTANT = ("from", "to", "cc", "subject", "date", "reply-to", "message-id", "content-type")
# Second levels under which registries sell names, so that two names below them are two owners.
_REGISTRY = frozenset("ac co com edu gov mil net org msk spb".split())


def needed_keys(raw: bytes) -> tuple[str, ...]:
    """The DNS names that ``raw``'s signatures need, in lower case, without a final dot; each once, at most 20."""
    found = (s.key_name for s in read_signatures(split(raw)) if not s.problem)
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
    message = split(raw)
    return tuple(_judge(signature, message, keys_of) for signature in read_signatures(message))


def _judge(signature: Signature, message: Message, keys_of: Callable[[str], Sequence[DnsKey]]) -> DkimResult:
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
    signature: Signature,
    message: Message,
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
    read = [read_key(record, signature) for record in records] or [(NO_KEY, "no-key")]
    key = next((k for k in read if isinstance(k, Key)), read[0])
    if not isinstance(key, Key):
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


def _body(signature: Signature, message: Message, policy: Any) -> tuple[bool, tuple[str, ...]]:
    body = policy.canonicalize_body(_prepared_body(message.body, policy))
    warnings: tuple[str, ...] = ()
    whole = len(body)
    if signature.length is not None:
        body = body[: signature.length]
        if signature.length < whole:
            warnings = (f"{PART_OF_BODY}: {signature.length}/{whole}",)
    digest = HASH_ALGORITHMS[signature.tags[b"a"]](body).digest()
    # A length beyond the body is a signature over octets that are not there (RFC 6376 section 3.5, l=).
    return digest == base64_octets(signature.tags[b"bh"]) and (signature.length or 0) <= whole, warnings


def _prepared_body(body: bytes, policy: Any) -> bytes:
    """``body`` with the same canonical form, but without the runs on which dkimpy takes quadratic or per-line time."""
    if policy.body_algorithm.name == b"relaxed":
        body = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n")
    end = len(body.rstrip(b"\r\n"))
    closing = re.match(rb"(?:\n\r)*", body[end:][::-1])
    pairs = closing.end() if closing else 0
    return body[: len(body) - pairs] + (b"\r\n" if pairs else b"")


def _headers_match(signature: Signature, message: Message, policy: Any, key: Key) -> bool:
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
        proof = base64_octets(signature.tags[b"b"]) or b""
        if key.kind == "ed25519":
            key.public.verify(proof, hasher.digest())
            return True
        return bool(RSASSA_PKCS1_v1_5_verify(hasher, proof, key.public))
    except (InvalidSignature, dkim.crypto.DigestTooLargeError, TypeError, ValueError, AssertionError, OverflowError):
        return False


def _header_warnings(signature: Signature, message: Message) -> tuple[str, ...]:
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


def _time_warnings(answer: DnsKey, signature: Signature, message: Message) -> tuple[str, ...]:
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
    return {ascii_name(d.strip(".").encode()).decode("ascii", "replace").lower() for d in found}


def _seconds(value: bytes | None) -> datetime | None:
    if value is None or not re.fullmatch(rb"\d{1,11}", value):
        return None
    return datetime.fromtimestamp(int(value), UTC)


def _date(message: Message) -> datetime | None:
    for value in message.values(b"date")[:1]:
        try:
            read = parsedate_to_datetime(value[:200].decode("ascii", "replace"))
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    return None


def _body_note(body_ok: bool) -> str:
    return BODY_MATCHES if body_ok else BODY_DOES_NOT_MATCH


def _result(s: Signature, result: Result, reason: str, bits: int | None, warnings: tuple[str, ...]) -> DkimResult:
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
