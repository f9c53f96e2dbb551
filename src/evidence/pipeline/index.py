"""The rebuild: archived octets -> derived tables. From nothing or after one letter more, on one core or several: the same rows.

1. ``index_reading``: what is in one message alone, out of its octets (worker processes);
2. ``index_places``: clocks, threads and copies over all messages, and which of the rows that stand no longer hold;
3. ``index_deriving``: the rows of a message in its place, and flags, askings and promises found in it (worker processes);
4. ``index_reckoning``: what stands between letters: links, requests and their outcomes, what the pages show.

``reindex`` drops everything first. ``refresh`` keeps what a message's octets, its parent and the rules still say (``index_keys``),
reads only new and changed messages, and writes only what differs.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from evidence import __version__
from evidence.config import Config
from evidence.i18n import default_language, translation
from evidence.pipeline.index_keys import config_key, judging_key, parties_key, reading_key
from evidence.ports import Progress
from evidence.timeline.parties import Parties

if TYPE_CHECKING:
    from evidence.archive.reader import ArchiveReader
    from evidence.archive.store import Archive
    from evidence.pipeline.index_deriving import Judging, Made, Work
    from evidence.pipeline.index_places import At, Kept, Place
    from evidence.pipeline.index_reading import Fact, Source, Spool
    from evidence.pipeline.index_workers import Crew

_ = translation("cli", default_language()).gettext

PARALLEL_FROM = 300  # messages; below, starting processes costs more than it saves
CHUNK = 50  # messages at most in a piece of work …
READ_OCTETS, WORK_OCTETS = 4 << 20, 1 << 20  # … and octets
OPTIMIZE_FROM = 0.2  # of the letters new: then the full-text index is merged into one piece


@dataclass(frozen=True, slots=True)
class IndexReport:
    """How many messages, flags and requests stand after a rebuild, and which messages could not be read.

    ``read`` is how many messages' octets were read for it, ``judged`` how many letters were searched for flags.
    """

    messages: int
    flags: int
    requests: int
    unreadable: tuple[str, ...]
    as_of: datetime
    read: int = 0
    judged: int = 0


def reindex(
    archive: Archive, config: Config, *, now: Callable[[], datetime], progress: Progress, jobs: int | None = None
) -> IndexReport:
    """Drop and rebuild every derived table in one transaction: readers see the old rows or the new, never half."""
    return _rebuilt(archive, config, now=now, progress=progress, jobs=jobs, fresh=True)


def refresh(
    archive: Archive, config: Config, *, now: Callable[[], datetime], progress: Progress, jobs: int | None = None
) -> IndexReport | None:
    """Bring the derived tables up to date if the archive or what it was judged by has changed since; else None.

    The rows are those that ``reindex`` would give; messages of which nothing has changed are not read again.
    """
    archive.commit()
    if is_current(archive.connection, config):
        return None
    return _rebuilt(archive, config, now=now, progress=progress, jobs=jobs, fresh=False)


SEEN_TABLES = ("message", "sighting", "dns_key", "acquisition_end", "disappearance", "folder_state", "outside_file")


def is_current(connection: sqlite3.Connection, config: Config) -> bool:
    """Whether the derived tables were built from all evidence there is, by this version and configuration."""
    state = _state(connection)
    return state.get("config_key") == config_key(config) and state.get("evidence_seen") == _evidence_mark(connection)


def _state(connection: sqlite3.Connection) -> Mapping[str, str]:
    from evidence.archive.derived import read_state

    try:
        return read_state(connection)
    except sqlite3.Error:
        return {}


def _evidence_mark(connection: sqlite3.Connection) -> str:
    """The events of the newest row of each evidence table that derived rows depend on."""
    marks = []
    for table in SEEN_TABLES:
        row = connection.execute(f"SELECT event FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()
        marks.append(str(row[0]) if row else "-")
    return " ".join(marks)


# ---- the flow --------------------------------------------------------------------------------


def _rebuilt(
    archive: Archive,
    config: Config,
    *,
    now: Callable[[], datetime],
    progress: Progress,
    jobs: int | None,
    fresh: bool,
) -> IndexReport:
    from evidence.archive import derived
    from evidence.archive.reader import ArchiveReader
    from evidence.pipeline import index_places as places_of
    from evidence.pipeline.index_deriving import Judging
    from evidence.pipeline.index_reading import Source, Spool, best_answers, key_mark
    from evidence.pipeline.index_reckoning import reckon
    from evidence.pipeline.index_workers import Crew
    from evidence.pipeline.views import stated_as_of

    archive.commit()
    connection = archive.connection
    reader = ArchiveReader(connection)
    keys, state = _keys(config), _state(connection)
    fresh = fresh or not derived.has_reading(connection) or state.get("reading_key") != keys["reading_key"]
    parties, answers = Parties(config), best_answers(reader.dns_keys())
    kept = {} if fresh else places_of.kept_messages(connection)
    clocks = places_of.clocks_of(connection, {number: one.at.captured for number, one in kept.items()})
    source = Source(archive.path, answers)
    judging = Judging(parties, config.folder / "packs", config.matter.timezone)
    with Crew(jobs or os.cpu_count() or 1, PARALLEL_FROM) as crew, Spool() as spool:
        other = None if state.get("parties_key") == keys["parties_key"] else parties
        marks = {name: key_mark(key) for name, key in answers.items()}
        todo = clocks.keys() - kept.keys() | places_of.outdated(connection, kept, clocks, marks, other)
        facts = {number: one.fact for number, one in kept.items()}
        facts |= _read(connection, crew, spool, source, todo, progress)
        ats = {number: places_of.at_of(fact, clocks[number]) for number, fact in facts.items()}
        places, copies = places_of.placed(facts, ats, _bodies(connection, spool))
        again = places_of.moved(kept, places) - todo
        _read(connection, crew, spool, source, again, progress)
        todo |= again
        with derived.rebuilding(connection):
            if fresh:
                derived.drop_derived(connection)
            work = _work(connection, spool, sorted(todo), facts, places, ats)
            _write(
                connection,
                _derived(crew, judging, work, len(todo), progress),
                fresh=fresh,
                share=len(todo) / max(1, len(facts)),
            )
            _move(connection, kept, places, todo)
            judged = len(todo)
            if state.get("judging_key") != keys["judging_key"]:
                judged += _judge_kept(connection, reader, crew, judging, kept.keys() - todo, progress)
            as_of = stated_as_of(reader) or now()
            reckoned = reckon(connection, config, reader, copies.alarms, as_of)
            derived.write_state(connection, keys | _stated(connection, config, as_of))
    unreadable = tuple(facts[number].sha256 for number in sorted(facts) if facts[number].failed)
    return IndexReport(len(facts), reckoned.flags, reckoned.requests, unreadable, as_of, len(todo), judged)


def _keys(config: Config) -> dict[str, str]:
    return {
        "reading_key": reading_key(), "judging_key": judging_key(config), "parties_key": parties_key(config),
        "config_key": config_key(config),
    }  # fmt: skip


def _stated(connection: sqlite3.Connection, config: Config, as_of: datetime) -> dict[str, str]:
    return {
        "as_of": as_of.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tool": f"evidence {__version__}",
        "matter_title": config.matter.title,
        "gap_days": str(config.timeline.gap_days),
        "language": config.matter.language,
        "timezone": config.matter.timezone,
        "evidence_seen": _evidence_mark(connection),
    }


def _read(
    connection: sqlite3.Connection,
    crew: Crew,
    spool: Spool,
    source: Source,
    numbers: Collection[int],
    progress: Progress,
) -> dict[int, Fact]:
    """Read these messages' octets into the spool; what all of them together are placed by. No write is open meanwhile."""
    from evidence.pipeline.index_reading import read_chunk
    from evidence.pipeline.index_workers import chunks

    sized = (
        (number, int(connection.execute("SELECT size FROM message WHERE id = ?", (number,)).fetchone()[0]))
        for number in sorted(numbers)
    )
    tasks = (
        (source, [number for number, _size in chunk])
        for chunk in chunks(sized, CHUNK, READ_OCTETS, lambda item: item[1])
    )
    facts: dict[int, Fact] = {}
    for rows in crew.share(read_chunk, tasks, len(numbers), meanwhile=True):
        spool.put(rows)
        facts |= {fact.number: fact for fact, *_rest in rows}
        progress.step(_("reading messages"), len(facts), len(numbers))
    return facts


