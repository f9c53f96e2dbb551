"""Search: the query's tree into SQL over the full-text index and the derived tables, and snippets with the hits marked."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from evidence.browse.judged import FLAGS
from evidence.browse.language import All, Any_, Days, Field, Node, Not, Text, text_stems
from evidence.browse.words import utc_text
from evidence.stems import stem, word_spans, words

PAGE_SIZE = 25
SNIPPET = 240  # characters shown around the hits
SEARCHED_TEXT = 200_000  # of a body, for marking hits; the index holds all of it


def day_start(day: date, zone: ZoneInfo) -> str:
    """The UTC text of midnight beginning ``day`` in ``zone``."""
    try:
        return utc_text(datetime.combine(day, time(0), zone))
    except OverflowError:
        return utc_text(datetime.combine(day, time(0), UTC))


def condition(node: Node, zone: ZoneInfo) -> tuple[str, list[Any]]:
    """SQL over ``parsed_message p`` that holds for the messages the query means, with its parameters."""
    match node:
        case All() | Any_():
            joined = " AND " if isinstance(node, All) else " OR "
            parts = [condition(child, zone) for child in node.of]
            return "(" + joined.join(sql for sql, _ in parts) + ")", [v for _, values in parts for v in values]
        case Not():
            sql, values = condition(node.of, zone)
            return f"NOT coalesce({sql}, 0)", values
        case Text():
            return "p.message IN (SELECT rowid FROM search WHERE search MATCH ?)", [_match(node)]
        case Days():
            bounds = [("p.at >= ?", node.first), ("p.at < ?", node.end)]
            known = [(sql, day_start(day, zone)) for sql, day in bounds if day is not None]
            return "(" + " AND ".join(sql for sql, _ in known) + ")", [v for _, v in known]
        case Field():
            return _field(node)


def _match(text: Text) -> str:
    """The FTS5 string: a phrase of stems. A prefix is taken on the stem of what was typed, so that угрожа* widens."""
    parts = words(text.text)
    stems = [stem(word) for word in parts]
    if text.prefix:
        stems[-1] = parts[-1].casefold().replace("ё", "е")
        shorter = stem(parts[-1])
        stems[-1] = min(stems[-1], shorter, key=len)
    phrase = '"' + " ".join(stems).replace('"', '""') + '"' + ("*" if text.prefix else "")
    return f"{{{text.column}}} : {phrase}" if text.column else phrase


_HEADERS = {
    "from": "('from', 'sender', 'resent-from', 'reply-to')",
    "to": "('to', 'cc', 'bcc', 'delivered-to', 'resent-to', 'resent-cc')",
}


# The category that holds, with its subtype: as a person set it, else as found.
_HOLDS = "CASE WHEN r.category <> '' AND r.category <> f.category THEN r.category ELSE f.category || coalesce('/' || f.subtype, '') END"


def _field(field: Field) -> tuple[str, list[Any]]:
    name, value = field.name, field.value
    if name in ("from", "to", "with"):
        return _people(name, value)
    if name == "folder":
        return (
            "p.message IN (SELECT s.message FROM sighting s JOIN folder f ON f.id = s.folder WHERE evidence_holds(f.name, ?))",
            [value.casefold()],
        )
    if name == "category":
        return (
            f"p.message IN (SELECT f.message FROM {FLAGS} f LEFT JOIN reviews_latest r ON r.target = 'flag' AND r.target_id = f.id"
            f" WHERE ({_HOLDS} = ? OR {_HOLDS} LIKE ? || '/%') AND coalesce(r.decision, '') <> 'rejected'"
            " AND (f.tier = 'stated' OR r.decision = 'accepted'))",
            [value, value],
        )
    if name == "hash":
        beyond = value + "g"
        return (
            "((p.sha256 >= ? AND p.sha256 < ?) OR p.message IN (SELECT message FROM attachment WHERE sha256 >= ? AND sha256 < ?))",
            [value, beyond, value, beyond],
        )
    if name == "thread":
        return "(p.thread >= ? AND p.thread < ?)", [value.casefold(), value.casefold() + "g"]
    if name == "has":
        return {
            "attachment": "p.message IN (SELECT message FROM attachment)",
            "flag": f"p.message IN (SELECT message FROM {FLAGS})",
            "request": "p.message IN (SELECT message FROM request)",
            "note": "(p.sha256 IN (SELECT target_id FROM note) OR p.message IN"
            f" (SELECT f.message FROM {FLAGS} f JOIN note n ON n.target = 'flag' AND n.target_id = f.id))",
        }[value], []
    return {
        "unreviewed": f"p.message IN (SELECT f.message FROM {FLAGS} f LEFT JOIN reviews_latest r ON r.target = 'flag' AND r.target_id = f.id"
        " WHERE coalesce(r.decision, 'unreviewed') = 'unreviewed')",
        "context": "p.scope <> 'in-scope'",
        "excluded": "p.sha256 IN (SELECT sha256 FROM selections_latest WHERE action = 'exclude')",
        "gone": "p.message IN (SELECT s.message FROM disappearance d JOIN sighting s ON s.id = d.sighting WHERE d.kind = 'gone')",
        "unreadable": "p.failed IS NOT NULL",
    }[value], []


def _people(name: str, value: str) -> tuple[str, list[Any]]:
    headers = f" AND header IN {_HEADERS[name]}" if name in _HEADERS else ""
    if value.startswith("side:"):
        side = value.removeprefix("side:")
        if name == "from":
            return "p.speaker = ?", [side]
        return f"p.message IN (SELECT message FROM participant WHERE party = ?{headers})", [side]
    return (
        "p.message IN (SELECT t.message FROM participant t JOIN (SELECT DISTINCT address AS a, name AS n, person AS o FROM participant)"
        f" x ON x.a = t.address AND x.n = t.name AND x.o = t.person WHERE evidence_holds(x.n || ' ' || x.a || ' ' || x.o, ?){headers})",
        [value.casefold()],
    )


@dataclass(frozen=True, slots=True)
class Found:
    """One page of hits: rows newest or oldest first, each with a marked subject and snippet."""

    rows: tuple[dict[str, Any], ...]
    total: int
    number: int
    pages: int
    context: int  # how many of the hits are context


def find(conn: sqlite3.Connection, tree: Node, number: int, zone: ZoneInfo, *, oldest_first: bool = False) -> Found:
    """Messages of scope and context (never withheld ones) that the query means, copies under their first."""
    sql, values = condition(tree, zone)
    listed = conn.execute(
        f"SELECT p.message, p.scope FROM parsed_message p WHERE p.copy_of IS NULL AND p.withheld = 0 AND {sql}"
        f" ORDER BY p.at {'ASC' if oldest_first else 'DESC'}, p.message",
        values,
    ).fetchall()
    pages = max(1, -(-len(listed) // PAGE_SIZE))
    number = min(max(1, number), pages)
    numbers = [r[0] for r in listed[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]]
    return Found(
        rows=_rows(conn, numbers, text_stems(tree)),
        total=len(listed),
        number=number,
        pages=pages,
        context=sum(1 for r in listed if r[1] != "in-scope"),
    )


def _rows(
    conn: sqlite3.Connection, numbers: Sequence[int], wanted: Sequence[tuple[str, bool]]
) -> tuple[dict[str, Any], ...]:
    if not numbers:
        return ()
    held = ",".join("?" * len(numbers))
    rows = {
        r["message"]: dict(r)
        for r in conn.execute(
            "SELECT p.message, p.sha256, p.at, p.at_note, p.subject, p.speaker, p.person, p.sender, p.sender_name, p.scope, p.failed, p.gist,"
            " evidence_cut(t.text, 0, ?) AS body, (SELECT count(*) FROM attachment a WHERE a.message = p.message) AS attachments,"
            " (SELECT group_concat(f.name, ', ') FROM (SELECT DISTINCT f.name FROM sighting s JOIN folder f ON f.id = s.folder"
            " WHERE s.message = p.message) f) AS folders"
            f" FROM parsed_message p LEFT JOIN text_part t ON t.message = p.message AND t.part = 'body' WHERE p.message IN ({held})",
            [SEARCHED_TEXT, *numbers],
        )
    }
    own = own_starts(conn, numbers)
    found = []
    for n in numbers:
        row = rows[n]
        row["subject_marked"] = marked(row["subject"], wanted)
        row["snippet"] = snippet(row.pop("body") or "", wanted, own.get(n, 0))
        found.append(row)
    return tuple(found)


def own_starts(conn: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, int]:
    """Where the sender's own words begin in each body."""
    held = ",".join("?" * len(numbers))
    rows = conn.execute(
        f"SELECT message, min(start) FROM zone WHERE part = 'body' AND kind = 'own' AND message IN ({held}) GROUP BY message",
        list(numbers),
    )
    return {r[0]: r[1] for r in rows}


