"""Schedules that are not kept, and slow, plain references for when they are due."""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.runs.models import Calendar, Schedule

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(rule: str, *, timezone: str = "Europe/Berlin", **fields: object) -> Schedule:
    start = utc("2000-01-03T00:00")
    return Schedule(rule=rule, timezone=timezone, starts_at=start, created_at=start, **fields)


def cron(rule: str, **fields: object) -> Schedule:
    return schedule("cron", cron=rule, **fields)


def workday(n: int, **fields: object) -> Schedule:
    return schedule("workday", workday=n, **({"at_time": time(7)} | fields))


def calendar(**fields: object) -> Calendar:
    plain = {"slug": "works", "name": "Works", "weekend": [5, 6]}
    return Calendar(**(plain | fields))


def slow_cron(
    minutes: Collection[int],
    hours: Collection[int],
    *,
    by_real_time: bool,
    zone: ZoneInfo,
    start: datetime,
    end: datetime,
) -> list[datetime]:
    """Every due time from `start` to `end`, found by looking at the clock every minute."""
    shown: dict[datetime, datetime] = {}  # when each clock time is first shown
    due = set()
    for moment in _minutes(start - 2 * DAY, end + 2 * DAY):
        local = moment.astimezone(zone).replace(tzinfo=None)
        shown.setdefault(local, moment)
        if by_real_time and local.minute in minutes and local.hour in hours:
            due.add(moment)
    if not by_real_time:
        for local in _minutes(min(shown), max(shown) - DAY):
            if local.minute in minutes and local.hour in hours:
                due.add(next(shown[one] for one in _minutes(local, max(shown)) if one in shown))
    return sorted(moment for moment in due if start < moment <= end)


def slow_workdays(
    n: int, months: int, is_off: Collection[date], *, first: date, last: date
) -> list[date]:
    """The n-th working day of every period of so many months, found by writing them all down."""
    by_period: dict[tuple[int, int], list[date]] = {}
    day = first.replace(month=1, day=1)
    while day < date(last.year + 1, 1, 1):
        if day.weekday() < 5 and day not in is_off:
            by_period.setdefault((day.year, (day.month - 1) // months), []).append(day)
        day += DAY
    index = n - 1 if n > 0 else n
    found = [days[index] for days in by_period.values() if -len(days) <= index < len(days)]
    return [day for day in found if first <= day <= last]


def _minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    while start <= end:
        yield start
        start += MINUTE
