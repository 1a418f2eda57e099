"""Making due slots: one row for every due time of every schedule, whatever becomes of it.

A slot and its run are written in one transaction with the schedule's next due time. That update is
conditional on what was read, and the slot's time is unique within its schedule: any number of tickers
may do this at once.
"""

import itertools
import logging
from datetime import datetime, timedelta

from cronsim import CronSimError
from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from portal.publishing.models import Publication
from portal.runs.actions import request_run
from portal.runs.models import ACTIVE, Run, Schedule, Slot
from portal.runs.rules import due_times

logger = logging.getLogger(__name__)

BATCH = 500  # slots written in one transaction; after a long pause the rest follow at once
ON_TIME = timedelta(seconds=60)  # a slot this old is not called missed
LATER_ONE = "Missed; a later slot was due as well"
TOO_LATE = "Missed; the schedule skips what it missed"


def make_due_slots(at: datetime) -> int:
    """Make every slot that is due at `at`; returns how many this call made.

    A schedule that fails is logged with its id and does not keep the others from being served.
    """
    made = 0
    for pk in list(_due(at).values_list("pk", flat=True)):
        try:
            while batch := _make_batch(pk, at):
                made += batch
        except (DatabaseError, CronSimError, ValueError):
            logger.exception("schedule_failed schedule=%s", pk)
    return made


def _due(at: datetime) -> QuerySet[Schedule]:
    return (
        Schedule.objects.filter(state=Schedule.State.ACTIVE, next_due_at__lte=at)
        .exclude(variant__publication__state=Publication.State.REMOVED)
        .order_by("next_due_at", "pk")
    )


@transaction.atomic
def _make_batch(pk: int, at: datetime) -> int:
    schedule = (
        _due(at).select_related("variant__version", "variant__publication").filter(pk=pk).first()
    )
    if schedule is None or schedule.next_due_at is None:
        return 0  # another ticker was first
    first = schedule.next_due_at
    due, following = _until(schedule, first, at)
    moved = Schedule.objects.filter(pk=pk, state=Schedule.State.ACTIVE, next_due_at=first).update(
        next_due_at=following
    )
    if moved != 1:
        return 0  # another ticker was first
    for time in due:
        _make_slot(schedule, time, at=at, is_last=time == due[-1] and following > at)
    return len(due)


def _until(schedule: Schedule, first: datetime, at: datetime) -> tuple[list[datetime], datetime]:
    """The due times from `first` to `at`, at most a batch of them, and the one that follows."""
    due: list[datetime] = []
    for time in itertools.chain([first], due_times(schedule, after=first)):
        if time > at or len(due) == BATCH:
            return due, time
        due.append(time)
    raise ValueError(f"schedule {schedule.pk} is never due again")


def _make_slot(schedule: Schedule, due_at: datetime, *, at: datetime, is_last: bool) -> None:
    reason = _reason_to_skip(schedule, due_at, at=at, is_last=is_last)
    run = None if reason else _request(schedule, due_at, at=at)
    Slot.objects.create(
        schedule=schedule,
        due_at=due_at,
        state=Slot.State.SKIPPED if reason else Slot.State.TAKEN,
        reason=reason,
        run=run,
        created_at=at,
    )


def _reason_to_skip(schedule: Schedule, due_at: datetime, *, at: datetime, is_last: bool) -> str:
    """Why the slot is not run; empty when it is."""
    version = schedule.variant.version
    if version is None or not version.executes:
        return "There is nothing to run: the newest version is finished content"
    if schedule.misfire == Schedule.Misfire.ALL:
        return ""  # each is run, one after another
    if schedule.misfire == Schedule.Misfire.SKIP and at - due_at > ON_TIME:
        return TOO_LATE
    if not is_last:
        return LATER_ONE
    active = Run.objects.filter(variant=schedule.variant_id, state__in=ACTIVE).first()
    return f"Run {active.pk} was still {active.get_state_display().lower()}" if active else ""


def _request(schedule: Schedule, due_at: datetime, *, at: datetime) -> Run:
    version = schedule.variant.version
    assert version is not None  # _reason_to_skip has looked
    return request_run(
        version,
        variant=schedule.variant,
        trigger=Run.Trigger.SCHEDULE,
        by=None,
        at=at,
        logical_time=due_at,
    )
