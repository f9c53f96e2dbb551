"""Rows and octets under ``verify``: every row against the event that binds it, column by column; octets read again and hashed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from evidence.archive.binding import bound_value
from evidence.archive.octets import UNREADABLE, WORK_OCTETS, hash_file, hash_messages
from evidence.archive.schema import BOUND_TABLES, columns
from evidence.archive.verify_log import CODES, HEAD, Findings, Log, parsed_event
from evidence.archive.words import _
from evidence.ports import Progress

_BLOBS = {"message": "raw", "outside_chunk": "octets"}  # hashed apart, in parallel
_MISSING = object()
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def check_table(
    connection: sqlite3.Connection, table: str, log: Log, found: Findings, hashes: Mapping[Any, Any], quick: bool
) -> None:
    """Every row against the event it names: as one text, and where that differs column by column."""
    blob = _BLOBS.get(table)
    names = sorted(name for name in columns(table) if name != "event")
    selected = ", ".join(f'length("{name}")' if name == blob else f'"{name}"' for name in names)
    lookup = connection.cursor()
    code, hashed = CODES[table], table == "message" and not quick
    count = 0
    for rowid, event, *values in connection.execute(f"SELECT rowid, event, {selected} FROM {table} ORDER BY rowid"):
        count += 1
        if not isinstance(event, int) or not 0 <= event < log.size or log.binds[event] != code:
            found.add(
                "row-unbound", table, _("Row {rowid} of {table} names event {event}, which binds no row of that table.").format(rowid=rowid, table=table, event=event),
                rowid, "event", event,
            )  # fmt: skip
            continue
        if log.claimed[event]:
            found.add("row-duplicate", table, _("Row {rowid} of {table} names event {event}, as another row does.").format(rowid=rowid, table=table, event=event),
                      rowid, "event", event)  # fmt: skip
        log.claimed[event] = 1
        row = {name: bound_value(value) for name, value in zip(names, values, strict=True)}
        if blob:  # octets that are not hashed one by one go by their name: the pass over whole files has them
            row[blob] = {"sha256": hashes.get(rowid, UNREADABLE) if hashed else row["sha256"], "size": row[blob]}
        body = str(lookup.execute("SELECT body FROM event WHERE seq = ?", (event,)).fetchone()[0])
        head = HEAD.match(body)
        if head is None or body[head.end() :] != f'{_encode(row)},"seq":{event},"table":"{table}"}}':
            _name_difference(table, blob, rowid, event, row, body, hashed, found)
    found.checked[table] = count


def _name_difference(
    table: str, blob: str | None, rowid: int, event: int, row: Mapping[str, Any], body: str, hashed: bool,
    found: Findings,
) -> None:  # fmt: skip
    """The columns that are not what was recorded. ``hashed``: whether the octets of this row were."""
    parsed = parsed_event(body)
    bound = parsed.get("row") if parsed else None
    if not isinstance(bound, dict):
        found.add(
            "log-body",
            "event",
            _("The body of event {event} is not canonical JSON of an event.").format(event=event),
            event,
            "body",
            event,
        )
        return
    for name, value in row.items():
        recorded = bound.get(name, _MISSING)
        if name != blob and recorded != value:
            found.add("row-altered", table, _("Row {rowid} of {table}: column {name} is not what event {event} recorded.").format(rowid=rowid, table=table, name=name, event=event),
                      rowid, name, event)  # fmt: skip
        if name == blob and not (recorded == value or (not hashed and _size_of(recorded) == value["size"])):
            found.add(
                "octets-altered", table,
                _("The bytes in row {rowid} of {table} are not those that event {event} recorded (SHA-256 {value}).").format(rowid=rowid, table=table, event=event, value=bound.get('sha256', '?')), rowid, blob, event,
            )  # fmt: skip
    if bound.keys() != row.keys():
        found.add(
            "log-body",
            "event",
            _("Event {event} does not record the columns that {table} has.").format(event=event, table=table),
            event,
            "body",
            event,
        )


def _size_of(recorded: object) -> Any:
    return recorded.get("size") if isinstance(recorded, dict) else None


def check_unclaimed(log: Log, found: Findings) -> None:
    for seq, (code, claimed) in enumerate(zip(log.binds, log.claimed, strict=True)):
        if code and not claimed:
            table = BOUND_TABLES[code - 1]
            found.add(
                "row-missing",
                table,
                _("The row of {table} that event {seq} recorded is missing.").format(table=table, seq=seq),
                event=seq,
            )


def check_message_names(connection: sqlite3.Connection, found: Findings) -> None:
    """A message is known by the hash of its octets: the event must state the two alike."""
    rows = connection.execute(
        "SELECT m.id, m.event FROM message m JOIN event e ON e.seq = m.event"
        " WHERE json_valid(e.body) AND json_extract(e.body, '$.row.sha256') IS NOT json_extract(e.body, '$.row.raw.sha256')"
    )
    for number, event in rows:
        found.add("name-false", "message", _("Message {number} is stored under a hash that does not match its bytes.").format(number=number),
                  number, "sha256", event)  # fmt: skip


# ---- octets ----------------------------------------------------------------------------------


def start_hashing(connection: sqlite3.Connection, path: Path, pool: ThreadPoolExecutor) -> dict[Future[Any], int]:
    """Hand out the messages in runs of about WORK_OCTETS, each hashed over a connection of its own thread."""
    work: dict[Future[Any], int] = {}
    run: list[int] = []
    size = 0
    for number, length in connection.execute("SELECT id, length(raw) FROM message ORDER BY id"):
        run.append(number)
        size += length
        if size >= WORK_OCTETS:
            work[pool.submit(hash_messages, path, run[0], run[-1])] = size
            run, size = [], 0
    if run:
        work[pool.submit(hash_messages, path, run[0], run[-1])] = size
    return work


def gather(work: dict[Future[Any], int], talk: Progress, found: Findings) -> dict[int, str]:
    hashes: dict[int, str] = {}
    total, done = sum(work.values()), 0
    for future, size in work.items():
        hashes.update(future.result())
        done += size
        talk.step("octets", done, total)
    found.checked["octets"] = done
    return hashes


def check_files(
    connection: sqlite3.Connection, path: Path, found: Findings, quick: bool, pool: ThreadPoolExecutor, talk: Progress
) -> None:
    """Files from outside mail: the hash of the whole, and the chunk that is wrong where it is not."""
    rows = connection.execute("SELECT id, sha256, size, event FROM outside_file ORDER BY id").fetchall()
    sizes = dict(connection.execute("SELECT file, sum(length(octets)) FROM outside_chunk GROUP BY file").fetchall())
    known = {row[0] for row in rows}
    for file in sizes.keys() - known:
        found.add(
            "row-unbound",
            "outside_chunk",
            _("There are bytes of a file {file} that is not recorded.").format(file=file),
            file,
            "file",
        )
    work = [] if quick else [(row, pool.submit(hash_file, path, row[0])) for row in rows]
    for number, _sha256, size, event in rows:
        if sizes.get(number, 0) != size:
            found.add("octets-altered", "outside_file", _("File {number} has {value} bytes, not {size}.").format(number=number, value=sizes.get(number, 0), size=size),
                      number, "size", event)  # fmt: skip
    for (number, sha256, _size, event), future in work:
        whole, wrong = future.result()
        talk.step("files", number, len(rows))
        for chunk, text in wrong:
            found.add(
                "octets-altered",
                "outside_chunk",
                _("File {number}, chunk {chunk}: {text}").format(number=number, chunk=chunk, text=text),
                number,
                "octets",
                event,
            )
        if whole != sha256:
            found.add("octets-altered", "outside_file", _("The bytes of file {number} do not have the SHA-256 recorded.").format(number=number),
                      number, "sha256", event)  # fmt: skip
    if not quick:
        found.checked["octets"] = found.checked.get("octets", 0) + sum(sizes.values())
