"""How long the program takes to start, above `python -c pass`: `python benchmarks/start.py [--size LETTERS]`.

`--help` needs no archive; `status` reads one of the given size; `sync` with nothing to do is in acquire.py.
"""

from __future__ import annotations

import sys

from common import EVIDENCE, as_rows, evidence, hold, matter, parser, report, rotate, run, scratch, spread


def main() -> None:
    given = parser(__doc__, size=500, rounds=9).parse_args()
    with scratch() as folder:
        config = matter(folder / "matter")
        hold(config.parent / "archive.db", given.size, attachments=False)
        evidence(config, "status")  # the first start compiles
        costs = rotate(
            given.rounds,
            {
                "python -c pass": lambda: run([sys.executable, "-c", "pass"]),
                "evidence --help": lambda: run([*EVIDENCE, "--help"]),
                "evidence status": lambda: evidence(config, "status"),
            },
        )
    facts = {
        f"{name}_above_python": spread(
            [a.wall - b.wall for a, b in zip(costs[row], costs["python -c pass"], strict=True)]
        )
        for name, row in (("help", "evidence --help"), ("status", "evidence status"))
    }
    report("start", given, as_rows(costs), facts)


if __name__ == "__main__":
    main()
