"""Flags and requests with a person's last decision applied, the second reader's proposals among the flags. Reads SQL, returns values."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from evidence.browse.words import json_or
from evidence.model import CATEGORIES
from evidence.reckoning import as_decided

_WITH_SUBTYPES = ", ".join(f"'{category}'" for category, subtypes in CATEGORIES.items() if subtypes)

# All that can be decided on as a flag: what the rules found, and of the second reader's proposals the first of each that no rule
# found and whose quote still stands where it was, as a flag of tier possible. Columns as in the table ``flag``.
FLAGS = (
    '(SELECT id, message, category, subtype, part, start, "end", quote, speaker, tier, rule, pack, why, score, links, detail FROM flag'
    " UNION ALL SELECT s.target_id, l.message, s.category, CASE WHEN s.category IN ("
    + _WITH_SUBTYPES
    + ") THEN 'other' END,"
    " s.part, s.start, s.\"end\", s.quote, l.speaker, 'possible', 'assist', 'assist@' || s.prompt_version || '#' || s.model,"
    " 'proposed by ' || s.model, 500, '[]', json_object('model', s.model, 'prompt_version', s.prompt_version, 'at', s.at)"
    " FROM proposal s JOIN parsed_message l ON l.sha256 = s.sha256 JOIN text_part t ON t.message = l.message AND t.part = s.part"
    " WHERE s.id IN (SELECT min(id) FROM proposal WHERE what = 'flag' GROUP BY target_id, quote)"
    ' AND substr(t.text, s.start + 1, s."end" - s.start) = s.quote AND NOT EXISTS (SELECT 1 FROM flag f WHERE f.id = s.target_id))'
)


def marks(n: int) -> str:
    return ",".join("?" * n)


def stands(found: Mapping[str, Any]) -> bool:
    """Whether a flag or request is part of the story: stated and not rejected, or accepted by a person."""
    return bool(found["review"] == "accepted" or (found["tier"] == "stated" and found["review"] == "unreviewed"))


def standing(conn: sqlite3.Connection) -> list[dict[str, Any]]:
    """Every flag with id, message, category, subtype, tier and review as they stand now."""
    decided = decisions(conn, "flag")
    found = []
    for row in conn.execute(f"SELECT id, message, category, subtype, tier FROM {FLAGS}"):
        decision = decided.get(row["id"])
        category, subtype = as_decided(row["category"], row["subtype"], decision["category"] if decision else None)
        review = decision["decision"] if decision else "unreviewed"
        found.append({**dict(row), "category": category, "subtype": subtype, "review": review})
    return found


def proposed_outcomes(conn: sqlite3.Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What the second reader proposed became of these requests, by their id: outcome, quote, letter, model; only what still stands there."""
    rows = conn.execute(
        "SELECT s.target_id, s.outcome, s.quote, s.sha256, s.model, s.at, l.at AS written_at, l.person, l.speaker FROM proposal s"
        " JOIN parsed_message l ON l.sha256 = s.sha256 JOIN text_part t ON t.message = l.message AND t.part = s.part"
        f" WHERE s.what = 'request' AND s.target_id IN ({marks(len(ids))}) AND l.withheld = 0"
        ' AND substr(t.text, s.start + 1, s."end" - s.start) = s.quote ORDER BY s.id',
        list(ids),
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["target_id"], []).append(dict(row))
    return found


def decisions(conn: sqlite3.Connection, target: str) -> dict[str, dict[str, Any]]:
    """The last decision on each flag or request, by its id."""
    rows = conn.execute("SELECT * FROM reviews_latest WHERE target = ?", (target,))
    return {row["target_id"]: dict(row) for row in rows}


def flags_of(conn: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The flags of these messages by message, in order of place, each with its last decision."""
    rows = conn.execute(
        "SELECT f.*, r.decision, r.category AS decided_category, r.actor, r.at AS decided_at, r.note AS decided_note, r.id AS review_id"
        f" FROM {FLAGS} f LEFT JOIN review r ON r.id = (SELECT max(id) FROM review WHERE target = 'flag' AND target_id = f.id)"
        f' WHERE f.message IN ({marks(len(numbers))}) ORDER BY f.message, f.part, f.start, f."end", f.id',
        list(numbers),
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        flag = dict(row)
        flag["review"] = flag["decision"] or "unreviewed"
        flag["found_category"], flag["found_subtype"] = flag["category"], flag["subtype"]
        flag["category"], flag["subtype"] = as_decided(flag["category"], flag["subtype"], flag["decided_category"])
        flag["links"], flag["detail"] = json_or(flag["links"], []), json_or(flag["detail"], {})
        found.setdefault(flag["message"], []).append(flag)
    return found


REQUEST_SQL = (
    "SELECT q.*, r.decision, r.outcome AS decided_outcome, r.answering_sha256 AS decided_answer, r.actor, r.at AS decided_at,"
    " r.note AS decided_note, r.id AS review_id, p.sha256, p.subject, p.person, p.speaker,"
    " (SELECT sha256 FROM message WHERE id = q.answering) AS found_answer"
    " FROM request q JOIN parsed_message p ON p.message = q.message"
    " LEFT JOIN review r ON r.id = (SELECT max(id) FROM review WHERE target = 'request' AND target_id = q.id)"
)


def request_row(row: sqlite3.Row) -> dict[str, Any]:
    """A request with its last decision applied: ``outcome`` and ``answering_sha256`` are what holds now."""
    request = dict(row)
    request["review"] = request["decision"] or "unreviewed"
    request["found_outcome"] = request["outcome"]
    decided = request["decision"] in ("accepted", "rejected")
    if decided and request["decided_outcome"]:
        request["outcome"] = request["decided_outcome"]
    request["answering_sha256"] = (request["decided_answer"] if decided else None) or request["found_answer"]
    for name, otherwise in (("other_messages", []), ("searched", {}), ("detail", {})):
        request[name] = json_or(request[name], otherwise)
    return request


def requests_of(
    conn: sqlite3.Connection, numbers: Sequence[int]
) -> tuple[dict[int, list[dict[str, Any]]], dict[int, list[dict[str, Any]]]]:
    """(requests these messages opened, requests they answered), each by message."""
    held = marks(len(numbers))
    opened: dict[int, list[dict[str, Any]]] = {}
    closed: dict[int, list[dict[str, Any]]] = {}
    for row in conn.execute(f"{REQUEST_SQL} WHERE q.message IN ({held}) ORDER BY q.message, q.start", list(numbers)):
        opened.setdefault(row["message"], []).append(request_row(row))
    for row in conn.execute(f"{REQUEST_SQL} WHERE q.answering IN ({held}) ORDER BY q.asked_at, q.id", list(numbers)):
        request = request_row(row)
        if stands(request):
            closed.setdefault(row["answering"], []).append(request)
    return opened, closed
