"""``verify``: every octet, row and column of an archive against its custody log. Never repairs, never writes.

1. The file: SQLite's own integrity check; tables, triggers and views as the format has them.
2. The log: events 0, 1, 2 … without gap, each in canonical form, each leaf SHA-256(0x00 || body).
3. The rows: every row of an evidence or judgement table is bound by exactly one event, column by column, and every
   event that binds a row has it. Octets are read and hashed (``quick``: only their lengths are compared).
4. The anchors, issued bundles and heads kept elsewhere: the root of the log at their size is the root they state.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence.archive import seen
from evidence.archive.binding import bound_value
from evidence.archive.connect import READING_FAILED, connect_read, in_words
from evidence.archive.log import Frontier, leaf_hash
from evidence.archive.octets import UNREADABLE, WORK_OCTETS, hash_file, hash_messages
from evidence.archive.schema import BOUND_TABLES, LATER_DERIVED, columns, expected_objects, schema_objects
from evidence.archive.words import _
from evidence.canonical import canonical_json
from evidence.model import Problem, VerificationReport
from evidence.ports import LogHead, Progress

_MOST_PROBLEMS = 1000  # of one kind: a destroyed archive need not be described row by row
_BLOBS = {"message": "raw", "outside_chunk": "octets"}  # hashed apart, in parallel


class _Quiet:
    def step(self, what: str, done: int, total: int | None = None) -> None:
        """Says nothing."""

    def say(self, text: str) -> None:
        """Says nothing."""


@dataclass(slots=True)
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        code: str,
        where: str,
        text: str,
        row: int | None = None,
        column: str | None = None,
        event: int | None = None,
    ) -> None:
        self.counts[code] = self.counts.get(code, 0) + 1
        if self.counts[code] <= _MOST_PROBLEMS:
            self.problems.append(Problem(code, where, text, row, column, event))


@dataclass(slots=True)
class _Log:
    """What one pass over the log leaves: its size and root, the roots asked for, and which table each event binds."""

    frontier: Frontier = field(default_factory=Frontier)
    roots: dict[int, str] = field(default_factory=dict)
    binds: bytearray = field(default_factory=bytearray)  # per seq: 0 nothing, else 1 + index into BOUND_TABLES
    claimed: bytearray = field(default_factory=bytearray)

    @property
    def size(self) -> int:
        return self.frontier.size

    def settle(self) -> None:
        self.claimed = bytearray(len(self.binds))


def verify_archive(
    path: Path | str,
    *,
    quick: bool = False,
    progress: Progress | None = None,
    jobs: int | None = None,
    heads: Sequence[LogHead] = (),
    roots: Sequence[bytes] | None = None,
) -> VerificationReport:
    """Check an archive. ``heads`` are sizes and roots kept elsewhere (a printed root, a bundle) to hold it against;

    ``roots`` are the certificates (DER) to trust for time stamps, None: those of this machine.
    Raises NoArchive, EvidenceError (cannot be read, newer schema) and IntegrityFailure (no SQLite file any more).
    """
    path = Path(path)
    talk = progress or _Quiet()
    connection = connect_read(path)
    connection.text_factory = _lenient
    try:
        connection.execute("BEGIN")  # one state of the archive, whatever a run appends meanwhile
        return _verify(connection, path, quick, talk, jobs or os.cpu_count() or 1, heads, roots)
    except READING_FAILED as error:
        raise in_words(error, path) from error
    finally:
        connection.close()


def _verify(
    connection: sqlite3.Connection, path: Path, quick: bool, talk: Progress, jobs: int, heads: Sequence[LogHead],
    roots: Sequence[bytes] | None,
) -> VerificationReport:  # fmt: skip
    found = _Findings()
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        structure = None if quick else pool.submit(_integrity, path)
        octets = {} if quick else _start_hashing(connection, path, pool)
        _check_schema(connection, found)
        log = _Log()
        with _damage_noted(found, "event"):
            _check_log(connection, log, found, talk, heads)
        log.settle()
        hashes = {} if quick else _gather(octets, talk, found)
        for table in BOUND_TABLES:
            with _damage_noted(found, table):
                _check_table(connection, table, log, found, hashes, quick)
        _check_unclaimed(log, found)
        with _damage_noted(found, "message"):
            _check_message_names(connection, found)
        with _damage_noted(found, "outside_file"):
            _check_files(connection, path, found, quick, pool, talk)
        for text in structure.result() if structure else ():
            found.add("structure", "file", _("SQLite finds the file damaged: {text}").format(text=text))
    anchors: tuple[Mapping[str, Any], ...] = ()
    with _damage_noted(found, "anchor"):
        anchors = _check_anchors(connection, log, found, roots)
    with _damage_noted(found, "bundle"):
        _check_heads(connection, log, found, heads)
    with _damage_noted(found, "event"):
        for text in seen.alarms(connection, _uuid(connection)):
            found.add("older-copy", "event", text)
    return VerificationReport(
        checked=found.checked, problems=tuple(found.problems), root=log.frontier.root().hex(), size=log.size, anchors=anchors,
        unknowable=_unknowable(log, anchors, quick),
    )  # fmt: skip


# ---- the file --------------------------------------------------------------------------------


@contextmanager
def _damage_noted(found: _Findings, where: str) -> Iterator[None]:
    """What SQLite cannot read is found damaged, and the rest is still checked."""
    try:
        yield
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        found.add("structure", where, _("SQLite cannot read all of {where}: {error}").format(where=where, error=error))


def _lenient(text: bytes) -> str:
    """Text that is no UTF-8 any more still reads, and then differs from what was recorded."""
    return text.decode("utf-8", "surrogateescape")


def _integrity(path: Path) -> list[str]:
    """PRAGMA integrity_check over a connection of its own, beside the hashing."""
    connection = connect_read(path)
    try:
        lines = [row[0] for row in connection.execute("PRAGMA integrity_check(100)")]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return [str(error)]
    finally:
        connection.close()
    return [] if lines == ["ok"] else lines


def _check_schema(connection: sqlite3.Connection, found: _Findings) -> None:
    expected, actual = expected_objects(), schema_objects(connection)
    for (kind, name), sql in expected.items():
        if (kind, name) not in actual:
            if name in LATER_DERIVED:
                continue  # an older release made the derived tables; the next rebuild makes this one
            found.add("schema", name, _("The {kind} {name} is missing.").format(kind=kind, name=name))
        elif actual[kind, name] != sql:
            found.add(
                "schema", name, _("The {kind} {name} is not as this format defines it.").format(kind=kind, name=name)
            )
    for kind, name in actual.keys() - expected.keys():
        found.add(
            "schema",
            name,
            _("The {kind} {name} is no part of this format, and nothing binds it.").format(kind=kind, name=name),
        )
    found.checked["schema objects"] = len(expected)


# ---- the log ---------------------------------------------------------------------------------


def _sizes_to_know(connection: sqlite3.Connection, heads: Sequence[LogHead]) -> set[int]:
    sizes = {head.size for head in heads}
    sizes |= {row[0] for row in connection.execute("SELECT size FROM anchor")}
    return sizes | {row[0] for row in connection.execute("SELECT log_size FROM bundle")}


def _check_log(
    connection: sqlite3.Connection, log: _Log, found: _Findings, talk: Progress, heads: Sequence[LogHead]
) -> None:
    frontier, sizes = log.frontier, _sizes_to_know(connection, heads)
    total = connection.execute("SELECT count(*) FROM event").fetchone()[0]
    if 0 in sizes:
        log.roots[0] = frontier.root().hex()
    for seq, body, leaf in connection.execute("SELECT seq, body, leaf FROM event ORDER BY seq"):
        if seq != frontier.size:
            found.add(
                "log-gap",
                "event",
                _("Event {size} is missing: the next one is {seq}.").format(size=frontier.size, seq=seq),
                event=seq,
            )
        text = body if isinstance(body, str) else ""
        if leaf_hash(text.encode("utf-8", "surrogatepass")) != leaf:
            found.add(
                "log-leaf",
                "event",
                _("The leaf hash of event {seq} is not that of its body.").format(seq=seq),
                seq,
                "leaf",
                seq,
            )
        log.binds.append(_CODES.get(_bound_table(seq, text, found), 0))
        frontier.append(bytes(leaf))
        if frontier.size in sizes:
            log.roots[frontier.size] = frontier.root().hex()
        if frontier.size % 5000 == 0:
            talk.step("log", frontier.size, total)
    if frontier.size == 0:
        found.add("log-empty", "event", _("The custody log is empty: not even the making of the archive is recorded."))
    found.checked["events"] = frontier.size


def _bound_table(seq: int, text: str, found: _Findings) -> str:
    """The table an event binds a row of ('' for none). What the row pass compares whole is only looked at here."""
    tail = _TAIL.search(text, max(0, len(text) - _LONGEST_TAIL))
    if tail and tail[2] in _CODES and int(tail[1]) == seq and _HEAD.match(text):
        return tail[2]
    body = _parsed(text)
    if body is None:
        found.add(
            "log-body",
            "event",
            _("The body of event {seq} is not canonical JSON of an event.").format(seq=seq),
            seq,
            "body",
            seq,
        )
        return ""
    if body.get("seq") != seq:
        found.add(
            "log-order",
            "event",
            _("Event {seq} says it is event {value}.").format(seq=seq, value=body.get("seq")),
            seq,
            "seq",
            seq,
        )
    table = body.get("table", "")
    if table and (table not in _CODES or not isinstance(body.get("row"), dict)):
        found.add(
            "log-body",
            "event",
            _("Event {seq} binds a row of «{table}», which this format has not.").format(seq=seq, table=table),
            seq,
            "body",
            seq,
        )
        return ""
    return str(table)


def _parsed(text: str) -> dict[str, Any] | None:
    """The event, if ``text`` is its canonical JSON."""
    try:
        body = json.loads(text)
        sound = isinstance(body, dict) and canonical_json(body) == text and isinstance(body.get("at"), str)
    except ValueError:
        return None
    return body if sound else None


# ---- the rows --------------------------------------------------------------------------------


def _check_table(
    connection: sqlite3.Connection, table: str, log: _Log, found: _Findings, hashes: Mapping[Any, Any], quick: bool
) -> None:
    """Every row against the event it names: as one text, and where that differs column by column."""
    blob = _BLOBS.get(table)
    names = sorted(name for name in columns(table) if name != "event")
    selected = ", ".join(f'length("{name}")' if name == blob else f'"{name}"' for name in names)
    lookup = connection.cursor()
    code, hashed = _CODES[table], table == "message" and not quick
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
        head = _HEAD.match(body)
        if head is None or body[head.end() :] != f'{_encode(row)},"seq":{event},"table":"{table}"}}':
            _name_difference(table, blob, rowid, event, row, body, hashed, found)
    found.checked[table] = count


_MISSING = object()
_CODES = {table: number for number, table in enumerate(BOUND_TABLES, 1)}
_LONGEST_TAIL = 80
_TAIL = re.compile(r'"seq":(\d{1,15}),"table":"([a-z_]+)"\}\Z')
_HEAD = re.compile(r'\{"at":"[0-9TZ:-]{20}","kind":"[a-z-]+","row":')
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def _name_difference(
    table: str, blob: str | None, rowid: int, event: int, row: Mapping[str, Any], body: str, hashed: bool,
    found: _Findings,
) -> None:  # fmt: skip
    """The columns that are not what was recorded. ``hashed``: whether the octets of this row were."""
    parsed = _parsed(body)
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
                _("The octets in row {rowid} of {table} are not those that event {event} recorded (SHA-256 {value}).").format(rowid=rowid, table=table, event=event, value=bound.get('sha256', '?')), rowid, blob, event,
            )  # fmt: skip
    if bound.keys() != row.keys():
        found.add(
            "log-body",
            "event",
            _("Event {event} records other columns than {table} has.").format(event=event, table=table),
            event,
            "body",
            event,
        )


def _size_of(recorded: object) -> Any:
    return recorded.get("size") if isinstance(recorded, dict) else None


def _check_unclaimed(log: _Log, found: _Findings) -> None:
    for seq, (code, claimed) in enumerate(zip(log.binds, log.claimed, strict=True)):
        if code and not claimed:
            table = BOUND_TABLES[code - 1]
            found.add(
                "row-missing",
                table,
                _("The row of {table} that event {seq} recorded is missing.").format(table=table, seq=seq),
                event=seq,
            )


def _check_message_names(connection: sqlite3.Connection, found: _Findings) -> None:
    """A message is known by the hash of its octets: the event must state the two alike."""
    rows = connection.execute(
        "SELECT m.id, m.event FROM message m JOIN event e ON e.seq = m.event"
        " WHERE json_valid(e.body) AND json_extract(e.body, '$.row.sha256') IS NOT json_extract(e.body, '$.row.raw.sha256')"
    )
    for number, event in rows:
        found.add("name-false", "message", _("Message {number} is named by a hash that is not of its octets.").format(number=number),
                  number, "sha256", event)  # fmt: skip


# ---- octets ----------------------------------------------------------------------------------


def _start_hashing(connection: sqlite3.Connection, path: Path, pool: ThreadPoolExecutor) -> dict[Future[Any], int]:
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


def _gather(work: dict[Future[Any], int], talk: Progress, found: _Findings) -> dict[int, str]:
    hashes: dict[int, str] = {}
    total, done = sum(work.values()), 0
    for future, size in work.items():
        hashes.update(future.result())
        done += size
        talk.step("octets", done, total)
    found.checked["octets"] = done
    return hashes


def _check_files(
    connection: sqlite3.Connection, path: Path, found: _Findings, quick: bool, pool: ThreadPoolExecutor, talk: Progress
) -> None:
    """Files from outside mail: the hash of the whole, and the chunk that is wrong where it is not."""
    rows = connection.execute("SELECT id, sha256, size, event FROM outside_file ORDER BY id").fetchall()
    sizes = dict(connection.execute("SELECT file, sum(length(octets)) FROM outside_chunk GROUP BY file").fetchall())
    known = {row[0] for row in rows}
    for file in sizes.keys() - known:
        found.add(
            "row-unbound",
            "outside_chunk",
            _("There are octets of a file {file} that is not recorded.").format(file=file),
            file,
            "file",
        )
    work = [] if quick else [(row, pool.submit(hash_file, path, row[0])) for row in rows]
    for number, _sha256, size, event in rows:
        if sizes.get(number, 0) != size:
            found.add("octets-altered", "outside_file", _("File {number} has {value} octets, not {size}.").format(number=number, value=sizes.get(number, 0), size=size),
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
            found.add("octets-altered", "outside_file", _("The octets of file {number} do not have the SHA-256 recorded.").format(number=number),
                      number, "sha256", event)  # fmt: skip
    if not quick:
        found.checked["octets"] = found.checked.get("octets", 0) + sum(sizes.values())


# ---- anchors and heads kept elsewhere --------------------------------------------------------


def _check_anchors(
    connection: sqlite3.Connection, log: _Log, found: _Findings, roots: Sequence[bytes] | None
) -> tuple[Mapping[str, Any], ...]:
    from evidence.archive.anchor import check_anchor

    reports = []
    for row in _dicts(connection, "SELECT * FROM anchor ORDER BY id"):
        number = row["id"]
        if log.roots.get(row["size"]) != row["root"]:
            found.add(
                "anchor-root", "anchor",
                _("Anchor {number} states the root {value}… for the first {size} events; they have another.").format(number=number, value=row['root'][:16], size=row['size']),
                number, "root", row["event"],
            )  # fmt: skip
        verdict = check_anchor(row, _uuid(connection), roots)
        for text in verdict.problems:
            found.add(
                "anchor-token",
                "anchor",
                _("Anchor {number}: {text}").format(number=number, text=text),
                number,
                "token",
                row["event"],
            )
        reports.append({**verdict.as_mapping(), "id": number, "event": row["event"]})
    found.checked["anchors"] = len(reports)
    return tuple(reports)


def _check_heads(connection: sqlite3.Connection, log: _Log, found: _Findings, heads: Sequence[LogHead]) -> None:
    for number, size, root, event in connection.execute(
        "SELECT number, log_size, root, event FROM bundle ORDER BY number"
    ):
        if log.roots.get(size) != root:
            found.add("bundle-root", "bundle", _("Bundle {number} was issued over another log than this: its root is not ours.").format(number=number),
                      number, "root", event)  # fmt: skip
    for head in heads:
        if head.size > log.size:
            found.add(
                "older-copy",
                "event",
                _("The log had {size} events once; here it has {size2}. The end is cut off.").format(
                    size=head.size, size2=log.size
                ),
            )
        elif log.roots.get(head.size) != head.root.lower():
            found.add(
                "head-root",
                "event",
                _("The first {size} events have another root than was kept elsewhere.").format(size=head.size),
            )


def _unknowable(log: _Log, anchors: Sequence[Mapping[str, Any]], quick: bool) -> tuple[str, ...]:
    """What no check of this file can tell; msgids for the command line to translate."""
    said = []
    outside = [a for a in anchors if a["sound"] and not a["test"]]
    if not outside:
        said.append(
            _(
                "Nothing outside this machine vouches for the time: without an anchor, whoever holds the file could have rewritten all of it, or put back an older copy."
            )
        )
    else:
        last = max(a["size"] for a in outside)
        if last < log.size:
            said.append(
                _(
                    "Events {last} to {value} are later than the last anchor: that they were not rewritten or cut off is not vouched for by anyone outside."
                ).format(last=last, value=log.size - 1)
            )
        said.append(
            _("An anchor proves that this content existed at its time, not that the server sent it or who wrote it.")
        )
    if any(a["test"] for a in anchors):
        said.append(_("An anchor marked TEST proves that the program works and nothing about time."))
    if quick:
        said.append(_("A quick check compares sizes: an octet changed in place is found only by the full check."))
    said.append(
        _("Derived rows (zones, flags, requests, full text) are not evidence and are not checked: `evidence reindex`.")
    )
    return tuple(said)


def _dicts(connection: sqlite3.Connection, query: str) -> Iterator[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    for row in cursor.fetchall():
        yield dict(zip(names, row, strict=True))


def _uuid(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT uuid FROM archive").fetchone()
    return row[0] if row else ""
