"""The rebuild of the derived tables as a matter grows: `python benchmarks/rebuilding.py [--size N] [--sizes N,N,…]`.

For each size, in turns: `reindex` from nothing with one process and with one a core, and `refresh` after one letter and after
twenty letters more. Seconds by the clock and of processor time, the highest memory of the main process and of any worker
(VmHWM, Linux), the archive's size before and after. The rows of one process and of several, and those of the last `refresh`
and of a rebuild from nothing, are compared: a difference ends the run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import Cost, _adopt_orphans, _orphans, hold, matter, parser, report, scratch, spread

REBUILD = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from evidence.archive.store import Archive
from evidence.config import load_config
from evidence.pipeline.index import refresh, reindex
class Silent:
    def step(self, what, done, total=None): pass
    def say(self, text): pass
def main():
    config, now = load_config(Path(sys.argv[1])), lambda: datetime(2026, 2, 2, tzinfo=UTC)
    work = refresh if sys.argv[3] == "refresh" else reindex
    with Archive.open(config.archive_path, write=True, now=now) as archive:
        made = work(archive, config, now=now, progress=Silent(), jobs=int(sys.argv[2]))
    Path(sys.argv[4]).write_text(f"{made.messages} {made.flags} {made.requests} {made.read}")
if __name__ == "__main__":
    main()
"""
MORE = """From: Claims desk <claims@romashka.example>\r
To: office@north.example\r
Subject: Letter {n} more\r
Date: Thu, 01 Jan 2026 10:{n:02}:00 +0300\r
Message-ID: <more{n}@romashka.example>\r
Content-Type: text/plain; charset=utf-8\r
\r
Please send the reconciliation act by Friday. If you do not refund us, we will go to the police and to court. ({n})\r
"""
TABLES = "parsed_message participant text_part zone attachment dkim trail flag request reading rendered".split()


class Memory:
    """The highest VmHWM of a process, and of any process under it, in MB, sampled while it runs."""

    def __init__(self, process: int) -> None:
        self.main = self.worker = 0.0
        self._process, self._done = process, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self.main = max(self.main, _high(self._process))
            for child in _under(self._process):
                self.worker = max(self.worker, _high(child))


def _high(process: int) -> float:
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return 0.0


def _under(process: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_under(child)]
    return found


def rebuild(folder: Path, jobs: int, how: str) -> tuple[Cost, Memory, list[int]]:
    """Run it as a program of its own. Returns its cost, its memory, and (messages, flags, requests, read)."""
    script, said = folder / "rebuild.py", folder / "said"
    script.write_text(REBUILD)
    _adopt_orphans()
    with tempfile.TemporaryFile() as talk:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, str(script), str(folder / "config.toml"), str(jobs), how, str(said)], stderr=talk
        )
        memory = Memory(process.pid)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        memory.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = used.ru_utime + used.ru_stime
        for child in _orphans():
            with contextlib.suppress(ChildProcessError):
                _, _, used = os.wait4(child, 0)
                cpu += used.ru_utime + used.ru_stime
        if process.returncode:
            talk.seek(0)
            raise RuntimeError(talk.read().decode(errors="replace")[-2000:])
    return Cost(wall, cpu), memory, [int(x) for x in said.read_text().split()]


def rows(path: Path) -> str:
    """One hash over every derived row, and over what the full text says."""
    digest = hashlib.sha256()
    connection = sqlite3.connect(path)
    for table in TABLES:
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2"):
            digest.update(repr(row).encode())
    connection.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab('main', 'search', 'instance')")
    for row in connection.execute("SELECT * FROM temp.terms ORDER BY term, doc, col, offset"):
        digest.update(repr(row).encode())
    connection.close()
    return digest.hexdigest()


def arrive(path: Path, numbers: range) -> None:
    from datetime import UTC, datetime

    from evidence.archive.store import Archive

    with Archive.open(path, write=True, now=lambda: datetime(2026, 2, 1, tzinfo=UTC)) as archive:
        acquisition = archive.begin("import", "benchmark", {})
        for n in numbers:
            archive.sight(acquisition, archive.store(acquisition, MORE.format(n=n).encode()).number)
        archive.end(acquisition, "complete", {})


def measured(size: int, rounds: int, cores: int, share: float) -> dict[str, object]:
    costs: dict[str, list[Cost]] = {}
    memory: dict[str, list[float]] = {}
    with scratch() as folder:
        archive = folder / "archive.db"
        matter(folder)
        hold(archive, size, share=share)
        before = archive.stat().st_size
        stated = ""
        for turn in range(rounds):
            order = [1, cores] if turn % 2 == 0 else [cores, 1]
            for jobs in order:
                cost, held, (messages, flags, requests, _read) = rebuild(folder, jobs, "reindex")
                costs.setdefault(f"reindex, {jobs} process{'es' if jobs > 1 else ''}", []).append(cost)
                memory.setdefault(f"main of {jobs}", []).append(held.main)
                if jobs > 1:
                    memory.setdefault("largest worker", []).append(held.worker)
                assert messages == size
                found = rows(archive)
                assert stated in ("", found), "one process and several give other rows"
                stated = found
        after = archive.stat().st_size
        shutil.copyfile(archive, folder / "kept.db")
        for _turn in range(rounds):
            shutil.copyfile(folder / "kept.db", archive)
            for name, numbers in (("one letter more", range(1)), ("twenty letters more", range(1, 21))):
                arrive(archive, numbers)
                cost, held, (_m, _f, _r, read) = rebuild(folder, cores, "refresh")
                costs.setdefault(name, []).append(cost)
                memory.setdefault("refresh", []).append(held.main)
                assert read == len(numbers), "letters were read that had not changed"
        found = rows(archive)
        rebuild(folder, cores, "reindex")
        assert rows(archive) == found, "a rebuild that keeps rows gives others than one from nothing"
    return {
        "costs": costs, "memory": memory, "flags": flags, "requests": requests,
        "disk_mb": {"letters": round(before / 1e6, 1), "with derived tables": round(after / 1e6, 1)},
    }  # fmt: skip


def main() -> None:
    arguments = parser(__doc__, size=2000, rounds=3)
    arguments.add_argument("--sizes", help="several sizes, parted by commas, in place of --size")
    arguments.add_argument("--share", type=float, default=0.1, help="share of the threads that are the client's (0.1)")
    given = arguments.parse_args()
    sizes = [int(x) for x in given.sizes.split(",")] if given.sizes else [given.size]
    cores = max(2, os.cpu_count() or 1)
    table, facts = {}, {}
    for size in sizes:
        found = measured(size, given.rounds, cores, given.share)
        costs = found["costs"]
        for name, values in costs.items():
            table[f"{size}: {name}"] = {what: spread([getattr(c, what) for c in values]) for what in ("wall", "cpu")}
        one, several = costs["reindex, 1 process"], costs[f"reindex, {cores} processes"]
        facts[str(size)] = {
            "speed_up": spread([a.wall / b.wall for a, b in zip(one, several, strict=True)]),
            "letters_a_second_one_process_cpu": spread([size / c.cpu for c in one], 0),
            "memory_mb": {name: spread(values, 1) for name, values in found["memory"].items()},
            "disk_mb": found["disk_mb"], "flags": found["flags"], "requests": found["requests"],
        }  # fmt: skip
    given.size = sizes[-1]
    report("rebuilding", given, table, {"sizes": facts, "share": given.share})


if __name__ == "__main__":
    main()
