"""When a rule is due.

Cron rules follow Debian's cron in the schedule's own time zone (see `clock`); so do the clock times of rules by
working day. Intervals are elapsed time from the schedule's start, whatever the clocks do. A calendar
says which days are off: due times on them stay, are left out, or move to the next working day.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSimError
from django.core.exceptions import ValidationError

from portal.common.time import validate_timezone
from portal.publishing.actions import PublishingError
from portal.runs import clock, fiscal
from portal.runs.days import Days
from portal.runs.models import Schedule
from portal.runs.phrases import explain

__all__ = ["BadSchedule", "check", "due_times", "every_time", "explain", "next_times"]

MOST_MINUTES = 366 * 24 * 60
JUST_BEFORE = timedelta(microseconds=1)
HORIZON = timedelta(days=30 * 366)  # leap days on working days come at least every 16 years
EMPTY_YEARS = 12  # without a period that has the wanted working day, after which there is none
FIELD_OF = {
    Schedule.Rule.CRON: "cron",
    Schedule.Rule.INTERVAL: "every_minutes",
    Schedule.Rule.WORKDAY: "workday",
}

Times = Callable[[datetime], Iterator[datetime]]  # the due times later than a moment


class BadSchedule(PublishingError):
    """The rule cannot be followed; the message says what is wrong with it."""

    code = "schedule_invalid"


def check(schedule: Schedule) -> None:
    """
    :raises BadSchedule: when the rule, the time zone or the calendar cannot be followed, or it is never due.
    """
    try:
        validate_timezone(schedule.timezone)
    except ValidationError as error:
        raise BadSchedule(error.messages[0]) from error
    _check_fields(schedule)
    if schedule.on_holidays != Schedule.Holidays.RUN and schedule.calendar is None:
        raise BadSchedule("Choose the calendar that says which days are off.")
    if not schedule.is_clocked:
        return
    if next(due_times(schedule, after=schedule.starts_at), None) is None:
        raise BadSchedule(f"“{schedule}” is never due: no such day exists.")


def due_times(schedule: Schedule, *, after: datetime) -> Iterator[datetime]:
    """Every due time later than `after`, in UTC; it ends only where the rule is never due again."""
    zone, days = ZoneInfo(schedule.timezone), Days(schedule.calendar)
    if schedule.on_holidays == Schedule.Holidays.SKIP:
        return _without_days_off(every_time(schedule), days, zone, after)
    if schedule.on_holidays == Schedule.Holidays.NEXT:
        return _moved_off_days_off(every_time(schedule), days, zone, after)
    return every_time(schedule)(after)


def every_time(schedule: Schedule) -> Times:
    """The rule as if no day were off."""
    zone = ZoneInfo(schedule.timezone)
    if schedule.rule == Schedule.Rule.INTERVAL:
        return lambda after: _interval_times(schedule, after)
    if schedule.rule == Schedule.Rule.WORKDAY:
        return lambda after: _workday_times(schedule, zone, after)
    return clock.Cron(schedule.cron, zone).times


def next_times(schedule: Schedule, after: datetime, n: int) -> list[datetime]:
    """The next `n` due times later than `after`, in the schedule's own time zone."""
    zone = ZoneInfo(schedule.timezone)
    return [time.astimezone(zone) for time in itertools.islice(due_times(schedule, after=after), n)]


def _check_fields(schedule: Schedule) -> None:
    """That exactly the fields of the rule are given, and can be followed."""
    given = [name for name in FIELD_OF.values() if getattr(schedule, name) not in (None, "")]
    if schedule.is_clocked and given != [FIELD_OF[Schedule.Rule(schedule.rule)]]:
        raise BadSchedule("Give either a cron rule, a number of minutes or a working day.")
    if not schedule.is_clocked and (given or schedule.on_holidays != Schedule.Holidays.RUN):
        raise BadSchedule("What waits for others or for data has no times and days of its own.")
    if schedule.rule == Schedule.Rule.CRON:
        _check_cron(schedule)
    elif schedule.rule == Schedule.Rule.INTERVAL:
        if not 1 <= (schedule.every_minutes or 0) <= MOST_MINUTES:
            raise BadSchedule(f"The interval must be between 1 and {MOST_MINUTES} minutes.")
    elif schedule.rule == Schedule.Rule.WORKDAY and not (schedule.workday and schedule.at_time):
        raise BadSchedule("Say which working day, from 1 or from the end as -1, and at what time.")


