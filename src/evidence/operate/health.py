"""How a matter stands: last sync, what is owed, gaps, anchors. One reading for ``status``, the pages' banners and ``doctor``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from evidence.config import Config
from evidence.i18n import translation


@dataclass(frozen=True, slots=True)
class Health:
    """The state of one matter at ``now``. Times are UTC; None where there is none yet."""

    title: str
    messages: int
    in_scope: int
    context: int
    withheld: int
    last_sync: datetime | None
    last_outcome: str
    folders: tuple[dict[str, Any], ...]
    owed: tuple[dict[str, Any], ...]
    vanished: int
    alarms: int
    same_message_id: int  # Message-IDs that came with different texts: no copies, an alarm
    anchors: int
    last_anchor: datetime | None
    renew_by: str | None
    test_anchor: bool
    log_size: int
    root: str
    bundles: int
    last_bundle: int | None
    unreviewed_possible: int
    proposed_delegates: tuple[str, ...]

    def as_row(self) -> dict[str, Any]:
        row = {name: getattr(self, name) for name in self.__slots__}
        for name in ("last_sync", "last_anchor"):
            row[name] = row[name].strftime("%Y-%m-%dT%H:%M:%SZ") if row[name] else None
        return row


# Programs that answer in a thread are nobody's delegates (RFC 2142, RFC 3834).
ROBOTS = frozenset(("mailer-daemon", "postmaster", "no-reply", "noreply", "donotreply", "do-not-reply"))
SHOWN = "parsed_message WHERE copy_of IS NULL AND withheld = 0"


def _counter(connection: sqlite3.Connection) -> Callable[[str], int]:
    def count(rows: str) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {rows}").fetchone()[0])

    return count


def health(config: Config, case: Any) -> Health:
    """Read the state from the archive; ``case`` is an ArchiveReader."""
    acquisitions = [a for a in case.acquisitions() if a["kind"] != "add"]
    ended = [a for a in acquisitions if a.get("ended_at")]
    ended = [a for a in ended if a["kind"] == "sync"] or ended  # an import says nothing of the mailbox
    count = _counter(case.connection)
    anchors = case.anchors()
    bundles = case.bundles()
    observations = case.observations()
    head = case.head()
    return Health(
        title=config.matter.title,
        messages=count("message"),
        in_scope=count(f"{SHOWN} AND scope = 'in-scope'"),
        context=count(f"{SHOWN} AND scope = 'context'"),
        withheld=count("parsed_message WHERE copy_of IS NULL AND withheld = 1"),
        last_sync=_time(ended[-1]["ended_at"]) if ended else None,
        last_outcome=str(ended[-1]["outcome"]) if ended else "",
        folders=tuple(
            {
                "account": c.account,
                "folder": c.folder,
                "on_server": c.on_server,
                "in_scope": c.in_scope,
                "context": c.context,
                "out_of_scope": c.out_of_scope,
                "owed": c.owed,
                "vanished": c.vanished,
            }
            for c in case.folder_counts()
        ),
        owed=tuple(dict(o) for o in case.owed_now()),
        vanished=len(case.disappearances()),
        alarms=sum(1 for o in observations if o["severity"] == "alarm"),
        same_message_id=len(json.loads(case.rendered("same-message-id", "") or "[]")),
        anchors=len(anchors),
        last_anchor=_time(max((str(a["at"]) for a in anchors), default=None)),
        renew_by=max((str(a["renew_by"]) for a in anchors if a.get("renew_by")), default=None),
        test_anchor=bool(anchors) and all(a["test"] for a in anchors),
        log_size=head.size,
        root=head.root,
        bundles=len(bundles),
        last_bundle=bundles[-1].number if bundles else None,
        unreviewed_possible=count(
            "flags WHERE tier = 'possible' AND review = 'unreviewed' AND NOT is_copy AND NOT withheld"
        ),
        proposed_delegates=_proposed(observations),
    )


def _proposed(observations: Sequence[Any]) -> tuple[str, ...]:
    """Who writes in the client's threads without being named: people, not programs."""
    details = (o["detail"] for o in observations if o["kind"] == "delegate-proposed")
    addresses = {str((d if isinstance(d, dict) else json.loads(d)).get("address", "")) for d in details}
    return tuple(sorted(a for a in addresses if a and a.partition("@")[0].lower() not in ROBOTS))


def banners(config: Config, language: str | None = None) -> Sequence[dict[str, str]]:
    """What the pages cannot see in the archive itself: a schedule that has been failing, with the command that mends it.

    ``language`` is that of the page; None: the matter's.
    """
    from evidence.operate.notify import read_state

    since = read_state(config.folder).get("failing_since")
    if not since:
        return []
    _ = translation("operate", language or config.matter.language).gettext
    when = datetime.fromisoformat(str(since)).astimezone(config.zone).strftime("%Y-%m-%d %H:%M")
    text = _("The scheduled sync has been failing since {when}.").format(when=when)
    return [{"code": "schedule", "level": "warning", "text": text, "command": "evidence doctor"}]


def _time(text: str | None) -> datetime | None:
    return None if not text else datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
