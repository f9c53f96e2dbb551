"""Reindex: archived octets -> derived tables. Two rebuilds give identical rows, on one core or several.

1. parse every message (worker processes; one message that cannot be read is kept raw and listed);
2. threads and copy groups over all of them;
3. zones, speakers, DKIM, per message;
4. flags and requests over all letters; 5. what the pages show.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence import __version__
from evidence.config import Config
from evidence.i18n import default_language, translation
from evidence.model import DnsKey, Flag, Letter, ParsedMessage, Request, ThreadPlace, Zone
from evidence.ports import Derived, Progress
from evidence.timeline.parties import Parties

if TYPE_CHECKING:
    from evidence.archive.store import Archive
    from evidence.message.threads import CopyGroups
    from evidence.timeline.rules import Packs

_ = translation("cli", default_language()).gettext

PARALLEL_FROM = 300  # messages; below, starting processes costs more than it saves
CHUNK = 100


@dataclass(frozen=True, slots=True)
class IndexReport:
    """How many messages, flags and requests stand after a rebuild, and which messages could not be read."""

    messages: int
    flags: int
    requests: int
    unreadable: tuple[str, ...]
    as_of: datetime


def reindex(
    archive: Archive, config: Config, *, now: Callable[[], datetime], progress: Progress, jobs: int | None = None
) -> IndexReport:
    """Drop and rebuild every derived table in one transaction: readers see the old rows or the new, never half."""
    from evidence.archive import derived
    from evidence.archive.reader import ArchiveReader

    archive.commit()
    connection = archive.connection
    jobs = jobs or os.cpu_count() or 1
    clocks = _clocks(connection)
    if len(clocks) < PARALLEL_FROM:
        jobs = 1
    reader = ArchiveReader(connection)
    with _workers(jobs) as spread:
        parsed = _parse_all(connection, len(clocks), progress, spread)
        places, copies = _threads(parsed, clocks)
        rows = _derive_all(
            connection, parsed, places, copies.first_of, clocks, reader.dns_keys(), Parties(config), progress, spread
        )
        with derived.rebuilding(connection):
            derived.drop_derived(connection)
            derived.write_messages(connection, rows)
            derived.write_search(connection, _search_rows(connection))
            letters = reader.letters(everything=True)
            flags, asks = _judge_all(config, letters, progress, spread)
            derived.write_flags(connection, flags)
            from evidence.pipeline.views import render_pages, stated_as_of

            as_of = stated_as_of(reader) or now()
            requests = find_all_requests(config, letters, reader.folder_counts(), as_of, asks)
            derived.write_requests(connection, requests)
            for name, language, body in render_pages(config, reader, letters, flags, requests, as_of):
                derived.write_rendered(connection, name, language, body)
            if copies.alarms:
                said = [{"message_id": name, "sha256": list(hashes)} for name, hashes in copies.alarms]
                derived.write_rendered(connection, "same-message-id", "", json.dumps(said, ensure_ascii=False))
            derived.write_state(
                connection,
                {
                    "as_of": as_of.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "tool": f"evidence {__version__}",
                    "matter_title": config.matter.title,
                    "language": config.matter.language,
                    "timezone": config.matter.timezone,
                    "config_key": config_key(config),
                    "evidence_seen": _evidence_mark(connection),
                },
            )
    return IndexReport(
        len(parsed), len(flags), len(requests), tuple(p.message.sha256 for p in parsed if p.message.failed), as_of
    )


def refresh(archive: Archive, config: Config, *, now: Callable[[], datetime], progress: Progress) -> IndexReport | None:
    """Rebuild if the archive or what it was judged by has changed since the last rebuild; else None."""
    archive.commit()
    if is_current(archive.connection, config):
        return None
    return reindex(archive, config, now=now, progress=progress)


SEEN_TABLES = ("message", "sighting", "dns_key", "acquisition_end", "disappearance", "folder_state", "outside_file")


def is_current(connection: sqlite3.Connection, config: Config) -> bool:
    """Whether the derived tables were built from all evidence there is, by this version and configuration."""
    from evidence.archive.derived import read_state

    try:
        state = read_state(connection)
    except sqlite3.Error:
        return False
    return state.get("config_key") == config_key(config) and state.get("evidence_seen") == _evidence_mark(connection)


def _evidence_mark(connection: sqlite3.Connection) -> str:
    """The events of the newest row of each evidence table that derived rows depend on."""
    marks = []
    for table in SEEN_TABLES:
        row = connection.execute(f"SELECT event FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()
        marks.append(str(row[0]) if row else "-")
    return " ".join(marks)


def config_key(config: Config) -> str:
    """What of the configuration, and of the matter's own rule packs, the derived tables depend on, as one hash."""
    from evidence.model import sha256_hex

    packs = "".join(
        f"{path.name} {sha256_hex(path.read_bytes())}\n" for path in sorted((config.folder / "packs").glob("*.toml"))
    )
    chosen = config.model_dump_json(include={"matter", "us", "client", "counsel", "scope", "timeline", "effort"})
    return sha256_hex(f"{__version__}\n{packs}{chosen}".encode())


