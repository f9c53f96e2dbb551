"""Each benchmark runs on a minimal mailbox and writes figures: a benchmark that broke unnoticed measures nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SERVED = ("acquire", "latency", "memory", "indexing")
SMALL = {"acquire": 20, "latency": 10, "memory": 10, "indexing": 20, "judging": 20, "rebuilding": 20, "start": 5}


def _needs(name: str) -> None:
    if name in SERVED and shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        if os.environ.get("EVIDENCE_REQUIRE_SERVERS"):
            pytest.fail("Dovecot is not installed")
        pytest.skip("Dovecot is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_benchmark_measures_a_small_size_and_writes_json(name: str, tmp_path: Path) -> None:
    if name not in ("judging", "acquire") and not os.environ.get("EVIDENCE_TEST_FULL"):
        pytest.skip("EVIDENCE_TEST_FULL runs every benchmark")
    _needs(name)
    out = tmp_path / "result.json"
    subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), "--size", str(SMALL[name]), "--rounds", "1", "--json", str(out)],
        check=True,
        timeout=240,
        capture_output=True,
    )
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["size"] == SMALL[name] and result["rows"]
    assert all(
        value["min"] <= value["median"] <= value["max"]
        for columns in result["rows"].values()
        for value in columns.values()
    )


def test_the_mailbox_is_the_same_every_time_and_its_manifest_tells_its_hashes(tmp_path: Path) -> None:
    sys.path.insert(0, str(FOLDER))
    try:
        from mailbox_made import FOLDERS, made
    finally:
        sys.path.remove(str(FOLDER))
    first, second = made(tmp_path / "a", 40), made(tmp_path / "b", 40)
    assert first == second
    hashes = first["folders"]
    assert isinstance(hashes, dict) and set(hashes) == set(FOLDERS) and sum(map(len, hashes.values())) == 40
    files = sorted(p.read_bytes() for p in (tmp_path / "a").glob("**/cur/*"))
    assert len(files) == 40 and files == sorted(p.read_bytes() for p in (tmp_path / "b").glob("**/cur/*"))
