"""The timeline's rows: which messages, in pages, by day, with what stands under them. Reads SQL, returns values."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from evidence.browse import searching
from evidence.browse.judged import flags_of, marks, requests_of, standing, stands
from evidence.browse.language import parse
from evidence.browse.words import moment
from evidence.model import CATEGORIES

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """What the URL narrows the timeline to. Days are whole days in the matter's time zone, both ends inclusive."""

    query: str = ""
    side: str = ""
    person: str = ""
    category: str = ""
    tier: str = ""
    since: date | None = None
    until: date | None = None
    unreviewed: bool = False
    everything: bool = False

    @property
    def narrowing(self) -> bool:
        return bool(self.query or self.side or self.person or self.category or self.tier or self.unreviewed)

    def parameters(self, **changes: Any) -> dict[str, str]:
        """The URL's parameters for these filters, with changes; page is left out unless given."""
        now: dict[str, Any] = {
            "q": self.query, "side": self.side, "person": self.person, "category": self.category, "tier": self.tier,
            "since": self.since, "until": self.until, "unreviewed": self.unreviewed, "all": self.everything,
        }  # fmt: skip
        now.update(changes)
        return {k: "1" if v is True else str(v) for k, v in now.items() if v not in ("", None, False)}


def filters_from(args: Mapping[str, str]) -> Filters:
    """Filters out of URL parameters; what cannot be read is left out."""
    side = args.get("side", "")
    category = args.get("category", "")
    tier = args.get("tier", "")
    return Filters(
        query=args.get("q", "").strip(),
        side=side if side in ("us", "client", "third") else "",
        person=args.get("person", ""),
        category=category if category.partition("/")[0] in CATEGORIES else "",
        tier=tier if tier in ("stated", "possible") else "",
        since=_day(args.get("since", "")),
        until=_day(args.get("until", "")),
        unreviewed=args.get("unreviewed", "") == "1",
        everything=args.get("all", "") == "1",
    )


def _day(text: str) -> date | None:
    try:
        return min(date.fromisoformat(text), date.max - timedelta(days=1))  # there is a day after it
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the timeline, or an outside file, a silence, a disappearance (``kind``)."""

    kind: str
    at: str
    row: Mapping[str, Any]
    flags: tuple[Mapping[str, Any], ...] = ()
    requests: tuple[Mapping[str, Any], ...] = ()
    answers: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    days: tuple[tuple[date, tuple[Line, ...]], ...]
    total: int
    number: int
    pages: int
    categories: Mapping[str, int]
    people: tuple[tuple[str, str, int], ...]  # (side, person, messages)
    sides: Mapping[str, int]
    waiting: int  # possible flags nobody has decided on
    unreviewed: int
    withheld: int
    context: int
    excluded: int
    first: str = ""
    last: str = ""
    months: tuple[tuple[str, int, int], ...] = ()  # (YYYY-MM, page, messages)
    parameters: Mapping[str, str] = field(default_factory=dict)


def shown(everything: bool) -> str:
    """SQL: the messages a view may show. Copies stand under their first, counsel's mail is withheld."""
    scope = (
        ""
        if everything
        else (
            " AND (p.scope = 'in-scope' OR p.message IN (SELECT m.id FROM message m JOIN selections_latest s ON s.sha256 = m.sha256"
            " WHERE s.action = 'include'))"
        )
    )
    return "+p.copy_of IS NULL AND p.withheld = 0" + scope  # +: read the list's own index, in its order


