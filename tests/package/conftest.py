"""One small matter with a bundle and its package, made once by the same commands a person runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
[matter]
title = "Shelf dispute"
language = "en"
timezone = "Europe/Moscow"
[us]
name = "Pick-up point"
addresses = ["@polka-tochka.example"]
[client]
name = "Client"
addresses = ["@teply-dom.example"]
[dkim]
dns = "off"
[bundle]
bates_prefix = "SHELF-"
"""


def evidence(*words: str, cwd: Path, code: int = 0) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=cwd, capture_output=True, text=True, check=False,
        env=os.environ | {"EVIDENCE_LANG": "en"},
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr + ended.stdout
    return ended.stdout


@pytest.fixture(scope="session")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive of ten letters, an outside file, and bundle 1."""
    folder = tmp_path_factory.mktemp("matter")
    letters = folder / "letters"
    letters.mkdir()
    source = Path(__file__).parents[2] / "fixtures" / "corpus" / "shelf" / "messages"
    for path in sorted(source.glob("*.eml"))[:10]:
        (letters / path.name).write_bytes(path.read_bytes())
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "act.txt").write_text("Acceptance act 17: 20 boxes, no steamer.\n", encoding="utf-8")
    evidence("import", str(letters), cwd=folder)
    evidence(
        "add",
        "act.txt",
        "--date",
        "2025-03-10",
        "--title",
        "Acceptance act 17",
        "--kind",
        "act",
        "--about",
        "steamer",
        cwd=folder,
    )
    evidence("bundle", cwd=folder)
    return folder


@pytest.fixture(scope="session")
def bundle(matter: Path) -> Path:
    return next(p for p in (matter / "bundles").iterdir() if p.name.startswith("0001"))
