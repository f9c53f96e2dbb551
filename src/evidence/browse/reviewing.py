"""The review queue: what waits for a person, best first, and the decision as the writer takes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evidence.browse.judged import FLAGS, REQUEST_SQL, flags_of, marks, proposed_outcomes, request_row
from evidence.browse.site import Writer
from evidence.model import CATEGORIES, other_side

PAGE_SIZE = 30
CONTEXT = 260  # characters shown on each side of a quote


@dataclass(frozen=True, slots=True)
class Choice:
    """What the queue is narrowed to. ``state``: unreviewed, accepted, rejected or all; ``what``: flag, request or all."""

    what: str = "all"
    state: str = "unreviewed"
    category: str = ""
    tier: str = ""
    side: str = ""

    def parameters(self, **changes: Any) -> dict[str, str]:
        now = {
            "what": self.what,
            "state": self.state,
            "category": self.category,
            "tier": self.tier,
            "side": self.side,
            **changes,
        }
        defaults = {"what": "all", "state": "unreviewed"}
        return {k: str(v) for k, v in now.items() if v and defaults.get(k) != v}


def choice_from(args: Mapping[str, str]) -> Choice:
    def one_of(name: str, allowed: tuple[str, ...], otherwise: str) -> str:
        value = args.get(name, "")
        return value if value in allowed else otherwise

    return Choice(
        what=one_of("what", ("flag", "request"), "all"),
        state=one_of("state", ("accepted", "rejected", "all"), "unreviewed"),
        category=one_of("category", tuple(CATEGORIES), ""),
        tier=one_of("tier", ("stated", "possible"), ""),
        side=one_of("side", ("us", "client", "third"), ""),
    )


@dataclass(frozen=True, slots=True)
class Item:
    """A flag or request in the queue, with the words around its quote and the id of the last decision seen (0: none)."""

    what: str
    id: str
    row: Mapping[str, Any]
    before: str
    quote: str
    after: str
    seen: int


@dataclass(frozen=True, slots=True)
class Queue:
    items: tuple[Item, ...]
    total: int
    done: int
    of: int
    number: int
    pages: int
    orphaned: tuple[Mapping[str, Any], ...]
    after: str = ""  # behind which item this page begins; empty: the pages are counted from the start
    last: str = ""  # the last item of this page, for the next one

    @property
    def percent(self) -> int:
        return 100 * self.done // self.of if self.of else 100


def queue(conn: sqlite3.Connection, choice: Choice, number: int, after: str = "") -> Queue:
    """One page of the queue. Order: unreviewed before decided, then by how sure the rule is, stated first; then by time.

    ``after`` is ``last`` of the page before: what is decided leaves the queue, so a page counted from its start would pass over
    as many items as were decided meanwhile. Where that item is no longer found, the page is counted.
    """
    listed = _listed(conn)
    fitting = [
        r for r in listed
        if choice.what in ("all", r["what"])
        and (not choice.category or r["category"] == choice.category)
        and (not choice.tier or r["tier"] == choice.tier)
        and (not choice.side or r["side"] == choice.side)
    ]  # fmt: skip
    done = sum(1 for r in fitting if r["review"] != "unreviewed")
    wanted = [r for r in fitting if choice.state in ("all", r["review"])]
    wanted.sort(key=lambda r: _place(r, r["review"] != "unreviewed"))
    begin = _behind(wanted, listed, after) if after else None
    if begin is None:
        after, pages = "", max(1, -(-len(wanted) // PAGE_SIZE))
        number = min(max(1, number), pages)
        begin = (number - 1) * PAGE_SIZE
    else:
        number = max(2, number)
        pages = number + -(-max(0, len(wanted) - begin - PAGE_SIZE) // PAGE_SIZE)
    slice_ = wanted[begin : begin + PAGE_SIZE]
    last = slice_[-1] if slice_ else None
    return Queue(
        items=_items(conn, slice_),
        total=len(wanted),
        done=done,
        of=len(fitting),
        number=number,
        pages=pages,
        orphaned=tuple(_orphaned(conn)),
        after=after,
        last=f"{int(last['review'] != 'unreviewed')}-{last['what']}-{last['id']}" if last else "",
    )


def _place(row: Mapping[str, Any], decided: bool) -> tuple[Any, ...]:
    return (decided, row["tier"] != "stated", -row["score"], row["at"], row["id"])


def _behind(wanted: list[dict[str, Any]], listed: list[dict[str, Any]], after: str) -> int | None:
    """Where in ``wanted`` the items behind ``after`` begin (its place is the one it had when it was shown); None: not known, or
    there are none."""
    decided, _, name = after.partition("-")
    what, _, id_ = name.partition("-")
    of = next((r for r in listed if r["what"] == what and r["id"] == id_), None)
    if of is None:
        return None
    place = _place(of, decided == "1")
    begin = sum(1 for r in wanted if _place(r, r["review"] != "unreviewed") <= place)
    return begin if begin < len(wanted) else None


def item(conn: sqlite3.Connection, what: str, id_: str) -> Item | None:
    """One item by its id; None where it no longer exists."""
    listed = [r for r in _listed(conn, id_) if r["what"] == what]
    return next(iter(_items(conn, listed)), None)


def _listed(conn: sqlite3.Connection, id_: str | None = None) -> list[dict[str, Any]]:
    only, values = (" AND x.id = ?", [id_]) if id_ else ("", [])
    base = "JOIN parsed_message p ON p.message = x.message LEFT JOIN reviews_latest r ON r.target = '{}' AND r.target_id = x.id"
    shown = "WHERE p.withheld = 0 AND p.copy_of IS NULL" + only
    flags = conn.execute(
        "SELECT 'flag' AS what, x.id, x.message, coalesce(nullif(r.category, ''), x.category) AS category, x.tier, x.score, p.at,"
        f" x.speaker AS side, coalesce(r.decision, 'unreviewed') AS review FROM {FLAGS} x {base.format('flag')} {shown}",
        values,
    )
    found = [dict(row) for row in flags]
    for row in found:
        row["category"] = row["category"].partition("/")[0]
    requests = conn.execute(
        "SELECT 'request' AS what, x.id, x.message, '' AS category, x.tier, 500 AS score, p.at, x.asker AS side,"
        f" coalesce(r.decision, 'unreviewed') AS review FROM request x {base.format('request')} {shown}",
        values,
    )
    return found + [dict(row) for row in requests]


def _items(conn: sqlite3.Connection, listed: list[dict[str, Any]]) -> tuple[Item, ...]:
    if not listed:
        return ()
    numbers = sorted({r["message"] for r in listed})
    held = marks(len(numbers))
    messages = {
        r["message"]: dict(r)
        for r in conn.execute(
            f"SELECT message, sha256, at, at_note, subject, speaker, person, sender, scope FROM parsed_message WHERE message IN ({held})",
            numbers,
        )
    }
    texts = {
        (r[0], r[1]): r[2]
        for r in conn.execute(f"SELECT message, part, text FROM text_part WHERE message IN ({held})", numbers)
    }
    flags = {f["id"]: f for found in flags_of(conn, numbers).values() for f in found}
    ids = [r["id"] for r in listed if r["what"] == "request"]
    requests = {
        row["id"]: request_row(row) for row in conn.execute(f"{REQUEST_SQL} WHERE q.id IN ({marks(len(ids))})", ids)
    } if ids else {}  # fmt: skip
    proposed = proposed_outcomes(conn, ids) if ids else {}
    found = []
    for r in listed:
        row = {
            **(flags if r["what"] == "flag" else requests)[r["id"]],
            "mail": messages[r["message"]],
            "proposed": proposed.get(r["id"], []),
        }
        text = texts.get((r["message"], row["part"]), "")
        start, end = row["start"], row["end"]
        quote = text[start:end] or row["quote"]
        found.append(Item(
            r["what"], r["id"], row, _cut_left(text[max(0, start - CONTEXT) : start], start > CONTEXT), quote,
            _cut_right(text[end : end + CONTEXT], end + CONTEXT < len(text)), row["review_id"] or 0,
        ))  # fmt: skip
    return tuple(found)


def _cut_left(text: str, cut: bool) -> str:
    return "… " + text.partition(" ")[2] if cut and " " in text else text.lstrip("\n")


def _cut_right(text: str, cut: bool) -> str:
    return text.rpartition(" ")[0] + " …" if cut and " " in text else text.rstrip("\n")


def _orphaned(conn: sqlite3.Connection) -> list[dict[str, Any]]:
    """Decisions whose flag or request a later rule pack no longer finds: listed, never dropped."""
    rows = conn.execute(
        "SELECT r.* FROM reviews_latest r WHERE r.decision <> 'unreviewed' AND"
        f" ((r.target = 'flag' AND r.target_id NOT IN (SELECT id FROM {FLAGS}))"
        " OR (r.target = 'request' AND NOT EXISTS (SELECT 1 FROM request q WHERE q.id = r.target_id))) ORDER BY r.id DESC LIMIT 50"
    )
    return [dict(row) for row in rows]


def candidates(conn: sqlite3.Connection, request_id: str) -> list[dict[str, Any]]:
    """The other side's messages after a request that may have answered it: of its thread first, then by time, at most 40."""
    row = conn.execute(
        "SELECT q.asker, p.at, p.thread FROM request q JOIN parsed_message p ON p.message = q.message WHERE q.id = ?",
        (request_id,),
    ).fetchone()
    if row is None:
        return []
    answerer = other_side(row["asker"])
    rows = conn.execute(
        "SELECT message, sha256, at, subject, gist, person, thread = ? AS same_thread FROM parsed_message"
        " WHERE speaker = ? AND at >= ? AND withheld = 0 AND copy_of IS NULL AND kind = 'human'"
        " ORDER BY thread <> ?, at, message LIMIT 40",
        (row["thread"], answerer, row["at"], row["thread"]),
    )
    return [dict(r) for r in rows]


