"""Rebuild, step 3: the rows of one message, once its place is known, and what is found in it alone. Runs in worker processes.

What is found in a letter alone (flags before they are linked, what it asks, what it promises) is kept as JSON in the table
``reading``. The last step reads it from there, after a rebuild from nothing as after one letter more: the two cannot differ.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from evidence.model import Address, Flag, Letter, ParsedMessage, Zone
from evidence.pipeline.index_places import At, Place, utc
from evidence.pipeline.index_reading import Read, spans_of, text_of
from evidence.ports import Derived
from evidence.timeline.parties import Parties

if TYPE_CHECKING:
    from evidence.archive.derived import MessageRows
    from evidence.timeline.commitments import Commitment
    from evidence.timeline.requests_find import Ask
    from evidence.timeline.rules import Packs

_FLAG = tuple(one.name for one in fields(Flag))


@dataclass(frozen=True, slots=True)
class Judging:
    """By what letters are judged: the parties, the matter's own packs, and its time zone (IANA name)."""

    parties: Parties
    packs: Path
    timezone: str


@dataclass(frozen=True, slots=True)
class Work:
    """A message to derive: what was read of it (packed), where it hangs, and the (body, subject) it replies to."""

    packed: bytes
    place: Place
    at: At
    parent: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Made:
    """The rows of a message, the stems of (subject, body, people, attachments), and what is kept of it."""

    rows: MessageRows
    stems: tuple[str, str, str, str]
    reading: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found in one letter alone, as JSON."""

    number: int
    flags: str
    asks: str
    promises: str


_TOGETHER = 50  # letters scored in one go
NOTHING = Judged(0, "[]", "[]", "[]")


def derive_chunk(task: tuple[Judging, Sequence[Work]]) -> list[Made]:
    judging, chunk = task
    begun = [_begun(item, judging) for item in chunk]
    letters = [(number, one.letter) for number, one in enumerate(begun) if one.letter is not None]
    found = [NOTHING] * len(chunk)
    for (number, _), one in zip(letters, judged([letter for _, letter in letters], judging), strict=True):
        found[number] = one
    return [_made(one, result) for one, result in zip(begun, found, strict=True)]


def judge_chunk(task: tuple[Judging, Sequence[Letter]]) -> list[Judged]:
    judging, letters = task
    return judged(letters, judging)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A message read and zoned, before it is judged; ``letter`` is None for a copy."""

    read: Read
    derived: Derived
    letter: Letter | None


def _begun(item: Work, judging: Judging) -> _Begun:
    from evidence.message.zones import find_zones

    read: Read = pickle.loads(item.packed)  # noqa: S301 - packed by another process of this very run, never stored under a name
    message = read.message
    zones = read.first_cut
    if item.parent is not None:
        zones = find_zones(message, item.parent[0] or None, parent_subject=item.parent[1])
    derived = _derived(read, zones, item, judging.parties)
    letter = _letter(read, zones, derived, item) if item.place.copy_of is None else None
    return _Begun(read, derived, letter)


def _made(begun: _Begun, found: Judged) -> Made:
    from evidence.archive.binding import storable
    from evidence.archive.derived import message_rows
    from evidence.archive.texts import json_text
    from evidence.message.threads import own_mark
    from evidence.stems import stemmed

    read, derived, message = begun.read, begun.derived, begun.read.message
    texts = {part: storable(text) for part, text in message.texts.items()}
    attached = [
        *(str(storable(one.filename)) for one in message.attachments),
        *(text for part, text in sorted(texts.items()) if part.startswith("attachment:")),
    ]
    people = " ".join(f"{row['name']} {row['address']}" for row in derived.participants)
    own = spans_of(read.first_cut, "own")
    return Made(
        message_rows(derived),
        (
            stemmed(str(storable(message.subject))),
            stemmed(texts.get("body", "")),
            stemmed(str(storable(people))),
            stemmed("\n".join(attached)),
        ),
        {
            "keys": json_text(dict(read.keys)),
            "first_cut": json_text({"own": own, "quoted": spans_of(read.first_cut, "quoted")}),
            "own_mark": own_mark(text_of(message.texts.get("body", ""), own)),
            "flags": found.flags,
            "asks": found.asks,
            "promises": found.promises,
        },
    )


