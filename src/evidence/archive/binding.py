"""How a row becomes the body of a custody event: every column, blobs by SHA-256 and size. docs/archive-format.md, Events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from evidence.canonical import MAX_INTEGER, canonical_json
from evidence.model import sha256_hex

_AS_THEY_ARE = frozenset({int, bytes, type(None)})


def utc_text(at: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``. Raises ValueError for a naive datetime."""
    if at.tzinfo is UTC:
        return _second(at.year, at.month, at.day, at.hour, at.minute, at.second)  # cuts what is below, as below does
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be recorded")
    return at.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


@lru_cache(maxsize=8)
def _second(year: int, month: int, day: int, hour: int, minute: int, second: int) -> str:
    """The same second is written down thousands of times in a run."""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"


def utc_time(text: str | None) -> datetime | None:
    """The aware datetime of ``utc_text``'s form; None for None or ''."""
    return datetime.fromisoformat(text) if text else None


def all_storable(values: Iterable[Any]) -> bool:
    """Whether ``storable`` would leave every one as it is; told quickly, and False also where it only might not."""
    return all([v.isascii() if type(v) is str else type(v) in _AS_THEY_ARE for v in values])  # noqa: C419 - a list is faster


def storable(value: Any) -> Any:
    """The value as SQLite keeps it: booleans are 0 and 1; a lone surrogate becomes its ``\\udcXX`` escape, visibly."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        if value.isascii():
            return value
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


def row_writer(table: str, names: Sequence[str]) -> Callable[[str, str, int, Sequence[Any], str | None], str]:
    """The body of an event that binds a row of ``table``, as ``event_body`` gives it, for rows without end.

    ``names`` are the table's columns. The result takes (time as text, kind, seq, the stored values in the order of ``names``,
    the SHA-256 of the row's octets or None). Which keys there are and how they sort is settled once; only values are written.
    """
    order = sorted(set(names) - {"event"})
    in_order = itemgetter(*[names.index(name) for name in order])
    row = ",".join([f'"{name}":%s' for name in order])
    whole = f'{{"at":"%s","kind":%s,"row":{{{row}}},"seq":%d,"table":{encode_basestring(table)}}}'
    quoted = encode_basestring

    def body(at: str, kind: str, seq: int, values: Sequence[Any], digest: str | None) -> str:
        written = [
            quoted(v)
            if type(v) is str
            else "null"
            if v is None
            else str(v)
            if type(v) is int and -MAX_INTEGER <= v <= MAX_INTEGER
            else _canonical(v, digest)
            for v in in_order(values)
        ]
        return whole % (at, quoted(kind), *written, seq)

    return body


def _canonical(value: Any, digest: str | None) -> str:
    """The canonical JSON of a stored value that is neither text, small integer nor null, as an event states it."""
    if type(value) is bytes and digest is not None:
        return f'{{"sha256":"{digest}","size":{len(value)}}}'
    return canonical_json(bound_value(value))
