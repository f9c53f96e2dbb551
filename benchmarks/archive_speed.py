"""Storing and verifying, each against its plain limit in the same run: `python benchmarks/archive_speed.py [MEGABYTES]`.

verify: `verify_archive` against SHA-256 over the same octets read from the same file; goal: at least half its speed.
store: the store as it is (rollback journal, EXTRA) against the same inserts under WAL with FULL; the choice of journal rests on it.
Rounds alternate, since the machine's other load moves both; the median of the rounds' ratios counts.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from evidence.archive import writer
from evidence.archive.store import Archive
from evidence.archive.verify import verify_archive

ROUNDS = 5
MEAN = 69_000


def messages(megabytes: int) -> list[bytes]:
    """Sizes spread as in a mailbox: most a few KB, some of megabytes."""
    rnd = random.Random(1)
    found, total = [], 0
    while total < megabytes * 1_000_000:
        size = min(int(rnd.lognormvariate(9, 1.9)) + 500, 20_000_000)
        found.append(rnd.randbytes(size))
        total += size
    return found


def store(path: Path, octets: list[bytes], journal: str, synchronous: str) -> float:
    now = datetime.now(UTC)
    with Archive.create(path, now=now, tool="benchmark") as archive:
        archive.connection.execute(f"PRAGMA journal_mode={journal}")
        archive.connection.execute(f"PRAGMA synchronous={synchronous}")
        began = time.perf_counter()
        acquisition = archive.begin("sync", "benchmark", {})
        for raw in octets:
            archive.sight(acquisition, archive.store(acquisition, raw).number)
        archive.end(acquisition, "complete", {})
        return time.perf_counter() - began


def plain_hashes(path: Path) -> float:
    """SHA-256 of every message, one after another, in this thread."""
    began = time.perf_counter()
    connection = sqlite3.connect(path)
    for (raw,) in connection.execute("SELECT raw FROM message"):
        hashlib.sha256(raw).digest()
    connection.close()
    return time.perf_counter() - began


def main(megabytes: int) -> None:
    octets = messages(megabytes)
    total = sum(map(len, octets)) / 1e6
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["EVIDENCE_STATE_DIR"] = str(folder / "state")
        path = folder / "archive.db"
        store(path, octets, "DELETE", "EXTRA")
        ratios, speeds = [], []
        for _ in range(ROUNDS):
            plain = plain_hashes(path)
            began = time.perf_counter()
            assert verify_archive(path).sound
            took = time.perf_counter() - began
            ratios.append(plain / took)
            speeds.append(total / took)
        stores = []
        for number in range(3):
            for journal, synchronous in (("DELETE", "EXTRA"), ("WAL", "FULL")):
                took = store(folder / f"{journal}{number}.db", octets, journal, synchronous)
                stores.append((journal, took))
            for file in folder.glob(f"*{number}.db*"):
                file.unlink()
    seconds = {j: round(statistics.median(t for k, t in stores if k == j), 2) for j in ("DELETE", "WAL")}
    result = {
        "messages": len(octets), "megabytes": round(total), "group_megabytes": writer.GROUP_BYTES // 2**20,
        "verify_of_plain": round(statistics.median(ratios), 2), "verify_range": [round(min(ratios), 2), round(max(ratios), 2)],
        "verify_megabytes_a_second": round(statistics.median(speeds)), "store_seconds": seconds,
    }  # fmt: skip
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
