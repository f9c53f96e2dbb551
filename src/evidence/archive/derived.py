"""Derived rows: written by ``reindex``, dropped and rebuilt at will; two rebuilds give identical rows.

Nothing here is evidence, and nothing here is bound by the custody log. Functions join the transaction that is open on the
connection, or make one of their own. To let readers see either the old rows or the new, wrap a rebuild in ``rebuilding``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

from evidence.archive.binding import storable, utc_text
from evidence.archive.connect import transaction
from evidence.archive.schema import columns, recreate_derived
from evidence.archive.texts import json_text
from evidence.model import Attachment, DkimResult, Flag, ParsedMessage, ReceivedHop, Request, Zone
from evidence.ports import Derived
from evidence.stems import stemmed

PER_MESSAGE = ("parsed_message", "participant", "text_part", "zone", "attachment", "dkim", "trail")
RECKONED = ("flag", "request", "rendered")  # over all messages together


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
        "received": json_text([_hop(hop) for hop in parsed.received]),
        "x_mailer": parsed.x_mailer,
        "defects": json_text(list(parsed.defects)),
        "failed": parsed.failed,
    }


def _hop(hop: ReceivedHop) -> dict[str, Any]:
    return {"position": hop.position, "raw": hop.raw, "from_host": hop.from_host, "by_host": hop.by_host, "at": hop.at}


@dataclass(frozen=True, slots=True)
class MessageRows:
    """The rows of one message as they are stored, table by table in the order of ``PER_MESSAGE``: worker processes make them."""

    number: int
    tables: tuple[tuple[tuple[Any, ...], ...], ...]


def message_rows(derived: Derived) -> MessageRows:
    """Pure. Raises ValueError for a column that the schema has not."""
    number = derived.number
    tables: dict[str, list[Mapping[str, Any]]] = {
        "parsed_message": [{**derived.row, "message": number, "sha256": derived.sha256}],
        "participant": [
            {"position": position, **_mapping(participant), "message": number}
            for position, participant in enumerate(derived.participants)
        ],
        "text_part": [{"message": number, "part": part, "text": derived.texts[part]} for part in sorted(derived.texts)],
        "zone": [{**_mapping(item), "message": number} for item in derived.zones],
        "attachment": [{**_mapping(item), "message": number} for item in derived.attachments],
        "dkim": [{**_mapping(item), "message": number} for item in derived.dkim],
        "trail": [{**remark, "message": number, "number": place} for place, remark in enumerate(derived.trail)],
    }
    return MessageRows(number, tuple(tuple(_stored(name, row) for row in tables[name]) for name in PER_MESSAGE))


def write_rows(connection: sqlite3.Connection, rows: Iterable[MessageRows], *, fresh: bool = False) -> int:
    """Write the rows of each message in place of any it had; ``fresh`` says that there are none. Returns how many messages."""
    count = 0
    inserts = [_insert_sql(name) for name in PER_MESSAGE]
    with transaction(connection):
        for one in rows:
            if not fresh:
                for table in PER_MESSAGE:
                    connection.execute(f"DELETE FROM {table} WHERE message = ?", (one.number,))
            for sql, table_rows in zip(inserts, one.tables, strict=True):
                if table_rows:
                    connection.executemany(sql, table_rows)
            count += 1
    return count


def write_messages(connection: sqlite3.Connection, rows: Iterable[Derived]) -> int:
    """``write_rows`` of values that are no rows yet."""
    return write_rows(connection, map(message_rows, rows))


def move_message(
    connection: sqlite3.Connection, number: int, thread: str, parent: str | None, by: str, copy_of: int | None
) -> None:
    """Another place in the threads for a message whose own rows stand."""
    connection.execute(
        "UPDATE parsed_message SET thread = ?, parent = ?, thread_by = ?, copy_of = ? WHERE message = ?",
        (thread, parent, by, copy_of, number),
    )


READING_COLUMNS = ("keys", "first_cut", "own_mark", "flags", "asks", "promises")


def write_reading(connection: sqlite3.Connection, number: int, row: Mapping[str, str]) -> None:
    """What the next rebuild may keep of a message, in place of what was kept."""
    _insert(connection, "reading", {**row, "message": number}, replace=True)


def update_judged(connection: sqlite3.Connection, number: int, flags: str, asks: str, promises: str) -> None:
    """What was found in a letter by other rules than at the last rebuild; all else that was kept of it stands."""
    connection.execute(
        "UPDATE reading SET flags = ?, asks = ?, promises = ? WHERE message = ?", (flags, asks, promises, number)
    )


def read_judged(connection: sqlite3.Connection) -> Iterator[tuple[int, str, str, str]]:
    """(number, flags, asks, promises) of every message, by number; JSON as it was written."""
    yield from connection.execute("SELECT message, flags, asks, promises FROM reading ORDER BY message")


def has_reading(connection: sqlite3.Connection) -> bool:
    """Whether the derived tables are of this release: an older one kept nothing of a message alone."""
    found = connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'reading'").fetchone()
    return found is not None


def write_flags(connection: sqlite3.Connection, flags: Iterable[Flag]) -> int:
    """Write flags, replacing those with the same id. Raises LookupError for a flag on a message that is not held."""
    with transaction(connection):
        numbers = _numbers(connection)
        return _write_all(connection, "flag", (_flag_row(flag, numbers) for flag in flags))


def replace_flags(connection: sqlite3.Connection, flags: Iterable[Flag]) -> None:
    """Let these be all the flags there are; rows that are the same already are not touched."""
    numbers = _numbers(connection)
    _replace_all(connection, "flag", ("id",), (_flag_row(flag, numbers) for flag in flags))


def _flag_row(flag: Flag, numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": flag.id, "message": numbers[flag.sha256], "category": flag.category, "subtype": flag.subtype,
        "part": flag.part, "start": flag.start, "end": flag.end, "quote": flag.quote, "speaker": flag.speaker,
        "tier": flag.tier, "rule": flag.rule, "pack": flag.pack, "why": flag.why,
        "score": round(flag.score * 1000), "links": json_text([dict(link) for link in flag.links]),
        "detail": json_text(dict(flag.detail)),
    }  # fmt: skip


def write_requests(
    connection: sqlite3.Connection, requests: Iterable[Request], numbers: Mapping[str, int] | None = None
) -> int:
    """Write requests, replacing those with the same id. ``numbers`` is sha256 -> message.id (None: looked up)."""
    with transaction(connection):
        known = _numbers(connection) if numbers is None else numbers
        return _write_all(connection, "request", (_request_row(request, known) for request in requests))


def replace_requests(connection: sqlite3.Connection, requests: Iterable[Request]) -> None:
    """Let these be all the requests there are; rows that are the same already are not touched."""
    numbers = _numbers(connection)
    _replace_all(connection, "request", ("id",), (_request_row(request, numbers) for request in requests))


def _request_row(request: Request, numbers: Mapping[str, int]) -> dict[str, Any]:
    answering = request.answering_sha256
    return {
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


def write_search(connection: sqlite3.Connection, rows: Iterable[tuple[int, str, str, str, str]]) -> int:
    """Index (message number, subject, body, people, attachments), stemmed here; those indexed already are passed over."""
    count = 0
    with transaction(connection):
        held = indexed(connection)
        for number, *texts in rows:
            if number not in held:
                index_stems(connection, number, tuple(stemmed(text) for text in texts))
                count += 1
        if count:
            optimize_search(connection)
    return count


def indexed(connection: sqlite3.Connection) -> set[int]:
    """The numbers of the messages that the full-text index holds."""
    return {number for (number,) in connection.execute("SELECT id FROM search_docsize")}


def index_stems(connection: sqlite3.Connection, number: int, stems: Sequence[str]) -> None:
    """Index the stems of (subject, body, people, attachments) of a message that is not indexed yet."""
    connection.execute(
        "INSERT INTO search (rowid, subject, body, people, attachments) VALUES (?, ?, ?, ?, ?)", (number, *stems)
    )


def optimize_search(connection: sqlite3.Connection) -> None:
    """Merge the index into one piece: once, after many letters."""
    connection.execute("INSERT INTO search (search) VALUES ('optimize')")


def write_rendered(connection: sqlite3.Connection, name: str, language: str, body: str) -> None:
    with transaction(connection):
        _insert(connection, "rendered", {"name": name, "language": language, "body": body}, replace=True)


def replace_rendered(connection: sqlite3.Connection, pieces: Iterable[tuple[str, str, str]]) -> None:
    """Let these (name, language, body) be all the rendered pieces there are."""
    rows = ({"name": name, "language": language, "body": body} for name, language, body in pieces)
    _replace_all(connection, "rendered", ("name", "language"), rows)


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
    connection.execute(_insert_sql(table, replace=replace), _stored(table, row))


@cache
def _insert_sql(table: str, *, replace: bool = False) -> str:
    marks = ", ".join("?" for _ in columns(table))
    return f"INSERT {'OR REPLACE ' if replace else ''}INTO {table} VALUES ({marks})"


def _stored(table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of a row in the order of the table's columns; NULL for those not given."""
    known = columns(table)
    if not row.keys() <= _column_set(table):
        raise ValueError(f"{table} has no column {', '.join(sorted(row.keys() - set(known)))}")
    return tuple(storable(row.get(name)) for name in known)


@cache
def _column_set(table: str) -> frozenset[str]:
    return frozenset(columns(table))


def _write_all(connection: sqlite3.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    count = 0
    for row in rows:
        _insert(connection, table, row, replace=True)
        count += 1
    return count


def _replace_all(
    connection: sqlite3.Connection, table: str, key: tuple[str, ...], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Write only what differs: a letter more does not rewrite the pages of all that stands."""
    places = [columns(table).index(name) for name in key]

    def key_of(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(row[place] for place in places)

    with transaction(connection):
        before = {key_of(row): row for row in connection.execute(f"SELECT * FROM {table}")}
        after = {key_of(row): row for row in (_stored(table, row) for row in rows)}
        where = " AND ".join(f"{name} = ?" for name in key)
        connection.executemany(f"DELETE FROM {table} WHERE {where}", [k for k in before if k not in after])
        changed = [row for k, row in after.items() if before.get(k) != row]
        connection.executemany(_insert_sql(table, replace=True), changed)


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
