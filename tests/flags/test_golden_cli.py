"""`flags --json` over the labelled disputes: the same bytes from another process, order of import, locale, zone and hash seed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).parents[2] / "fixtures" / "corpus"
PLACE = re.compile(rb'"(folders?)": (?:"[^"]*"|\[[^\]]*\])')
HERE = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
ELSEWHERE = {"TZ": "Asia/Kamchatka", "LC_ALL": "C", "PYTHONHASHSEED": "4711", "PYTHONUTF8": "0"}


def evidence(environment: dict[str, str], *words: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from evidence.cli.app import run; sys.exit(run(sys.argv[1:]))", *words],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode in (0, 3), done.stderr.decode("utf-8", "replace")
    return done.stdout


def matter(folder: Path, name: str, order: list[Path]) -> Path:
    """A matter whose letters lie in ``order``: an import takes files by their names."""
    parties: dict[str, Any] = json.loads((CORPUS / name / "parties.json").read_text("utf-8"))["parties"]
    addresses = {side: [a for p in parties[side]["people"] for a in p["addresses"]] for side in ("us", "client")}
    (folder / "messages").mkdir(parents=True)
    for number, letter in enumerate(order):
        shutil.copyfile(letter, folder / "messages" / f"{number:04}.eml")
    config = folder / "config.toml"
    config.write_text(
        f'[matter]\ntitle = "{name}"\ntimezone = "Europe/Moscow"\n[us]\nname = "us"\naddresses = {json.dumps(addresses["us"])}\n'
        f'[client]\nname = "client"\naddresses = {json.dumps(addresses["client"])}\n[dkim]\ndns = "off"\n',
        encoding="utf-8",
    )
    return config


@pytest.mark.parametrize("name", ["shelf", "studio", "supply"])
def test_flags_are_the_same_bytes_whatever_the_order_of_import_and_the_machine(name: str, tmp_path: Path) -> None:
    letters = sorted((CORPUS / name / "messages").glob("*.eml"))
    shuffled = random.Random(11).sample(letters, len(letters))
    said = []
    for folder, order, environment in (("here", letters, HERE), ("elsewhere", shuffled, ELSEWHERE)):
        config = matter(tmp_path / folder, name, order)
        evidence(environment, "-c", str(config), "import", str(config.parent / "messages"))
        said.append(evidence(environment, "-c", str(config), "flags", "--all", "--json", "--as-of", "2026-01-31"))
    # Where a file lay is the one thing that differs.
    here, elsewhere = (PLACE.sub(b'"\\1": null', text) for text in said)
    assert here.count(b'"quote"') > 20
    assert here == elsewhere
