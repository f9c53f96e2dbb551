"""A signed bundle: whole file covered, still PDF/A-3a and PDF/UA-1; an appended change is seen."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("pyhanko")

from evidence.bundle.sign import check_signatures, signer_from_p12
from evidence.errors import UsageError
from tests.bundle.signer import PASSWORD, make_p12


@pytest.fixture(scope="module")
def p12(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    return make_p12(tmp_path_factory.mktemp("key"))


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
