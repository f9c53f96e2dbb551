"""JSON as it is kept in text columns: sorted keys, no spaces, letters as they are."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from evidence.archive.binding import storable


def json_text(value: Any) -> str:
    """The one JSON text of ``value``. Dates become ISO 8601 text; a lone surrogate is escaped visibly."""
    return str(storable(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain)))


@lru_cache(maxsize=1024)
def list_text(values: tuple[str, ...]) -> str:
    """``json_text`` of a list of words of which there are few kinds: the flags of messages."""
    return json_text(list(values))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
