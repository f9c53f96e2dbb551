"""Signing with a time stamp (PAdES B-T) and with a token (PKCS#11): whole file covered, still PDF/A-3a and PDF/UA-1.

The authority and the token are local: they show that signing works, nothing about time or persons (checklist items 10, 36, 37).
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyhanko")

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evidence.bundle.sign import check_signatures, signer_from_p12, signer_from_token
from evidence.errors import EvidenceError, UsageError
from tests.archive.authority import Authority
from tests.bundle.conftest import Made
from tests.bundle.fake_case import CORPUS
from tests.bundle.signer import PASSWORD, certificate, make_p12
from tests.bundle.tools import assert_valid, need, run

PIN = "4242"
LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so")


@pytest.fixture
def p12(tmp_path: Path) -> tuple[Path, bytes]:
    return make_p12(tmp_path)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    with Authority(tmp_path / "tsa") as running:
        yield running


def copied(made: Made, folder: Path) -> Path:
    return Path(shutil.copy(made.result.pdf, folder / "signed.pdf"))


def test_a_signature_with_a_time_stamp_covers_the_whole_file_and_leaves_it_archival(
    studio: Made, p12: tuple[Path, bytes], authority: Authority, tmp_path: Path
) -> None:
    pdf = copied(studio, tmp_path)
    before = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(seconds=2)
    signer_from_p12(p12[0], PASSWORD, tsa_url=authority.url)(pdf)
    root = x509.load_pem_x509_certificate(authority.ca_file.read_bytes()).public_bytes(Encoding.DER)
    (verdict,) = check_signatures(pdf, (p12[1], root))
    assert verdict.intact and verdict.whole_file and verdict.trusted
    assert verdict.stamped_at is not None
    assert before <= dt.datetime.fromisoformat(verdict.stamped_at) <= dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    assert "/tsa" in authority.asked
    assert "Total document signed" in run("pdfsig", "-nocert", pdf)
    assert "ETSI.CAdES.detached" in run("pdfsig", "-nocert", pdf)
    run("qpdf", "--check", pdf)
    assert_valid("3a", pdf)
    assert_valid("ua1", pdf)


def test_an_authority_that_answers_nonsense_leaves_the_file_unsigned(
    studio: Made, p12: tuple[Path, bytes], authority: Authority, tmp_path: Path
) -> None:
    pdf = copied(studio, tmp_path)
    whole = pdf.read_bytes()
    authority.answer = lambda query: b"nonsense"  # type: ignore[method-assign]
    with pytest.raises(EvidenceError, match="unsigned"):
        signer_from_p12(p12[0], PASSWORD, tsa_url=authority.url)(pdf)
    assert pdf.read_bytes() == whole and not pdf.with_suffix(".signing").exists()


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bytes]]:
    """A token of SoftHSM in a folder of its own, with one key and its certificate. Once: a process opens the library once."""
    tmp_path = tmp_path_factory.mktemp("token")
    need("softhsm2-util")
    library = next((Path(p) for p in LIBRARIES if Path(p).exists()), None)
    try:
        import pkcs11
    except ImportError:
        pkcs11 = None
    if library is None or pkcs11 is None:
        if os.environ.get("EVIDENCE_REQUIRE_SERVERS") == "1":
            pytest.fail("SoftHSM's library or python-pkcs11 is not installed")
        pytest.skip("SoftHSM's library or python-pkcs11 is not installed")
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n")
    patch = pytest.MonkeyPatch()
    patch.setenv("SOFTHSM2_CONF", str(configuration))
    key, made = certificate("TEST Token Holder")
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    util = ["softhsm2-util", "--module", str(library)]
    subprocess.run(
        [*util, "--init-token", "--free", "--label", "evidence", "--so-pin", "1234", "--pin", PIN], check=True
    )
    imported = ["--import", str(pem), "--token", "evidence", "--label", "holder", "--id", "01", "--pin", PIN]
    subprocess.run([*util, *imported], check=True)
    der = made.public_bytes(Encoding.DER)
    with pkcs11.lib(str(library)).get_token(token_label="evidence").open(user_pin=PIN, rw=True) as session:
        session.create_object({
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
            pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
            pkcs11.Attribute.LABEL: "holder", pkcs11.Attribute.ID: b"\x01", pkcs11.Attribute.TOKEN: True,
            pkcs11.Attribute.SUBJECT: made.subject.public_bytes(), pkcs11.Attribute.VALUE: der,
        })  # fmt: skip
    yield library, der
    patch.undo()


def test_a_token_signs_and_keeps_its_key(studio: Made, token: tuple[Path, bytes], tmp_path: Path) -> None:
    library, der = token
    pdf = copied(studio, tmp_path)
    with pytest.raises(UsageError, match="token"):
        signer_from_token(library, "holder", "0000")(pdf)
    signer_from_token(library, "holder", PIN)(pdf)
    (verdict,) = check_signatures(pdf, (der,))
    assert verdict.intact and verdict.whole_file and verdict.trusted and "Token Holder" in verdict.signer
    assert verdict.stamped_at is None
    assert_valid("3a", pdf)
    assert_valid("ua1", pdf)


def test_the_command_signs_with_a_token_and_asks_for_both_or_neither(token: tuple[Path, bytes], tmp_path: Path) -> None:
    library, der = token
    config = str(corpus_config(tmp_path))

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        program = "import sys; from evidence.cli.app import run; sys.exit(run(sys.argv[1:]))"
        return subprocess.run(
            [sys.executable, "-c", program, "--lang", "en", "-c", config, *words],
            env={**os.environ, "EVIDENCE_TOKEN_PIN": PIN}, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    letters = sorted((CORPUS / "studio" / "messages").glob("*.eml"))[:2]
    assert command("import", *map(str, letters)).returncode == 0
    half = command("bundle", "--token", str(library))
    assert half.returncode == 2 and "--token-key" in half.stderr
    done = command("bundle", "--token", str(library), "--token-key", "holder", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    (verdict,) = check_signatures(Path(done.stdout.split()[0]), (der,))
    assert verdict.intact and verdict.whole_file and verdict.trusted
    assert PIN not in done.stdout + done.stderr


def corpus_config(folder: Path) -> Path:
    path = folder / "config.toml"
    path.write_text(
        '[matter]\ntitle = "t"\nlanguage = "en"\n[us]\nname = "us"\naddresses = ["nina@larkspurfinch.example"]\n'
        '[client]\nname = "c"\naddresses = ["greg@brightwater-kitchens.example"]\n[dkim]\ndns = "off"\n',
        encoding="utf-8",
    )
    return path
