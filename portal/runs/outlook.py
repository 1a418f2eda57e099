"""The next due times as people want to see them before they save: with what clocks and days off do to them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from portal.runs import clock
from portal.runs.days import Days
from portal.runs.models import Schedule
from portal.runs.phrases import listed
from portal.runs.rules import JUST_BEFORE, due_times, every_time

TEN = 10
MOST_DAYS = 400  # looked at between two due times
NAMED_AT_MOST = 3


@dataclass(frozen=True)
class Upcoming:
    """One due time in the schedule's zone, and what is special about it."""

    time: datetime
    remarks: list[str]

    @property
    def offset(self) -> str:
        """`UTC+01:00`"""
        text = f"{self.time:%z}"
        return f"UTC{text[:3]}:{text[3:5]}"


def next_ten(schedule: Schedule, *, after: datetime) -> list[Upcoming]:
    """The next due times later than `after`; none for a rule that does not go by time."""
    if not schedule.is_clocked:
        return []
    return list(itertools.islice(_upcoming(schedule, after), TEN))


def _upcoming(schedule: Schedule, after: datetime) -> Iterator[Upcoming]:
    zone, before = ZoneInfo(schedule.timezone), after
    for due in due_times(schedule, after=after):
        local = due.astimezone(zone)
        remarks = [
            _clocks_changed(before.astimezone(zone), local),
            _moved_by_clocks(schedule, local),
            _left_out_or_moved(schedule, before, due, zone),
        ]
        yield Upcoming(local, [remark for remark in remarks if remark])
        before = due


def _clocks_changed(before: datetime, local: datetime) -> str:
    if before.utcoffset() == local.utcoffset():
        return ""
    forward = (local.utcoffset() or timedelta()) > (before.utcoffset() or timedelta())
    return f"Clocks went {'forward' if forward else 'back'} since the time before"


def _moved_by_clocks(schedule: Schedule, local: datetime) -> str:
    """What a rule at clock times makes of a gap, or of a time that comes twice."""
    if schedule.rule == Schedule.Rule.INTERVAL:
        return ""
    if schedule.rule == Schedule.Rule.CRON:
        rule = clock.Cron(schedule.cron, ZoneInfo(schedule.timezone))
        if rule.goes_by_real_time:
            return ""
        is_set = rule.fits_time(local)
    else:
        is_set = local.time().replace(fold=0) == schedule.at_time
    if not is_set:
        return "The set time does not exist that day; it runs when clocks have gone forward"
    if clock.comes_twice(local, ZoneInfo(schedule.timezone)):
        return "That time comes twice; it runs the first time only"
    return ""


def _left_out_or_moved(schedule: Schedule, before: datetime, due: datetime, zone: ZoneInfo) -> str:
    if schedule.on_holidays == Schedule.Holidays.RUN:
        return ""
    times, days = every_time(schedule), Days(schedule.calendar)
    if schedule.on_holidays == Schedule.Holidays.SKIP:
        since, moves = before.astimezone(zone).date(), False
    else:
        since, moves = days.break_begins(due.astimezone(zone).date()), True
        if next(times(due - JUST_BEFORE), None) == due:
            return ""
    dropped = []
    for count in range(min(MOST_DAYS, (due.astimezone(zone).date() - since).days)):
        day = since + count * clock.DAY
        begins, ends = clock.begin_of(day, zone), clock.begin_of(day + clock.DAY, zone)
        first = next(times(begins - JUST_BEFORE), None) if days.is_off(day) else None
        is_told = moves or (days.is_special(day) and first is not None and first > before)
        if first and first < ends and is_told:
            dropped.append(f"{day:%a} {day.day} {day:%b}, {days.why_off(day)}")
    return _said(dropped, "Moved from" if moves else "Left out before:")


def _said(days: list[str], how: str) -> str:
    if not days:
        return ""
    more = len(days) - NAMED_AT_MOST
    shown = days[:NAMED_AT_MOST] + ([f"{more} more"] if more > 0 else [])
    return f"{how} {listed(shown)}"
