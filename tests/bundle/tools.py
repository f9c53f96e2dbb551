"""Validators from outside: qpdf, poppler, veraPDF. Missing ones skip locally and fail where servers are required."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[1] / "tools" / "pdfa" / "check"


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            if os.environ.get("EVIDENCE_REQUIRE_SERVERS") == "1":
                pytest.fail(f"{program} is not installed")
            pytest.skip(f"{program} is not installed")


def run(*arguments: str | Path, ok: tuple[int, ...] = (0,)) -> str:
    need(str(arguments[0]))
    done = subprocess.run([str(a) for a in arguments], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode in ok, done.stdout + done.stderr
    return done.stdout


def text_of(pdf: Path, first: int = 0, last: int = 0) -> str:
    span = ["-f", str(first), "-l", str(last or first)] if first else []
    return run("pdftotext", "-layout", *span, pdf, "-")


def squeezed(text: str) -> str:
    """Text with line breaks and runs of blanks as one blank."""
    return " ".join(text.split())


def assert_valid(flavour: str, *pdfs: Path) -> None:
    """veraPDF has no complaint. ``flavour``: 3a or ua1."""
    need("java")
    done = subprocess.run(
        [str(CHECK), flavour, *map(str, pdfs)], check=False, capture_output=True, text=True, timeout=580
    )
    if done.returncode == 2 or "compliant=" not in done.stdout:
        if os.environ.get("EVIDENCE_REQUIRE_SERVERS") == "1":
            pytest.fail(done.stderr or done.stdout)
        pytest.skip(f"veraPDF cannot run here: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stdout