def _check_cron(schedule: Schedule) -> None:
    if len(schedule.cron.split()) != 5:
        raise BadSchedule(
            f"“{schedule.cron}” is not a cron rule: write five fields, minute, hour, day, month "
            "and weekday, such as 0 7 * * 1-5."
        )
    try:
        clock.Cron(schedule.cron, ZoneInfo(schedule.timezone))
    except CronSimError as error:
        raise BadSchedule(f"“{schedule.cron}” is not a cron rule: {error}.") from error


def _interval_times(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    step = timedelta(minutes=schedule.every_minutes or 0)
    passed = max(0, (after - schedule.starts_at) // step)
    return (schedule.starts_at + step * count for count in itertools.count(passed + 1))


def _workday_times(schedule: Schedule, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """On the n-th working day of every period; a period that has fewer is left out."""
    days, n, at_time = Days(schedule.calendar), schedule.workday, schedule.at_time
    assert n is not None  # as the database holds
    assert at_time is not None
    since = after.astimezone(zone).date() - clock.DAY
    last_found = since
    for period in fiscal.periods(schedule.calendar, schedule.period, since=since):
        day = days.nth_working(period.first, period.last, n)
        if day is None:
            if (period.first - last_found).days > EMPTY_YEARS * 366:
                return
            continue
        last_found = day
        due = clock.at_clock(day, at_time, zone)
        if due > after:
            yield due


def _without_days_off(
    times: Times, days: Days, zone: ZoneInfo, after: datetime
) -> Iterator[datetime]:
    coming, last = times(after), after
    while due := next(coming, None):
        working = days.working_from(due.astimezone(zone).date())
        if working is None or due - last > HORIZON:
            return
        begins = clock.begin_of(working, zone)
        if begins > due:
            coming = times(begins - JUST_BEFORE)
            continue
        yield due
        last = due


def _moved_off_days_off(
    times: Times, days: Days, zone: ZoneInfo, after: datetime
) -> Iterator[datetime]:
    """All that days off in a row push to one working day is due once there, at the earliest clock time of them."""
    held: datetime | None = None
    last = after
    for due, is_moved in _told_apart(times, days, zone, after):
        if is_moved and held and _same_day(held, due, zone):
            held = min(held, due)
            continue
        ready = [held] if held and (is_moved or held <= due) else []
        held = due if is_moved else (None if ready else held)
        for time in [*ready, *([] if is_moved else [due])]:
            if time > last:
                yield time
                last = time


def _told_apart(
    times: Times, days: Days, zone: ZoneInfo, after: datetime
) -> Iterator[tuple[datetime, bool]]:
    """Due times on working days; and for every day off, where the first one of it moves to, with True."""
    since = clock.begin_of(days.break_begins(after.astimezone(zone).date()), zone)
    coming = times(since - JUST_BEFORE)
    while due := next(coming, None):
        local = due.astimezone(zone)
        working = days.working_from(local.date())
        if working is None:
            return
        if working == local.date():
            yield due, False
        else:
            yield clock.at_clock(working, local.time(), zone), True
            coming = times(clock.begin_of(_next_day(due, zone), zone) - JUST_BEFORE)


def _next_day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date() + clock.DAY


def _same_day(one: datetime, other: datetime, zone: ZoneInfo) -> bool:
    return one.astimezone(zone).date() == other.astimezone(zone).date()