def outcome_of(conn: sqlite3.Connection, request_id: str, sha256: str) -> str:
    """What a request has become if this message answers it: ``answered``, or ``answered-late`` where it came after the deadline."""
    row = conn.execute(
        "SELECT p.at > q.due_at AS late FROM request q, parsed_message p WHERE q.id = ? AND p.sha256 = ?",
        (request_id, sha256),
    ).fetchone()
    return "answered-late" if row is not None and row["late"] else "answered"


# ---- decisions -----------------------------------------------------------------------------


def previous(conn: sqlite3.Connection, target: str, target_id: str, undone: int) -> dict[str, Any]:
    """What held before decision ``undone``: the row an undo appends again. Unreviewed where nothing came before."""
    row = conn.execute(
        "SELECT decision, category, outcome, answering_sha256, note FROM review WHERE target = ? AND target_id = ? AND id < ?"
        " ORDER BY id DESC LIMIT 1",
        (target, target_id, undone),
    ).fetchone()
    if row is None:
        return {"decision": "unreviewed", "category": None, "outcome": None, "answering_sha256": None, "note": ""}
    return dict(row)


def decide(writer: Writer, target: str, target_id: str, decision: Mapping[str, Any], *, actor: str, expect: int) -> int:
    """Append the decision, if the last one is still ``expect`` (0: none). Returns its id; raises what the writer raises."""
    return writer.review(
        target, target_id, str(decision["decision"]), actor=actor, note=str(decision.get("note") or ""),
        category=decision.get("category") or None, outcome=decision.get("outcome") or None,
        answering_sha256=decision.get("answering_sha256") or None, expect=expect,
    )  # fmt: skip
