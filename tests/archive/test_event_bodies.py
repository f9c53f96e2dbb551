"""The short way to write an event's body gives, octet for octet, what the plain one gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.archive.binding import bound_value, event_body, row_writer, storable, utc_text
from evidence.archive.schema import BOUND_TABLES, columns
from evidence.model import sha256_hex

STORED = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**53) - 1, -(2**53) + 1),
    st.integers(2**53 - 2, 2**53 + 1),
    st.text(),  # lone surrogates, control characters, quotes
    st.binary(max_size=40),
).map(storable)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(BOUND_TABLES), st.data(), st.integers(0, 2**40), st.booleans())
def test_a_row_is_bound_by_the_same_octets_either_way(table: str, draw: Any, seq: int, hashed: bool) -> None:
    names = columns(table)
    values = [draw.draw(STORED) for _ in names]
    octets = next((v for v in values if isinstance(v, bytes)), b"")
    digest = sha256_hex(octets) if hashed else None
    if digest:  # the digest is of the row's only octets
        values = [v if not isinstance(v, bytes) else octets for v in values]
    at = datetime(2026, 3, 1, 10, 0, 0, 999_999, tzinfo=UTC)
    row = {name: bound_value(value) for name, value in zip(names, values, strict=True) if name != "event"}
    plain = event_body(seq, at, "tried", table=table, row=row)
    assert row_writer(table, names)(utc_text(at), "tried", seq, values, digest) == plain


def test_a_value_without_a_canonical_form_is_refused_either_way() -> None:
    names = columns("hours")
    with pytest.raises(ValueError):
        row_writer("hours", names)("2026-03-01T10:00:00Z", "tried", 1, [1.5] * len(names), None)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 30)), st.integers(-14 * 60, 14 * 60))
def test_a_time_is_written_alike_whatever_its_zone(naive: datetime, minutes: int) -> None:
    at = naive.replace(tzinfo=UTC)
    there = at.astimezone(timezone(timedelta(minutes=minutes)))
    assert utc_text(at) == utc_text(there) == at.replace(tzinfo=None, microsecond=0).isoformat() + "Z"
