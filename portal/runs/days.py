"""Which days are working days: by a business calendar, or plain Monday to Friday.

A day is off when the calendar closes it, or when it is a public holiday or at the weekend and the calendar
does not open it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache

import holidays

from portal.runs.models import Calendar

ONE_DAY = timedelta(days=1)
SATURDAY_AND_SUNDAY = (5, 6)
LONGEST_BREAK = 366  # days; a calendar without a working day in them has none at all
ENGLISH = "en_US"


@dataclass(frozen=True)
class Days:
    """The days of one calendar; none: Monday to Friday."""

    calendar: Calendar | None

    def is_off(self, day: date) -> bool:
        return bool(self.why_off(day))

    def why_off(self, day: date) -> str:
        """The holiday's name, or the weekday's; empty for a working day."""
        if name := self._closed.get(day):
            return name
        if day in self._opened:
            return ""
        return self._holiday(day) or (f"{day:%A}" if day.weekday() in self._weekend else "")

    def is_special(self, day: date) -> bool:
        """Whether it is off for another reason than being at the weekend."""
        if day in self._closed:
            return True
        return day not in self._opened and bool(self._holiday(day))

    def working_from(self, day: date) -> date | None:
        """The first working day that is not before `day`."""
        return next((one for one in self._from(day, ONE_DAY) if not self.is_off(one)), None)

    def break_begins(self, day: date) -> date:
        """The first of the days off that lead to `day`; the day itself when the one before is none."""
        for before in self._from(day - ONE_DAY, -ONE_DAY):
            if not self.is_off(before):
                return before + ONE_DAY
        return day - LONGEST_BREAK * ONE_DAY

    def nth_working(self, first: date, last: date, n: int) -> date | None:
        """The n-th working day of a period, counted from its end when `n` is negative."""
        step = ONE_DAY if n > 0 else -ONE_DAY
        day, left = (first, n) if n > 0 else (last, -n)
        while first <= day <= last:
            left -= not self.is_off(day)
            if left == 0:
                return day
            day += step
        return None

    @staticmethod
    def _from(day: date, step: timedelta) -> Iterator[date]:
        return (day + step * count for count in range(LONGEST_BREAK))

    def _holiday(self, day: date) -> str:
        if self.calendar is None or not self.calendar.country:
            return ""
        return public_holidays(self.calendar.country, self.calendar.subdivision, day.year).get(
            day, ""
        )

    @cached_property
    def _weekend(self) -> frozenset[int]:
        return frozenset(SATURDAY_AND_SUNDAY if self.calendar is None else self.calendar.weekend)

    @cached_property
    def _closed(self) -> dict[date, str]:
        return named_days(self.calendar.closed) if self.calendar else {}

    @cached_property
    def _opened(self) -> dict[date, str]:
        return named_days(self.calendar.opened) if self.calendar else {}


def named_days(listed: list[list[str]]) -> dict[date, str]:
    """Days with names as a calendar keeps them: `[["2026-12-24", "Christmas Eve"]]`."""
    return {date.fromisoformat(day): name for day, name in listed}


@lru_cache(maxsize=512)
def public_holidays(country: str, subdivision: str, year: int) -> dict[date, str]:
    """What the holidays package says of a year, in English where it can.

    :raises NotImplementedError: for a country or a part of one that it does not know.
    """
    known = holidays.country_holidays(country, subdiv=subdivision or None)
    language = ENGLISH if ENGLISH in known.supported_languages else known.default_language
    found = holidays.country_holidays(
        country, subdiv=subdivision or None, years=year, language=language
    )
    return {day: name for day, name in found.items() if day.year == year}
