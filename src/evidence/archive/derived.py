"""Derived rows: written by ``reindex``, dropped and rebuilt at will; two rebuilds give identical rows.

Nothing here is evidence, and nothing here is bound by the custody log. Functions join the transaction that is open on the
connection, or make one of their own. To let readers see either the old rows or the new, wrap a rebuild in ``rebuilding``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from evidence.archive.binding import storable, utc_text
from evidence.archive.connect import transaction
from evidence.archive.schema import columns, recreate_derived
from evidence.archive.texts import json_text
from evidence.model import Attachment, DkimResult, Flag, ParsedMessage, Request, Zone
from evidence.ports import Derived
from evidence.stems import stemmed

PER_MESSAGE = ("parsed_message", "participant", "text_part", "zone", "attachment", "dkim", "trail")
RECKONED = ("flag", "request", "rendered")


def rebuilding(connection: sqlite3.Connection) -> AbstractContextManager[sqlite3.Connection]:
    """One transaction around a whole rebuild: readers see the old rows until it ends."""
    return transaction(connection)


def drop_derived(connection: sqlite3.Connection) -> None:
    """Drop every derived table and make it anew, empty."""
    with transaction(connection):
        recreate_derived(connection)


def drop_reckoned(connection: sqlite3.Connection) -> None:
    """Empty what is reckoned over all messages together: flags, requests, rendered pieces."""
    with transaction(connection):
        for table in RECKONED:
            connection.execute(f"DELETE FROM {table}")


def raws(connection: sqlite3.Connection, *, missing_only: bool = False) -> Iterator[tuple[int, str, bytes]]:
    """(number, sha256, octets) of every message in order; with ``missing_only`` of those that have no derived row yet."""
    where = " WHERE NOT EXISTS (SELECT 1 FROM parsed_message p WHERE p.message = m.id)" if missing_only else ""
    numbers = connection.execute(f"SELECT m.id FROM message m{where} ORDER BY m.id").fetchall()
    for (number,) in numbers:  # one by one, so that no read stays open while the caller writes
        sha256, raw = connection.execute("SELECT sha256, raw FROM message WHERE id = ?", (number,)).fetchone()
        yield number, sha256, raw


def parsed_columns(parsed: ParsedMessage) -> dict[str, Any]:
    """The columns of ``parsed_message`` that come from the octets alone; ``ArchiveReader.parsed`` reads them back."""
    return {
        "sha256": parsed.sha256,
        "message_id": parsed.message_id,
        "date_raw": parsed.date_raw,
        "date": parsed.date.isoformat() if parsed.date else None,
        "subject": parsed.subject,
        "kind": parsed.kind,
        "language": parsed.language,
        "body_source": parsed.body_source,
        "html": parsed.html,
        "headers": json_text([list(pair) for pair in parsed.headers]),
        "in_reply_to": json_text(list(parsed.in_reply_to)),
        "refs": json_text(list(parsed.references)),
        "received": json_text([asdict(hop) for hop in parsed.received]),
        "x_mailer": parsed.x_mailer,
        "defects": json_text(list(parsed.defects)),
        "failed": parsed.failed,
    }


def write_messages(connection: sqlite3.Connection, rows: Iterable[Derived]) -> int:
    """Write all derived rows of each message in place of any it had. Returns how many messages."""
    count = 0
    with transaction(connection):
        for derived in rows:
            number = derived.number
            for table in PER_MESSAGE:
                connection.execute(f"DELETE FROM {table} WHERE message = ?", (number,))
            _insert(connection, "parsed_message", {**derived.row, "message": number, "sha256": derived.sha256})
            for position, participant in enumerate(derived.participants):
                _insert(connection, "participant", {"position": position, **_mapping(participant), "message": number})
            for part in sorted(derived.texts):
                _insert(connection, "text_part", {"message": number, "part": part, "text": derived.texts[part]})
            for table, items in (("zone", derived.zones), ("attachment", derived.attachments), ("dkim", derived.dkim)):
                for item in items:
                    _insert(connection, table, {**_mapping(item), "message": number})
            for place, remark in enumerate(derived.trail):
                _insert(connection, "trail", {**remark, "message": number, "number": place})
            count += 1
    return count


def write_flags(connection: sqlite3.Connection, flags: Iterable[Flag]) -> int:
    """Write flags, replacing those with the same id. Raises LookupError for a flag on a message that is not held."""
    count = 0
    with transaction(connection):
        numbers = _numbers(connection)
        for flag in flags:
            row = {
                "id": flag.id, "message": numbers[flag.sha256], "category": flag.category, "subtype": flag.subtype,
                "part": flag.part, "start": flag.start, "end": flag.end, "quote": flag.quote, "speaker": flag.speaker,
                "tier": flag.tier, "rule": flag.rule, "pack": flag.pack, "why": flag.why,
                "score": round(flag.score * 1000), "links": json_text([dict(link) for link in flag.links]),
                "detail": json_text(dict(flag.detail)),
            }  # fmt: skip
            _insert(connection, "flag", row, replace=True)
            count += 1
    return count


def write_requests(
    connection: sqlite3.Connection, requests: Iterable[Request], numbers: Mapping[str, int] | None = None
) -> int:
    """Write requests, replacing those with the same id. ``numbers`` is sha256 -> message.id (None: looked up)."""
    count = 0
    with transaction(connection):
        numbers = _numbers(connection) if numbers is None else numbers
        for request in requests:
            answering = request.answering_sha256
            row = {
                "id": request.id, "message": numbers[request.sha256], "part": request.part, "start": request.start,
                "end": request.end, "quote": request.quote, "asker": request.asker, "kind": request.kind,
                "asked_at": utc_text(request.asked_at),
                "due_at": utc_text(request.due_at) if request.due_at else None, "outcome": request.outcome,
                "tier": request.tier, "answering": numbers[answering] if answering else None,
                "answer_quote": request.answer_quote, "other_messages": json_text(list(request.other_messages)),
                "waited_days": None if request.waited_days is None else repr(request.waited_days),
                "waited_working_days": request.waited_working_days, "repeats": request.repeats,
                "searched": json_text(dict(request.searched)), "why": request.why,
                "detail": json_text(dict(request.detail)),
            }  # fmt: skip
            _insert(connection, "request", row, replace=True)
            count += 1
    return count


def write_search(connection: sqlite3.Connection, rows: Iterable[tuple[int, str, str, str, str]]) -> int:
    """Index (message number, subject, body, people, attachments), stemmed here; those indexed already are passed over."""
    count = 0
    with transaction(connection):
        indexed = {number for (number,) in connection.execute("SELECT id FROM search_docsize")}
        for number, *texts in rows:
            if number not in indexed:
                connection.execute(
                    "INSERT INTO search (rowid, subject, body, people, attachments) VALUES (?, ?, ?, ?, ?)",
                    (number, *(stemmed(text) for text in texts)),
                )
                count += 1
        if count:
            connection.execute("INSERT INTO search (search) VALUES ('optimize')")
    return count


def write_rendered(connection: sqlite3.Connection, name: str, language: str, body: str) -> None:
    with transaction(connection):
        _insert(connection, "rendered", {"name": name, "language": language, "body": body}, replace=True)


def write_state(connection: sqlite3.Connection, state: Mapping[str, str]) -> None:
    """Keep what the derived rows were built with: versions, packs, as_of."""
    with transaction(connection):
        for key in sorted(state):
            _insert(connection, "derived_state", {"key": key, "value": state[key]}, replace=True)


def read_state(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT key, value FROM derived_state ORDER BY key").fetchall())


def _numbers(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT sha256, id FROM message").fetchall())


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any], *, replace: bool = False) -> None:
    known = columns(table)
    if unknown := row.keys() - set(known):
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    names = [name for name in known if name in row]
    quoted = ", ".join(f'"{name}"' for name in names)
    verb = "INSERT OR REPLACE" if replace else "INSERT"
    marks = ", ".join("?" for _ in names)
    connection.execute(f"{verb} INTO {table} ({quoted}) VALUES ({marks})", [storable(row[name]) for name in names])


_COLUMNS: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    Zone: lambda z: {
        "part": z.part, "number": z.number, "start": z.start, "end": z.end, "kind": z.kind, "why": z.why,
        "answers": z.answers,
    },
    Attachment: lambda a: {
        "number": a.index, "path": a.path, "filename": a.filename, "safe_name": a.safe_name,
        "content_type": a.content_type, "disposition": a.disposition, "size": a.size, "sha256": a.sha256,
        "content_id": a.content_id, "note": a.note,
    },
    DkimResult: lambda d: {
        "number": d.index, "domain": d.domain, "selector": d.selector, "result": d.result, "reason": d.reason,
        "signed_headers": json_text(list(d.signed_headers)), "length_tag": d.length_tag, "key_bits": d.key_bits,
        "algorithm": d.algorithm, "canonicalization": d.canonicalization, "warnings": json_text(list(d.warnings)),
    },
}  # fmt: skip


def _mapping(item: Any) -> Mapping[str, Any]:
    """Columns of a model value; a mapping of columns is taken as it is."""
    if isinstance(item, Mapping):
        return item
    return _COLUMNS[type(item)](item)
