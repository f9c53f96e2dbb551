"""Time-stamp tokens (RFC 3161): what is stamped, and each check of an answer by its name. Pure: octets in, values out.

What is stamped is the *statement*, the canonical JSON of {archive, root, size}; its SHA-256 is the message imprint.
The signature and the chain are checked by rfc3161-client; ``openssl ts -verify`` takes the same files.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import rfc3161_client
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client._rust import parse_timestamp_request

from evidence.archive.der import sorted_certificates
from evidence.archive.words import _
from evidence.canonical import canonical_json
from evidence.errors import EvidenceError
from evidence.model import sha256_hex

MOST_CERTIFICATES = 12


class TokenRefused(EvidenceError):
    """An answer of a time-stamp authority that proves nothing here. ``check`` names what failed:

    undecodable, status, nonce, imprint, signer, key-usage, expired, foreign, signature, revoked.
    """

    def __init__(self, check: str, what: str, why: str = "") -> None:
        super().__init__(
            what, why, _("The anchor was not accepted. Ask the authority, or set another one in [anchor] tsa_url.")
        )
        self.check = check


@dataclass(frozen=True, slots=True)
class Stamp:
    """A token that passed. ``chain`` is DER, signer first, root last; ``at`` is the authority's time (UTC)."""

    at: datetime
    serial: str
    authority: str
    policy: str
    chain: tuple[bytes, ...]

    @property
    def root_sha256(self) -> str:
        return sha256_hex(self.chain[-1])

    @property
    def expires(self) -> datetime:
        """The earliest end of validity in the chain (UTC)."""
        return min(load(der).not_valid_after_utc for der in self.chain)


def statement(uuid: str, size: int, root: str) -> bytes:
    """The octets that are stamped: ``{"archive":UUID,"root":HEX,"size":N}``."""
    return canonical_json({"archive": uuid, "root": root, "size": size}).encode("utf-8")


def build_request(stated: bytes) -> bytes:
    """A TimeStampReq (section 2.4.1) over SHA-256 of ``stated``, with a nonce, asking for the certificates."""
    builder = rfc3161_client.TimestampRequestBuilder().data(stated).cert_request(cert_request=True)
    return builder.hash_algorithm(rfc3161_client.HashAlgorithm.SHA256).build().as_bytes()


def check_response(
    response: bytes, stated: bytes, *, request: bytes | None, roots: Sequence[bytes], extra: Sequence[bytes] = ()
) -> Stamp:
    """The stamp of an answer to ``request`` over ``stated``, trusting ``roots`` (DER). Raises TokenRefused naming the check.

    ``extra`` holds certificates (DER) the chain may need and the token does not carry.
    """
    answer = _decoded(response)
    if answer.status != rfc3161_client.PKIStatus.GRANTED:
        words = "; ".join(answer.status_string) or f"status {answer.status}"
        raise TokenRefused("status", _("The time-stamp authority did not grant a token."), words)
    stamped = answer.tst_info
    if request is not None and stamped.nonce != parse_timestamp_request(request).nonce:
        raise TokenRefused("nonce", _("The token answers another request: its nonce is not ours."))
    imprint = stamped.message_imprint
    if imprint.hash_algorithm.dotted_string != "2.16.840.1.101.3.4.2.1" or imprint.message.hex() != sha256_hex(stated):
        raise TokenRefused("imprint", _("The token is over another root than this log has: its imprint differs."))
    signer, others = _signer(answer)
    _check_signer(signer, stamped.gen_time)
    chain = _chain(signer, [*others, *(load(der) for der in extra), *(load(der) for der in roots)])
    ders = tuple(certificate.public_bytes(Encoding.DER) for certificate in chain)
    if ders[-1] not in set(roots):
        raise TokenRefused(
            "foreign", _("The token is signed under “{name}”, which is not trusted here.").format(name=name_of(chain[-1])),
            _("SHA-256 of that certificate: {hash}.").format(hash=sha256_hex(ders[-1])),
        )  # fmt: skip
    _check_signature(answer, stated, chain)
    return Stamp(stamped.gen_time, str(stamped.serial_number), name_of(signer), stamped.policy.dotted_string, ders)


def _decoded(response: bytes) -> rfc3161_client.TimeStampResponse:
    try:
        return rfc3161_client.decode_timestamp_response(response)
    except ValueError:
        pass
    try:  # many authorities do not sort the set of certificates as DER wants; it is not part of what is signed
        return rfc3161_client.decode_timestamp_response(sorted_certificates(response))
    except ValueError as error:
        raise TokenRefused("undecodable", _("The answer is no time-stamp response."), str(error)) from None


