"""When refreshes are due.

Cron rules follow Debian's cron in the schedule's own time zone: a time that the spring gap swallows is
due when the gap ends, a time that comes twice in autumn is due once, and rules with a star in the hour
go by elapsed time. Intervals are elapsed time from the schedule's start, whatever the clocks do.
"""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError
from django.db import transaction

from portal.accounts.models import User
from portal.common.time import validate_timezone
from portal.publishing.actions import PublishingError
from portal.publishing.audit import record
from portal.publishing.models import Variant
from portal.publishing.permissions import part_of, require_edit
from portal.runs.models import Schedule

MOST_MINUTES = 366 * 24 * 60


class BadSchedule(PublishingError):
    """The rule cannot be followed; the message says what is wrong with it."""

    code = "schedule_invalid"


def plan(
    variant: Variant,
    *,
    cron: str = "",
    every_minutes: int | None = None,
    timezone: str = "",
    misfire: str = Schedule.Misfire.LATEST,
    starts_at: datetime | None = None,
    by: User,
    at: datetime,
) -> Schedule:
    """A checked schedule that is not kept yet.

    :param cron: five fields; or give `every_minutes`.
    :param starts_at: from when intervals count and slots are due; now, unless given.
    :raises BadSchedule: when the rule cannot be followed.
    """
    schedule = Schedule(
        variant=variant,
        rule=Schedule.Rule.CRON if cron else Schedule.Rule.INTERVAL,
        cron=" ".join(cron.split()),
        every_minutes=every_minutes,
        timezone=timezone or variant.publication.timezone,
        misfire=misfire,
        starts_at=starts_at or at,
        created_by=by,
        created_at=at,
    )
    check(schedule)
    schedule.next_due_at = next(due_times(schedule, after=schedule.starts_at))
    return schedule


@transaction.atomic
def set_schedule(variant: Variant, *, by: User, at: datetime, **rule: Any) -> Schedule:
    """Make what `plan` makes of the rule the variant's schedule; the former one ends and is kept.

    An identical one simply goes on.

    :raises BadSchedule: when the rule cannot be followed.
    :raises PermissionDenied: when the person may not change the publication.
    """
    require_edit(by, variant.publication)
    part = part_of(variant.publication)
    if part is not None:
        raise BadSchedule(f"It is refreshed with the report “{part.parent}”. Schedule that.")
    wanted = plan(variant, **rule, by=by, at=at)
    current = variant.schedules.filter(enabled=True).first()
    if current is not None and _rule_of(current) == _rule_of(wanted):
        return current
    variant.schedules.filter(enabled=True).update(enabled=False, next_due_at=None)
    wanted.save()
    record(
        "set_schedule",
        wanted,
        by=by,
        at=at,
        publication=variant.publication,
        rule=str(wanted),
        timezone=wanted.timezone,
    )
    return wanted


@transaction.atomic
def pause(variant: Variant, *, by: User, at: datetime) -> None:
    """Make no more slots until a schedule is set again.

    :raises PermissionDenied: when the person may not change the publication.
    """
    require_edit(by, variant.publication)
    paused = variant.schedules.filter(enabled=True).update(enabled=False, next_due_at=None)
    if paused:
        record("pause_schedule", variant, by=by, at=at, publication=variant.publication)


def apply_manifest(variant: Variant, wish: dict[str, object], by: User, at: datetime) -> None:
    """Make the manifest's `[schedule]` the variant's schedule.

    :raises BadSchedule: when the rule cannot be followed.
    """
    minutes = wish.get("every_minutes")
    set_schedule(
        variant,
        cron=str(wish.get("cron") or ""),
        every_minutes=int(str(minutes)) if minutes is not None else None,
        timezone=str(wish.get("timezone") or ""),
        by=by,
        at=at,
    )


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


def _rule_of(schedule: Schedule) -> tuple[object, ...]:
    return (schedule.cron, schedule.every_minutes, schedule.timezone, schedule.misfire)


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
