"""Deadlines: calendar days of 24 hours, working days of a real calendar, the end of the day where the matter is."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from evidence.errors import UsageError
from evidence.timeline.deadlines import Reckoner, is_working_day


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "n", "due"),
    [
        ("2026-03-02T09:00:00", 3, "2026-03-05T20:59:59"),  # Monday -> Thursday, end of the day in Moscow
        ("2026-03-06T09:00:00", 3, "2026-03-12T20:59:59"),  # Friday; 8 March is a Sunday, so Monday 9 March is off
        ("2025-12-30T09:00:00", 1, "2026-01-12T20:59:59"),  # New Year holidays, 31 December moved off
        ("2025-10-31T09:00:00", 1, "2025-11-01T20:59:59"),  # Saturday 1 November 2025 was a working day in Russia
        ("2026-03-02T21:30:00", 1, "2026-03-04T20:59:59"),  # 00:30 on Tuesday in Moscow: the day of asking is Tuesday
    ],
)
def test_working_days_end_with_the_nth_working_day_in_the_matters_zone(asked: str, n: int, due: str) -> None:
    assert Reckoner(n, "working", "RU", "Europe/Moscow").due(at(asked)) == at(due)


def test_calendar_days_are_24_hours_each_even_over_a_clock_change() -> None:
    london = Reckoner(4, "calendar", "GB", "Europe/London")
    assert london.due(at("2024-10-25T11:05:13")) == at("2024-10-29T11:05:13")


def test_the_end_of_day_follows_the_clock_change() -> None:
    london = Reckoner(1, "working", "GB", "Europe/London")
    assert london.due(at("2024-10-24T09:00:00")) == at("2024-10-25T22:59:59")  # still summer time
    assert london.due(at("2024-10-25T09:00:00")) == at("2024-10-28T23:59:59")


@pytest.mark.parametrize(
    ("day", "country", "working"),
    [
        (date(2024, 4, 27), "RU", True),  # a worked Saturday
        (date(2024, 4, 29), "RU", False),  # the Monday given for it
        (date(2025, 12, 26), "GB", False),
        (date(2025, 1, 2), "GB", True),
        (date(2025, 1, 2), "GB-SCT", False),
        (date(2025, 7, 4), "US", False),
    ],
)
def test_the_countrys_own_calendar_decides(day: date, country: str, working: bool) -> None:
    assert is_working_day(day, country) is working


def test_an_unknown_country_is_named_to_the_person() -> None:
    with pytest.raises(UsageError, match="“XX”"):
        is_working_day(date(2026, 1, 1), "XX")


def test_both_waits_are_counted() -> None:
    r = Reckoner(3, "working", "RU", "Europe/Moscow")
    friday, monday = at("2026-03-13T09:00:00"), at("2026-03-16T21:00:00")
    assert r.calendar_days(friday, monday) == 3.5
    assert r.working_days(friday, monday) == 2  # Monday, and the Tuesday that has begun in Moscow
    assert r.working_days(friday, friday) == 0


@pytest.mark.parametrize("country", ["RU", "GB", "US"])
def test_working_days_over_years_are_those_counted_one_by_one(country: str) -> None:
    rng = random.Random(3)
    r = Reckoner(3, "working", country, "Europe/Moscow")
    for _ in range(40):
        since = datetime(2019, 1, 1, tzinfo=UTC) + timedelta(minutes=rng.randrange(60 * 24 * 365 * 8))
        until = since + timedelta(minutes=rng.randrange(-3_000, 60 * 24 * 800))
        zone = ZoneInfo("Europe/Moscow")
        day, last, count = since.astimezone(zone).date(), until.astimezone(zone).date(), 0
        while day < last:
            day += timedelta(days=1)
            count += is_working_day(day, country)
        assert r.working_days(since, until) == count
