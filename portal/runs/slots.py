"""Making due slots: one row for every due time of every schedule, whatever becomes of it.

Schedules are served in batches: a transaction and the same few queries each, however many are due. A batch locks
its schedules, and another ticker passes over those that are locked (SQLite lets one transaction write at a time).
A slot's time is unique within its schedule: not even without the locks could one be made twice.

Only schedules are locked here, never variants: whoever ends a run holds its variant and may want its schedule.
"""

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DataError, IntegrityError, transaction
from django.db.models import Q

from portal.publishing.audit import event_of
from portal.publishing.models import AuditEvent
from portal.runs import policies
from portal.runs.models import Run, Schedule, Slot
from portal.runs.rules import due_times
from portal.runs.takings import Due, Takings

logger = logging.getLogger(__name__)

BATCH = 500  # schedules in one transaction
MOST_OF_ONE = (
    100  # slots of one schedule at a time; after a long pause, others get their turn between
)
MOST_SLOTS = 2_000  # in one transaction


@dataclass(frozen=True)
class Plan:
    """What is due of a schedule now, and when it is due next."""

    schedule: Schedule
    due: list[datetime]
    following: datetime | None  # None: it is never due again

    def is_behind(self, at: datetime) -> bool:
        """Whether more is due already."""
        return self.following is not None and self.following <= at


@dataclass
class Served:
    """What became of a batch: slots made, schedules that there was no room for, and those with more to make up."""

    slots: int = 0
    unreached: list[int] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)


def make_due_slots(at: datetime) -> int:
    """Make every slot that is due at `at`; returns how many this call made.

    A schedule that fails is logged with its id and does not keep the others from being served.
    """
    made = 0
    due = Schedule.objects.filter(_is_due(at)).order_by("next_due_at", "pk")
    waiting = list(due.values_list("pk", flat=True))
    while waiting:
        served = _serve_somehow(waiting[:BATCH], at)
        made += served.slots
        waiting = served.unreached + waiting[BATCH:] + served.behind
    return made


@transaction.atomic
def make_due(schedule: Schedule, at: datetime) -> int:
    """Make every slot of one schedule that is due at `at`: before it is changed, so that none is dropped."""
    made, waiting = 0, [schedule.pk]
    while waiting:
        served = _serve(waiting, at, skip_locked=False)
        made, waiting = made + served.slots, served.behind
    return made


def _serve_somehow(keys: list[int], at: datetime) -> Served:
    """The batch at once, or one by one when the database refuses what one of them asks for."""
    try:
        return _serve(keys, at)
    except (IntegrityError, DataError):
        logger.exception("slots_refused schedules=%s", len(keys))
    total = Served()
    for pk in keys:
        try:
            served = _serve([pk], at)
        except (IntegrityError, DataError):
            logger.exception("schedule_failed schedule=%s", pk)
        else:
            total.slots += served.slots
            total.behind += served.behind
    return total


@transaction.atomic
def _serve(keys: list[int], at: datetime, *, skip_locked: bool = True) -> Served:
    found = list(
        Schedule.objects.filter(_is_due(at), pk__in=keys)
        .select_related("variant__version", "variant__publication", "calendar")
        .select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)
        .order_by("next_due_at", "pk")
    )
    if not found:
        return Served()  # another ticker was first
    plans, unreached = _plans(found, at)
    slots = _make(plans, at)
    _move_on(plans)
    _stop_removed([plan.schedule for plan in plans], at)
    behind = [plan.schedule.pk for plan in plans if plan.is_behind(at)]
    return Served(slots, unreached, behind)


def _is_due(at: datetime) -> Q:
    return Q(state=Schedule.State.ACTIVE, next_due_at__lte=at)


def _plans(found: list[Schedule], at: datetime) -> tuple[list[Plan], list[int]]:
    """What is due of each, until it is enough for one transaction; and who has to wait for the next."""
    plans: list[Plan] = []
    room = MOST_SLOTS
    for number, schedule in enumerate(found):
        if room <= 0:
            return plans, [one.pk for one in found[number:]]
        try:
            plan = _plan(schedule, at, most=min(room, MOST_OF_ONE))
        except Exception:  # people wrote the rule; whatever it does, the others are served
            logger.exception("schedule_failed schedule=%s", schedule.pk)
        else:
            plans.append(plan)
            room -= len(plan.due)
    return plans, []


def _plan(schedule: Schedule, at: datetime, *, most: int) -> Plan:
    """Its due times until `at`, at most so many of them, and the one that follows."""
    first = schedule.next_due_at
    assert first is not None  # it is due
    due: list[datetime] = []
    for time in itertools.chain([first], due_times(schedule, after=first)):
        if time > at or len(due) == most:
            return Plan(schedule, due, time)
        due.append(time)
    return Plan(schedule, due, None)


def _make(plans: Sequence[Plan], at: datetime) -> int:
    """Write the slots of all plans, but for those that are there: the clock was set back, or a rule was."""
    there = _there(plans)
    takings = Takings({plan.schedule.variant_id for plan in plans}, at=at)
    for plan in plans:
        for time in plan.due:
            if (plan.schedule.pk, time) not in there:
                is_last = time == plan.due[-1] and not plan.is_behind(at)
                reason = policies.reason_to_skip(plan.schedule, time, at=at, is_last=is_last)
                takings.add(Due(plan.schedule, time, Run.Trigger.SCHEDULE, reason=reason))
    return len(takings.keep())


def _there(plans: Sequence[Plan]) -> set[tuple[int, datetime]]:
    keys = [plan.schedule.pk for plan in plans]
    times = {time for plan in plans for time in plan.due}
    slots = Slot.objects.filter(schedule__in=keys, due_at__in=times)
    return set(slots.values_list("schedule_id", "due_at"))


def _move_on(plans: Sequence[Plan]) -> None:
    for plan in plans:
        plan.schedule.next_due_at = plan.following
    Schedule.objects.bulk_update([plan.schedule for plan in plans], ["next_due_at"])


def _stop_removed(schedules: list[Schedule], at: datetime) -> None:
    """What was due is accounted for; a schedule of a removed publication then waits for somebody to resume it."""
    removed = [one for one in schedules if one.variant.publication.is_removed]
    if not removed:
        return
    Schedule.objects.filter(pk__in=[one.pk for one in removed]).update(
        state=Schedule.State.PAUSED,
        state_by=None,
        state_at=at,
        state_reason=policies.REMOVED,
        next_due_at=None,
        next_promise_at=None,
    )
    AuditEvent.objects.bulk_create(
        event_of(
            "pause_schedule",
            one,
            by=None,
            at=at,
            publication=one.variant.publication,
            reason=policies.REMOVED,
        )
        for one in removed
    )
