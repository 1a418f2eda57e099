"""Promises to readers: fresh by a time of the day. Each moment promised is judged once, when it has come.

It is kept when a run that ended well by then, and that readers are shown, was for a due time of the 24 hours before
or later: a rerun by hand counts as well. Batches of schedules take the same few queries, however many there are.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery

from portal.publishing import plugs
from portal.runs.days import Days
from portal.runs.models import ACTIVE, Promise, Run, Schedule, Slot
from portal.runs.rules import due_times

logger = logging.getLogger(__name__)

BATCH = 500
DAY = timedelta(days=1)
LOOKED_BACK = timedelta(days=3)  # a run that keeps a promise was queued since
REMEMBERED = timedelta(days=7)  # a late one that comes after that makes nothing good
MOST_DAYS = 800  # looked ahead for a day with a promise
LAST = 30  # promises or slots that a rate is of
GOOD = (Run.State.SUCCEEDED, Run.State.UNCHANGED)


@dataclass(frozen=True)
class Facts:
    """What is known of a schedule at its promise: the newest good run by then, and its newest slot."""

    good_for: datetime | None
    edition: int | None
    slot: Slot | None


def next_promise(schedule: Schedule, *, after: datetime) -> datetime | None:
    """The first moment later than `after` by which something is promised; None when nothing is.

    Clocked rules promise on days with a due time in the 24 hours before; others on every working day.
    """
    if schedule.fresh_by is None:
        return None
    zone, days = ZoneInfo(schedule.timezone), Days(schedule.calendar)
    day = after.astimezone(zone).date()
    for _ in range(MOST_DAYS):
        moment = datetime.combine(day, schedule.fresh_by, zone).astimezone(UTC)
        if moment > after:
            if not schedule.is_clocked:
                if not days.is_off(day):
                    return moment
            else:
                due = _first_due(schedule, moment)
                if due is None:
                    return None
                if due <= moment:
                    return moment
                day = max(day, due.astimezone(zone).date() - DAY)
        day += DAY
    return None


def _first_due(schedule: Schedule, moment: datetime) -> datetime | None:
    """The first due time that a promise is about, or the first one after it. None: it is never due again."""
    since = max(moment - DAY, schedule.state_at)
    return next(iter(due_times(schedule, after=since)), None)


def judge_promises(at: datetime) -> int:
    """Judge every promise whose moment has come; returns how many. Each broken one is announced, once."""
    judged = 0
    while batch := _judge_batch(at):
        judged += batch
    _note_made_good(at)
    return judged


@transaction.atomic
def _judge_batch(at: datetime) -> int:
    found = list(
        Schedule.objects.filter(state=Schedule.State.ACTIVE, next_promise_at__lte=at)
        .select_related("variant__publication", "calendar")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .order_by("next_promise_at", "pk")[:BATCH]
    )
    if not found:
        return 0
    facts = _facts(found)
    promises = [
        one for one in (_verdict(schedule, facts[schedule.pk]) for schedule in found) if one
    ]
    fresh = _not_judged_yet(promises)
    Promise.objects.bulk_create(fresh)
    for promise in fresh:
        if promise.state == Promise.State.BROKEN:
            _announce(promise, facts[promise.schedule_id], at)
    Schedule.objects.bulk_update(found, ["next_promise_at"])
    return len(found)


def _verdict(schedule: Schedule, facts: Facts) -> Promise | None:
    """The judgement, and the schedule moves on to its next promise; None when its rule cannot be followed any more."""
    moment = schedule.next_promise_at
    assert moment is not None  # it has come
    schedule.next_promise_at = None
    try:
        judged = _judged(schedule, moment, facts)
        schedule.next_promise_at = next_promise(schedule, after=moment)
    except Exception:  # people wrote the rule; whatever it does, the others are judged
        logger.exception("promise_failed schedule=%s", schedule.pk)
        return None
    return judged


def _not_judged_yet(promises: list[Promise]) -> list[Promise]:
    """Without those that are there: the clock was set back, or the promise was changed."""
    there = set(
        Promise.objects.filter(
            schedule__in=[one.schedule_id for one in promises],
            at__in={one.at for one in promises},
        ).values_list("schedule_id", "at")
    )
    return [one for one in promises if (one.schedule_id, one.at) not in there]


def _facts(found: Sequence[Schedule]) -> dict[int, Facts]:
    since = min(one.next_promise_at for one in found if one.next_promise_at) - LOOKED_BACK
    good = Run.objects.filter(
        variant=OuterRef("variant"),
        state__in=GOOD,
        remark="",
        queued_at__gte=since,
        finished_at__lte=OuterRef("next_promise_at"),
    ).order_by("-logical_time", "-pk")
    newest = Slot.objects.filter(
        schedule=OuterRef("pk"), due_at__lte=OuterRef("next_promise_at")
    ).order_by("-due_at")
    rows = list(
        Schedule.objects.filter(pk__in=[one.pk for one in found]).values_list(
            "pk",
            Subquery(good.values("logical_time")[:1]),
            Subquery(good.values("edition")[:1]),
            Subquery(newest.values("pk")[:1]),
        )
    )
    slots = Slot.objects.select_related("run").in_bulk([row[3] for row in rows if row[3]])
    return {pk: Facts(good_for, edition, slots.get(slot)) for pk, good_for, edition, slot in rows}


def _judged(schedule: Schedule, moment: datetime, facts: Facts) -> Promise:
    wanted = _due_before(schedule, moment)
    is_kept = facts.good_for is not None and facts.good_for >= wanted
    return Promise(
        schedule=schedule,
        at=moment,
        state=Promise.State.KEPT if is_kept else Promise.State.BROKEN,
        edition_id=facts.edition if is_kept else None,
    )


def _due_before(schedule: Schedule, moment: datetime) -> datetime:
    """What a run must be for, at least, to keep the promise."""
    due = _first_due(schedule, moment) if schedule.is_clocked else None
    return due if due is not None and due <= moment else moment - DAY


def _announce(promise: Promise, facts: Facts, at: datetime) -> None:
    schedule = promise.schedule
    plugs.announce(
        plugs.Late(
            schedule.variant.publication,
            schedule.pk,
            promise.at,
            why_late(schedule, promise.at, facts.slot),
            at,
        )
    )


def why_late(schedule: Schedule, moment: datetime, slot: Slot | None) -> str:
    """A sentence for whoever can act, as far as the cause is known."""
    if slot is None or slot.due_at <= moment - DAY:
        return _never_came(schedule)
    if slot.created_at > moment:
        return "The portal did not look at its schedules in time: its ticker was down."
    run = slot.run
    if run is None:
        return f"It was not run: {slot.reason}."
    if run.state == Run.State.QUEUED:
        return f"Run {run.pk} still waits in the queue."
    if run.state == Run.State.RUNNING:
        return f"Run {run.pk} is still running."
    if run.state in GOOD and run.remark:
        return f"Run {run.pk} ended well, and readers are not shown what it made: {run.remark}"
    if run.state in GOOD:
        return f"Run {run.pk} ended well, but too late."
    return f"Run {run.pk} ended as {run.get_state_display().lower()}. {run.error}".strip()


def _never_came(schedule: Schedule) -> str:
    match schedule.rule:
        case Schedule.Rule.ARRIVAL:
            return "No data arrived in the 24 hours before."
        case Schedule.Rule.AFTER:
            return "What it waits for had no new edition in the 24 hours before."
    return "Nothing was started in the 24 hours before."


@transaction.atomic
def _note_made_good(at: datetime) -> None:
    """Late is not never: remember when readers had it after all."""
    runs = Run.objects.filter(
        variant=OuterRef("schedule__variant"),
        state__in=GOOD,
        remark="",
        backfill__isnull=True,
        queued_at__gte=OuterRef("at") - LOOKED_BACK,
        finished_at__gt=OuterRef("at"),
    )
    # By the variant's index: in the order of ends, all that ever ended since would be read for each.
    first = runs.order_by().values("variant").annotate(good_at=Min("finished_at")).values("good_at")
    late = list(
        Promise.objects.filter(
            state=Promise.State.BROKEN, made_good_at__isnull=True, at__gt=at - REMEMBERED
        )
        .annotate(good_at=Subquery(first))
        .filter(good_at__isnull=False)
        .order_by("pk")[:BATCH]
    )
    for promise in late:
        promise.made_good_at = promise.good_at
    if late:
        Promise.objects.bulk_update(late, ["made_good_at"])


def on_time_rate(schedules: Iterable[Schedule]) -> dict[int, tuple[int, int]]:
    """How many of the last 30 promises were kept, and of how many, by schedule; without a promise, how many of its
    last 30 due times had a run that ended well. Four queries, however many schedules."""
    promised = {one.pk: one.fresh_by is not None for one in schedules}
    keeping = [pk for pk, is_promised in promised.items() if is_promised]
    others = [pk for pk, is_promised in promised.items() if not is_promised]
    judged = Slot.objects.exclude(run__state__in=ACTIVE)
    rates = dict.fromkeys(promised, (0, 0))
    rates |= _rates(keeping, Promise.objects.all(), "at", Q(state=Promise.State.KEPT))
    return rates | _rates(others, judged, "due_at", Q(run__state__in=GOOD))


def _rates(
    schedules: list[int], rows: QuerySet[Any], by: str, is_good: Q
) -> dict[int, tuple[int, int]]:
    """First where the last but 29 lies, then all since, by the index: whatever came before is not read."""
    if not schedules:
        return {}
    newest = rows.filter(schedule=OuterRef("pk")).order_by(f"-{by}").values(by)
    found = Schedule.objects.filter(pk__in=schedules).annotate(
        since=Subquery(newest[LAST - 1 : LAST])
    )
    wanted = Q(pk__in=[])
    for pk, since in found.values_list("pk", "since"):
        wanted |= Q(schedule=pk, **({f"{by}__gte": since} if since else {}))
    counted = (
        rows.filter(wanted)
        .values("schedule")
        .annotate(good=Count("pk", filter=is_good), all=Count("pk"))
    )
    return {row["schedule"]: (row["good"], row["all"]) for row in counted.order_by()}
