"""Reindex: archived octets -> derived tables. Two rebuilds give identical rows, on one core or several.

1. parse every message (worker processes; one message that cannot be read is kept raw and listed);
2. threads and copy groups over all of them;
3. zones, speakers, DKIM, per message;
4. flags and requests over all letters; 5. what the pages show.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence import __version__
from evidence.config import Config
from evidence.model import DnsKey, Flag, Letter, ParsedMessage, ThreadPlace, Zone
from evidence.ports import Derived, Progress
from evidence.timeline.parties import Parties

if TYPE_CHECKING:
    from evidence.archive.reader import ArchiveReader
    from evidence.archive.store import Archive

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
    jobs = jobs or os.cpu_count() or 1
    parsed = _parse_all(archive, progress, jobs)
    places, copies = _threads(archive, parsed)
    keys = archive.dns_keys()
    parties = Parties(config)
    rows = _derive_all(archive, parsed, places, copies, keys, parties, progress, jobs)
    with archive.rebuild() as derived:
        derived.write_messages(rows)
        derived.write_search()
        letters = derived.letters()
        flags = find_all_flags(config, letters, progress, jobs)
        derived.write_flags(flags)
        as_of = archive.as_of() or now()
        requests = find_all_requests(config, letters, derived.folder_counts(), as_of)
        derived.write_requests(requests)
        derived.write_state(
            {
                "as_of": as_of.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "tool": f"evidence {__version__}",
                "matter_title": config.matter.title,
                "language": config.matter.language,
                "timezone": config.matter.timezone,
                "log_size_seen": str(archive.head().size),
            }
        )
        from evidence.pipeline.views import render_pages

        for name, language, body in render_pages(config, derived, letters, flags, requests, as_of):
            derived.write_rendered(name, language, body)
    return IndexReport(
        len(parsed), len(flags), len(requests), tuple(p.sha256 for _n, p in parsed if p.failed), as_of
    )


def refresh(archive: Archive, config: Config, *, now: Callable[[], datetime], progress: Progress) -> IndexReport | None:
    """Rebuild if the archive or what it was judged by has changed since the last rebuild; else None."""
    if archive.derived_is_current(config_key(config)):
        return None
    return reindex(archive, config, now=now, progress=progress)


def config_key(config: Config) -> str:
    """What of the configuration the derived tables depend on, as one hash."""
    from evidence.model import sha256_hex

    chosen = config.model_dump_json(include={"matter", "us", "client", "counsel", "scope", "timeline", "effort"})
    return sha256_hex(f"{__version__}\n{chosen}".encode())


def find_all_flags(config: Config, letters: Sequence[Letter], progress: Progress, jobs: int = 1) -> tuple[Flag, ...]:
    from evidence.timeline.flags import find_all
    from evidence.timeline.rules import load_packs

    own_packs = config.folder / "packs"
    packs = load_packs([own_packs] if own_packs.is_dir() else [])
    return find_all(letters, packs, timezone=config.matter.timezone)


def find_all_requests(config: Config, letters: Sequence[Letter], coverage: Sequence[Any], as_of: datetime) -> tuple[Any, ...]:
    from evidence.timeline.requests import RequestSettings, find_requests

    parties = Parties(config)
    settings = RequestSettings(
        answer_within_days=config.timeline.answer_within_days,
        days=config.timeline.days,
        country=config.timeline.country,
        timezone=config.matter.timezone,
        own_addresses=parties.own_addresses,
        their_addresses=parties.their_addresses,
    )
    return find_requests(letters, settings, coverage, as_of=as_of)


# ---- 1 parse -------------------------------------------------------------------------------


def _parse_chunk(chunk: Sequence[tuple[int, bytes]]) -> list[tuple[int, ParsedMessage]]:
    from evidence.message.parse import parse_message

    return [(number, parse_message(raw, attachment_text=True)) for number, raw in chunk]


def _parse_all(archive: Archive, progress: Progress, jobs: int) -> list[tuple[int, ParsedMessage]]:
    total = archive.count()
    parsed: list[tuple[int, ParsedMessage]] = []
    chunks = _chunks((number, raw) for number, _sha256, raw in archive.raws())
    for part in _spread(_parse_chunk, chunks, jobs if total >= PARALLEL_FROM else 1):
        parsed.extend(part)
        progress.step("parse", len(parsed), total)
    return parsed


def _chunks(items: Iterable[Any], size: int = CHUNK, octets: int = 16 << 20) -> Iterable[list[Any]]:
    """Lists of at most ``size`` items and about ``octets`` bytes, so that a queue of them stays small."""
    chunk: list[Any] = []
    held = 0
    for item in items:
        chunk.append(item)
        held += len(item[1]) if isinstance(item[1], bytes) else 0
        if len(chunk) >= size or held >= octets:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _spread(work: Callable[[Any], Any], chunks: Iterable[Any], jobs: int) -> Iterable[Any]:
    """Results in the order of the chunks; at most 2 × jobs chunks are under way at once."""
    if jobs <= 1:
        yield from map(work, chunks)
        return
    from collections import deque

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn" if os.name == "nt" else "forkserver")) as pool:
        under_way: deque[Any] = deque()
        for chunk in chunks:
            under_way.append(pool.submit(work, chunk))
            if len(under_way) >= 2 * jobs:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


# ---- 2 threads -----------------------------------------------------------------------------


def _threads(
    archive: Archive, parsed: Sequence[tuple[int, ParsedMessage]]
) -> tuple[Mapping[str, ThreadPlace], Mapping[str, str]]:
    from evidence.message.clocks import choose_at
    from evidence.message.threads import ThreadInput, build_threads, copy_groups

    clocks = archive.clocks_by_number()
    items = []
    for number, message in parsed:
        clock = clocks[number]
        at, _clock, _note = choose_at(
            message.date,
            clock.internal,
            message.received[0].at if message.received else None,
            clock.captured,
            imported=clock.imported,
        )
        items.append(ThreadInput.of(number, message, at))
    return build_threads(items), copy_groups(items)


# ---- 3 per message -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    number: int
    message: ParsedMessage
    place: ThreadPlace
    parent_text: str | None
    copy_of: int | None
    clock: Any
    raw: bytes | None


def _derive_all(
    archive: Archive,
    parsed: Sequence[tuple[int, ParsedMessage]],
    places: Mapping[str, ThreadPlace],
    copies: Mapping[str, str],
    keys: Sequence[DnsKey],
    parties: Parties,
    progress: Progress,
    jobs: int,
) -> Iterable[Derived]:
    by_sha = {message.sha256: (number, message) for number, message in parsed}
    clocks = archive.clocks_by_number()

    def work() -> Iterable[_Work]:
        raws = archive.raws()
        for (number, message), (_n, _s, raw) in zip(parsed, raws, strict=True):
            place = places[message.sha256]
            parent = by_sha.get(place.parent or "")
            first = copies.get(message.sha256)
            yield _Work(
                number,
                message,
                place,
                parent[1].texts.get("body") if parent else None,
                by_sha[first][0] if first and first != message.sha256 else None,
                clocks[number],
                raw if b"dkim-signature" in raw[:200_000].lower() else None,
            )

    done = 0
    chunked = ((chunk, keys, parties) for chunk in _chunks(work()))
    for rows in _spread(_derive_chunk, chunked, jobs if len(parsed) >= PARALLEL_FROM else 1):
        yield from rows
        done += len(rows)
        progress.step("read", done, len(parsed))


def _derive_chunk(task: tuple[Sequence[_Work], Sequence[DnsKey], Parties]) -> list[Derived]:
    chunk, keys, parties = task
    by_name: dict[str, DnsKey] = {}
    for key in keys:
        if key.name not in by_name or (by_name[key.name].error and not key.error):
            by_name[key.name] = key
    return [_derive(item, by_name, parties) for item in chunk]


def _derive(item: _Work, keys: Mapping[str, DnsKey], parties: Parties) -> Derived:
    import json

    from evidence.message.clocks import choose_at
    from evidence.message.dkim import verify_message
    from evidence.message.zones import find_zones

    message = item.message
    zones = find_zones(message, item.parent_text)
    received_top = message.received[0].at if message.received else None
    at, at_clock, note = choose_at(
        message.date, item.clock.internal, received_top, item.clock.captured, imported=item.clock.imported
    )
    speaker, person = parties.speaker(message.addresses)
    scope, scope_reason = parties.scope(message.addresses)
    sender = next(iter(message.of("from")), None)
    own = own_text(message, zones)
    row = {
        "message": item.number,
        "sha256": message.sha256,
        "message_id": message.message_id,
        "date_raw": message.date_raw,
        "date": message.date.isoformat() if message.date else None,
        "received_at": _utc(received_top),
        "internal_at": _utc(item.clock.internal),
        "captured_at": _utc(item.clock.captured),
        "at": _utc(at),
        "at_clock": at_clock,
        "at_note": note,
        "subject": message.subject,
        "sender": sender.address if sender else "",
        "sender_name": sender.name if sender else "",
        "speaker": speaker,
        "person": person,
        "scope": scope,
        "scope_reason": scope_reason,
        "withheld": int(parties.withheld(message.addresses)),
        "kind": message.kind,
        "language": message.language,
        "thread": item.place.thread,
        "parent": item.place.parent,
        "thread_by": item.place.by,
        "copy_of": item.copy_of,
        "gist": gist(message.subject, own),
        "own_words": len(own.split()),
        "body_source": message.body_source,
        "html": message.html,
        "headers": json.dumps(message.headers, ensure_ascii=False),
        "in_reply_to": json.dumps(message.in_reply_to, ensure_ascii=False),
        "refs": json.dumps(message.references, ensure_ascii=False),
        "received": json.dumps(
            [[h.position, h.from_host, h.by_host, _utc(h.at), h.raw] for h in message.received], ensure_ascii=False
        ),
        "x_mailer": message.x_mailer,
        "defects": json.dumps(message.defects, ensure_ascii=False),
        "failed": message.failed,
    }
    participants = []
    for position, address in enumerate(message.addresses):
        party, name = parties.who(address.address)
        participants.append(
            {"position": position, "header": address.header, "name": address.name, "address": address.address, "party": party, "person": name}
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
    )


def own_text(message: ParsedMessage, zones: Sequence[Zone]) -> str:
    body = message.texts.get("body", "")
    return "\n".join(body[z.start : z.end] for z in zones if z.part == "body" and z.kind == "own").strip()


def gist(subject: str, own: str) -> str:
    """One line: the subject, or where there is none the first own sentence. Quoted, never invented."""
    import re

    line = " ".join(subject.split())
    if not re.sub(r"(?i)^((re|fwd?|fw|ответ|отв|пер)\s*(\[\d+\])?\s*:\s*)+", "", line):
        first = re.split(r"(?<=[.!?…])\s", " ".join(own.split()), maxsplit=1)[0]
        line = first
    return line if len(line) <= 160 else line[:159].rstrip() + "…"


def _utc(moment: datetime | None) -> str | None:
    from datetime import UTC

    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
