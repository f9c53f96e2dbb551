"""The whole mailbox over a 40 ms round trip, against mbsync: `python benchmarks/latency.py [--size N] [--rtt MS]`.

A relay on loopback holds everything back by half a round trip each way; what differs is how many round trips a program needs.
"""

from __future__ import annotations

import shutil

import peers
from common import (
    Cost,
    Delay,
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
)


def main() -> None:
    arguments = parser(__doc__, size=1000, rounds=3)
    arguments.add_argument("--rtt", type=float, default=40, help="milliseconds")
    given = arguments.parse_args()
    with scratch() as folder, served(folder, given.size) as (port, manifest), Delay(port, given.rtt) as far:

        def ours() -> Cost:
            shutil.rmtree(folder / "ours", ignore_errors=True)
            cost = evidence(matter(folder / "ours", far.port), "sync", "--no-index", "-q")
            check_archive(folder / "ours" / "archive.db", manifest)
            return cost

        def theirs() -> Cost:
            cost = peers.mbsync(folder / "theirs", far.port, fsync=False)
            assert peers.count_maildir(folder / "theirs" / "mail") == manifest["count"]
            return cost

        work = {"evidence": ours, **({"mbsync FSync no": theirs} if peers.has("mbsync") else {})}
        costs = rotate(given.rounds, work)
        again = {"evidence, no change": lambda: evidence(folder / "ours" / "config.toml", "sync", "--no-index", "-q")}
        if peers.has("mbsync"):
            again["mbsync, no change"] = lambda: peers.mbsync(folder / "theirs", far.port, fsync=False, fresh=False)
        unchanged = rotate(given.rounds, again)
        facts = {"round_trip_ms": given.rtt, "octets": manifest["octets"]}
        if peers.has("mbsync"):
            facts["of_mbsync"] = ratios(costs, "evidence", "mbsync FSync no")
            facts["no_change_of_mbsync"] = ratios(unchanged, "evidence, no change", "mbsync, no change")
        else:
            facts["not_measured"] = "mbsync is not installed"
        report("latency", given, as_rows(costs | unchanged), facts)


if __name__ == "__main__":
    main()