def _bodies(connection: sqlite3.Connection, spool: Spool) -> Callable[[int], str]:
    """The body of a message: of those read now from the spool, of the others from their rows."""

    def body_of(number: int) -> str:
        return _words(connection, spool, number)[0]

    return body_of


def _words(connection: sqlite3.Connection, spool: Spool, number: int) -> tuple[str, str]:
    """(body, subject)."""
    found = spool.words(number)
    if found is not None:
        return found
    row = connection.execute(
        "SELECT (SELECT text FROM text_part t WHERE t.message = p.message AND t.part = 'body'), p.subject"
        " FROM parsed_message p WHERE p.message = ?",
        (number,),
    ).fetchone()
    return row[0] or "", row[1]


def _work(
    connection: sqlite3.Connection,
    spool: Spool,
    numbers: Iterable[int],
    facts: Mapping[int, Fact],
    places: Mapping[int, Place],
    ats: Mapping[int, At],
) -> Iterator[Work]:
    from evidence.pipeline.index_deriving import Work

    number_of = {fact.sha256: number for number, fact in facts.items()}
    for number in numbers:
        parent = places[number].parent
        words = _words(connection, spool, number_of[parent]) if parent in number_of else None
        yield Work(spool.packed(number), places[number], ats[number], words)


def _derived(crew: Crew, judging: Judging, work: Iterable[Work], count: int, progress: Progress) -> Iterator[Made]:
    from evidence.pipeline.index_deriving import derive_chunk
    from evidence.pipeline.index_workers import chunks

    tasks = ((judging, chunk) for chunk in chunks(work, CHUNK, WORK_OCTETS, lambda one: len(one.packed)))
    done = 0
    for made in crew.share(derive_chunk, tasks, count):
        yield from made
        done += len(made)
        progress.step(_("reading for flags"), done, count)


