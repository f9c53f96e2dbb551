"""Letters out of derived rows: copies merged into the first acquired (docs/contracts.md, Copies), each part read once."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, get_args

from evidence.archive.binding import utc_time
from evidence.model import Address, Attachment, Letter, Side, Zone

_SIDES = get_args(Side)
_RECIPIENTS = ("to", "cc", "bcc")
_SELECT = (
    "SELECT p.message, p.sha256, p.copy_of, p.message_id, p.date, p.at, p.at_clock, p.at_note, p.speaker, p.person,"
    " p.sender, p.subject, p.kind, p.scope, p.withheld, p.thread, p.parent, p.language"
    " FROM parsed_message p WHERE ? OR (SELECT m.event FROM message m WHERE m.id = p.message) < ? ORDER BY p.at, p.message"
)
FOREVER = 2**62  # as a limit: now. Then the table of messages, with all octets between its rows, is not walked


def read_letters(
    connection: sqlite3.Connection, limit: int, *, everything: bool, included: Iterable[str]
) -> list[Letter]:
    """Letters whose messages were stored before event ``limit``, by (at, number)."""
    rows = connection.execute(_SELECT, (limit >= FOREVER, limit)).fetchall()
    present = {row[0] for row in rows}
    copies: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for row in rows:
        if row[2] in present:
            copies[row[2]].append((row[0], row[1]))
    wanted_by_hand = set(included)
    chosen = [
        row
        for row in rows
        if row[2] not in present
        and (everything or (not row[14] and (row[13] == "in-scope" or _names(row, copies) & wanted_by_hand)))
    ]
    numbers = {row[0] for row in chosen}
    texts = _texts(connection, numbers)
    zones = _zones(connection, numbers)
    people = _people(connection, numbers)
    files = read_attachments(connection, numbers)
    folders = _folders(connection, limit)
    return [
        Letter(
            number=row[0], sha256=row[1], copies=tuple(sha256 for _, sha256 in sorted(copies[row[0]])),
            message_id=row[3], date=datetime.fromisoformat(row[4]) if row[4] else None, at=_moment(row[5]),
            at_clock=row[6], at_note=row[7], folders=_merged(folders, [row[0], *(n for n, _ in sorted(copies[row[0]]))]),
            speaker=row[8], person=row[9], sender=row[10], addresses=people[row[0]][0], subject=row[11], kind=row[12],
            scope=row[13], withheld=bool(row[14]), thread=row[15], parent=row[16], language=row[17],
            texts=texts[row[0]], zones=tuple(zones[row[0]]), attachments=tuple(files[row[0]]),
            addressees=people[row[0]][1],
        )
        for row in chosen
    ]  # fmt: skip


def _names(row: Any, copies: dict[int, list[tuple[int, str]]]) -> set[str]:
    return {row[1], *(sha256 for _, sha256 in copies[row[0]])}


def _moment(text: str) -> datetime:
    at = utc_time(text)
    assert at is not None  # noqa: S101 - the column is NOT NULL
    return at


def _texts(connection: sqlite3.Connection, numbers: set[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for number, part, text in connection.execute("SELECT message, part, text FROM text_part ORDER BY message, part"):
        if number in numbers:
            found[number][part] = text
    return found


def _zones(connection: sqlite3.Connection, numbers: set[int]) -> dict[int, list[Zone]]:
    found: dict[int, list[Zone]] = defaultdict(list)
    rows = connection.execute(
        'SELECT message, part, number, start, "end", kind, why, answers FROM zone ORDER BY message, part, number'
    )
    for number, *zone in rows:
        if number in numbers:
            found[number].append(Zone(*zone))
    return found


def _people(
    connection: sqlite3.Connection, numbers: set[int]
) -> dict[int, tuple[tuple[Address, ...], tuple[Side, ...]]]:
    addresses: dict[int, list[Address]] = defaultdict(list)
    sides: dict[int, set[str]] = defaultdict(set)
    rows = connection.execute(
        "SELECT message, header, name, address, party FROM participant ORDER BY message, position"
    )
    for number, header, name, address, party in rows:
        if number in numbers:
            addresses[number].append(Address(header, name, address))
            if header in _RECIPIENTS:
                sides[number].add(party)
    return {n: (tuple(addresses[n]), tuple(side for side in _SIDES if side in sides[n])) for n in numbers}


def addressees_of(participants: Iterable[Mapping[str, str]]) -> tuple[Side, ...]:
    """The sides among the recipients, as ``read_letters`` tells them, of participant rows that are not stored yet."""
    sides = {row["party"] for row in participants if row["header"] in _RECIPIENTS}
    return tuple(side for side in _SIDES if side in sides)


def read_attachments(connection: sqlite3.Connection, numbers: set[int]) -> dict[int, list[Attachment]]:
    found: dict[int, list[Attachment]] = defaultdict(list)
    rows = connection.execute(
        "SELECT message, number, path, filename, safe_name, content_type, disposition, size, sha256, content_id, note"
        " FROM attachment ORDER BY message, number"
    )
    for number, *attachment in rows:
        if number in numbers:
            found[number].append(Attachment(*attachment))
    return found


def _folders(connection: sqlite3.Connection, limit: int) -> dict[int, list[str]]:
    """Names of the folders, or of the imported files, that a message was seen in, first sighting first."""
    found: dict[int, list[str]] = defaultdict(list)
    rows = connection.execute(
        "SELECT s.message, coalesce(f.name, src.path, '') FROM sighting s LEFT JOIN folder f ON f.id = s.folder"
        " LEFT JOIN source src ON src.id = s.source WHERE s.event < ? ORDER BY s.id",
        (limit,),
    )
    for number, name in rows:
        if name and name not in found[number]:
            found[number].append(name)
    return found


def _merged(folders: dict[int, list[str]], numbers: list[int]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for number in numbers for name in folders.get(number, ())))
