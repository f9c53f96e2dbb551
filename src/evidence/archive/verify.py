"""``verify``: every octet, row and column of an archive against its custody log. Never repairs, never writes.

1. The file: SQLite's own integrity check; tables, triggers and views as the format has them.
2. The log: events 0, 1, 2 … without gap, each in canonical form, each leaf SHA-256(0x00 || body).
3. The rows: every row of an evidence or judgement table is bound by exactly one event, column by column, and every
   event that binds a row has it. Octets are read and hashed (``quick``: only their lengths are compared).
4. The anchors, issued bundles and heads kept elsewhere: the root of the log at their size is the root they state.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evidence.archive import seen
from evidence.archive.connect import READING_FAILED, connect_read, in_words
from evidence.archive.schema import BOUND_TABLES, LATER_DERIVED, expected_objects, schema_objects
from evidence.archive.verify_log import Findings, Log, check_log
from evidence.archive.verify_rows import (
    check_files,
    check_message_names,
    check_table,
    check_unclaimed,
    gather,
    start_hashing,
)
from evidence.archive.words import _
from evidence.model import VerificationReport
from evidence.ports import LogHead, Progress


class _Quiet:
    def step(self, what: str, done: int, total: int | None = None) -> None:
        """Says nothing."""

    def say(self, text: str) -> None:
        """Says nothing."""


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
    found = Findings()
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        structure = None if quick else pool.submit(_integrity, path)
        octets = {} if quick else start_hashing(connection, path, pool)
        _check_schema(connection, found)
        log = Log()
        with _damage_noted(found, "event"):
            check_log(connection, log, found, talk, heads)
        log.settle()
        hashes = {} if quick else gather(octets, talk, found)
        for table in BOUND_TABLES:
            with _damage_noted(found, table):
                check_table(connection, table, log, found, hashes, quick)
        check_unclaimed(log, found)
        with _damage_noted(found, "message"):
            check_message_names(connection, found)
        with _damage_noted(found, "outside_file"):
            check_files(connection, path, found, quick, pool, talk)
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
def _damage_noted(found: Findings, where: str) -> Iterator[None]:
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


def _check_schema(connection: sqlite3.Connection, found: Findings) -> None:
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
            _("The {kind} {name} is not part of this format, and nothing binds it.").format(kind=kind, name=name),
        )
    found.checked["schema objects"] = len(expected)


# ---- anchors and heads kept elsewhere --------------------------------------------------------


def _check_anchors(
    connection: sqlite3.Connection, log: Log, found: Findings, roots: Sequence[bytes] | None
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


def _check_heads(connection: sqlite3.Connection, log: Log, found: Findings, heads: Sequence[LogHead]) -> None:
    for number, size, root, event in connection.execute(
        "SELECT number, log_size, root, event FROM bundle ORDER BY number"
    ):
        if log.roots.get(size) != root:
            found.add("bundle-root", "bundle", _("Bundle {number} was issued from a different log: its root is not a root of this one.").format(number=number),
                      number, "root", event)  # fmt: skip
    for head in heads:
        if head.size > log.size:
            found.add(
                "older-copy",
                "event",
                _("The log once had {size} events; here it has {size2}. Its end has been cut off.").format(
                    size=head.size, size2=log.size
                ),
            )
        elif log.roots.get(head.size) != head.root.lower():
            found.add(
                "head-root",
                "event",
                _("The first {size} events do not have the root that was kept elsewhere.").format(size=head.size),
            )


def _unknowable(log: Log, anchors: Sequence[Mapping[str, Any]], quick: bool) -> tuple[str, ...]:
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
                    "Events {last} to {value} are later than the last anchor: nobody outside vouches that they were not rewritten or cut off."
                ).format(last=last, value=log.size - 1)
            )
        said.append(
            _("An anchor proves that this content existed at its time, not that the server sent it or who wrote it.")
        )
    if any(a["test"] for a in anchors):
        said.append(_("An anchor marked TEST proves that the program works and nothing about time."))
    if quick:
        said.append(_("A quick check compares sizes: a byte changed in place is found only by the full check."))
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
