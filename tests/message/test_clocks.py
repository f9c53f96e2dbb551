"""Four clocks: which one orders, and when a disagreement is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from evidence.message.clocks import choose_at

MSK = timezone(timedelta(hours=3))
DATE = datetime(2025, 3, 3, 11, 12, 53, tzinfo=MSK)
CAPTURED = datetime(2025, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "internal", "received", "imported", "at", "clock"),
    [
        (DATE, DATE + timedelta(hours=24), None, False, DATE, "date"),
        (
            DATE,
            DATE + timedelta(hours=24, seconds=1),
            None,
            False,
            DATE + timedelta(hours=24, seconds=1),
            "internaldate",
        ),
        (DATE, DATE - timedelta(days=400), DATE, False, DATE - timedelta(days=400), "internaldate"),
        (DATE, DATE - timedelta(days=400), DATE + timedelta(hours=1), True, DATE, "date"),
        (DATE, None, DATE + timedelta(days=3), True, DATE + timedelta(days=3), "received"),
        (DATE, DATE + timedelta(days=9), None, True, DATE, "date"),
        (DATE, None, None, False, DATE, "date"),
        (None, DATE, None, False, DATE, "internaldate"),
        (None, None, DATE, True, DATE, "received"),
        (None, None, DATE, False, CAPTURED, "capture"),
        (None, None, None, False, CAPTURED, "capture"),
        (datetime(1970, 1, 1, tzinfo=UTC), DATE, None, False, DATE, "internaldate"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), DATE, None, False, DATE, "internaldate"),
    ],
)
def test_one_clock_orders(date, internal, received, imported, at, clock) -> None:  # type: ignore[no-untyped-def]
    chosen, name, _ = choose_at(date, internal, received, CAPTURED, imported)
    assert (chosen, name) == (at, clock)
    assert chosen.utcoffset() == timedelta(0)


def test_agreement_within_ten_minutes_is_not_noted_and_more_is() -> None:
    near = choose_at(DATE, DATE + timedelta(minutes=10), DATE - timedelta(minutes=10), CAPTURED, False)
    assert near[2] == ""
    far = choose_at(DATE, DATE + timedelta(minutes=10, seconds=1), None, CAPTURED, False)
    assert far[2] == "Date 2025-03-03T08:12:53Z; INTERNALDATE 2025-03-03T08:22:54Z"
    trail = choose_at(DATE, DATE, DATE + timedelta(hours=2), CAPTURED, False)
    assert trail[1] == "date" and "Received 2025-03-03T10:12:53Z" in trail[2]
