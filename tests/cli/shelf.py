"""The letters of the sample mailbox «shelf» in a matter of their own, imported from files; and the command line as a person calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from evidence.operate.demo import sample_folders

CONFIG = """
[matter]
title = "T"
language = "en"
[us]
name = "Us"
addresses = ["@polka-tochka.example"]
[client]
name = "Them"
addresses = ["@teply-dom.example"]
[dkim]
dns = "off"
"""


def evidence(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """``evidence WORDS`` in a process of its own, in English unless ``EVIDENCE_LANG`` says otherwise. Raises CalledProcessError."""
    return subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=cwd, capture_output=True, text=True, check=True,
        stdin=subprocess.DEVNULL, env=os.environ | {"EVIDENCE_LANG": "en"} | environment,
    )  # fmt: skip


def imported(folder: Path) -> Path:
    """The matter in ``folder``, its letters archived and judged."""
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    box = folder / "mail"
    box.mkdir()
    for number, (raw, _date, _flags) in enumerate(sample_folders("shelf")["INBOX"]):
        (box / f"{number}.eml").write_bytes(raw)
    evidence("import", "mail", cwd=folder)
    return folder
