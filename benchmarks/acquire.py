"""The whole mailbox into the archive, against mbsync and the raw socket: `python benchmarks/acquire.py [--size N]`.

Ours fetches, hashes, logs and commits durably (`sync --no-index`); mbsync writes files, with and without its fsync.
"SHA-256 alone" hashes as many octets once and does nothing else: what no mail fetcher without hashes has to pay.
Afterwards: nothing has changed, again against mbsync; and only the client's letters against the whole mailbox.
After every round the archive's octets are hashed anew and compared, UID by UID, with what the generator wrote.
"""

from __future__ import annotations

import shutil
from pathlib import Path

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
    scratch,
    served,
    spread,
)


def main() -> None:
    given = parser(__doc__, size=2000).parse_args()
    with scratch() as folder, served(folder, given.size) as (port, manifest):

        def ours(scope: str = "all") -> Cost:
            place = folder / f"ours-{scope}"
            shutil.rmtree(place, ignore_errors=True)
            cost = evidence(matter(place, port, scope=scope), "sync", "--no-index", "-q")
            check_archive(place / "archive.db", manifest, only_client=scope == "client")
            return cost

        def theirs(name: str, fsync: bool) -> Cost:
            cost = peers.mbsync(folder / name, port, fsync=fsync)
            assert peers.count_maildir(folder / name / "mail") == manifest["count"]
            return cost

        work = {
            "evidence": ours,
            "raw socket": lambda: peers.drain(port, manifest),
            "SHA-256 alone": lambda: peers.hashing(manifest),
            "client only": lambda: ours("client"),
        }
        if peers.has("mbsync"):
            work["mbsync FSync no"] = lambda: theirs("plain", False)
            work["mbsync default"] = lambda: theirs("synced", True)
        costs = rotate(given.rounds, work)
        again = {
            "evidence, no change": lambda: evidence(folder / "ours-all" / "config.toml", "sync", "--no-index", "-q")
        }
        if peers.has("mbsync"):
            again["mbsync, no change"] = lambda: peers.mbsync(folder / "plain", port, fsync=False, fresh=False)
        unchanged = rotate(given.rounds, again)
        check_archive(folder / "ours-all" / "archive.db", manifest)
        facts = {
            "octets": manifest["octets"],
            "archive_octets": Path(folder / "ours-all" / "archive.db").stat().st_size,
            "client_only_of_whole": ratios(costs, "client only", "evidence"),
        }
        if peers.has("mbsync"):
            for what in ("wall", "cpu"):
                facts[f"of_mbsync_FSync_no_{what}"] = ratios(costs, "evidence", "mbsync FSync no", what)
                facts[f"of_mbsync_default_{what}"] = ratios(costs, "evidence", "mbsync default", what)
            facts["of_mbsync_FSync_no_cpu_without_hashing"] = spread(
                [
                    (a.cpu - h.cpu) / b.cpu
                    for a, h, b in zip(costs["evidence"], costs["SHA-256 alone"], costs["mbsync FSync no"], strict=True)
                ]
            )
            facts["no_change_of_mbsync"] = ratios(unchanged, "evidence, no change", "mbsync, no change")
        else:
            facts["not_measured"] = "mbsync is not installed"
        report("acquire", given, as_rows(costs | unchanged), facts)


if __name__ == "__main__":
    main()