def find_all_requests(
    config: Config,
    letters: Sequence[Letter],
    coverage: Sequence[Any],
    as_of: datetime,
    asks: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[Request, ...]:
    from evidence.timeline.requests import RequestSettings, find_requests

    return find_requests(letters, RequestSettings.of(config), coverage, as_of=as_of, asks=asks)


# ---- 1 parse -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A parsed message with what threading needs of its zones (cut without the parent, which is not known yet)."""

    number: int
    message: ParsedMessage
    own: str
    quoted: str


def _parse_chunk(chunk: Sequence[tuple[int, bytes]]) -> list[_Parsed]:
    from evidence.message.parse import parse_message
    from evidence.message.zones import find_zones

    parsed = []
    for number, raw in chunk:
        message = parse_message(raw, attachment_text=True)
        zones = find_zones(message)
        parsed.append(_Parsed(number, message, body_text(message, zones, "own"), body_text(message, zones, "quoted")))
    return parsed


def _parse_all(connection: sqlite3.Connection, total: int, progress: Progress, spread: _Spread) -> list[_Parsed]:
    from evidence.archive.derived import raws

    parsed: list[_Parsed] = []
    chunks = _chunks((number, raw) for number, _sha256, raw in raws(connection))
    for part in spread(_parse_chunk, chunks):
        parsed.extend(part)
        progress.step(_("reading letters"), len(parsed), total)
    return parsed


def _chunks(items: Iterable[Any], size: int = CHUNK, octets: int = 16 << 20) -> Iterable[list[Any]]:
    """Lists of at most ``size`` items and about ``octets`` bytes, so that a queue of them stays small."""
    chunk: list[Any] = []
    held = 0
    for item in items:
        chunk.append(item)
        held += len(item[1]) if isinstance(item, tuple) else 0
        if len(chunk) >= size or held >= octets:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


_Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@contextmanager
def _workers(jobs: int) -> Iterator[_Spread]:
    """One set of processes for a whole rebuild: what they have imported and read serves every step."""
    if jobs <= 1:
        yield map
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn" if os.name == "nt" else "forkserver")) as pool:

        def spread(work: Callable[[Any], Any], chunks: Iterable[Any]) -> Iterable[Any]:
            """Results in the order of the chunks; at most 2 × jobs chunks are under way at once."""
            under_way: deque[Any] = deque()
            for chunk in chunks:
                under_way.append(pool.submit(work, chunk))
                if len(under_way) >= 2 * jobs:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()

        yield spread


# ---- 2 threads -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Clocks:
    """The clocks that are not in the octets: INTERNALDATE of the first sighting, and our capture (docs/contracts.md, Four clocks)."""

    internal: datetime | None
    captured: datetime
    imported: bool


def _clocks(connection: sqlite3.Connection) -> dict[int, _Clocks]:
    from evidence.archive.reader import internal_date

    rows = connection.execute(
        "SELECT m.id, m.acquired_at, (SELECT s.internal_date FROM sighting s WHERE s.message = m.id ORDER BY s.id LIMIT 1),"
        " (SELECT s.source FROM sighting s WHERE s.message = m.id ORDER BY s.id LIMIT 1) FROM message m ORDER BY m.id"
    )
    return {
        number: _Clocks(
            internal_date(internal), datetime.fromisoformat(acquired.replace("Z", "+00:00")), source is not None
        )
        for number, acquired, internal, source in rows
    }


def _at(message: ParsedMessage, clocks: _Clocks) -> tuple[datetime, str, str]:
    from evidence.message.clocks import choose_at

    top = message.received[0].at if message.received else None
    return choose_at(message.date, clocks.internal, top, clocks.captured, clocks.imported)


def _threads(parsed: Sequence[_Parsed], clocks: Mapping[int, _Clocks]) -> tuple[Mapping[str, ThreadPlace], CopyGroups]:
    from evidence.message.threads import ThreadInput, build_threads, copy_groups

    items = []
    for one in parsed:
        message = one.message
        sender = next(iter(message.of("from")), None)
        items.append(
            ThreadInput(
                sha256=message.sha256,
                message_id=message.message_id,
                in_reply_to=message.in_reply_to,
                references=message.references,
                subject=message.subject,
                at=_at(message, clocks[one.number])[0],
                people=frozenset(a.address.lower() for a in message.addresses if a.address),
                sender=sender.address if sender else "",
                own=one.own,
                quoted=one.quoted,
                date_raw=message.date_raw,
                number=one.number,
            )
        )
    return build_threads(items), copy_groups(items)


def _search_rows(connection: sqlite3.Connection) -> Iterable[tuple[int, str, str, str, str]]:
    """(number, subject, body, people, attachments' names and texts) for the full-text index."""
    for number, subject in connection.execute(
        "SELECT message, subject FROM parsed_message ORDER BY message"
    ).fetchall():
        texts = dict(connection.execute("SELECT part, text FROM text_part WHERE message = ?", (number,)).fetchall())
        people = connection.execute(
            "SELECT name, address FROM participant WHERE message = ? ORDER BY position", (number,)
        )
        files = connection.execute("SELECT filename FROM attachment WHERE message = ? ORDER BY number", (number,))
        attached = [name for (name,) in files] + [
            text for part, text in sorted(texts.items()) if part.startswith("attachment:")
        ]
        yield (
            number,
            subject,
            texts.get("body", ""),
            " ".join(f"{name} {address}" for name, address in people),
            "\n".join(attached),
        )


# ---- 3 per message -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    number: int
    message: ParsedMessage
    place: ThreadPlace
    parent_text: str | None
    parent_subject: str | None
    copy_of: int | None
    clocks: _Clocks
    raw: bytes | None


def _derive_all(
    connection: sqlite3.Connection,
    parsed: Sequence[_Parsed],
    places: Mapping[str, ThreadPlace],
    copies: Mapping[str, str],
    clocks: Mapping[int, _Clocks],
    keys: Sequence[DnsKey],
    parties: Parties,
    progress: Progress,
    spread: _Spread,
) -> Iterable[Derived]:
    by_sha = {one.message.sha256: one for one in parsed}

    def work() -> Iterable[_Work]:
        for one in parsed:
            number, message = one.number, one.message
            place = places[message.sha256]
            parent = by_sha.get(place.parent or "")
            first = copies.get(message.sha256)
            signed = any(name.lower() == "dkim-signature" for name, _value in message.headers)
            raw = (
                connection.execute("SELECT raw FROM message WHERE id = ?", (number,)).fetchone()[0] if signed else None
            )
            yield _Work(
                number,
                message,
                place,
                parent.message.texts.get("body") if parent else None,
                parent.message.subject if parent else None,
                by_sha[first].number if first and first != message.sha256 else None,
                clocks[number],
                raw,
            )

    done = 0
    chunked = ((chunk, keys, parties) for chunk in _chunks(work()))
    for rows in spread(_derive_chunk, chunked):
        yield from rows
        done += len(rows)
        progress.step(_("who says what"), done, len(parsed))


def _derive_chunk(task: tuple[Sequence[_Work], Sequence[DnsKey], Parties]) -> list[Derived]:
    chunk, keys, parties = task
    by_name: dict[str, DnsKey] = {}
    for key in keys:
        if key.name not in by_name or (by_name[key.name].error and not key.error):
            by_name[key.name] = key
    return [_derive(item, by_name, parties) for item in chunk]


def _derive(item: _Work, keys: Mapping[str, DnsKey], parties: Parties) -> Derived:
    from evidence.archive.derived import parsed_columns
    from evidence.message.dkim import verify_message
    from evidence.message.zones import find_zones

    message = item.message
    zones = find_zones(message, item.parent_text, parent_subject=item.parent_subject)
    at, at_clock, note = _at(message, item.clocks)
    speaker, person = parties.speaker(message.addresses)
    scope, scope_reason = parties.scope(message.addresses)
    sender = next(iter(message.of("from")), None)
    own = body_text(message, zones, "own")
    row = parsed_columns(message) | {
        "received_at": _utc(message.received[0].at if message.received else None),
        "internal_at": _utc(item.clocks.internal),
        "captured_at": _utc(item.clocks.captured),
        "at": _utc(at),
        "at_clock": at_clock,
        "at_note": note,
        "sender": sender.address if sender else "",
        "sender_name": sender.name if sender else "",
        "speaker": speaker,
        "person": person,
        "scope": scope,
        "scope_reason": scope_reason,
        "withheld": int(parties.withheld(message.addresses)),
        "thread": item.place.thread,
        "parent": item.place.parent,
        "thread_by": item.place.by,
        "copy_of": item.copy_of,
        "gist": gist(message.subject, own),
        "own_words": len(own.split()),
    }
    participants = []
    for position, address in enumerate(message.addresses):
        party, name = parties.who(address.address)
        participants.append(
            {
                "position": position,
                "header": address.header,
                "name": address.name,
                "address": address.address,
                "party": party,
                "person": name,
            }
        )
    return Derived(
        item.number,
        message.sha256,
        row,
        tuple(participants),
        message.texts,
        zones,
        message.attachments,
        verify_message(item.raw, keys.get) if item.raw is not None else (),
        _trail(message, speaker),
    )


def _trail(message: ParsedMessage, speaker: str) -> tuple[dict[str, str], ...]:
    """What is odd about the way a message took, and what servers on it claim: remarks, never verdicts."""
    from evidence.message import received
    from evidence.message.claims import claims

    sender = next(iter(message.of("from")), None)
    domain = sender.address.rpartition("@")[2] if sender else ""
    odd = [
        {"kind": "observation", "what": remark.what, "detail": remark.detail}
        for remark in received.observations(message.headers, sender_domain=domain)
        # Our own letters lie in Sent as they were written, before any server.
        if not (remark.what == received.NO_TRAIL and speaker == "us")
    ]
    told = [{"kind": "claim", "what": claim.source, "detail": str(claim)} for claim in claims(message.headers)]
    return (*odd, *told)


def body_text(message: ParsedMessage, zones: Sequence[Zone], kind: str) -> str:
    body = message.texts.get("body", "")
    return "\n".join(body[z.start : z.end] for z in zones if z.part == "body" and z.kind == kind).strip()


def gist(subject: str, own: str) -> str:
    """One line: the subject, or where there is none the first own sentence. Quoted, never invented."""
    line = " ".join(subject.split())
    if not re.sub(r"(?i)^((re|fwd?|fw|ответ|отв|пер)\s*(\[\d+\])?\s*:\s*)+", "", line):
        first = re.split(r"(?<=[.!?…])\s", " ".join(own.split()), maxsplit=1)[0]
        line = first
    return line if len(line) <= 160 else line[:159].rstrip() + "…"


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- 4 flags and requests ------------------------------------------------------------------


def _judge_all(
    config: Config, letters: Sequence[Letter], progress: Progress, spread: _Spread
) -> tuple[tuple[Flag, ...], dict[str, Sequence[Any]]]:
    """The flags of all letters, linked, and what each letter asks. Each letter is read alone, so that cores share the work."""
    from evidence.timeline.commitments import link

    ordered = sorted(letters, key=lambda letter: (letter.at, letter.sha256))
    flags: list[Flag] = []
    asks: dict[str, Sequence[Any]] = {}
    done = 0
    tasks = ((chunk, config.folder / "packs") for chunk in _chunks(ordered))
    for rows in spread(_judge_chunk, tasks):
        for sha256, found, asked in rows:
            flags.extend(found)
            asks[sha256] = asked
        done += len(rows)
        progress.step(_("reading for flags"), done, len(ordered))
    return link(ordered, flags, timezone=config.matter.timezone), asks


def _judge_chunk(task: tuple[Sequence[Letter], Path]) -> list[tuple[str, tuple[Flag, ...], Sequence[Any]]]:
    from evidence.timeline.flags import find_flags
    from evidence.timeline.requests import asks_of

    letters, own = task
    packs = _packs(own, tuple((file.name, file.stat().st_mtime_ns) for file in sorted(own.glob("*.toml"))))
    return [(letter.sha256, find_flags(letter, packs), asks_of(letter)) for letter in letters]


@lru_cache(maxsize=2)
def _packs(own: Path, _state: tuple[tuple[str, int], ...]) -> Packs:
    """Read once in a process; again when a file of the matter's own packs has changed."""
    from evidence.timeline.rules import load_packs

    return load_packs([own] if own.is_dir() else [])
