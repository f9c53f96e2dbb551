"""One message for its page: texts cut by zone and flag, four clocks, signatures, sightings, neighbours, events and proof."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from evidence.browse.judged import flags_of, marks, requests_of
from evidence.browse.octets import raw
from evidence.browse.proof import Tree, included, leaf_hash
from evidence.browse.words import json_or
from evidence.model import sha256_hex


@dataclass(frozen=True, slots=True)
class Run:
    """A run of text under the same flags and requests; ``opens`` are those that begin here."""

    text: str
    marks: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """A zone of a part, cut into runs."""

    kind: str
    why: str
    runs: tuple[Run, ...]
    lines: int


@dataclass(frozen=True, slots=True)
class MessagePage:
    row: Mapping[str, Any]
    addresses: tuple[Mapping[str, Any], ...]
    subject: tuple[Run, ...]
    blocks: tuple[Block, ...]
    other_parts: tuple[tuple[str, str], ...]
    flags: tuple[Mapping[str, Any], ...]
    requests: tuple[Mapping[str, Any], ...]
    answers: tuple[Mapping[str, Any], ...]
    attachments: tuple[Mapping[str, Any], ...]
    headers: tuple[tuple[str, str], ...]
    received: tuple[Mapping[str, Any], ...]
    dkim: tuple[Mapping[str, Any], ...]
    trail: tuple[Mapping[str, Any], ...]
    sightings: tuple[Mapping[str, Any], ...]
    copies: tuple[Mapping[str, Any], ...]
    first_copy: str | None
    thread: tuple[Mapping[str, Any], ...]
    thread_size: int
    notes: tuple[Mapping[str, Any], ...]
    selection: Mapping[str, Any] | None
    events: tuple[Mapping[str, Any], ...]
    exhibit: Mapping[str, Any] | None


def known(conn: sqlite3.Connection, start: str) -> list[str]:
    """The hashes that begin with ``start``, at most two: one is meant, two are too few digits."""
    rows = conn.execute("SELECT sha256 FROM message WHERE sha256 >= ? AND sha256 < ? LIMIT 2", (start, start + "g"))
    return [row[0] for row in rows]


def message(conn: sqlite3.Connection, sha256: str) -> MessagePage | None:
    """Everything the page of this message shows; None where it is not stored or not yet parsed."""
    row = conn.execute(
        "SELECT p.*, m.size, m.acquired_at, m.event, (SELECT sha256 FROM message WHERE id = p.copy_of) AS first_copy"
        " FROM parsed_message p JOIN message m ON m.id = p.message WHERE p.sha256 = ?",
        (sha256,),
    ).fetchone()
    if row is None:
        return None
    n = row["message"]
    flags = flags_of(conn, [n]).get(n, [])
    opened, closed = requests_of(conn, [n])
    requests = opened.get(n, [])
    texts = dict(conn.execute("SELECT part, text FROM text_part WHERE message = ?", (n,)).fetchall())
    zones = _all(conn, 'SELECT part, start, "end", kind, why FROM zone WHERE message = ? ORDER BY part, number', (n,))
    spans = [(f["part"], f["start"], f["end"], f"flag-{f['id']}") for f in flags if f["review"] != "rejected"]
    spans += [(q["part"], q["start"], q["end"], f"request-{q['id']}") for q in requests if q["review"] != "rejected"]
    thread, thread_size = _thread(conn, row)
    first = row["copy_of"] or n
    return MessagePage(
        row=dict(row),
        addresses=tuple(_all(conn, "SELECT header, name, address, party, person FROM participant WHERE message = ? ORDER BY position", (n,))),
        subject=runs(texts.get("subject", row["subject"]), 0, None, [s for s in spans if s[0] == "subject"]),
        blocks=_blocks(texts.get("body", ""), [z for z in zones if z["part"] == "body"], [s for s in spans if s[0] == "body"]),
        other_parts=tuple((p, t) for p, t in sorted(texts.items()) if p.startswith("attachment:")),
        flags=tuple(flags),
        requests=tuple(requests),
        answers=tuple(closed.get(n, ())),
        attachments=tuple(_all(conn, "SELECT * FROM attachment WHERE message = ? ORDER BY number", (n,))),
        headers=tuple((str(k), str(v)) for k, v in json_or(row["headers"], [])),
        received=tuple(h for h in json_or(row["received"], []) if isinstance(h, dict)),
        dkim=tuple(_all(conn, "SELECT * FROM dkim WHERE message = ? ORDER BY number", (n,))),
        trail=tuple(_all(conn, "SELECT kind, what, detail FROM trails WHERE number = ?", (n,))),
        sightings=tuple(_all(conn, "SELECT * FROM sightings WHERE number = ? ORDER BY id", (n,))),
        copies=tuple(_all(
            conn,
            "SELECT p.sha256, p.at, (SELECT group_concat(DISTINCT f.name) FROM sighting s JOIN folder f ON f.id = s.folder"
            " WHERE s.message = p.message) AS folders FROM parsed_message p WHERE (p.copy_of = ? OR p.message = ?) AND p.message <> ?"
            " ORDER BY p.message", (first, first, n),
        )),
        first_copy=row["first_copy"],
        thread=thread,
        thread_size=thread_size,
        notes=tuple(_notes(conn, sha256, [f["id"] for f in flags], [q["id"] for q in requests])),
        selection=next(iter(_all(conn, "SELECT * FROM selections_latest WHERE sha256 = ?", (sha256,))), None),
        events=tuple(_events(conn, n, sha256, [f["id"] for f in flags], [q["id"] for q in requests])),
        exhibit=next(iter(_all(conn, "SELECT * FROM exhibits WHERE kind = 'message' AND sha256 = ?", (sha256,))), None),
    )  # fmt: skip


def _all(conn: sqlite3.Connection, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(sql, values)]


def runs(text: str, start: int, end: int | None, spans: Sequence[tuple[str, int, int, str]]) -> tuple[Run, ...]:
    """``text[start:end]`` cut wherever a span begins or ends. Spans may overlap."""
    end = len(text) if end is None else min(end, len(text))
    cuts = {start, end}
    for _, a, b, _ in spans:
        cuts |= {min(max(a, start), end), min(max(b, start), end)}
    places = sorted(cuts)
    found = []
    for a, b in pairwise(places):
        inside = tuple(name for _, s, e, name in spans if s <= a and b <= e)
        found.append(Run(text[a:b], inside, tuple(name for _, s, _, name in spans if s == a and name in inside)))
    return tuple(found)


def _blocks(
    text: str, zones: Sequence[Mapping[str, Any]], spans: Sequence[tuple[str, int, int, str]]
) -> tuple[Block, ...]:
    if not zones:
        zones = [{"kind": "own", "why": "", "start": 0, "end": len(text)}]
    return tuple(
        Block(z["kind"], z["why"], runs(text, z["start"], z["end"], spans), text.count("\n", z["start"], z["end"]) + 1)
        for z in zones
        if text[z["start"] : z["end"]].strip()
    )


def _thread(conn: sqlite3.Connection, row: sqlite3.Row) -> tuple[tuple[dict[str, Any], ...], int]:
    """The neighbours in the thread by time: up to four before and four after, and how many there are in all."""
    listed = _all(
        conn,
        "SELECT message, sha256, at, subject, gist, speaker, person, sender, parent, scope FROM parsed_message"
        " WHERE thread = ? AND withheld = 0 AND (copy_of IS NULL OR message = ?) ORDER BY at, message",
        (row["thread"], row["message"]),
    )
    here = next((i for i, r in enumerate(listed) if r["message"] == row["message"]), 0)
    return tuple(listed[max(0, here - 4) : here + 5]), len(listed)


def _notes(
    conn: sqlite3.Connection, sha256: str, flags: Sequence[str], requests: Sequence[str]
) -> list[dict[str, Any]]:
    targets = [sha256, *flags, *requests]
    return _all(conn, f"SELECT * FROM note WHERE target_id IN ({marks(len(targets))}) ORDER BY id", targets)


def _events(
    conn: sqlite3.Connection, n: int, sha256: str, flags: Sequence[str], requests: Sequence[str]
) -> list[dict[str, Any]]:
    """The custody events that bind this message and what was seen of it and decided about it, in log order."""
    targets = [*flags, *requests]
    held = marks(len(targets))
    sql = (
        "SELECT 'message' AS what, event FROM message WHERE id = ? UNION ALL SELECT 'sighting', event FROM sighting WHERE message = ?"
        " UNION ALL SELECT 'disappearance', d.event FROM disappearance d JOIN sighting s ON s.id = d.sighting WHERE s.message = ?"
        " UNION ALL SELECT 'selection', event FROM selection WHERE sha256 = ?"
        f" UNION ALL SELECT 'review', event FROM review WHERE target_id IN ({held})"
        f" UNION ALL SELECT 'note', event FROM note WHERE target_id IN ({held}) OR target_id = ?"
    )
    values = [n, n, n, sha256, *targets, *targets, sha256]
    return _all(
        conn,
        "SELECT e.seq, x.what, json_extract(e.body, '$.at') AS at, json_extract(e.body, '$.kind') AS kind, lower(hex(e.leaf)) AS leaf, e.body"
        f" FROM ({sql}) x JOIN event e ON e.seq = x.event ORDER BY e.seq",
        values,
    )


# ---- inclusion proof -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """What shows that an event is in the log: RFC 9162 section 2.1.3. Hashes are lower-case hexadecimal."""

    seq: int
    size: int
    leaf: str
    root: str
    path: tuple[str, ...]
    body: str
    leaf_holds: bool  # SHA-256(0x00 || body) is the leaf
    path_holds: bool
    binds: bool  # the event's body names the message's SHA-256
    octets_hold: bool  # the stored octets have that SHA-256
    anchored: tuple[Mapping[str, Any], ...] = ()  # anchors over a log that already held the event

    @property
    def holds(self) -> bool:
        return self.leaf_holds and self.path_holds and self.binds and self.octets_hold


def inclusion(
    conn: sqlite3.Connection, cache: dict[str, Any], sha256: str, size: int | None = None
) -> InclusionProof | None:
    """The proof that the message's own event is in the log of ``size`` (None: as it stands). None where there is none."""
    row = conn.execute(
        "SELECT e.seq, e.body, e.leaf FROM message m JOIN event e ON e.seq = m.event WHERE m.sha256 = ?", (sha256,)
    ).fetchone()
    if row is None:
        return None
    tree = log_tree(conn, cache, size)
    seq, body, leaf = row["seq"], row["body"], bytes(row["leaf"])
    if seq >= tree.size:
        return None
    path = tree.path(seq)
    return InclusionProof(
        seq=seq, size=tree.size, leaf=leaf.hex(), root=tree.root.hex(), path=tuple(step.hex() for step in path), body=body,
        leaf_holds=leaf_hash(body.encode("utf-8")) == leaf,
        path_holds=included(leaf, seq, tree.size, path, tree.root),
        binds=_bound_hash(body) == sha256,
        octets_hold=sha256_hex(raw(conn, sha256)) == sha256,
        anchored=tuple(_all(conn, "SELECT id, authority, at, size, root, test FROM anchors WHERE size > ? ORDER BY id", (seq,))),
    )  # fmt: skip


def _bound_hash(body: str) -> str | None:
    row = json_or(body, {}).get("row") or {}
    return row.get("sha256") if isinstance(row, dict) else None


def log_tree(conn: sqlite3.Connection, cache: dict[str, Any], size: int | None = None) -> Tree:
    """The Merkle tree over the first ``size`` leaves; the last one built is kept, known by its size and last leaf."""
    sql = "SELECT leaf FROM event ORDER BY seq" + ("" if size is None else " LIMIT ?")
    leaves = [bytes(r[0]) for r in conn.execute(sql, () if size is None else (size,))]
    kept: Tree | None = cache.get("log-tree")
    if kept is not None and kept.levels[0] == tuple(leaves):
        return kept
    tree = Tree.over(leaves)
    cache["log-tree"] = tree
    return tree
