"""Keys made for the test, letters signed with dkimpy, and DNS answers as they are kept."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

import dkim
from evidence.model import DnsKey

DOMAIN = "romashka.example"
NAME = f"s1._domainkey.{DOMAIN}"
SIGNED_AT = datetime(2025, 3, 3, 8, 12, 53, tzinfo=UTC)
ASKED = datetime(2025, 3, 3, 8, 20, tzinfo=UTC)

LETTER = (
    "From: Директор <director@romashka.example>\r\nTo: office@north.example\r\nSubject: Claim\r\n"
    "Date: Mon, 3 Mar 2025 11:12:53 +0300\r\nMessage-ID: <1@romashka.example>\r\n\r\n"
    "Верните деньги до пятницы.\r\n\r\n  --  \r\nДиректор\r\n\r\n"
).encode()


@cache
def rsa_key(bits: int, number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def record(key: rsa.RSAPrivateKey, extra: bytes = b"") -> bytes:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; " + extra + b"p=" + base64.b64encode(public)


def sign(
    raw: bytes = LETTER,
    *,
    key: rsa.RSAPrivateKey | None = None,
    domain: str = DOMAIN,
    selector: str = "s1",
    at: datetime | None = SIGNED_AT,
    extra: bytes = b"",
    **options: Any,
) -> bytes:
    """``raw`` with a signature on top. ``at`` sets t=, ``extra`` goes in before h=, as ``x=…; ``."""

    class Dated(dkim.DKIM):  # type: ignore[misc]
        def gen_header(self, fields: Any, *args: Any, **named: Any) -> Any:
            made = []
            for tag, value in fields:
                if tag == b"t":
                    if at is None:
                        continue
                    value = str(int(at.timestamp())).encode()  # noqa: PLW2901
                if tag == b"h" and extra:
                    made += [tuple(part.strip().split(b"=")) for part in extra.split(b";") if part.strip()]
                made.append((tag, value))
            fields[:] = made
            return super().gen_header(fields, *args, **named)

    options.setdefault("include_headers", [b"from", b"to", b"subject", b"date", b"message-id"])
    signer = Dated(raw)
    signed = signer.sign(selector.encode(), domain.encode(), pem(key or rsa_key(2048)), **options)
    return bytes(signed) + raw


def ed25519_pair() -> tuple[ed25519.Ed25519PrivateKey, bytes]:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return key, b"v=DKIM1; k=ed25519; p=" + base64.b64encode(public)


def answer(text: bytes, *, name: str = NAME, error: str = "", at: datetime = ASKED) -> DnsKey:
    return DnsKey(name, text, "127.0.0.1", False, at, error)


def kept(*keys: DnsKey) -> Callable[[str], DnsKey | None]:
    return {key.name: key for key in keys}.get


def history(*keys: DnsKey) -> Callable[[str], Sequence[DnsKey]]:
    return lambda name: [key for key in keys if key.name == name]
