"""``verify`` and ``log proof`` given what they cannot judge: no verdict is made up, and the next step is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pikepdf
import pytest

from tests.cli.shelf import CONFIG


def said(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=folder, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env=os.environ | {"EVIDENCE_LANG": "en"},
    )  # fmt: skip


def test_a_pdf_without_an_original_is_not_called_sound(tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(tmp_path / "printed.pdf")
    told = said(tmp_path, "verify", "printed.pdf")
    assert told.returncode == 2 and "SOUND" not in told.stdout + told.stderr
    assert "embeds no original" in told.stderr


@pytest.mark.parametrize("name", ["letter.eml", "config.toml", "notes.txt"])
def test_a_file_of_another_kind_is_not_called_altered(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("From: a@north.example\r\n\r\nGood day.\r\n")
    told = said(tmp_path, "verify", name)
    assert told.returncode == 2 and "SOUND" not in told.stdout + told.stderr
    assert "neither an archive, nor a bundle, nor a package" in told.stderr


@pytest.mark.parametrize("name", ["package.zip", "archive.db"])
def test_a_package_or_archive_overwritten_by_something_else_is_not_sound(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"overwritten")
    assert said(tmp_path, "verify", name).returncode == 20


@pytest.mark.parametrize("sizes", [("--from", "9999"), ("--from", "1", "--to", "9999"), ("--from", "2", "--to", "1")])
def test_a_proof_for_a_size_the_log_has_not_is_refused_in_words(tmp_path: Path, sizes: tuple[str, ...]) -> None:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "a.eml").write_text(
        "From: a@teply-dom.example\nTo: b@polka-tochka.example\nMessage-ID: <a@x>\n\nGood day.\n"
    )
    assert said(tmp_path, "import", "a.eml").returncode == 0
    told = said(tmp_path, "log", "proof", *sizes)
    assert told.returncode == 2 and "Unexpected" not in told.stderr and "evidence log --root" in told.stderr
