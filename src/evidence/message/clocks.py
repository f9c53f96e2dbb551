"""Which of the four clocks orders and counts a message, and what to say when they disagree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evidence.model import Clock

NEAR = timedelta(hours=24)
NOTED = timedelta(minutes=10)


def choose_at(
    date: datetime | None,
    internal: datetime | None,
    received_top: datetime | None,
    captured: datetime,
    imported: bool,
) -> tuple[datetime, Clock, str]:
    """(``at`` in UTC, which clock it is, note).

    The Date header if it is within 24 hours of the server's INTERNALDATE (for imports: of the topmost Received), else
    that one, else the Date, else our capture. The note is empty while Date, INTERNALDATE and Received agree within ten
    minutes of ``at``; otherwise it lists them in UTC, in terms that are the same in every language.
    """
    other, name = (received_top, "received") if imported else (internal, "internaldate")
    clock: Clock
    if date is not None and other is not None and abs(date - other) <= NEAR:
        at, clock = date, "date"
    elif other is not None:
        at, clock = other, "received" if name == "received" else "internaldate"
    elif date is not None:
        at, clock = date, "date"
    else:
        at, clock = captured, "capture"
    return at.astimezone(UTC), clock, _note(at, date, internal, received_top)


def _note(at: datetime, date: datetime | None, internal: datetime | None, received: datetime | None) -> str:
    clocks = [("Date", date), ("INTERNALDATE", internal), ("Received", received)]
    if not any(value is not None and abs(value - at) > NOTED for _, value in clocks):
        return ""
    stated = [f"{name} {_utc_text(value)}" for name, value in clocks if value is not None]
    return "; ".join(stated)


def _utc_text(value: datetime) -> str:
    try:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return value.isoformat()