def _derived(read: Read, zones: tuple[Zone, ...], item: Work, parties: Parties) -> Derived:
    from evidence.archive.derived import parsed_columns

    message = read.message
    speaker, person = parties.speaker(message.addresses)
    scope, scope_reason = parties.scope(message.addresses)
    sender = next(iter(message.of("from")), None)
    own = text_of(message.texts.get("body", ""), spans_of(zones, "own"))
    received = message.received[0].at if message.received else None
    row = parsed_columns(message) | {
        "received_at": None if received is None else received.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "internal_at": item.at.internal,
        "captured_at": item.at.captured,
        "at": item.at.at,
        "at_clock": item.at.clock,
        "at_note": item.at.note,
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
        "copy_of": item.place.copy_of,
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
        read.number,
        message.sha256,
        row,
        tuple(participants),
        message.texts,
        zones,
        message.attachments,
        read.dkim,
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


def gist(subject: str, own: str) -> str:
    """One line: the subject, or where there is none the first own sentence. Quoted, never invented."""
    line = " ".join(subject.split())
    if not re.sub(r"(?i)^((re|fwd?|fw|ответ|отв|пер)\s*(\[\d+\])?\s*:\s*)+", "", line):
        first = re.split(r"(?<=[.!?…])\s", " ".join(own.split()), maxsplit=1)[0]
        line = first
    return line if len(line) <= 160 else line[:159].rstrip() + "…"


def _letter(read: Read, zones: tuple[Zone, ...], derived: Derived, item: Work) -> Letter:
    """The letter as ``ArchiveReader.letters`` will give it, but for its copies and folders, by which nothing is judged."""
    from evidence.archive.binding import storable
    from evidence.archive.letters import addressees_of

    message, row = read.message, derived.row
    return Letter(
        number=read.number,
        sha256=message.sha256,
        copies=(),
        message_id=message.message_id,
        date=message.date,
        at=utc(item.at.at),
        at_clock=item.at.clock,  # type: ignore[arg-type]
        at_note=item.at.note,
        folders=(),
        speaker=row["speaker"],
        person=row["person"],
        sender=row["sender"],
        addresses=tuple(Address(a.header, str(storable(a.name)), str(storable(a.address))) for a in message.addresses),
        subject=str(storable(message.subject)),
        kind=message.kind,
        scope=row["scope"],
        withheld=bool(row["withheld"]),
        thread=item.place.thread,
        parent=item.place.parent,
        language=message.language,
        texts={part: str(storable(message.texts[part])) for part in sorted(message.texts)},
        zones=tuple(sorted(zones, key=lambda z: (z.part, z.number))),
        attachments=message.attachments,
        addressees=addressees_of(derived.participants),
    )


# ---- what is found in one letter alone -------------------------------------------------------


def judged(letters: Sequence[Letter], judging: Judging) -> list[Judged]:
    """What is found in each letter alone, as the JSON that is kept of it; letters are read together, which changes nothing but the time."""
    from evidence.archive.texts import json_text
    from evidence.timeline.commitments import commitments
    from evidence.timeline.flags import find_flags_in
    from evidence.timeline.requests import asks_of

    packs = packs_of(judging.packs)
    found = []
    for at in range(0, len(letters), _TOGETHER):
        some = letters[at : at + _TOGETHER]
        for letter, flags in zip(some, find_flags_in(some, packs), strict=True):
            promises = [] if letter.withheld else commitments(letter, ZoneInfo(judging.timezone))
            found.append(
                Judged(
                    letter.number,
                    json_text([[getattr(flag, name) for name in _FLAG] for flag in flags]),
                    json_text([[getattr(ask, one.name) for one in fields(ask)] for ask in asks_of(letter)]),
                    json_text([[c.start, c.end, c.due] for c in promises]),
                )
            )
    return found


def flags_from(text: str) -> tuple[Flag, ...]:
    """Back from the JSON of ``judged``."""
    found = []
    for row in json.loads(text):
        values = dict(zip(_FLAG, row, strict=True))
        values["links"] = tuple(values["links"])
        found.append(Flag(**values))
    return tuple(found)


def asks_from(text: str) -> tuple[Ask, ...]:
    """Back from the JSON of ``judged``."""
    from evidence.timeline.requests_find import Ask

    def value(stored: Any) -> Any:
        return tuple(stored) if isinstance(stored, list) else stored

    return tuple(Ask(*map(value, row)) for row in json.loads(text))


def promises_from(text: str, letter: Letter) -> tuple[Commitment, ...]:
    """Back from the JSON of ``judged``."""
    from evidence.timeline.commitments import Commitment

    return tuple(
        Commitment(letter, start, end, date.fromisoformat(due) if due else None) for start, end, due in json.loads(text)
    )


def packs_of(own: Path) -> Packs:
    """The packs of the program with those of the matter; read once in a process, and again when a file has changed."""
    if not own.is_dir():
        return shipped_packs()
    return _with_own(own, tuple((file.name, file.stat().st_mtime_ns) for file in sorted(own.glob("*.toml"))))


@lru_cache(maxsize=1)
def shipped_packs() -> Packs:
    from evidence.timeline.rules import load_packs

    return load_packs([])


@lru_cache(maxsize=2)
def _with_own(own: Path, _state: tuple[tuple[str, int], ...]) -> Packs:
    from evidence.timeline.rules import load_packs

    return load_packs([own])
