"""Due dates as people write them: «до пятницы», «к 5 марта», "by the 5th", "within three working days".

The answer is the local calendar day by which the thing was to be done, reckoned from the day of writing. Working days are Monday to
Friday; a calendar of holidays may be handed in. A weekday names its next occurrence, a day of a month without a year the next such day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from evidence.timeline.gates import Gate, mask_of

_WEEKDAYS = {
    "понедельник": 0, "вторник": 1, "сред": 2, "четверг": 3, "пятниц": 4, "суббот": 5, "воскресен": 6,
    "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6,
}  # fmt: skip
_MONTHS = {
    "январ": 1, "феврал": 2, "март": 3, "апрел": 4, "мая": 5, "май": 5, "мае": 5, "июн": 6, "июл": 7, "август": 8, "сентябр": 9, "октябр": 10,
    "ноябр": 11, "декабр": 12, "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11,
    "dec": 12,
}  # fmt: skip
_NUMBERS = {
    "один": 1, "одну": 1, "две": 2, "одного": 1, "два": 2, "двух": 2, "три": 3, "трех": 3, "четыре": 4, "четырех": 4, "пять": 5, "пяти": 5, "семь": 7, "семи": 7,
    "десять": 10, "десяти": 10, "четырнадцати": 14, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "ten": 10, "fourteen": 14,
    "a": 1, "an": 1,
}  # fmt: skip
_MONTH = (
    r"(январ\w*|феврал\w*|март\w*|апрел\w*|ма[йяе]|июн\w*|июл\w*|август\w*|сентябр\w*|октябр\w*|ноябр\w*|декабр\w*)"
)
_MONTH_EN = r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_WEEKDAY = r"(понедельник\w*|вторник\w*|сред[уыеа]|четверг\w*|пятниц\w*|суббот\w*|воскресен\w*)"
_WEEKDAY_EN = r"(monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_NUMBER = r"(\d{1,3}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + r")"

_PATTERNS: tuple[tuple[str, Gate], ...] = tuple(
    (kind, Gate(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("iso", r"\b(20\d\d)-(\d\d)-(\d\d)\b"),
        ("dotted", r"\b(\d{1,2})\.(\d{1,2})(?:\.(20\d\d|\d\d))?\b(?!\s*(?:руб|%|\d))"),
        (
            "day-month",
            r"\b(\d{1,2})(?:-?го|-?е|st|nd|rd|th)?(?: of)? (?:" + _MONTH + "|" + _MONTH_EN + r")\b(?:[ ,]+(20\d\d))?",
        ),
        ("month-day", r"\b" + _MONTH_EN + r" (\d{1,2})(?:st|nd|rd|th)?\b(?:,? (20\d\d))?"),
        (
            "within",
            r"\b(?:в течение|within|in|через) (?:the next )?"
            + _NUMBER
            + r" (рабоч\w+ |календарн\w+ |working |business |calendar )?"
            r"(дн\w*|день|недел\w*|сут\w*|час\w*|days?|weeks?|hours?)\b",
        ),
        ("relative", r"\b(послезавтра|завтра|сегодня|day after tomorrow|tomorrow|today|tonight)\b"),
        (
            "week-end",
            r"\b(?:до конца|к концу|на этой|by the end of(?: the| this)?|this|end of(?: the)?) (?:недел\w+|week)\b",
        ),
        ("month-end", r"\b(?:до конца|к концу|by the end of(?: the| this)?|end of(?: the)?) (?:месяц\w*|month)\b"),
        (
            "weekday",
            r"\b(?:до|к|ко|во?|на|by|on|before|until|till|next|this)? ?(?:следующ\w+ )?(?:"
            + _WEEKDAY
            + "|"
            + _WEEKDAY_EN
            + r")\b",
        ),
        ("day", r"\b(?:до|к|by the|on the|before the|until the) (\d{1,2})(?:-?го|-?му|-?е|st|nd|rd|th)\b"),
    )
)


@dataclass(frozen=True, slots=True)
class DueDate:
    """Where a date stands in the text, and the day it names."""

    start: int
    end: int
    day: date


def due_dates(text: str, written: date, holiday: Callable[[date], bool] = lambda day: False) -> Iterator[DueDate]:
    """The days ``text`` names, from left to right; the longest reading of each place. Impossible days (31 June) are passed over."""
    folded = text.replace("ё", "е").replace("Ё", "Е")
    taken: list[tuple[int, int]] = []
    found: list[DueDate] = []
    mask = mask_of(folded)
    for kind, gate in _PATTERNS:
        if not mask & gate.bit:
            continue
        for match in gate.pattern.finditer(folded):
            if any(a < match.end() and match.start() < b for a, b in taken):
                continue
            day = _day(kind, match, written, holiday)
            if day is not None:
                taken.append(match.span())
                found.append(DueDate(match.start(), match.end(), day))
    yield from sorted(found, key=lambda d: d.start)


def _day(kind: str, match: re.Match[str], written: date, holiday: Callable[[date], bool]) -> date | None:
    groups = [g.casefold() if g else None for g in match.groups()]
    try:
        if kind == "iso":
            return date(int(groups[0] or 0), int(groups[1] or 0), int(groups[2] or 0))
        if kind == "dotted":
            return _dated(int(groups[0] or 0), int(groups[1] or 0), groups[2], written)
        if kind == "day-month":
            return _dated(int(groups[0] or 0), _month(groups[1] or groups[2] or ""), groups[3], written)
        if kind == "month-day":
            return _dated(int(groups[1] or 0), _month(groups[0] or ""), groups[2], written)
        if kind == "day":
            return _next_day(int(groups[0] or 0), written)
    except ValueError:
        return None
    if kind == "within":
        return _within(groups[0] or "1", groups[1] or "", groups[2] or "", written, holiday)
    if kind == "relative":
        ahead = {"послезавтра": 2, "day after tomorrow": 2, "завтра": 1, "tomorrow": 1}.get(groups[0] or "", 0)
        return written + timedelta(days=ahead)
    if kind == "week-end":
        return written + timedelta(days=(4 - written.weekday()) % 7)
    if kind == "month-end":
        return (written.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    name = groups[0] or groups[1] or ""
    number = next(n for stem, n in _WEEKDAYS.items() if name.startswith(stem))
    return written + timedelta(days=(number - written.weekday() - 1) % 7 + 1)


def _month(name: str) -> int:
    return next((n for stem, n in _MONTHS.items() if name.startswith(stem)), 0)


def _dated(day: int, month: int, year: str | None, written: date) -> date:
    if year:
        return date(int(year) if len(year) == 4 else 2000 + int(year), month, day)
    # Without a year the nearest such day is meant: letters speak of dates a little behind as well as ahead.
    near = [date(y, month, day) for y in (written.year - 1, written.year, written.year + 1)]
    return min(near, key=lambda d: (abs((d - written).days), d))


def _next_day(day: int, written: date) -> date:
    if day >= written.day:
        return written.replace(day=day)
    first = (written.replace(day=28) + timedelta(days=4)).replace(day=1)
    return first.replace(day=day)


def _within(number: str, kind: str, unit: str, written: date, holiday: Callable[[date], bool]) -> date:
    count = int(number) if number.isdigit() else _NUMBERS.get(number, 1)
    if unit.startswith(("час", "hour")):
        return written + timedelta(days=count // 24)
    if unit.startswith(("нед", "week")):
        return written + timedelta(weeks=count)
    if not kind.startswith(("рабоч", "work", "busin")):
        return written + timedelta(days=count)
    day = written
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5 and not holiday(day)
    return day
