"""Rebuild, step 2: over all messages, by what little of each matters here: clocks, threads, copies, and what must be read anew."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evidence.model import Address, ThreadPlace
from evidence.pipeline.index_reading import Fact, text_of

if TYPE_CHECKING:
    from evidence.message.threads import CopyGroups
    from evidence.timeline.parties import Parties


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks that are not in the octets: INTERNALDATE of the first sighting, and our capture (docs/contracts.md, Four clocks)."""

    internal: datetime | None
    captured: datetime
    imported: bool


@dataclass(frozen=True, slots=True)
class At:
    """What a message is ordered by: ``at`` as stored, which clock it is, and the note on those that disagree."""

    at: str
    clock: str
    note: str
    internal: str | None
    captured: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message hangs: its thread, the message replied to, how that was told, and the number of what it is a copy of."""

    thread: str
    parent: str | None
    by: str
    copy_of: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A message whose derived rows stand from the last rebuild: what they say, to tell whether they still hold."""

    fact: Fact
    place: Place
    at: At
    keys: Mapping[str, str]


def all_numbers(connection: sqlite3.Connection) -> list[int]:
    """The ids of all messages, off an index: their octets lie between the rows of the table itself."""
    return [number for (number,) in connection.execute("SELECT id FROM message INDEXED BY sqlite_autoindex_message_1")]


def clocks_of(connection: sqlite3.Connection, captured: Mapping[int, str]) -> dict[int, Clocks]:
    """The clocks of all messages. ``captured`` holds, as stored, those that are known already; the others are looked up."""
    from evidence.archive.reader import internal_date

    first = {
        message: (internal, source)
        for message, internal, source, _least in connection.execute(
            "SELECT message, internal_date, source, min(id) FROM sighting GROUP BY message"
        )
    }
    found = {}
    for number in sorted(all_numbers(connection)):
        stored = captured.get(number)
        if stored is None:
            (stored,) = connection.execute("SELECT acquired_at FROM message WHERE id = ?", (number,)).fetchone()
        internal, source = first.get(number, (None, None))
        found[number] = Clocks(internal_date(internal), utc(stored), source is not None)
    return found


def at_of(fact: Fact, clocks: Clocks) -> At:
    from evidence.message.clocks import choose_at

    at, clock, note = choose_at(fact.date, clocks.internal, fact.received, clocks.captured, clocks.imported)
    return At(text(at), clock, note, text(clocks.internal) if clocks.internal else None, text(clocks.captured))


def kept_messages(connection: sqlite3.Connection) -> dict[int, Kept]:
    """number -> what stands of each message that was read before."""
    people: dict[int, set[str]] = {}
    for number, address in connection.execute("SELECT message, address FROM participant WHERE address <> ''"):
        people.setdefault(number, set()).add(address.lower())
    rows = connection.execute(
        "SELECT p.message, p.sha256, p.message_id, p.in_reply_to, p.refs, p.subject, p.date_raw, p.date, p.received_at, p.sender,"
        " r.first_cut, r.own_mark, r.keys, p.thread, p.parent, p.thread_by, p.copy_of, p.at, p.at_clock, p.at_note,"
        " p.internal_at, p.captured_at, p.failed IS NOT NULL"
        " FROM parsed_message p JOIN reading r ON r.message = p.message ORDER BY p.message"
    )
    return {row[0]: _kept(row, people.get(row[0], ())) for row in rows}


def _kept(row: tuple[Any, ...], people: Iterable[str]) -> Kept:
    (
        number, sha256, message_id, in_reply_to, references, subject, date_raw, date, received, sender,
        first_cut, mark, keys, thread, parent, by, copy_of, at, clock, note, internal, captured, failed,
    ) = row  # fmt: skip
    cut = json.loads(first_cut)
    fact = Fact(
        number, sha256, message_id, _row(in_reply_to), _row(references), subject,
        date_raw, datetime.fromisoformat(date) if date else None, utc(received) if received else None, sender,
        frozenset(people), tuple(map(tuple, cut["own"])), tuple(map(tuple, cut["quoted"])), mark, bool(failed),
    )  # fmt: skip
    return Kept(
        fact,
        Place(thread, parent, by, copy_of),
        At(at, clock, note, internal, captured),
        json.loads(keys) if keys != "{}" else {},
    )


