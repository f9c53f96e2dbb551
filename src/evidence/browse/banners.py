"""What is stale or missing, said on top of every page with the command that mends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.browse.words import Words, moment

OVERDUE = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Banner:
    """``level``: alarm, warning or note. ``command`` is what a person can run."""

    code: str
    level: str
    text: str
    command: str = ""


def banners(
    conn: sqlite3.Connection, words: Words, now: datetime, given: Sequence[Mapping[str, Any]], *, sealed: bool
) -> tuple[Banner, ...]:
    """Those handed in first (they win by code), then what the archive itself shows."""
    found = [
        Banner(
            str(b.get("code", "")), str(b.get("level", "warning")), str(b.get("text", "")), str(b.get("command", ""))
        )
        for b in given
    ]
    if not sealed:
        found += _of_archive(conn, words, now)
    seen: set[str] = set()
    kept = []
    for banner in found:
        if banner.code and banner.code in seen:
            continue
        seen.add(banner.code)
        kept.append(banner)
    return tuple(kept)


def _of_archive(conn: sqlite3.Connection, words: Words, now: datetime) -> list[Banner]:
    _ = words._
    found: list[Banner] = []
    last = conn.execute(
        "SELECT began_at, ended_at, outcome FROM acquisitions WHERE kind = 'sync' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    whole = conn.execute(
        "SELECT ended_at FROM acquisitions WHERE kind = 'sync' AND outcome = 'complete' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    good = whole[0] if whole else None
    if last is not None and last["outcome"] not in ("complete", None):
        text = _("The last reading of the mailbox, on {when}, did not finish.").format(
            when=words.moment(last["began_at"])
        )
        found.append(Banner("sync", "warning", text, "evidence sync"))
    elif last is not None:
        at = moment(good, words.zone)
        if at is None or abs(now - at) > OVERDUE:
            text = _("The mailbox was last read in full on {when}. What came later is not here.").format(
                when=words.moment(good)
            )
            found.append(Banner("sync", "warning", text, "evidence sync"))
    owed = conn.execute("SELECT count(*) FROM owed_now").fetchone()[0]
    if owed:
        text = words.ngettext(
            "%(n)s message was requested from the server but not received.",
            "%(n)s messages were requested from the server but not received.",
            owed,
        )
        found.append(Banner("owed", "warning", text, "evidence sync"))
    size = conn.execute("SELECT count(*) FROM event").fetchone()[0]
    anchored = conn.execute("SELECT max(size) FROM anchor").fetchone()[0]
    if size and anchored is None:
        text = _(
            "No external time stamp covers this archive yet: only the archive itself can show that nothing was changed."
        )
        found.append(Banner("anchor", "note", text, "evidence anchor"))
    alarms = conn.execute("SELECT count(*) FROM observation WHERE severity = 'alarm'").fetchone()[0]
    if alarms:
        text = words.ngettext(
            "%(n)s alarm was recorded while reading; see completeness.",
            "%(n)s alarms were recorded while reading; see completeness.",
            alarms,
        )
        found.append(Banner("alarm", "alarm", text))
    behind = conn.execute("SELECT (SELECT count(*) FROM message) - (SELECT count(*) FROM parsed_message)").fetchone()[0]
    if behind > 0:
        text = words.ngettext(
            "%(n)s stored message has not been read into the timeline yet.",
            "%(n)s stored messages have not been read into the timeline yet.",
            behind,
        )
        found.append(Banner("behind", "warning", text, "evidence reindex"))
    return found