def page(conn: sqlite3.Connection, filters: Filters, number: int, zone: ZoneInfo, gap_days: int = 14) -> Page:
    """One page. Raises QueryError for a query that cannot be read."""
    where, values = [shown(filters.everything)], list[Any]()
    if filters.query and (tree := parse(filters.query)) is not None:
        sql, more = searching.condition(tree, zone)
        where.append(sql)
        values += more
    if filters.since:
        where.append("p.at >= ?")
        values.append(searching.day_start(filters.since, zone))
    if filters.until:
        where.append("p.at < ?")
        values.append(searching.day_start(filters.until + timedelta(days=1), zone))
    rows = conn.execute(
        "SELECT p.message, p.at, p.speaker, p.person, p.scope FROM parsed_message p"
        f" WHERE {' AND '.join(where)} ORDER BY p.at, p.message",
        values,
    ).fetchall()
    flags = standing(conn)
    people = Counter((r[2], r[3]) for r in rows)
    sides = Counter(r[2] for r in rows)
    if filters.side:
        rows = [r for r in rows if r[2] == filters.side]
    if filters.person:
        rows = [r for r in rows if r[3] == filters.person]
    held = {r[0] for r in rows}
    matching = [f for f in flags if f["message"] in held and _tier_fits(f, filters.tier)]
    if filters.unreviewed:
        matching = [f for f in matching if f["review"] == "unreviewed"]
    categories = Counter(f["category"] for f in matching)
    if filters.category:
        name, _, subtype = filters.category.partition("/")
        matching = [f for f in matching if f["category"] == name and (not subtype or f["subtype"] == subtype)]
    if filters.category or filters.tier or filters.unreviewed:
        wanted = {f["message"] for f in matching}
        rows = [r for r in rows if r[0] in wanted]
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    number = min(max(1, number), pages)
    first = (number - 1) * PAGE_SIZE
    slice_ = rows[first : first + PAGE_SIZE]
    before = rows[first - 1] if first else None
    lines = _lines(conn, slice_, filters)
    if not filters.narrowing:
        ends_here = number == pages
        lines = _with_others(conn, lines, before, ends_here, filters, zone, gap_days)
    counts = _counts(conn)
    return Page(
        days=_by_day(lines, zone),
        total=len(rows),
        number=number,
        pages=pages,
        categories=categories,
        people=tuple(
            sorted(
                ((s, p, n) for (s, p), n in people.items() if p), key=lambda x: (x[0] != "client", x[0], -x[2], x[1])
            )
        ),
        sides=sides,
        waiting=sum(
            1 for f in flags if f["tier"] == "possible" and f["review"] == "unreviewed" and f["message"] in held
        ),
        unreviewed=sum(1 for f in flags if f["review"] == "unreviewed" and f["message"] in held),
        withheld=counts["withheld"],
        context=counts["context"],
        excluded=counts["excluded"],
        first=rows[0][1] if rows else "",
        last=rows[-1][1] if rows else "",
        months=_months(rows, zone),
        parameters=filters.parameters(),
    )


def page_of(conn: sqlite3.Connection, sha256: str) -> int | None:
    """The page of the unnarrowed timeline that shows this message (or the first of its copies); None if none does."""
    row = conn.execute(
        "SELECT p.at, p.message FROM parsed_message p WHERE p.message ="
        " (SELECT coalesce(copy_of, message) FROM parsed_message WHERE sha256 = ?) AND " + shown(False),
        (sha256,),
    ).fetchone()
    if row is None:
        return None
    before = conn.execute(
        f"SELECT count(*) FROM parsed_message p WHERE {shown(False)} AND (p.at < ? OR (p.at = ? AND p.message < ?))",
        (row["at"], row["at"], row["message"]),
    ).fetchone()[0]
    return int(before) // PAGE_SIZE + 1


def _tier_fits(flag: Mapping[str, Any], tier: str) -> bool:
    if tier:
        return bool(flag["tier"] == tier) and flag["review"] != "rejected"
    return stands(flag)


def _counts(conn: sqlite3.Connection) -> dict[str, int]:
    row = conn.execute(
        "SELECT coalesce(sum(withheld), 0), coalesce(sum(scope <> 'in-scope' AND NOT withheld), 0)"
        " FROM parsed_message WHERE copy_of IS NULL"
    ).fetchone()
    excluded = conn.execute("SELECT count(*) FROM selections_latest WHERE action = 'exclude'").fetchone()[0]
    return {"withheld": row[0], "context": row[1], "excluded": excluded}


