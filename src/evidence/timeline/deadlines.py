"""When an answer was due, and how long it was waited for: calendar days, and working days of a country's calendar.

Working days come from the ``holidays`` package, which knows the days off that a government moves (in Russia a Saturday
may be worked and a Monday off). All instants are aware UTC; days are days of the matter's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, Literal
from zoneinfo import ZoneInfo

from evidence.errors import UsageError
from evidence.i18n import talk

_ = talk("timeline")


@lru_cache(maxsize=64)
def _calendar(country: str, year: int) -> Any:
    import holidays

    code, _dash, subdivision = country.upper().partition("-")
    try:
        return holidays.country_holidays(code, subdiv=subdivision or None, years=[year])
    except NotImplementedError:
        raise UsageError(
            _("No calendar of public holidays is known for the country “{country}”.").format(country=country),
            "",
            _("Give timeline.country as a two-letter code such as RU, GB or US (GB-SCT for Scotland)."),
        ) from None


def is_working_day(day: date, country: str) -> bool:
    """Whether offices work on ``day`` in ``country`` (ISO 3166-1, with an optional subdivision: ``GB-SCT``)."""
    return bool(_calendar(country, day.year).is_working_day(day))


@cache
def _worked(country: str, year: int) -> tuple[int, ...]:
    """How many days of ``year`` were worked up to and with its first, its second … day; 0 before the first."""
    first = date(year, 1, 1)
    days = (date(year, 12, 31) - first).days + 1
    worked = (is_working_day(first + timedelta(days=n), country) for n in range(days))
    return tuple(accumulate(worked, initial=0))


@dataclass(frozen=True, slots=True)
class Reckoner:
    """Deadlines and waits of one matter. ``days`` says which kind counts; both kinds can always be asked for."""

    answer_within_days: int
    days: Literal["working", "calendar"] = "working"
    country: str = "RU"
    timezone: str = "Europe/Moscow"
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_zone", ZoneInfo(self.timezone))

    def due(self, asked_at: datetime) -> datetime:
        """The last instant at which an answer is in time.

        Calendar: asked_at + N x 24 h. Working: the last second of the Nth working day after the day of asking.
        """
        if self.days == "calendar":
            return asked_at + timedelta(days=self.answer_within_days)
        day = asked_at.astimezone(self._zone).date()
        left = self.answer_within_days
        while left:
            day += timedelta(days=1)
            left -= is_working_day(day, self.country)
        return self.end_of_day(day)

    def end_of_day(self, day: date) -> datetime:
        """The last second of ``day`` in the matter's time zone, as UTC."""
        midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=self._zone)
        return midnight.astimezone(UTC) - timedelta(seconds=1)

    def calendar_days(self, since: datetime, until: datetime) -> float:
        """Days of 24 h between two instants, to two places."""
        return round((until - since) / timedelta(days=1), 2)

    def working_days(self, since: datetime, until: datetime) -> int:
        """Working days after the day of ``since`` up to and with the day of ``until``; 0 on the same day."""
        first, last = since.astimezone(self._zone).date(), until.astimezone(self._zone).date()
        if last <= first:
            return 0
        whole = sum(_worked(self.country, year)[-1] for year in range(first.year, last.year))
        return whole + self._so_far(last) - self._so_far(first)

    def _so_far(self, day: date) -> int:
        """Working days of the year up to and with ``day``."""
        return _worked(self.country, day.year)[day.timetuple().tm_yday]
