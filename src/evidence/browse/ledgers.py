"""The other pages' rows: requests, assessment, effort, completeness, log and anchors, bundles, outside files."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from evidence.browse.judged import FLAGS, REQUEST_SQL, decisions, marks, request_row
from evidence.browse.messages import log_tree
from evidence.browse.words import json_or
from evidence.reckoning import as_decided
from evidence.wording.bundles import shown_kind

PAGE_SIZE = 200


def _all(conn: sqlite3.Connection, sql: str, values: Any = ()) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(sql, values)]


def requests(conn: sqlite3.Connection, args: Mapping[str, str]) -> dict[str, Any]:
    """The ledger: who asked, what became of it. Filters: asker, outcome, kind, tier (stated by default), state."""
    rows = [
        request_row(row)
        for row in conn.execute(f"{REQUEST_SQL} WHERE p.withheld = 0 AND p.copy_of IS NULL ORDER BY q.asked_at, q.id")
    ]
    tier = args.get("tier", "")
    base = [
        r for r in rows
        if (r["review"] == "accepted" or r["tier"] == "stated" or tier in ("possible", "all")) and (tier != "possible" or r["tier"] == tier)
    ]  # fmt: skip
    rejected = sum(1 for r in base if r["review"] == "rejected")
    if args.get("state") != "rejected":
        base = [r for r in base if r["review"] != "rejected"]
    counts = {name: Counter(r[name] for r in base) for name in ("asker", "outcome", "kind")}
    wanted = [
        r for r in base if all(not args.get(name) or r[name] == args[name] for name in ("asker", "outcome", "kind"))
    ]
    number, pages, slice_ = _paged(wanted, args)
    others = sorted({h for r in slice_ for h in r["other_messages"] if isinstance(h, str)})
    mails = {
        r["sha256"]: r
        for r in _all(conn, f"SELECT sha256, at, subject, person FROM parsed_message WHERE sha256 IN ({marks(len(others))})", others)
    } if others else {}  # fmt: skip
    answering = [r["answering_sha256"] for r in slice_ if r["answering_sha256"]]
    for row in _all(
        conn,
        f"SELECT sha256, at, subject, person FROM parsed_message WHERE sha256 IN ({marks(len(answering))})",
        answering,
    ):
        mails[row["sha256"]] = row
    return {
        "rows": slice_, "total": len(wanted), "counts": counts, "rejected": rejected, "mails": mails, "number": number, "pages": pages,
        "possible": sum(1 for r in rows if r["tier"] == "possible" and r["review"] == "unreviewed"),
    }  # fmt: skip


def _paged(rows: list[Any], args: Mapping[str, str]) -> tuple[int, int, list[Any]]:
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    asked = args.get("page", "1")
    number = min(max(1, int(asked) if asked.isdecimal() and len(asked) < 7 else 1), pages)
    return number, pages, rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]


def rendered(conn: sqlite3.Connection, name: str, language: str = "") -> str | None:
    """What the timeline stage left for the pages: exact language, else any."""
    row = conn.execute(
        "SELECT body FROM rendered WHERE name = ? ORDER BY language = ? DESC, language LIMIT 1", (name, language)
    ).fetchone()
    return str(row[0]) if row else None


def assessment(conn: sqlite3.Connection, counted: str | None = None) -> dict[str, Any]:
    """The four questions with the flags under them, the recorded answers from the judgement table itself.

    ``counted`` is the assessment as decisions stand now. Without it, that of the last rebuild is brought up to date as far as
    its own lists go (``_recount``), and ``stored`` is true: then decisions on requests, and proposals kept since, are not in it.
    """
    found = json_or(rendered(conn, "assessment") if counted is None else counted, None)
    answers = {
        row["question"]: row
        for row in _all(conn, "SELECT * FROM answer WHERE id IN (SELECT max(id) FROM answer GROUP BY question)")
    }
    ids: list[str] = []
    requests_: list[str] = []
    for question in (found or {}).get("questions", ()):
        for side in ("client", "us"):
            of = question.get(side) or {}
            ids += [*(of.get("flags") or []), *(of.get("waiting") or [])]
            requests_ += of.get("requests") or []
    for line in (found or {}).get("claims", ()):
        ids += line.get("flags") or []
        requests_ += line.get("proof_requests") or []
    for notice in (found or {}).get("notices", ()):
        ids.append(notice.get("flag") or "")
    requests_ += [*(found or {}).get("ours_unanswered", ()), *(found or {}).get("ours_late", ())]
    flags = _flags(conn, ids)
    if counted is None:
        for question in (found or {}).get("questions", ()):
            for side in ("client", "us"):
                _recount(question.get(side) or {}, flags)
    return {
        "assessment": found,
        "stored": counted is None,
        "answers": answers,
        "flags": flags,
        "requests": _requests(conn, requests_),
        "files": {row["id"]: row for row in _all(conn, "SELECT * FROM outside_files")},
    }


def _recount(side: dict[str, Any], flags: Mapping[str, Mapping[str, Any]]) -> None:
    """Counts as decisions stand now: what was built lists the flags that stood then, those that waited for a person, and how many
    were rejected already. One that waited joins once it is accepted, unless under another category."""
    waited = [flags[i] for i in side.get("waiting") or () if i in flags]
    joined = [
        f["id"]
        for f in waited
        if f["review"] == "accepted" and f["decided_category"] in (None, "", f["found_category"])
    ]
    side["flags"] = sorted([*(side.get("flags") or ()), *joined], key=lambda i: flags[i]["at"] if i in flags else "")
    now = Counter(flags[i]["review"] for i in side.get("flags") or () if i in flags)
    side["accepted"], side["unreviewed"] = now["accepted"], now["unreviewed"]
    side["rejected"] = (side.get("rejected") or 0) + now["rejected"] + sum(f["review"] == "rejected" for f in waited)


def _flags(conn: sqlite3.Connection, ids: list[str]) -> dict[str, dict[str, Any]]:
    decided = decisions(conn, "flag")
    found: dict[str, dict[str, Any]] = {}
    for chunk in _chunks(sorted(set(ids))):
        for row in _all(
            conn,
            "SELECT f.id, f.quote, f.category, f.subtype, f.tier, f.speaker, p.sha256, p.at, p.person"
            f" FROM {FLAGS} f"
            f" JOIN parsed_message p ON p.message = f.message WHERE p.withheld = 0 AND f.id IN ({marks(len(chunk))})",
            chunk,
        ):
            row["review"] = decided[row["id"]]["decision"] if row["id"] in decided else "unreviewed"
            row["decided_category"] = decided[row["id"]]["category"] if row["id"] in decided else None
            row["found_category"] = row["category"]
            row["category"], row["subtype"] = as_decided(row["category"], row["subtype"], row["decided_category"])
            found[row["id"]] = row
    return found


def _requests(conn: sqlite3.Connection, ids: list[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for chunk in _chunks(sorted(set(ids))):
        for row in conn.execute(f"{REQUEST_SQL} WHERE p.withheld = 0 AND q.id IN ({marks(len(chunk))})", chunk):
            found[row["id"]] = request_row(row)
    return found


def _chunks(values: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(values), 500):
        yield values[at : at + 500]


def effort(conn: sqlite3.Connection, counted: str | None = None) -> dict[str, Any]:
    """The hours of each person and month, with those logged by hand. ``counted`` as in ``assessment``."""
    return {
        "effort": json_or(rendered(conn, "effort") if counted is None else counted, None),
        "stored": counted is None,
        "hours": _all(conn, "SELECT person, day, minutes, about, actor, at FROM hours ORDER BY day, id"),
    }


def completeness(conn: sqlite3.Connection) -> dict[str, Any]:
    return {
        "folders": _all(conn, "SELECT * FROM folders ORDER BY account, folder, uidvalidity"),
        "sources": _all(conn, "SELECT path, kind, size, sha256, caveat FROM source ORDER BY id"),
        "owed": _all(conn, "SELECT * FROM owed_now ORDER BY id LIMIT 500"),
        "owed_total": conn.execute("SELECT count(*) FROM owed_now").fetchone()[0],
        "observations": _all(conn, "SELECT * FROM observations ORDER BY severity, id DESC LIMIT 200"),
        "acquisitions": _all(
            conn, "SELECT id, kind, account, began_at, ended_at, outcome FROM acquisitions ORDER BY id DESC LIMIT 30"
        ),
        "unreadable": _all(
            conn, "SELECT sha256, at, failed FROM parsed_message WHERE failed IS NOT NULL ORDER BY message LIMIT 200"
        ),
        "gone": _all(
            conn,
            "SELECT d.noticed_at, d.last_seen_at, d.kind, f.account, f.name AS folder, s.uid, p.sha256, p.subject FROM disappearance d"
            " JOIN sighting s ON s.id = d.sighting JOIN parsed_message p ON p.message = s.message LEFT JOIN folder f ON f.id = s.folder"
            " WHERE p.withheld = 0 AND d.kind = 'gone' ORDER BY d.id DESC LIMIT 200",
        ),
    }


def log(conn: sqlite3.Connection, cache: dict[str, Any], args: Mapping[str, str]) -> dict[str, Any]:
    """The head, the anchors over it, and events newest first. Filters: kind."""
    kind = args.get("kind", "")
    where, values = ("WHERE json_extract(body, '$.kind') = ?", [kind]) if kind else ("", [])
    asked = args.get("before", "")
    size = conn.execute("SELECT count(*) FROM event").fetchone()[0]
    before = int(asked) if asked.isdecimal() and len(asked) < 16 else size
    events = _all(
        conn,
        "SELECT seq, json_extract(body, '$.at') AS at, json_extract(body, '$.kind') AS kind, json_extract(body, '$.table') AS \"table\","
        " lower(hex(leaf)) AS leaf, body FROM event"
        f" {where + ' AND' if where else 'WHERE'} seq < ? ORDER BY seq DESC LIMIT ?",
        [*values, before, PAGE_SIZE + 1],
    )
    for event in events:
        event["bundle"] = _issued(json_or(event["body"], {})) if event["kind"] == "bundle-issued" else None
    tree = log_tree(conn, cache)
    return {
        "size": tree.size,
        "root": tree.root.hex(),
        "anchors": _all(conn, "SELECT * FROM anchors ORDER BY id DESC"),
        "events": events[:PAGE_SIZE],
        "older": events[PAGE_SIZE - 1]["seq"] if len(events) > PAGE_SIZE else None,
        "kind": kind,
        "kinds": _kinds(conn, cache, tree.size),
    }


def _issued(body: Mapping[str, Any]) -> dict[str, Any]:
    """Number and kind of the bundle that an event records, as its cover names it."""
    row = body.get("row") or {}
    return {"number": row.get("number"), "kind": shown_kind(row.get("kind") or "", json_or(row.get("options"), {}))}


def _kinds(conn: sqlite3.Connection, cache: dict[str, Any], size: int) -> list[str]:
    """The kinds of event there are; what was found in the log so far is kept, since it only grows."""
    seen, kinds = cache.get("log-kinds", (0, frozenset()))
    rows = conn.execute("SELECT DISTINCT json_extract(body, '$.kind') FROM event WHERE seq >= ?", (seen,))
    kinds = kinds | {str(r[0]) for r in rows}
    cache["log-kinds"] = (size, kinds)
    return sorted(kinds)


def bundles(conn: sqlite3.Connection) -> dict[str, Any]:
    issued = _all(conn, "SELECT * FROM bundle ORDER BY number DESC")
    for bundle in issued:
        bundle["kind"] = shown_kind(bundle["kind"], json_or(bundle["options"], {}))
    return {
        "bundles": issued,
        "exhibits": {
            r["bundle"]: r["n"] for r in _all(conn, "SELECT bundle, count(*) AS n FROM exhibits GROUP BY bundle")
        },
    }


def files(conn: sqlite3.Connection) -> dict[str, Any]:
    return {
        "files": _all(conn, "SELECT * FROM outside_files ORDER BY event_date, id"),
        "links": _all(conn, "SELECT * FROM link WHERE subject = 'file' ORDER BY id"),
    }
