"""What the browser shows as decisions stand now: the values of ``evidence assess`` and ``evidence effort``, reckoned when a page asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from evidence.config import Config

if TYPE_CHECKING:
    from evidence.archive.reader import ArchiveReader
    from evidence.pipeline.views import View

Mark = tuple[Any, ...]


class Recount:
    """Gives ``assessment`` or ``effort`` as JSON (``views.to_json``), as the command of that name reckons it without options.

    Every decision is an event, every rebuild leaves its mark: while neither is new, what was reckoned is given again. Safe to
    call from several threads. Raises KeyError for another name, NoArchive, EvidenceError for a file that cannot be read.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._kept: dict[str, tuple[Mark, str]] = {}
        self._lock = Lock()

    def __call__(self, name: str) -> str:
        from evidence.archive.reader import ArchiveReader
        from evidence.pipeline.views import assessment_of, effort_of, to_json, view

        reckon: Mapping[str, Callable[[Config, ArchiveReader, View], Any]]
        reckon = {"assessment": assessment_of, "effort": effort_of}
        wanted = reckon[name]
        with self._lock, ArchiveReader(self._config.archive_path) as case:
            case.connection.execute("BEGIN")  # all of it on one state of the database, whatever is written meanwhile
            mark = _mark(case.connection)
            kept = self._kept.get(name)
            if kept is None or kept[0] != mark:
                shown = view(self._config, case)
                kept = self._kept[name] = (mark, to_json(wanted(self._config, case, shown)))
            return kept[1]


def _mark(connection: sqlite3.Connection) -> Mark:
    """What changes with every event of the log and with every rebuild of the derived tables."""
    (size,) = connection.execute("SELECT count(*) FROM event").fetchone()
    return (size, *connection.execute("SELECT key, value FROM derived_state ORDER BY key"))