def _write(connection: sqlite3.Connection, made: Iterable[Made], *, fresh: bool, share: float) -> None:
    from evidence.archive import derived

    indexed = set() if fresh else derived.indexed(connection)
    for one in made:
        derived.write_rows(connection, (one.rows,), fresh=fresh)
        derived.write_reading(connection, one.rows.number, one.reading)
        if one.rows.number not in indexed:  # the words of a message do not change: its octets do not
            derived.index_stems(connection, one.rows.number, one.stems)
    if share >= OPTIMIZE_FROM:
        derived.optimize_search(connection)


def _move(
    connection: sqlite3.Connection, kept: Mapping[int, Kept], places: Mapping[int, Place], written: Collection[int]
) -> None:
    """Another thread for letters whose own rows stand, where a letter came in before or between them."""
    from evidence.archive.derived import move_message

    for number, one in kept.items():
        place = places[number]
        if number not in written and place != one.place:
            move_message(connection, number, place.thread, place.parent, place.by, place.copy_of)


def _judge_kept(
    connection: sqlite3.Connection,
    reader: ArchiveReader,
    crew: Crew,
    judging: Judging,
    numbers: Collection[int],
    progress: Progress,
) -> int:
    """Search letters anew whose rows stand, by other rules than at the last rebuild."""
    from evidence.archive.derived import update_judged
    from evidence.pipeline.index_deriving import judge_chunk
    from evidence.pipeline.index_workers import chunks

    letters = [letter for letter in reader.letters(everything=True) if letter.number in numbers]
    tasks = (
        (judging, chunk)
        for chunk in chunks(letters, CHUNK, WORK_OCTETS, lambda letter: sum(map(len, letter.texts.values())))
    )
    done = 0
    for found in crew.share(judge_chunk, tasks, len(letters)):
        for one in found:
            update_judged(connection, one.number, one.flags, one.asks, one.promises)
        done += len(found)
        progress.step(_("reading for flags"), done, len(letters))
    return done
