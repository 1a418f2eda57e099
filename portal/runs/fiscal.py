"""Fiscal months, quarters and years: by calendar months, or by weeks in the patterns 4-4-5, 4-5-4 and 5-4-4.

A year by weeks goes from one listed first day to the next; the last month takes the weeks that are left, so
that a year of 53 weeks works. Where no further year is listed, years of 52 weeks are assumed.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from portal.runs.models import Calendar, Schedule

ONE_DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
YEAR = 52 * WEEK
MONTHS_OF = {Schedule.Period.MONTH: 1, Schedule.Period.QUARTER: 3, Schedule.Period.YEAR: 12}


@dataclass(frozen=True)
class Period:
    """A fiscal month, quarter or year: its days, and the year that it belongs to."""

    first: date
    last: date
    number: int  # within its year, from 1
    year_begins: date
    is_assumed: bool  # its year is not listed


def periods(calendar: Calendar | None, length: str, *, since: date) -> Iterator[Period]:
    """The periods from the one that holds `since` on, without end. Without a calendar: plain ones."""
    months = MONTHS_OF[Schedule.Period(length)]
    for begins, is_assumed in _years(calendar, since):
        edges = _month_edges(calendar, begins)
        if edges is None:
            return  # the calendar of the world ends in 9999
        for number, start in enumerate(range(0, 12, months), start=1):
            last = edges[start + months] - ONE_DAY
            if last >= since:
                yield Period(edges[start], last, number, begins, is_assumed)


def by_weeks(calendar: Calendar | None) -> bool:
    return calendar is not None and calendar.fiscal_pattern != Calendar.Pattern.MONTHS


def first_days(calendar: Calendar) -> list[date]:
    """The listed first days of fiscal years, in order."""
    return sorted(date.fromisoformat(day) for day in calendar.fiscal_years)


def _years(calendar: Calendar | None, since: date) -> Iterator[tuple[date, bool]]:
    """First days of years from the one that holds `since`, and whether they are assumed."""
    if calendar is not None and by_weeks(calendar):
        yield from _years_by_weeks(first_days(calendar), since)
        return
    month = calendar.fiscal_first_month if calendar else 1
    year = since.year - (since.month < month)
    for count in range(year, date.max.year):
        yield date(count, month, 1), False


def _years_by_weeks(listed: list[date], since: date) -> Iterator[tuple[date, bool]]:
    place = bisect_right(listed, since) - 1
    if place < 0:  # before the first listed one
        begins = listed[0] - -((since - listed[0]) // YEAR) * YEAR
        while begins < listed[0]:
            yield begins, True
            begins += YEAR
        place = 0
    for begins in listed[place:-1]:
        yield begins, False
    begins = listed[-1]
    if since >= begins:
        begins += (since - begins) // YEAR * YEAR
    while begins.year < date.max.year - 1:
        yield begins, begins != listed[-1]
        begins += YEAR


def _month_edges(calendar: Calendar | None, begins: date) -> list[date] | None:
    """The first days of a year's twelve months, and of the next year."""
    if begins.year >= date.max.year - 1:
        return None
    if calendar is None or not by_weeks(calendar):
        return [_months_later(begins, count) for count in range(13)]
    edges = [begins]
    for weeks in [int(one) for one in calendar.fiscal_pattern.split("-")] * 4:
        edges.append(edges[-1] + weeks * WEEK)
    listed = first_days(calendar)
    following = listed[bisect_right(listed, begins) :]
    if begins in listed and following:
        edges[-1] = following[0]
    return edges


def _months_later(begins: date, count: int) -> date:
    months = begins.month - 1 + count
    return date(begins.year + months // 12, months % 12 + 1, 1)
