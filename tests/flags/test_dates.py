"""Due dates as people write them. Written on Wednesday, 12 March 2025."""

from __future__ import annotations

from datetime import date

import pytest

from evidence.timeline.dates import due_dates

WRITTEN = date(2025, 3, 12)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("вывезу до пятницы", date(2025, 3, 14)),
        ("в среду привезу", date(2025, 3, 19)),
        ("к 5 апреля сделаем", date(2025, 4, 5)),
        ("до 17.03.2025", date(2025, 3, 17)),
        ("до 17.03 пришлём", date(2025, 3, 17)),
        ("оплачу завтра", date(2025, 3, 13)),
        ("отдам послезавтра", date(2025, 3, 14)),
        ("до 5-го", date(2025, 4, 5)),
        ("к 20-му", date(2025, 3, 20)),
        ("в течение трёх рабочих дней", date(2025, 3, 17)),
        ("в течение 3 дней", date(2025, 3, 15)),
        ("через две недели", date(2025, 3, 26)),
        ("до конца месяца", date(2025, 3, 31)),
        ("на этой неделе", date(2025, 3, 14)),
        ("2 января прислали", date(2025, 1, 2)),
        ("28 декабря обещали", date(2024, 12, 28)),
        ("we pay by the 5th", date(2025, 4, 5)),
        ("by Friday", date(2025, 3, 14)),
        ("by 18 November 2025", date(2025, 11, 18)),
        ("on March 20", date(2025, 3, 20)),
        ("within five working days", date(2025, 3, 19)),
        ("within 7 days", date(2025, 3, 19)),
        ("by the end of the month", date(2025, 3, 31)),
        ("you'll have it tomorrow", date(2025, 3, 13)),
        ("due 2025-04-01", date(2025, 4, 1)),
    ],
)
def test_day_is_read(text: str, day: date) -> None:
    (found,) = due_dates(text, WRITTEN)
    assert found.day == day
    assert 0 <= found.start < found.end <= len(text)


@pytest.mark.parametrize("text", ["31 июня", "до 45.13", "14 900 рублей", "спасибо", "0.1 % в день"])
def test_what_is_no_date_is_passed_over(text: str) -> None:
    assert list(due_dates(text, WRITTEN)) == []


def test_holidays_are_no_working_days() -> None:
    (found,) = due_dates("в течение двух рабочих дней", WRITTEN, holiday=lambda d: d == date(2025, 3, 13))
    assert found.day == date(2025, 3, 17)
