"""Peak memory of a sync as the mailbox grows: `python benchmarks/memory.py [--size N]` measures N/5 and N letters.

The peak is the kernel's high-water mark of the process (VmHWM), read while it runs; Linux only.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

from common import EVIDENCE, check_archive, matter, parser, report, scratch, served, spread


def peak(folder: Path, port: int) -> float:
    env = {
        **os.environ,
        "EVIDENCE_STATE_DIR": str(folder / "state"),
        "MAIL_PASSWORD": "throw-away",
        "EVIDENCE_LANG": "en",
    }
    command = [*EVIDENCE, "-c", str(matter(folder / "ours", port)), "sync", "--no-index", "-q"]
    process, highest = subprocess.Popen(command, env=env), 0
    while process.poll() is None:
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            highest = max(highest, int(next(line for line in lines if line.startswith("VmHWM")).split()[1]))
        time.sleep(0.02)
    assert process.returncode == 0
    return highest / 1024


def main() -> None:
    given = parser(__doc__, size=2000, rounds=1).parse_args()
    rows, medians = {}, []
    for count in (max(1, given.size // 5), given.size):
        found = []
        with scratch() as folder, served(folder, count) as (port, manifest):
            for number in range(given.rounds):
                place = folder / str(number)
                place.mkdir()
                found.append(peak(place, port))
                check_archive(place / "ours" / "archive.db", manifest)
        rows[f"{count} letters"] = {"peak_mb": spread(found, 1)}
        medians.append(rows[f"{count} letters"]["peak_mb"]["median"])
    report("memory", given, rows, {"growth": round(medians[1] / medians[0] - 1, 3)})


if __name__ == "__main__":
    main()
