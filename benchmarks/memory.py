"""Memory, time and disk of a first sync as the mailbox grows: `python benchmarks/memory.py [--size N]`: N/50, N/5 and N letters.

The peak is the kernel's high-water mark of the process (VmHWM), read while it runs; Linux only. `--plot FILE.svg` draws the three
against the number of letters; straight lines are what is wanted.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import EVIDENCE, check_archive, matter, parser, report, scratch, served, spread, usual_environment


def measured(folder: Path, port: int) -> dict[str, float]:
    """One sync: peak in MB, seconds by the clock and of processor time, and the archive's size in MB."""
    env = {
        **usual_environment(),
        "EVIDENCE_STATE_DIR": str(folder / "state"),
        "MAIL_PASSWORD": "throw-away",
        "EVIDENCE_LANG": "en",
    }
    command = [*EVIDENCE, "-c", str(matter(folder / "ours", port)), "sync", "--no-index", "-q"]
    began, highest = time.perf_counter(), 0
    process = subprocess.Popen(command, env=env)
    while True:
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            highest = max(highest, int(next(line for line in lines if line.startswith("VmHWM")).split()[1]))
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return {
        "peak_mb": highest / 1024,
        "wall": time.perf_counter() - began,
        "cpu": used.ru_utime + used.ru_stime,
        "archive_mb": (folder / "ours" / "archive.db").stat().st_size / 1e6,
    }


def plot(rows: Mapping[int, Mapping[str, Any]], mail: Mapping[int, float]) -> str:
    """An SVG of three small curves. The dashed line goes from nothing through the middle point: where a curve leaves it, it bends."""
    panels = (("cpu", "processor time, s"), ("peak_mb", "memory, MB"), ("archive_mb", "disk, MB"))
    counts = sorted(rows)
    width, height, left, top = 230, 150, 44, 30
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{3 * (width + 60)}" height="{height + 95}"'
        ' font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (key, title) in enumerate(panels):
        values = [rows[c][key]["median"] for c in counts]
        highest, x0 = max(values) * 1.1, left + number * (width + 55)
        at = [
            (x0 + c / counts[-1] * width, top + height * (1 - v / highest)) for c, v in zip(counts, values, strict=True)
        ]
        out.append(f'<text x="{x0}" y="{top - 12}" font-weight="bold">{title}</text>')
        out.append(f'<path d="M{x0},{top}V{top + height}H{x0 + width}" fill="none" stroke="#555"/>')
        if key != "peak_mb":
            slope = values[-2] / counts[-2] * counts[-1] / highest
            y1 = top + height * (1 - min(slope, 1))
            out.append(
                f'<path d="M{x0},{top + height}L{x0 + width * min(1, 1 / slope):.1f},{y1:.1f}" stroke="#999" stroke-dasharray="4 3"/>'
            )
        out.append(
            f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}" fill="none" stroke="#1456a0" stroke-width="2"/>'
        )
        for count, value, (x, y) in zip(counts, values, at, strict=True):
            anchor = "end" if count == counts[-1] else "start"
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1456a0"/>')
            out.append(
                f'<text x="{x + (4 if anchor == "start" else -4):.1f}" y="{y - 7:.1f}" text-anchor="{anchor}">{value:,.4g}</text>'
            )
        for count in counts[1:]:
            x = x0 + count / counts[-1] * width
            out.append(f'<text x="{x:.1f}" y="{top + height + 15}" text-anchor="middle">{count:,}</text>')
        out.append(
            f'<text x="{x0 + width / 2}" y="{top + height + 32}" text-anchor="middle" fill="#555">letters</text>'
        )
    said = ", ".join(f"{c:,} letters = {mail[c]:,.0f} MB" for c in counts)
    out.append(f'<text x="{left}" y="{top + height + 54}" fill="#555" font-size="10">{said}</text></svg>\n')
    return "\n".join(out)


def main() -> None:
    arguments = parser(__doc__, size=2000, rounds=1)
    arguments.add_argument("--plot", type=Path, help="also draw the curves into this SVG file")
    given = arguments.parse_args()
    rows: dict[int, dict[str, Any]] = {}
    mail: dict[int, float] = {}
    for count in sorted({max(1, given.size // 50), max(1, given.size // 5), given.size}):
        found = []
        with scratch() as folder, served(folder, count) as (port, manifest):
            for number in range(given.rounds):
                place = folder / str(number)
                place.mkdir()
                found.append(measured(place, port))
                check_archive(place / "ours" / "archive.db", manifest)
        rows[count] = {key: spread([f[key] for f in found], 2) for key in found[0]}
        mail[count] = manifest["octets"] / 1e6
    peaks = [row["peak_mb"]["median"] for row in rows.values()]
    facts = {
        "growth_of_memory_from_a_fifth": round(peaks[-1] / peaks[-2] - 1, 3),
        "mail_mb": {str(c): round(v) for c, v in mail.items()},
    }
    report("memory", given, {f"{count} letters": row for count, row in rows.items()}, facts)
    if given.plot:
        given.plot.write_text(plot(rows, mail), encoding="utf-8")


if __name__ == "__main__":
    main()
