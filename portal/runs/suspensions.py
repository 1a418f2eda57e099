"""Schedules that the portal stops by itself: they fail again and again, or nobody opens what they refresh.

A suspended schedule waits for a person; its people are reminded every week. Whoever resumes it starts afresh.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from portal.publishing import plugs
from portal.publishing.audit import record
from portal.publishing.models import Publication
from portal.runs.models import Run, Schedule
from portal.runs.schedules import moved_to
from portal.runs.slots import make_due

BATCH = 500
WARNED = timedelta(days=3)  # between the warning and the end
WEEK = timedelta(days=7)
WELL = (Run.State.SUCCEEDED, Run.State.UNCHANGED)
ILL = (Run.State.FAILED, Run.State.TIMED_OUT, Run.State.LOST, Run.State.QUARANTINED)


def note_end(run_id: int, *, at: datetime) -> None:
    """Count a run that has just ended, in the transaction that ends it. A try that is repeated has not ended."""
    run = Run.objects.select_related("variant__publication").get(pk=run_id)
    if run.backfill_id is None and run.state in WELL:
        _recover(run, at)
    elif run.state in ILL:
        _count(run, at)


def _count(run: Run, at: datetime) -> None:
    its_own = Schedule.objects.filter(slots__run=run.pk, state=Schedule.State.ACTIVE)
    for pk in list(its_own.values_list("pk", flat=True)):
        Schedule.objects.filter(pk=pk).update(failures=F("failures") + 1)
        schedule = Schedule.objects.select_related("variant__publication").get(pk=pk)
        limit = schedule.suspend_after_failures
        if limit and schedule.failures >= limit and schedule.is_active:
            _suspend(schedule, f"It failed {schedule.failures} times in a row.", at)


def _recover(run: Run, at: datetime) -> None:
    """A run that ends well, whoever asked for it, ends the row of failures of its variant."""
    ill = Schedule.objects.filter(variant=run.variant_id, failures__gt=0).exclude(
        state=Schedule.State.ENDED
    )
    failures = max(ill.values_list("failures", flat=True), default=0)
    if failures:
        ill.update(failures=0)
        plugs.announce(plugs.Recovered(run.variant.publication, run.pk, failures, at))


def _suspend(schedule: Schedule, sentence: str, at: datetime) -> None:
    make_due(schedule, at)  # what came due since the last tick is not dropped
    Schedule.objects.filter(pk=schedule.pk, state=Schedule.State.ACTIVE).update(
        **moved_to(Schedule.State.SUSPENDED, by=None, at=at, reason=sentence)
    )
    publication = schedule.variant.publication
    record("suspend_schedule", schedule, by=None, at=at, publication=publication, reason=sentence)
    plugs.announce(plugs.Suspended(publication, schedule.pk, sentence, False, at))


def watch(at: datetime) -> None:
    """What the ticker does: warn of, and suspend, what nobody opens; remind of what is suspended."""
    _clear_warnings()
    _each(_unopened(at, ahead=WARNED).filter(warned_at__isnull=True), _warn, at)
    _each(_unopened(at).filter(warned_at__lte=at - WARNED), _suspend_unopened, at)
    _each(_suspended_long(at), _remind, at)


def _each(
    schedules: QuerySet[Schedule], do: Callable[[Schedule, datetime], None], at: datetime
) -> None:
    """Do it for a batch, once however many tickers there are; what is left over has its turn at the next tick."""
    if not schedules.exists():
        return
    with transaction.atomic():
        for schedule in (
            schedules.select_related("variant__publication")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .order_by("pk")[:BATCH]
        ):
            do(schedule, at)


def _clear_warnings() -> None:
    """Somebody opened it after all."""
    opened = Schedule.objects.filter(
        state=Schedule.State.ACTIVE,
        warned_at__isnull=False,
        variant__publication__last_opened_at__gt=F("warned_at"),
    )
    if opened.exists():
        keys = list(opened.values_list("pk", flat=True)[:BATCH])
        Schedule.objects.filter(pk__in=keys).update(warned_at=None)


def _unopened(at: datetime, *, ahead: timedelta = timedelta(0)) -> QuerySet[Schedule]:
    """Active schedules that nobody's opening has kept alive for as many days as each allows.

    Whoever sets or resumes one shows an interest as well. There are few different numbers of days.
    """
    watched = Schedule.objects.filter(
        state=Schedule.State.ACTIVE, suspend_unopened_days__isnull=False
    )
    condition = Q(pk__in=[])
    for days in watched.values_list("suspend_unopened_days", flat=True).distinct():
        since = at - max(timedelta(days=days or 0) - ahead, timedelta(days=1))
        condition |= Q(suspend_unopened_days=days, state_at__lte=since) & (
            Q(variant__publication__last_opened_at__isnull=True)
            | Q(variant__publication__last_opened_at__lte=since)
        )
    return watched.filter(condition)


def _suspended_long(at: datetime) -> QuerySet[Schedule]:
    week_ago = at - WEEK
    return Schedule.objects.filter(
        Q(reminded_at__lte=week_ago) | Q(reminded_at__isnull=True, state_at__lte=week_ago),
        state=Schedule.State.SUSPENDED,
    ).exclude(variant__publication__state=Publication.State.REMOVED)


def _warn(schedule: Schedule, at: datetime) -> None:
    Schedule.objects.filter(pk=schedule.pk).update(warned_at=at)
    publication = schedule.variant.publication
    sentence = (
        f"Nobody has opened it for a long time. In {WARNED.days} days it is refreshed no more, unless somebody "
        f"opens it or changes its schedule, which stops after {schedule.suspend_unopened_days} days."
    )
    record("warn_unopened", schedule, by=None, at=at, publication=publication)
    plugs.announce(plugs.SoonSuspended(publication, schedule.pk, sentence, at))


def _suspend_unopened(schedule: Schedule, at: datetime) -> None:
    _suspend(schedule, f"Nobody opened it for {schedule.suspend_unopened_days} days.", at)


def _remind(schedule: Schedule, at: datetime) -> None:
    Schedule.objects.filter(pk=schedule.pk).update(reminded_at=at)
    publication = schedule.variant.publication
    record("remind_suspended", schedule, by=None, at=at, publication=publication)
    plugs.announce(plugs.Suspended(publication, schedule.pk, schedule.state_reason, True, at))
