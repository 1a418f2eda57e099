"""When a rule is due.

Cron rules follow Debian's cron in the schedule's own time zone: a time that the spring gap swallows is
due when the gap ends, a time that comes twice in autumn is due once, and rules with a star in the hour
go by elapsed time. Intervals are elapsed time from the schedule's start, whatever the clocks do.
"""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError

from portal.common.time import validate_timezone
from portal.publishing.actions import PublishingError
from portal.runs.models import Schedule

MOST_MINUTES = 366 * 24 * 60


class BadSchedule(PublishingError):
    """The rule cannot be followed; the message says what is wrong with it."""

    code = "schedule_invalid"


def check(schedule: Schedule) -> None:
    """
    :raises BadSchedule: when the rule, the time zone or the interval cannot be followed.
    """
    try:
        validate_timezone(schedule.timezone)
    except ValidationError as error:
        raise BadSchedule(error.messages[0]) from error
    if bool(schedule.cron) == (schedule.every_minutes is not None):
        raise BadSchedule("Give either a cron rule or a number of minutes.")
    if schedule.cron:
        _check_cron(schedule)
    elif not 1 <= (schedule.every_minutes or 0) <= MOST_MINUTES:
        raise BadSchedule(f"The interval must be between 1 and {MOST_MINUTES} minutes.")


def due_times(schedule: Schedule, *, after: datetime) -> Iterator[datetime]:
    """Every due time later than `after`, in UTC, without end."""
    if schedule.rule == Schedule.Rule.INTERVAL:
        return _interval_times(schedule, after)
    return _cron_times(schedule, after)


def next_times(schedule: Schedule, after: datetime, n: int) -> list[datetime]:
    """The next `n` due times later than `after`, in the schedule's own time zone."""
    zone = ZoneInfo(schedule.timezone)
    return [time.astimezone(zone) for time in itertools.islice(due_times(schedule, after=after), n)]


def explain(schedule: Schedule) -> str:
    """The rule in words: `At 07:00 on Monday through Friday, Europe/Berlin`."""
    if schedule.rule == Schedule.Rule.INTERVAL:
        return _every(schedule.every_minutes or 0)
    rule = CronSim(schedule.cron, schedule.created_at).explain()
    return f"{rule}, {schedule.timezone}"


def _check_cron(schedule: Schedule) -> None:
    if len(schedule.cron.split()) != 5:
        raise BadSchedule(
            f"“{schedule.cron}” is not a cron rule: write five fields, minute, hour, day, month "
            "and weekday, such as 0 7 * * 1-5."
        )
    try:
        next(_cron_times(schedule, schedule.starts_at))
    except CronSimError as error:
        raise BadSchedule(f"“{schedule.cron}” is not a cron rule: {error}.") from error
    except StopIteration:
        raise BadSchedule(f"“{schedule.cron}” is never due: no such day exists.") from None


def _cron_times(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    local = after.astimezone(ZoneInfo(schedule.timezone))
    for due in CronSim(schedule.cron, local):
        utc = due.astimezone(UTC)
        if utc > after:
            yield utc


def _interval_times(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    step = timedelta(minutes=schedule.every_minutes or 0)
    passed = max(0, (after - schedule.starts_at) // step)
    return (schedule.starts_at + step * count for count in itertools.count(passed + 1))


def _every(minutes: int) -> str:
    for size, unit in ((7 * 24 * 60, "week"), (24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return f"Every {unit}" if count == 1 else f"Every {count} {unit}s"
    return f"Every {minutes} minutes"
