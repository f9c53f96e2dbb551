"""Validators from outside: qpdf, poppler, veraPDF. Missing ones skip locally and fail where servers are required."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from functools import cache
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
    checker = _checker()
    for pdf in pdfs:
        answer = checker.ask(flavour, pdf)
        if "compliant=" not in answer:
            if os.environ.get("EVIDENCE_REQUIRE_SERVERS") == "1":
                pytest.fail(answer)
            pytest.skip(f"veraPDF cannot run here: {answer[-200:]}")
        assert "compliant=true" in answer, answer


class _Checker:
    """One Java for all files of a test run: its start takes longer than a small file."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [str(CHECK), "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        atexit.register(self.end)

    def ask(self, flavour: str, pdf: Path) -> str:
        process = self._process
        assert process.stdin and process.stdout and process.stderr
        try:
            process.stdin.write(f"{flavour}\t{pdf}\n")
            process.stdin.flush()
        except BrokenPipeError:
            return process.stderr.read()
        lines: list[str] = []
        while (line := process.stdout.readline()) != ".\n":
            if not line:
                return "".join(lines) + process.stderr.read()
            lines.append(line)
        return "".join(lines)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


_checker = cache(_Checker)
