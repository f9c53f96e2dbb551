"""A letter of many megabytes: stored octet for octet, and held in memory once."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.archive import writer
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive
from evidence.model import sha256_hex

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
STORE = """
import resource, sys
from datetime import UTC, datetime
from evidence.archive.store import Archive
octets = int(sys.argv[2])
with Archive.create(sys.argv[1], now=datetime(2026, 3, 1, 10, tzinfo=UTC), tool="test") as archive:
    acquisition = archive.begin("sync", "office", {})
    raw = b"x" * octets
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    archive.sight(acquisition, archive.store(acquisition, raw).number)
    archive.end(acquisition, "complete", {})
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize("over", [-1, 0, 1, 5_000_000])
def test_octets_around_and_above_the_limit_are_stored_as_they_are(tmp_path: Path, over: int) -> None:
    path = tmp_path / "archive.db"
    raw = (b"From: a@b.example\r\n\r\n" + bytes(range(256)) * 30_000)[: writer.LARGE_OCTETS + over]
    with Archive.create(path, now=NOW, tool="test") as archive:
        acquisition = archive.begin("sync", "office", {})
        stored = archive.store(acquisition, raw)
        archive.sight(acquisition, stored.number)
        again = archive.store(acquisition, raw)
        archive.end(acquisition, "complete", {})
        kept = archive.connection.execute("SELECT raw, sha256, size FROM message").fetchall()
    assert kept == [(raw, sha256_hex(raw), len(raw))]
    assert (again.new, again.number) == (False, stored.number)
    assert verify_archive(path).sound


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kibibytes on Linux only")
def test_a_large_letter_is_not_copied_on_its_way_into_the_archive(tmp_path: Path) -> None:
    octets = 120_000_000
    grown = subprocess.run(
        [sys.executable, "-c", STORE, str(tmp_path / "archive.db"), str(octets)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(grown.stdout) < octets // 2
