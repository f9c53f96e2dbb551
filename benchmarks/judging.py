"""Zones, flags and requests, letters a second on one core: `python benchmarks/judging.py [--size N]`.

Letters of about 200 own words, half of them the dispute's, in one process; processor seconds, since other load moves the clock.
Reading the rule packs and the model is counted apart, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from common import hold, matter, parser, report, scratch, spread


class _Silent:
    def step(self, what: str, done: int, total: int | None = None) -> None: ...
    def say(self, text: str) -> None: ...


TOGETHER = 50  # letters scored in one go, as in a rebuild


def main() -> None:
    given = parser(__doc__, size=300, rounds=3).parse_args()
    from evidence.archive.derived import raws
    from evidence.archive.store import Archive
    from evidence.config import load_config
    from evidence.message.parse import parse_message
    from evidence.message.zones import find_zones
    from evidence.pipeline.index import reindex
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
        config = load_config(matter(folder / "matter"))
        hashes = hold(config.archive_path, given.size, attachments=False)
        with Archive.open(config.archive_path, write=True, now=now) as archive:
            reindex(archive, config, now=now, progress=_Silent())
            held = [(sha, raw) for _n, sha, raw in raws(archive.connection)]
            assert [sha for sha, _raw in held] == hashes, "what is stored is not what was made"
            letters, counts = _letters(archive), ()
            words = sum(
                len(x.texts["body"][z.start : z.end].split())
                for x in letters
                for z in x.zones_of("body")
                if z.kind == "own"
            )
            chunks = [letters[at : at + TOGETHER] for at in range(0, len(letters), TOGETHER)]
            packs = timed("rule packs", load_packs)
            find_flags_in(letters[:1], packs)
            for _ in range(given.rounds):
                parsed = timed("parse", lambda: [parse_message(raw) for _sha, raw in held])
                timed("zones", lambda parsed=parsed: [find_zones(message) for message in parsed])
                flags = timed("flags", lambda: [f for c in chunks for found in find_flags_in(c, packs) for f in found])
                linked = timed("links", lambda flags=flags: link(letters, flags, timezone="Europe/Moscow"))
                requests = timed(
                    "requests", lambda: find_requests(letters, RequestSettings.of(config), counts, as_of=now())
                )
    rows = {
        name: {"cpu": spread(found), "letters_a_second": spread([given.size / t for t in found], 0)}
        for name, found in took.items()
    }
    whole = [
        sum(parts) for parts in zip(*(took[name] for name in ("zones", "flags", "links", "requests")), strict=True)
    ]
    report(
        "judging", given, rows,
        {"zones_flags_requests_letters_a_second": spread([given.size / t for t in whole], 0), "own_words_a_letter": round(words / given.size),
         "flags": len(linked), "requests": len(requests)},
    )  # fmt: skip


def _letters(archive: Any) -> Any:
    from evidence.archive.reader import ArchiveReader

    return sorted(ArchiveReader(archive.connection).letters(everything=True), key=lambda x: (x.at, x.sha256))


if __name__ == "__main__":
    main()
