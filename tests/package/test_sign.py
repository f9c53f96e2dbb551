"""A signed bundle: whole file covered, still PDF/A-3a and PDF/UA-1; an appended change is seen."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("pyhanko")

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

from evidence.bundle.sign import check_signatures, signer_from_p12
from evidence.errors import UsageError

PASSWORD = "p12-canary"


@pytest.fixture(scope="module")
def p12(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A self-made certificate: it shows that signing works, not that anybody is who they say."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TEST Anna Orlova")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(True, True, False, False, False, True, True, False, False), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("key") / "anna.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"anna", key, certificate, None, BestAvailableEncryption(PASSWORD.encode())
        )
    )
    return path, certificate.public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def signed(bundle: Path, p12: tuple[Path, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pdf = Path(shutil.copy(bundle / "bundle.pdf", tmp_path_factory.mktemp("signed")))
    signer_from_p12(p12[0], PASSWORD)(pdf)
    return pdf


def test_the_signature_covers_the_whole_file(signed: Path, p12: tuple[Path, bytes]) -> None:
    (verdict,) = check_signatures(signed, (p12[1],))
    assert verdict.intact
    assert verdict.whole_file
    assert verdict.trusted
    assert "Anna Orlova" in verdict.signer


def test_a_changed_byte_breaks_it(signed: Path, p12: tuple[Path, bytes], tmp_path: Path) -> None:
    octets = bytearray(signed.read_bytes())
    at = octets.index(b"stream") + 20
    octets[at] ^= 1
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(octets)
    (verdict,) = check_signatures(forged, (p12[1],))
    assert not verdict.intact


def test_an_appended_update_is_not_covered(signed: Path, p12: tuple[Path, bytes], tmp_path: Path) -> None:
    """intact stays true after an appended update; only the coverage tells."""
    from io import BytesIO

    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(BytesIO(signed.read_bytes()), strict=False)
    writer.root["/Appended"] = generic.pdf_string("x")
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    appended = tmp_path / "appended.pdf"
    appended.write_bytes(out.getvalue())
    (verdict,) = check_signatures(appended, (p12[1],))
    assert not verdict.whole_file


def test_it_is_still_archival_and_accessible(signed: Path, repository: Path) -> None:
    checker = next((repository / "tests" / "tools").rglob("check"), None)
    if checker is None or not shutil.which("java"):
        if os.environ.get("EVIDENCE_REQUIRE_SERVERS"):
            pytest.fail("java and the PDF/A checker are required")
        pytest.skip("no PDF/A checker here")
    for flavour in ("3a", "ua1"):
        ended = subprocess.run([str(checker), flavour, str(signed)], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_wrong_passphrase_is_said_plainly(p12: tuple[Path, bytes], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"passphrase|cannot be read"):
        signer_from_p12(p12[0], "wrong")
    (tmp_path / "x.p12").write_bytes(b"no p12")
    with pytest.raises(UsageError):
        signer_from_p12(tmp_path / "x.p12", "x")
