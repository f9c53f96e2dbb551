"""How a row becomes the body of a custody event: every column, blobs by SHA-256 and size. docs/archive-format.md, Events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from evidence.canonical import MAX_INTEGER, canonical_json
from evidence.model import sha256_hex


def utc_text(at: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``. Raises ValueError for a naive datetime."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be recorded")
    return at.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def utc_time(text: str | None) -> datetime | None:
    """The aware datetime of ``utc_text``'s form; None for None or ''."""
    return datetime.fromisoformat(text) if text else None


def storable(value: Any) -> Any:
    """The value as SQLite keeps it: booleans are 0 and 1; a lone surrogate becomes its ``\\udcXX`` escape, visibly."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


def bound_value(value: Any) -> Any:
    """What an event says of one stored value: text and small integers as they are; octets as {sha256, size};

    an integer outside ±(2^53-1), which JSON readers would round, as {integer: "decimal digits"}.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        octets = bytes(value)
        return {"sha256": sha256_hex(octets), "size": len(octets)}
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return {"integer": str(value)}
    return value


def event_body(
    seq: int, at: datetime, kind: str, *, table: str | None = None, row: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """The canonical JSON (RFC 8785) of one event. ``row`` holds bound values of every column but ``event``."""
    body: dict[str, Any] = {"at": utc_text(at), "kind": kind, "seq": seq}
    if table is not None:
        body["table"], body["row"] = table, row
    if detail is not None:
        body["detail"] = detail
    return canonical_json(body)
