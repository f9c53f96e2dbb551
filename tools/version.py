"""The version, for the build: from the nearest git tag ``vX.Y.Z``, or the number written in the package where there is none.

At the tag itself ``X.Y.Z``; N commits after it ``X.Y.(Z+1).devN+gHASH`` (PEP 440), so that no two states share a number.
Without git, without tags, in a shallow clone or an unpacked archive the build must still pass: then what an earlier build
wrote is used (a source distribution), or else the number in ``evidence/__init__.py``. EVIDENCE_BUILD_VERSION says it
outright, for builds that do not see the repository (Dockerfile). Nothing here needs the network.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

DESCRIBED = re.compile(r"v(?P<base>(?:\d+\.)*)(?P<last>\d+)-(?P<distance>\d+)-(?P<commit>g[0-9a-f]+)")
WRITTEN = re.compile(r'__version__ = "([^"]+)"')


def version(root: Path) -> str:
    """The version of the tree at ``root``, in PEP 440."""
    if stated := os.environ.get("EVIDENCE_BUILD_VERSION", "").strip():
        return stated
    said = _git(root, "describe", "--tags", "--long", "--match", "v[0-9]*", "--exclude", "*[!v0-9.]*")
    found = DESCRIBED.fullmatch(said)
    if found and found["distance"] == "0":
        return found["base"] + found["last"]
    if found:
        return f"{found['base']}{int(found['last']) + 1}.dev{found['distance']}+{found['commit']}"
    package = root / "src" / "evidence"
    built = package / "_version.py"
    if built.is_file() and not (root / ".git").exists():
        return _written(built)
    return _written(package / "__init__.py")


def _git(root: Path, *arguments: str) -> str:
    """What git says of exactly this folder; empty when it is not a work tree of its own or git will not answer."""
    if not (root / ".git").exists():  # an unpacked archive inside somebody else's repository has no tags of ours
        return ""
    try:
        ended = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def _written(file: Path) -> str:
    found = WRITTEN.search(file.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"no version is written in {file}")
    return found[1]
