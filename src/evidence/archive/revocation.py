"""What says that a certificate was not withdrawn, collected while it can be had: CRLs (RFC 5280) and OCSP answers (RFC 6960)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from evidence.archive.timestamp import load
from evidence.errors import NetworkError

Fetch = Callable[[str, bytes | None, str], bytes]
"""(url, body or None for GET, content type) -> octets. Raises NetworkError."""


def collect_revocation(chain: Sequence[bytes], fetch: Fetch) -> dict[str, Any]:
    """CRLs and OCSP answers for every certificate below the root, base64 of DER; ``missing`` says what could not be had."""
    found: dict[str, Any] = {"crl": [], "ocsp": [], "missing": []}
    certificates = [load(der) for der in chain]
    for certificate, issuer in pairwise(certificates):
        sources: list[tuple[str, str, bytes | None]] = [("crl", url, None) for url in _list_urls(certificate)]
        sources += [("ocsp", url, _ocsp_request(certificate, issuer)) for url in _ocsp_urls(certificate)]
        if not sources:
            found["missing"].append(f"{certificate.subject.rfc4514_string()}: it names no CRL and no OCSP responder")
        for kind, url, body in sources:
            try:
                octets = fetch(url, body, "application/ocsp-request")
                der = _crl_der(octets) if kind == "crl" else octets
                if kind == "ocsp":
                    ocsp.load_der_ocsp_response(der)
                found[kind].append(base64.b64encode(der).decode("ascii"))
            except (NetworkError, ValueError) as error:
                found["missing"].append(f"{kind} {url}: {error}")
    return found


def _crl_der(octets: bytes) -> bytes:
    pem = octets.lstrip().startswith(b"-----BEGIN")
    parsed = x509.load_pem_x509_crl(octets) if pem else x509.load_der_x509_crl(octets)
    return parsed.public_bytes(Encoding.DER)


def _list_urls(certificate: x509.Certificate) -> list[str]:
    try:
        points: Any = certificate.extensions.get_extension_for_oid(ExtensionOID.CRL_DISTRIBUTION_POINTS).value
    except x509.ExtensionNotFound:
        return []
    names = [name.value for point in points for name in point.full_name or ()]
    return [str(url) for url in names if str(url).startswith(("http://", "https://"))][:2]


def _ocsp_urls(certificate: x509.Certificate) -> list[str]:
    try:
        access: Any = certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS).value
    except x509.ExtensionNotFound:
        return []
    return [
        str(a.access_location.value) for a in access if a.access_method == AuthorityInformationAccessOID.OCSP
    ][:1]  # fmt: skip


def _ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303 - RFC 5019's identifier
    return builder.build().public_bytes(Encoding.DER)
