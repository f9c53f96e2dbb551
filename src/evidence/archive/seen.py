"""What this machine remembers of each archive: the size and the last leaf of its log, outside the archive itself.

An archive that is older than what was seen, or whose log says otherwise at the place seen, is said loudly: a rollback
to an older copy leaves no trace in the file. The note is a small JSON file per archive in the state folder of the person
(platformdirs; ``EVIDENCE_STATE_DIR`` names another). It is a tripwire, not a proof: whoever owns the machine can delete it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from evidence.archive.binding import utc_text
from evidence.archive.words import _


def state_folder() -> Path:
    named = os.environ.get("EVIDENCE_STATE_DIR")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_state_dir("evidence"))


def remember(connection: sqlite3.Connection, uuid: str, path: Path, at: datetime) -> None:
    """Note the head of the log. Silent where the state folder cannot be written: it protects, it must not hinder."""
    size, leaf = _head(connection)
    note = {"uuid": uuid, "size": size, "last_leaf": leaf, "at": utc_text(at), "path": str(path)}
    known = recalled(uuid)
    if known and known.get("size") == size and known.get("last_leaf") == leaf:
        return
    with suppress(OSError):
        folder = state_folder()
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{uuid}.json"
        unfinished = target.with_suffix(".new")
        unfinished.write_text(json.dumps(note, sort_keys=True), encoding="utf-8")
        unfinished.replace(target)


def recalled(uuid: str) -> dict[str, Any] | None:
    """What was noted of this archive, or None."""
    try:
        note = json.loads((state_folder() / f"{uuid}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(note, dict) and isinstance(note.get("size"), int) and isinstance(note.get("last_leaf"), str)
    return note if fits else None


def last_at(path: Path) -> dict[str, Any] | None:
    """The last note of an archive that lay at ``path``, or None: nothing was ever seen there."""
    try:
        notes = [recalled(file.stem) for file in state_folder().glob("*.json")]
    except OSError:
        return None
    there = [note for note in notes if note and note.get("path") == str(path) and note["size"]]
    return max(there, key=lambda note: str(note.get("at", "")), default=None)


def alarms(connection: sqlite3.Connection, uuid: str) -> tuple[str, ...]:
    """Sentences to be said loudly; none when all is as it was seen, or nothing was seen yet."""
    note = recalled(uuid)
    if note is None or note["size"] == 0:
        return ()
    size, _leaf = _head(connection)
    if size < note["size"]:
        return (
            _(
                "This archive is OLDER than the one last seen on this machine: its log has {size} events, and on {value} it had {size2}. Events have been lost, or an old copy was put back."
            ).format(size=size, value=note.get("at", "?"), size2=note["size"]),
        )
    row = connection.execute("SELECT leaf FROM event WHERE seq = ?", (note["size"] - 1,)).fetchone()
    if row is None or bytes(row[0]).hex() != note["last_leaf"]:
        return (
            _(
                "The log of this archive has been CHANGED since this machine last saw it on {value}: event {value2} is a different one. It was rewritten, or it was continued from an old copy."
            ).format(value=note.get("at", "?"), value2=note["size"] - 1),
        )
    return ()


def _head(connection: sqlite3.Connection) -> tuple[int, str]:
    row = connection.execute("SELECT seq, leaf FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return (row[0] + 1, bytes(row[1]).hex()) if row else (0, "")