Marked = tuple[tuple[str, bool], ...]


def _hits(text: str, wanted: Sequence[tuple[str, bool]]) -> list[tuple[int, int]]:
    whole = {stem(word) for word, prefix in wanted if not prefix}
    starts = tuple(min(stem(word), word.casefold().replace("ё", "е"), key=len) for word, prefix in wanted if prefix)
    return [(start, end) for start, end, s in word_spans(text) if s in whole or (starts and s.startswith(starts))]


def marked(text: str, wanted: Sequence[tuple[str, bool]]) -> Marked:
    """The text in runs of (text, is a hit)."""
    return _runs(text, _hits(text, wanted), 0, len(text)) if wanted else ((text, False),)


def snippet(text: str, wanted: Sequence[tuple[str, bool]], begin: int = 0) -> Marked:
    """About SNIPPET characters around the place with the most different hits; without hits, how the own words begin."""
    hits = _hits(text, wanted) if wanted else []
    if hits:
        best = max(range(len(hits)), key=lambda i: (len(_within(text, hits, i)), -i))
        begin = max(0, hits[best][0] - SNIPPET // 4)
    end = min(len(text), begin + SNIPPET)
    while 0 < begin < len(text) and not text[begin - 1].isspace() and begin > 0:
        begin -= 1
    while end < len(text) and not text[end].isspace() and end - begin < SNIPPET + 60:
        end += 1
    runs = _runs(text, [h for h in hits if h[0] >= begin and h[1] <= end], begin, end)
    if begin > 0 and runs:
        runs = (("… ", False), *runs)
    return (*runs, (" …", False)) if end < len(text) and runs else runs


def _within(text: str, hits: Sequence[tuple[int, int]], first: int) -> set[str]:
    reach = hits[first][0] + SNIPPET * 3 // 4
    found: set[str] = set()
    for start, end in hits[first : first + 12]:
        if end > reach:
            break
        found.add(stem(text[start:end]))
    return found


def _runs(text: str, hits: Sequence[tuple[int, int]], begin: int, end: int) -> Marked:
    runs: list[tuple[str, bool]] = []
    at = begin
    for start, stop in hits:
        if start > at:
            runs.append((text[at:start], False))
        runs.append((text[start:stop], True))
        at = stop
    if at < end:
        runs.append((text[at:end], False))
    return tuple(runs)
