"""A signer's certificate made on the spot: it shows that signing works, not that anybody is who they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

PASSWORD = "p12-canary"


def certificate(name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """A new key and its self-signed certificate, valid from yesterday for a month."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(True, True, False, False, False, True, True, False, False), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, made


def make_p12(folder: Path) -> tuple[Path, bytes]:
    """(a PKCS#12 file in ``folder`` under ``PASSWORD``, its certificate as DER)."""
    key, made = certificate("TEST Anna Orlova")
    path = folder / "anna.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"anna", key, made, None, BestAvailableEncryption(PASSWORD.encode()))
    )
    return path, made.public_bytes(Encoding.DER)
