"""The key in a DNS answer: RSA or Ed25519, and whether it may be used for a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dkim.crypto import parse_public_key
from dkim.util import InvalidTagValueList, parse_tag_value

from evidence.message.dkim_signature import Signature, base64_octets
from evidence.message.dkim_words import KEY_NOT_FOR_MAIL, KEY_OF_OTHER_KIND, KEY_UNREADABLE, REVOKED, TOO_LARGE

MAX_KEY_BITS = 8_192
Result = Literal["pass", "fail", "no-key", "unchecked", "error"]


@dataclass(frozen=True, slots=True)
class Key:
    kind: str
    bits: int
    public: Any
    testing: bool


def read_key(record: bytes, signature: Signature) -> Key | tuple[str, Result]:
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
    octets = base64_octets(tags[b"p"])
    if octets is None:
        return KEY_UNREADABLE, "error"
    try:
        if kind == "ed25519":
            return Key(kind, 256, Ed25519PublicKey.from_public_bytes(octets), b"y" in flags)
        public = parse_public_key(octets)
        bits = int(public["modulus"]).bit_length()
        exponent = int(public["publicExponent"])
    except Exception:  # dkimpy's ASN.1 reader raises whatever comes on broken octets
        return KEY_UNREADABLE, "error"
    if bits > MAX_KEY_BITS or exponent.bit_length() > 64:
        return TOO_LARGE, "error"
    if bits < 256 or exponent < 3:
        return KEY_UNREADABLE, "error"
    return Key(kind, bits, public, b"y" in flags)
