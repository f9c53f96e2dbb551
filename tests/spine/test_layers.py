"""The house stands as docs/architecture.md says: stages never import each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_import_contracts_hold(repository: Path) -> None:
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 broken" in ended.stdout


def test_input_and_output_live_in_few_files(repository: Path) -> None:
    """Sockets, subprocesses and HTTP are spoken in the files that docs/architecture.md names, and nowhere else."""
    allowed = {
        "mailbox", "operate", "cli", "archive/anchor.py", "archive/revocation.py", "bundle", "browse/serve.py", "timeline/assist.py",
        "message/attachments_text.py", "pipeline/acquire.py",
    }  # fmt: skip
    offenders = []
    source = repository / "src" / "evidence"
    for path in source.rglob("*.py"):
        relative = path.relative_to(source).as_posix()
        if any(relative == a or relative.startswith(a + "/") for a in allowed):
            continue
        text = path.read_text(encoding="utf-8")
        offenders += [
            f"{relative}: {word}"
            for word in ("import socket", "import subprocess", "urllib.request", "http.client")
            if word in text
        ]
    assert offenders == []
