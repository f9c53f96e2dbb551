"""What the pages know about the archive they show: found once at the start, kept beside the Datasette instance."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from evidence.i18n import default_language

PAGE_TIME_LIMIT = 5.0  # seconds of SQL for one of our pages
MAX_VALUE_BYTES = 256 * 1024 * 1024  # no single value in SQL grows beyond this: ends hex(zeroblob(3e8))

T = TypeVar("T")


class Writer(Protocol):
    """The decisions of a person, as rows and custody events; handed in by whoever may write."""

    def review(
        self,
        target: str,
        target_id: str,
        decision: str,
        *,
        actor: str,
        note: str = "",
        category: str | None = None,
        outcome: str | None = None,
        answering_sha256: str | None = None,
        expect: int | None = None,
    ) -> int: ...
    def note(self, target: str, target_id: str, text: str, *, actor: str) -> int: ...
    def answer(self, question: int, answer: str, *, note: str, actor: str) -> int: ...
    def select(self, sha256: str, action: str, reason: str, *, actor: str) -> int: ...


# What is handed in to be said on top of every page: in this language, as things stand when a page is opened.
Given = Callable[[str], Sequence[Mapping[str, Any]]]

# ``assessment`` or ``effort`` -> its JSON as decisions stand now; handed in by whoever can reckon.
Recount = Callable[[str], str]


class TooLong(Exception):
    """The page's SQL ran past its time and was ended."""


@dataclass(slots=True)
class Site:
    """One archive behind one Datasette. ``token`` opens the right to write, ``tickets`` do so once each; ``hosts`` are further Host
    names let in."""

    database: str
    title: str
    language: str
    zone: ZoneInfo
    gap_days: int = 14  # days without a letter from which a silence is shown
    writer: Writer | None = None
    token: str | None = None
    tickets: set[str] = field(default_factory=set)
    actor: str = ""
    banners: Given | Sequence[Mapping[str, Any]] = ()
    hosts: frozenset[str] = frozenset()
    sealed: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    recount: Recount | None = None
    cache: dict[str, Any] = field(default_factory=dict)

    @property
    def writable(self) -> bool:
        return self.writer is not None and not self.sealed

    def given(self, language: str) -> Sequence[Mapping[str, Any]]:
        return self.banners(language) if callable(self.banners) else self.banners

    async def recounted(self, name: str) -> str | None:
        """``assessment`` or ``effort`` as decisions stand now, as JSON; None where nobody was handed in who reckons it."""
        return None if self.recount is None else await asyncio.to_thread(self.recount, name)


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``serve.build`` was told; None of it is there under a plain ``datasette archive.db``."""

    title: str | None = None
    language: str | None = None
    timezone: str | None = None
    writer: Writer | None = None
    token: str | None = None
    tickets: frozenset[str] = frozenset()
    actor: str = ""
    banners: Given | Sequence[Mapping[str, Any]] = ()
    now: Callable[[], datetime] | None = None
    recount: Recount | None = None


_settings: WeakKeyDictionary[Any, Settings] = WeakKeyDictionary()
_sites: WeakKeyDictionary[Any, Site | None] = WeakKeyDictionary()


def prepare(datasette: Any, settings: Settings) -> None:
    _settings[datasette] = settings


def site_of(datasette: Any) -> Site | None:
    """The site, or None where no database of this Datasette is an archive of ours (then the plugin stands aside)."""
    return _sites.get(datasette)


async def discover(datasette: Any) -> Site | None:
    """Find the archive among the databases and read what the derived tables say about the matter."""
    for name, database in datasette.databases.items():
        if name == "_internal" or database.is_memory:
            continue
        found: dict[str, str] | None = await database.execute_fn(_matter)
        if found is not None:
            _sites[datasette] = _site(datasette, name, database, found)
            return _sites[datasette]
    _sites[datasette] = None
    return None


def _matter(conn: sqlite3.Connection) -> dict[str, str] | None:
    names = {row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"event", "message", "sighting", "review"} <= names:
        return None
    if "derived_state" not in names:
        return {}
    return {row[0]: row[1] for row in conn.execute("SELECT key, value FROM derived_state")}


def _site(datasette: Any, name: str, database: Any, found: Mapping[str, str]) -> Site:
    told = _settings.get(datasette, Settings())
    config = datasette.plugin_config("evidence_browse") or {}
    language = told.language or found.get("language") or default_language()
    site = Site(
        database=name,
        title=told.title or found.get("matter_title") or name,
        language=language if language in ("ru", "en") else "en",
        zone=_zone(told.timezone or found.get("timezone") or "UTC"),
        gap_days=int(found.get("gap_days") or 14),
        writer=told.writer,
        token=told.token,
        tickets=set(told.tickets),
        actor=told.actor,
        banners=told.banners,
        hosts=frozenset(str(host).lower() for host in config.get("hosts", ())),
        sealed=not database.is_mutable,
        recount=told.recount if database.is_mutable else None,
    )
    if told.now is not None:
        site.now = told.now
    return site


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


@contextmanager
def time_limit(conn: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """End any statement on ``conn`` after ``seconds``, as TooLong."""
    end = time.monotonic() + seconds
    conn.set_progress_handler(lambda: time.monotonic() >= end, 2000)
    try:
        yield
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise TooLong from error
        raise
    finally:
        conn.set_progress_handler(None, 0)


async def read(datasette: Any, site: Site, fetch: Callable[[sqlite3.Connection], T]) -> T:
    """Run ``fetch`` on a read-only connection in Datasette's pool, all of it on one state of the database."""

    def limited(conn: sqlite3.Connection) -> T:
        with time_limit(conn, PAGE_TIME_LIMIT):
            conn.execute("BEGIN")
            try:
                return fetch(conn)
            finally:
                conn.rollback()

    result: T = await datasette.get_database(site.database).execute_fn(limited)
    return result


# SQLite before 3.41 calls its own JSON functions unsafe in a view of an untrusted schema; in a view of ours they may stand.
CUSTODY_LOG = """CREATE TEMP VIEW custody_log AS
  SELECT seq, json_extract(body, '$.at') AS at, json_extract(body, '$.kind') AS kind, json_extract(body, '$.table') AS "table",
    lower(hex(leaf)) AS leaf, body FROM main.event"""


def prepare_connection(conn: sqlite3.Connection) -> None:
    """No write, no giant value, no SQL functions with side effects through a hostile schema; case folding beyond ASCII."""
    conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    if conn.execute("SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = 'custody_log'").fetchone():
        conn.execute(CUSTODY_LOG)
    conn.execute("PRAGMA query_only = 1")
    conn.execute("PRAGMA trusted_schema = 0")
    conn.create_function("evidence_holds", 2, _holds, deterministic=True)
    conn.create_function("evidence_cut", 3, _cut, deterministic=True)


def _holds(text: str | None, part: str) -> int:
    return int(text is not None and part in text.casefold())


def _cut(text: str | None, start: int, end: int) -> str | None:
    """``substr`` of SQLite ends a text at its first U+0000, which a letter may hold."""
    return None if text is None else text[start:end]
