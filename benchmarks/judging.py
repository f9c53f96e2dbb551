"""Zones, flags and requests, letters a second on one core: `python benchmarks/judging.py [--size N]`.

Letters of about 200 own words, half of them the dispute's, in one process; processor seconds, since other load moves the clock.
Reading the rule packs and the models is counted apart, once. Each round reads N letters that were not read before: what a letter's
words, pieces and sentences leave in memory helps the next letters, as it does in a rebuild, but no letter is read twice. N more
letters are read before the first round.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from common import hold, matter, parser, report, scratch, spread
from rebuilding import rebuild

TOGETHER = 50  # letters scored in one go, as in a rebuild


def main() -> None:
    given = parser(__doc__, size=300, rounds=3).parse_args()
    from evidence.archive.derived import raws
    from evidence.archive.store import Archive
    from evidence.config import load_config
    from evidence.message.parse import parse_message
    from evidence.message.zones import find_zones
    from evidence.timeline.commitments import link
    from evidence.timeline.flags import find_flags_in
    from evidence.timeline.requests import RequestSettings, find_requests
    from evidence.timeline.rules import load_packs

    def now() -> datetime:
        return datetime(2026, 2, 2, tzinfo=UTC)

    took: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began = time.process_time()
        found = work()
        took.setdefault(name, []).append(time.process_time() - began)
        return found

    with scratch() as folder:
        config = load_config(matter(folder))
        hashes = hold(config.archive_path, given.size * (given.rounds + 1), attachments=False)
        rebuild(folder, 1, "reindex")  # in a process of its own: this one has read nothing yet
        with Archive.open(config.archive_path, write=False, now=now) as archive:
            held = [(sha, raw) for _n, sha, raw in raws(archive.connection)]
            assert [sha for sha, _raw in held] == hashes, "what is stored is not what was made"
            octets, letters = dict(held), _letters(archive)
    words = sum(
        len(x.texts["body"][z.start : z.end].split()) for x in letters for z in x.zones_of("body") if z.kind == "own"
    )
    found = {"flags": 0, "requests": 0}
    packs = timed("rule packs", load_packs)
    timed(
        "dictionary, models", lambda: import_module("evidence.pipeline.index_warm")
    )  # as a worker of a rebuild begins
    for at in range(0, len(letters), given.size):
        some = letters[at : at + given.size]
        chunks = [some[n : n + TOGETHER] for n in range(0, len(some), TOGETHER)]
        parsed = timed("parse", lambda some=some: [parse_message(octets[x.sha256]) for x in some])
        timed("zones", lambda parsed=parsed: [find_zones(message) for message in parsed])
        flags = timed(
            "flags", lambda chunks=chunks: [f for c in chunks for row in find_flags_in(c, packs) for f in row]
        )
        linked = timed("links", lambda some=some, flags=flags: link(some, flags, timezone="Europe/Moscow"))
        requests = timed(
            "requests",
            lambda some=some, linked=linked: find_requests(
                some, RequestSettings.of(config), (), as_of=now(), flags=linked
            ),
        )
        found = {"flags": found["flags"] + len(linked), "requests": found["requests"] + len(requests)}
    for name, seconds in took.items():
        took[name] = seconds[-given.rounds :]  # without the letters before the first round
    rows = {
        name: {"cpu": spread(seconds), "letters_a_second": spread([given.size / t for t in seconds], 0)}
        for name, seconds in took.items()
    }
    whole = [
        sum(parts) for parts in zip(*(took[name] for name in ("zones", "flags", "links", "requests")), strict=True)
    ]
    report(
        "judging", given, rows,
        {"zones_flags_requests_letters_a_second": spread([given.size / t for t in whole], 0), "own_words_a_letter": round(words / len(letters)),
         **found},
    )  # fmt: skip


def _letters(archive: Any) -> Any:
    from evidence.archive.reader import ArchiveReader

    return sorted(ArchiveReader(archive.connection).letters(everything=True), key=lambda x: (x.at, x.sha256))


if __name__ == "__main__":
    main()
