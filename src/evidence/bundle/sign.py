"""Sign a bundle, if wanted (extra ``sign``): PAdES baseline B-B, or B-T with the configured time-stamp authority (ETSI EN 319 142-1).

The signature covers the whole file and is added as an incremental update, so the file stays PDF/A-3a and PDF/UA-1. Editing it
afterwards breaks the signature's coverage, and ``covers_whole_file`` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError, UsageError
from evidence.i18n import talk

_ = talk("bundle")
FIELD = "EvidenceSignature"
Sign = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """What one signature of a PDF shows."""

    signer: str
    intact: bool
    whole_file: bool
    trusted: bool
    stamped_at: str | None


def signer_from_p12(path: Path, password: str, *, tsa_url: str = "") -> Sign:
    """A function that signs a PDF in place with the key in a PKCS#12 file. Raises UsageError in words."""
    signers, timestamps = _pyhanko()
    try:
        signer = signers.SimpleSigner.load_pkcs12(str(path), passphrase=password.encode("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            _("{path} cannot be read as a key (PKCS#12).").format(path=path),
            str(error),
            _("Give the path of the .p12 or .pfx file from your certification authority."),
        ) from None
    if signer is None:
        raise UsageError(
            _("{path} could not be opened.").format(path=path),
            _("The passphrase is wrong, or the file is damaged."),
            _("Try the passphrase again; if it is correct, export the key again."),
        )
    return _sign_with(signers, signer, timestamps.HTTPTimeStamper(tsa_url) if tsa_url else None)


def signer_from_token(module: Path, label: str, pin: str, *, tsa_url: str = "") -> Sign:
    """A function that signs with the key ``label`` on a PKCS#11 token; ``module`` is the vendor's library.

    Raises UsageError when the token cannot be opened.
    """
    signers, timestamps = _pyhanko()
    try:
        from pyhanko.sign import pkcs11
    except ImportError:
        raise UsageError(_("Signing with a token needs python-pkcs11."), "", "pip install 'pyhanko[pkcs11]'") from None
    try:
        session = pkcs11.open_pkcs11_session(str(module), token_criteria=_only_token(module), user_pin=pin)
    except Exception as error:  # every vendor's library fails in its own way
        said = str(error) or type(error).__name__
        raise UsageError(
            _("The token cannot be opened."),
            said,
            _("Check the module's path, that one token is plugged in, and the PIN."),
        ) from None
    signer = pkcs11.PKCS11Signer(session, cert_label=label, key_label=label)
    return _sign_with(signers, signer, timestamps.HTTPTimeStamper(tsa_url) if tsa_url else None)


def _only_token(module: Path) -> Any:
    """The one token that is plugged in and set up. Raises ValueError when there are several: a PIN is tried on none by guess."""
    import pkcs11
    from pyhanko.config.pkcs11 import TokenCriteria

    found = [t for t in pkcs11.lib(str(module)).get_tokens() if t.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED]
    if len(found) != 1:
        raise ValueError(f"{len(found)} tokens: {', '.join(t.label for t in found)}")
    return TokenCriteria(label=found[0].label, serial=found[0].serial)


def _pyhanko() -> tuple[Any, Any]:
    try:
        from pyhanko.sign import signers, timestamps
    except ImportError:
        raise UsageError(_("Signing needs the extra “sign”."), "", "pip install 'evidence[sign]'") from None
    return signers, timestamps


def _sign_with(signers: Any, signer: Any, stamper: Any) -> Sign:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigSeedSubFilter

    def sign(pdf: Path) -> None:
        metadata = signers.PdfSignatureMetadata(
            field_name=FIELD, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256"
        )
        writer = IncrementalPdfFileWriter(BytesIO(pdf.read_bytes()), strict=False)
        try:
            signed = signers.sign_pdf(writer, metadata, signer=signer, timestamper=stamper)
        except Exception as error:  # an authority, a token or a library may fail in any way; the file is left as it was
            raise EvidenceError(
                _("The bundle could not be signed; the file is as it was, unsigned."),
                str(error) or type(error).__name__,
                _("Check the key, and the address of the time-stamp authority if one is configured; then sign again."),
            ) from error
        unfinished = pdf.with_suffix(".signing")
        unfinished.write_bytes(signed.getvalue())
        unfinished.replace(pdf)

    return sign


def check_signatures(pdf: Path, roots: tuple[bytes, ...] = ()) -> tuple[SignatureVerdict, ...]:
    """Every signature of ``pdf``; ``roots`` are DER certificates that are trusted. Nothing is fetched."""
    from asn1crypto.x509 import Certificate
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    found = []
    with pdf.open("rb") as stream:
        for signature in PdfFileReader(stream, strict=False).embedded_signatures:
            context = ValidationContext(trust_roots=[Certificate.load(der) for der in roots], allow_fetching=False)
            status = validate_pdf_signature(signature, context, ts_validation_context=context)
            stamp = status.timestamp_validity
            found.append(
                SignatureVerdict(
                    signer=status.signing_cert.subject.human_friendly,
                    intact=bool(status.intact and status.valid),
                    whole_file=status.coverage == SignatureCoverageLevel.ENTIRE_FILE,
                    trusted=bool(status.trusted),
                    stamped_at=stamp.timestamp.isoformat() if stamp is not None else None,
                )
            )
    return tuple(found)