def _months(rows: Sequence[Any], zone: ZoneInfo) -> tuple[tuple[str, int, int], ...]:
    """Months as the pages show their days, in the matter's time zone: what was sent on the last night of one may stand in the next."""
    found: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        at = moment(row[1], zone)
        month = at.date().isoformat()[:7] if at else row[1][:7]
        found.setdefault(month, [index // PAGE_SIZE + 1, 0])[1] += 1
    return tuple((month, at, n) for month, (at, n) in found.items())


def _lines(conn: sqlite3.Connection, rows: Sequence[Any], filters: Filters) -> list[Line]:
    numbers = [r[0] for r in rows]
    if not numbers:
        return []
    held = marks(len(numbers))
    messages = {
        r["message"]: dict(r)
        for r in conn.execute(
            "SELECT p.message, p.sha256, p.at, p.at_clock, p.at_note, p.subject, p.gist, p.sender, p.sender_name, p.speaker,"
            " p.person, p.scope, p.kind, p.thread, p.parent, p.failed, p.own_words,"
            " (SELECT count(*) FROM attachment a WHERE a.message = p.message) AS attachments,"
            " (SELECT action FROM selections_latest s WHERE s.sha256 = p.sha256) AS selection,"
            " (SELECT number FROM exhibit e WHERE e.kind = 'message' AND e.sha256 = p.sha256) AS exhibit,"
            " (SELECT count(*) FROM sighting s WHERE s.message = p.message) AS sightings,"
            " (SELECT count(*) FROM disappearance d JOIN sighting s ON s.id = d.sighting WHERE s.message = p.message AND d.kind = 'gone') AS gone"
            f" FROM parsed_message p WHERE p.message IN ({held})", numbers
        )
    }  # fmt: skip
    copies = dict(
        conn.execute(
            f"SELECT copy_of, count(*) FROM parsed_message WHERE copy_of IN ({held}) GROUP BY copy_of", numbers
        ).fetchall()
    )
    recipients: dict[int, list[str]] = {}
    for message, shown_as in conn.execute(
        "SELECT message, CASE WHEN person <> '' THEN person WHEN name <> '' THEN name ELSE address END FROM participant"
        f" WHERE message IN ({held}) AND header IN ('to', 'cc') ORDER BY message, position",
        numbers,
    ):
        names = recipients.setdefault(message, [])
        if shown_as not in names:
            names.append(shown_as)
    begins = dict(
        conn.execute(
            'SELECT z.message, evidence_cut(t.text, z.start, min(z."end", z.start + 400)) FROM zone z'
            " JOIN text_part t ON t.message = z.message AND t.part = 'body' WHERE z.part = 'body' AND z.kind = 'own' AND z.number ="
            " (SELECT min(number) FROM zone y WHERE y.message = z.message AND y.part = 'body' AND y.kind = 'own')"
            f" AND z.message IN ({held})",
            numbers,
        ).fetchall()
    )
    flags = flags_of(conn, numbers)
    requests, answers = requests_of(conn, numbers)
    lines = []
    for r in rows:
        row = messages[r[0]]
        row["copies"] = copies.get(r[0], 0)
        row["begins"] = " ".join((begins.get(r[0]) or "").split())
        row["recipients"] = recipients.get(r[0], [])
        lines.append(Line(
            "message", row["at"], row,
            tuple(f for f in flags.get(r[0], ()) if _tier_fits(f, filters.tier)),
            tuple(q for q in requests.get(r[0], ()) if stands(q)),
            tuple(answers.get(r[0], ())),
        ))  # fmt: skip
    return lines


def _with_others(
    conn: sqlite3.Connection,
    lines: list[Line],
    before: Any,
    last_page: bool,
    filters: Filters,
    zone: ZoneInfo,
    gap_days: int,
) -> list[Line]:
    """Outside files, disappearances and silences between the messages of a page that nothing narrows."""
    from_ = before[1] if before else (searching.day_start(filters.since, zone) if filters.since else "")
    to = (
        lines[-1].at
        if lines and not last_page
        else (searching.day_start(filters.until + timedelta(days=1), zone) if filters.until else "9999")
    )
    others = [
        Line("outside", _file_time(row["event_date"], zone), dict(row))
        for row in conn.execute("SELECT * FROM outside_files ORDER BY event_date, id")
    ]
    others += [
        Line("disappearance", row["noticed_at"], dict(row))
        for row in conn.execute(
            "SELECT d.noticed_at, d.last_seen_at, f.name AS folder, s.uid, p.sha256, p.subject FROM disappearance d"
            " JOIN sighting s ON s.id = d.sighting JOIN parsed_message p ON p.message = s.message LEFT JOIN folder f ON f.id = s.folder"
            f" WHERE d.kind = 'gone' AND {shown(filters.everything)} ORDER BY d.noticed_at, d.id"
        )
    ]
    merged = sorted([*lines, *(o for o in others if from_ <= o.at < to)], key=lambda line: line.at)
    return _with_silences(merged, before, zone, gap_days)


def _file_time(event_date: str, zone: ZoneInfo) -> str:
    day = _day(event_date[:10])
    if day is None:
        return event_date
    return searching.day_start(day, zone) if len(event_date) <= 10 else event_date


def _with_silences(lines: Iterable[Line], before: Any, zone: ZoneInfo, gap_days: int) -> list[Line]:
    found: list[Line] = []
    since: datetime | None = moment(before[1], zone) if before else None
    who = before[2] if before else ""
    for line in lines:
        if line.kind == "message":
            at = moment(line.at, zone)
            if since is not None and at is not None and (at - since).days >= gap_days:
                found.append(
                    Line("silence", line.at, {"days": (at - since).days, "from": since, "until": at, "after": who})
                )
            since, who = at, line.row["speaker"]
        found.append(line)
    return found


def _by_day(lines: Sequence[Line], zone: ZoneInfo) -> tuple[tuple[date, tuple[Line, ...]], ...]:
    days: list[tuple[date, list[Line]]] = []
    for line in lines:
        at = moment(line.at, zone)
        day = at.date() if at else date(1970, 1, 1)
        if not days or days[-1][0] != day:
            days.append((day, []))
        days[-1][1].append(line)
    return tuple((day, tuple(of)) for day, of in days)
