"""The custody log under ``verify``: its events one after another, what each binds, and the roots at the sizes that others name."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from evidence.archive.log import Frontier, leaf_hash
from evidence.archive.schema import BOUND_TABLES
from evidence.archive.words import _
from evidence.canonical import canonical_json
from evidence.model import Problem
from evidence.ports import LogHead, Progress

_MOST_PROBLEMS = 1000  # of one kind: a destroyed archive need not be described row by row
CODES = {table: number for number, table in enumerate(BOUND_TABLES, 1)}
_LONGEST_TAIL = 80
_TAIL = re.compile(r'"seq":(\d{1,15}),"table":"([a-z_]+)"\}\Z')
HEAD = re.compile(r'\{"at":"[0-9TZ:-]{20}","kind":"[a-z-]+","row":')


@dataclass(slots=True)
class Findings:
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
class Log:
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


def check_log(
    connection: sqlite3.Connection, log: Log, found: Findings, talk: Progress, heads: Sequence[LogHead]
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
        log.binds.append(CODES.get(_bound_table(seq, text, found), 0))
        # Another type is named above, and not made into octets.
        frontier.append(leaf if isinstance(leaf, bytes) else b"")
        if frontier.size in sizes:
            log.roots[frontier.size] = frontier.root().hex()
        if frontier.size % 5000 == 0:
            talk.step("log", frontier.size, total)
    if frontier.size == 0:
        found.add(
            "log-empty", "event", _("The custody log is empty: not even the creation of the archive is recorded.")
        )
    found.checked["events"] = frontier.size


def _sizes_to_know(connection: sqlite3.Connection, heads: Sequence[LogHead]) -> set[int]:
    sizes = {head.size for head in heads}
    sizes |= {row[0] for row in connection.execute("SELECT size FROM anchor")}
    return sizes | {row[0] for row in connection.execute("SELECT log_size FROM bundle")}


def _bound_table(seq: int, text: str, found: Findings) -> str:
    """The table an event binds a row of ('' for none). What the row pass compares whole is only looked at here."""
    tail = _TAIL.search(text, max(0, len(text) - _LONGEST_TAIL))
    if tail and tail[2] in CODES and int(tail[1]) == seq and HEAD.match(text):
        return tail[2]
    body = parsed_event(text)
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
    if table and (table not in CODES or not isinstance(body.get("row"), dict)):
        found.add(
            "log-body",
            "event",
            _("Event {seq} binds a row of “{table}”, a table this format does not have.").format(seq=seq, table=table),
            seq,
            "body",
            seq,
        )
        return ""
    return str(table)


def parsed_event(text: str) -> dict[str, Any] | None:
    """The event, if ``text`` is its canonical JSON."""
    try:
        body = json.loads(text)
        sound = isinstance(body, dict) and canonical_json(body) == text and isinstance(body.get("at"), str)
    except ValueError:
        return None
    return body if sound else None
