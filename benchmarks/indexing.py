"""Archive, parse, full text, zones, flags and requests, against mbsync + notmuch: `python benchmarks/indexing.py [--size N]`.

Three figures of the same letters: processor seconds of `sync` with its index against `mbsync` (FSync no) and `notmuch new`
(which reads headers and bodies into Xapian and judges nothing); of that, what parsing and full text alone take; and `reindex`
by the clock with one process and with one a core.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time

import peers
from common import (
    Cost,
    as_rows,
    check_archive,
    evidence,
    matter,
    parser,
    ratios,
    report,
    rotate,
    run,
    scratch,
    served,
    sys,
)

REINDEX = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from evidence.archive.store import Archive
from evidence.config import load_config
from evidence.pipeline.index import reindex
class Silent:
    def step(self, what, done, total=None): pass
    def say(self, text): pass
def main():
    config, now = load_config(Path(sys.argv[1])), lambda: datetime(2026, 2, 2, tzinfo=UTC)
    with Archive.open(config.archive_path, write=True, now=now) as archive:
        reindex(archive, config, now=now, progress=Silent(), jobs=int(sys.argv[2]))
if __name__ == "__main__":
    main()
"""
READ = """
import sqlite3, sys
from evidence.message.parse import parse_message
from evidence.stems import stemmed
connection = sqlite3.connect(sys.argv[1])
index = sqlite3.connect(sys.argv[2])
index.execute("CREATE VIRTUAL TABLE search USING fts5(subject, body, people, content='')")
for number, raw in connection.execute("SELECT id, raw FROM message"):
    parsed = parse_message(raw, attachment_text=True)
    people = " ".join(a.address for a in parsed.addresses)
    row = (number, *(stemmed(t) for t in (parsed.subject, parsed.texts.get("body", ""), people)))
    index.execute("INSERT INTO search (rowid, subject, body, people) VALUES (?, ?, ?, ?)", row)
index.execute("INSERT INTO search (search) VALUES ('optimize')")
index.commit()
"""


def main() -> None:
    given = parser(__doc__, size=300, rounds=2).parse_args()
    cores = os.cpu_count() or 1
    with scratch() as folder, served(folder, given.size) as (port, manifest):
        archive = folder / "ours" / "archive.db"
        script = folder / "rebuild.py"
        script.write_text(REINDEX)

        def ours() -> Cost:
            shutil.rmtree(folder / "ours", ignore_errors=True)
            cost = evidence(matter(folder / "ours", port), "sync", "--no-index", "-q")
            check_archive(archive, manifest)
            return cost

        def reading() -> Cost:
            (folder / "index.db").unlink(missing_ok=True)
            return run([sys.executable, "-c", READ, str(archive), str(folder / "index.db")])

        def rebuild(jobs: int) -> Cost:
            cost = run([sys.executable, str(script), str(folder / "ours" / "config.toml"), str(jobs)])
            connection = sqlite3.connect(archive)
            assert (
                connection.execute(
                    "SELECT count(*) FROM parsed_message WHERE failed IS NULL OR failed = ''"
                ).fetchone()[0]
                == given.size
            )
            connection.close()
            return cost

        work = {"sync": ours, "parse + full text": reading, "reindex, one process": lambda: rebuild(1)}
        if cores > 1:
            work[f"reindex, {cores} processes"] = lambda: rebuild(cores)
        compared = peers.has("mbsync") and peers.has("notmuch")
        if compared:
            work["mbsync FSync no"] = lambda: peers.mbsync(folder / "theirs", port, fsync=False)
            work["notmuch new"] = lambda: peers.notmuch(folder / "theirs")
        ours()
        if compared:
            work["mbsync FSync no"]()
        time.sleep(0.1)
        costs = rotate(given.rounds, work)
        facts = {}
        if cores > 1:
            facts["speed_up"] = ratios(costs, "reindex, one process", f"reindex, {cores} processes")
        if compared:
            sums = {
                "theirs": [_sum(a, b) for a, b in zip(costs["mbsync FSync no"], costs["notmuch new"], strict=True)],
                "read": [_sum(a, b) for a, b in zip(costs["sync"], costs["parse + full text"], strict=True)],
                "whole": [_sum(a, b) for a, b in zip(costs["sync"], costs["reindex, one process"], strict=True)],
            }
            facts["archive_parse_full_text_of_mbsync_and_notmuch_cpu"] = ratios(sums, "read", "theirs", "cpu")
            facts["with_zones_flags_requests_cpu"] = ratios(sums, "whole", "theirs", "cpu")
        else:
            facts["not_measured"] = "mbsync or notmuch is not installed"
        report("indexing", given, as_rows(costs), facts)


def _sum(first: Cost, second: Cost) -> Cost:
    return Cost(first.wall + second.wall, first.cpu + second.cpu)


if __name__ == "__main__":
    main()
