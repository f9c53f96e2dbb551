"""Canonical JSON (RFC 8785, JSON Canonicalization Scheme) for the values the custody log holds.

Only strings, booleans, null, integers within ±(2^53-1), lists and objects with ASCII keys are taken, so that
sorting by code point equals sorting by UTF-16 unit and no number formatting is left to chance.
"""

from __future__ import annotations

import json
from typing import Any

MAX_INTEGER = 2**53 - 1
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


def canonical_json(value: Any) -> str:
    """The one text for ``value``. Raises ValueError for floats, huge integers, lone surrogates and non-ASCII keys."""
    _check(value)
    text = _encode(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a lone surrogate has no canonical form") from error
    return text


def _check(value: Any) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError(f"integer {value} is outside ±(2^53-1)")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise ValueError(f"object key {key!r} is not an ASCII string")
            _check(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item)
    else:
        raise ValueError(f"{type(value).__name__} has no canonical form here")
