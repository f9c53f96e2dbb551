"""An archive opened for reading at a size of its log: head, events and proofs, and the rows that were bound by then."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evidence.archive.binding import utc_time
from evidence.archive.connect import connect_read, in_words
from evidence.archive.letters import FOREVER
from evidence.archive.log import Tree
from evidence.archive.schema import BOUND_TABLES, columns
from evidence.archive.words import _
from evidence.errors import EvidenceError
from evidence.ports import LogHead


class LogReader:
    """Opens an archive, now or as it stood at ``at_size``, and reads its custody log. ``alarms`` as in ``Archive``.

    A context manager when it was given a path. Raises NoArchive, and EvidenceError for a file that cannot be read or a size the
    log never had.
    """

    def __init__(self, archive: Path | str | sqlite3.Connection, at_size: int | None = None) -> None:
        self._owned = not isinstance(archive, sqlite3.Connection)
        self.path = Path() if isinstance(archive, sqlite3.Connection) else Path(archive)
        self.connection = archive if isinstance(archive, sqlite3.Connection) else connect_read(self.path)
        self.at_size = at_size
        self._limit = FOREVER if at_size is None else at_size
        try:
            size = self._size()
        except sqlite3.Error as error:
            self.close()
            raise in_words(error, self.path) from error
        if at_size is not None and not 0 <= at_size <= size:
            self.close()
            raise EvidenceError(
                _("The custody log has {size} events; there is no state of it at {at_size}.").format(
                    size=size, at_size=at_size
                )
            )

    def close(self) -> None:
        if self._owned:
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def uuid(self) -> str:
        row = self.connection.execute("SELECT uuid FROM archive").fetchone()
        return row[0] if row else ""

    @property
    def alarms(self) -> tuple[str, ...]:
        from evidence.archive import seen

        return seen.alarms(self.connection, self.uuid)

    # ---- custody log -------------------------------------------------------------------------

    def head(self, size: int | None = None) -> LogHead:
        """Size and root at ``size``, or at this reader's size. Raises ValueError beyond it."""
        size = self._size() if size is None else size
        row = self.connection.execute("SELECT body FROM event WHERE seq = ?", (size - 1,)).fetchone()
        return LogHead(size, self._tree.root(size).hex(), utc_time(json.loads(row[0])["at"]) if row else None)

    def events(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, str, bytes]]:
        """(seq, canonical JSON body, leaf hash) for first <= seq < last."""
        end = self._limit if last is None else min(last, self._limit)
        for seq, body, leaf in self.connection.execute(
            "SELECT seq, body, leaf FROM event WHERE seq >= ? AND seq < ? ORDER BY seq", (first, end)
        ):
            yield seq, body, bytes(leaf)

    def inclusion_proof(self, seq: int, size: int) -> Sequence[bytes]:
        return self._tree.inclusion_proof(seq, size)

    def consistency_proof(self, first: int, second: int) -> Sequence[bytes]:
        return self._tree.consistency_proof(first, second)

    def event_of(self, table: str, key: int | str) -> int:
        """The seq of the event that binds a row. Raises LookupError for a row or a table that is not there."""
        if table not in BOUND_TABLES:
            raise LookupError(f"no events bind the table {table}")
        column = "sha256" if isinstance(key, str) else _key_column(table)
        row = self.connection.execute(
            f"SELECT event FROM {table} WHERE {column} = ? AND event < ? ORDER BY event LIMIT 1", (key, self._limit)
        ).fetchone()
        if row is None:
            raise LookupError(f"{table} has no row {key}")
        return int(row[0])

    @property
    def _tree(self) -> Tree:
        size = self._size()
        if self._cached_tree is None or self._cached_tree.size != size:
            leaves = self.connection.execute("SELECT leaf FROM event WHERE seq < ? ORDER BY seq", (self._limit,))
            self._cached_tree = Tree(bytes(leaf) for (leaf,) in leaves)
        return self._cached_tree

    _cached_tree: Tree | None = None

    def _size(self) -> int:
        size = int(self.connection.execute("SELECT coalesce(max(seq), -1) + 1 FROM event").fetchone()[0])
        return min(size, self._limit)

    # ---- rows --------------------------------------------------------------------------------

    def _bound(self, table: str) -> tuple[dict[str, Any], ...]:
        return self._rows(f"SELECT * FROM {table} WHERE event < ? ORDER BY event", self._limit)

    def _rows(self, query: str, *parameters: Any) -> tuple[dict[str, Any], ...]:
        cursor = self.connection.execute(query, parameters)
        names = [column[0] for column in cursor.description]
        return tuple(dict(zip(names, row, strict=True)) for row in cursor)


def _key_column(table: str) -> str:
    return next(name for name in ("id", "acquisition", "number", "file") if name in columns(table))