def _signer(
    answer: rfc3161_client.TimeStampResponse,
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    signed = answer.signed_data
    stated = list(signed.signer_infos)
    certificates = [load(der) for der in sorted(signed.certificates)]
    for certificate in certificates:
        if len(stated) == 1 and (certificate.issuer, certificate.serial_number) == (
            stated[0].issuer, stated[0].serial_number,
        ):  # fmt: skip
            return certificate, [other for other in certificates if other is not certificate]
    raise TokenRefused("signer", _("The token does not carry the certificate it was signed with."))


def _check_signer(signer: x509.Certificate, at: datetime) -> None:
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        stamping = usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
    except x509.ExtensionNotFound:
        stamping = False
    if not stamping:
        raise TokenRefused(
            "key-usage", _("The certificate of “{name}” is not one for time stamps alone.").format(name=name_of(signer))
        )
    if not signer.not_valid_before_utc <= at <= signer.not_valid_after_utc:
        raise TokenRefused(
            "expired", _("The certificate of “{name}” was not valid when it signed.").format(name=name_of(signer)),
            _("Signed {at:%Y-%m-%d %H:%M}Z; valid {not_valid_before_utc:%Y-%m-%d} to {not_valid_after_utc:%Y-%m-%d}.").format(at=at, not_valid_before_utc=signer.not_valid_before_utc, not_valid_after_utc=signer.not_valid_after_utc),
        )  # fmt: skip


def _chain(signer: x509.Certificate, pool: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """From the signer up to a self-signed certificate, or as far as the pool goes."""
    chain = [signer]
    while chain[-1].issuer != chain[-1].subject and len(chain) < MOST_CERTIFICATES:
        above = next((c for c in pool if c.subject == chain[-1].issuer and _issued(chain[-1], c)), None)
        if above is None:
            break
        chain.append(above)
    return chain


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _check_signature(
    answer: rfc3161_client.TimeStampResponse, stated: bytes, chain: Sequence[x509.Certificate]
) -> None:
    builder = rfc3161_client.VerifierBuilder(
        roots=[chain[-1]], intermediates=list(chain[1:-1]), tsa_certificate=chain[0]
    )
    try:
        builder.build().verify_message(answer, stated)
    except (rfc3161_client.VerificationError, ValueError) as error:
        raise TokenRefused("signature", _("The signature of the token does not hold."), str(error)) from None


# ---- revocation ------------------------------------------------------------------------------


def check_revocation(chain: Sequence[bytes], revocation: Mapping[str, Any], at: datetime) -> tuple[str, ...]:
    """What the stored lists and answers say of the chain, in words. Raises TokenRefused where one was revoked by ``at``."""
    certificates = [load(der) for der in chain]
    said = []
    for certificate, issuer in pairwise(certificates):
        for der in _ders(revocation, "crl"):
            said += _by_list(x509.load_der_x509_crl(der), certificate, issuer, at)
        for der in _ders(revocation, "ocsp"):
            said += _by_answer(ocsp.load_der_ocsp_response(der), certificate, issuer, at)
    return tuple(said)


def _by_list(
    revoked: x509.CertificateRevocationList, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> list[str]:
    key: Any = issuer.public_key()
    if revoked.issuer != certificate.issuer or not revoked.is_signature_valid(key):
        return []
    entry = revoked.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is not None and entry.revocation_date_utc <= at:
        raise TokenRefused(
            "revoked", _("The certificate of “{name}” was revoked before the token.").format(name=name_of(certificate))
        )
    return [f"{name_of(certificate)}: not revoked (CRL of {revoked.last_update_utc:%Y-%m-%d})"]


def _by_answer(
    answer: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> list[str]:
    if (
        answer.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL
        or answer.serial_number != certificate.serial_number
    ):
        return []
    signer = next((c for c in answer.certificates if _issued(c, issuer)), issuer)
    if not _signed(answer, signer):
        return []
    revoked = answer.revocation_time_utc
    if answer.certificate_status == ocsp.OCSPCertStatus.REVOKED and revoked is not None and revoked <= at:
        raise TokenRefused(
            "revoked", _("The certificate of “{name}” was revoked before the token.").format(name=name_of(certificate))
        )
    return [f"{name_of(certificate)}: not revoked (OCSP of {answer.this_update_utc:%Y-%m-%d})"]


def _signed(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    key, algorithm = signer.public_key(), answer.signature_hash_algorithm
    if algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _ders(revocation: Mapping[str, Any], kind: str) -> list[bytes]:
    return [base64.b64decode(text) for text in revocation.get(kind, ())]


# ---- certificates ----------------------------------------------------------------------------


def load(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def name_of(certificate: x509.Certificate) -> str:
    """The common name of the subject, or all of it."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def pem_of(chain: Sequence[bytes]) -> bytes:
    """PEM text of the certificates, each under a comment naming it; ``openssl`` reads it."""
    parts = []
    for der in chain:
        certificate = load(der)
        parts.append(f"# {name_of(certificate)}\n".encode() + certificate.public_bytes(Encoding.PEM))
    return b"".join(parts)


def from_pem(pem: bytes) -> tuple[bytes, ...]:
    """DER of every certificate in PEM text. Raises ValueError when there is none."""
    return tuple(c.public_bytes(Encoding.DER) for c in x509.load_pem_x509_certificates(pem))


def revocation_octets(revocation: Mapping[str, Any]) -> bytes:
    return canonical_json(dict(revocation)).encode("utf-8")


def revocation_of(octets: bytes | None) -> dict[str, Any]:
    value = json.loads(octets) if octets else {}
    return value if isinstance(value, dict) else {}