def _row(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored)) if stored != "[]" else ()


# ---- threads and copies --------------------------------------------------------------------


def placed(
    facts: Mapping[int, Fact], ats: Mapping[int, At], body_of: Callable[[int], str]
) -> tuple[dict[int, Place], CopyGroups]:
    """Every message's place, and the copies. ``body_of`` fetches the text of the few that words are compared of."""
    from evidence.message.threads import ThreadInput, build_threads, copy_groups

    items = []
    for number in sorted(facts):
        fact = facts[number]
        # Only a message that names no other is looked for by the words it quotes.
        lost = fact.quoted and not fact.references and not fact.in_reply_to
        items.append(
            ThreadInput(
                sha256=fact.sha256,
                message_id=fact.message_id,
                in_reply_to=fact.in_reply_to,
                references=fact.references,
                subject=fact.subject,
                at=utc(ats[number].at),
                people=fact.people,
                sender=fact.sender,
                quoted=text_of(body_of(number), fact.quoted) if lost else "",
                date_raw=fact.date_raw,
                number=number,
                own_mark=fact.own_mark,
            )
        )

    def own_of(item: ThreadInput) -> str:
        return text_of(body_of(item.number), facts[item.number].own)

    threads, copies = build_threads(items, own_of=own_of), copy_groups(items)
    number_of = {fact.sha256: number for number, fact in facts.items()}
    return {
        number: _place(threads[fact.sha256], number_of.get(copies.first_of.get(fact.sha256, "")))
        for number, fact in facts.items()
    }, copies


def _place(place: ThreadPlace, copy_of: int | None) -> Place:
    return Place(place.thread, place.parent, place.by, copy_of)


# ---- what no longer holds --------------------------------------------------------------------


def outdated(
    connection: sqlite3.Connection,
    kept: Mapping[int, Kept],
    clocks: Mapping[int, Clocks],
    marks: Mapping[str, str],
    parties: Parties | None,
) -> set[int]:
    """Messages whose own rows no longer hold: another clock, another answer of DNS (``marks``: name -> mark), another party.

    ``parties`` is None where they are those of the last rebuild.
    """
    found = {number for number, one in kept.items() if at_of(one.fact, clocks[number]) != one.at}
    found |= {
        number for number, one in kept.items() if any(marks.get(name, "") != mark for name, mark in one.keys.items())
    }
    if parties is not None:
        found |= _other_parties(connection, kept.keys() - found, parties)
    return found


def _other_parties(connection: sqlite3.Connection, numbers: Collection[int], parties: Parties) -> set[int]:
    """Messages of which the parties now named say something else than their rows."""
    stated = {
        number: (speaker, person, scope, reason, withheld)
        for number, speaker, person, scope, reason, withheld in connection.execute(
            "SELECT message, speaker, person, scope, scope_reason, withheld FROM parsed_message"
        )
    }
    people: dict[int, list[tuple[Address, tuple[str, str]]]] = {}
    for number, header, name, address, party, person in connection.execute(
        "SELECT message, header, name, address, party, person FROM participant ORDER BY message, position"
    ):
        people.setdefault(number, []).append((Address(header, name, address), (party, person)))
    found = set()
    for number in numbers:
        named = people.get(number, [])
        addresses = tuple(address for address, _ in named)
        now = (*parties.speaker(addresses), *parties.scope(addresses), int(parties.withheld(addresses)))
        if now != stated[number] or any(parties.who(address.address) != party for address, party in named):
            found.add(number)
    return found


def moved(kept: Mapping[int, Kept], places: Mapping[int, Place]) -> set[int]:
    """Messages that must be cut and judged anew: they answer another message than was known, or are a copy now, or none."""
    return {
        number
        for number, one in kept.items()
        if (one.place.parent, one.place.copy_of is None) != (places[number].parent, places[number].copy_of is None)
    }


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(stored: str) -> datetime:
    return datetime.fromisoformat(stored.replace("Z", "+00:00"))
