"""Backfills: the due times of a range in the past, run as editions of their time.

Readers who see a later time keep seeing it; what a backfill makes is in the archive. Its runs go last in the queue and
at most `at_once` at a time, which whoever claims runs holds to.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction

from portal.accounts.models import User
from portal.publishing.audit import record
from portal.publishing.models import AuditEvent, Edition
from portal.publishing.permissions import require_edit
from portal.runs.actions import NothingToRun, new_run, request_event
from portal.runs.doorbell import ring_for_all
from portal.runs.models import Backfill, Run, Schedule, Slot
from portal.runs.rules import due_times

MOST_RUNS = 500
MOST_AT_ONCE = 10
EARLIEST = datetime(1999, 12, 31, tzinfo=UTC)  # where clocks are ahead, 2000 has begun
CANCELLED = "Cancelled with its backfill before it started."


class BadRange(Exception):
    """The range makes no backfill; the message says why."""


@dataclass(frozen=True)
class PastTime:
    """A due time of the past, and what is there of it already."""

    due_at: datetime
    edition: Edition | None
    run: Run | None
    slot: Slot | None

    @property
    def is_missing(self) -> bool:
        """Whether nothing came of it, and nothing is about to."""
        if self.edition is not None:
            return False
        return self.run is None or (self.run.is_finished and self.run.state != Run.State.UNCHANGED)

    @property
    def in_words(self) -> str:
        """What there is, for people."""
        if self.edition is not None:
            return f"Edition {self.edition}"
        if self.run is not None:
            return f"Run {self.run.pk}: {self.run.get_state_display().lower()}"
        if self.slot is not None and self.slot.reason:
            return f"Skipped. {self.slot.reason}"
        return "Nothing"


def preview(schedule: Schedule, *, first: datetime, last: datetime, at: datetime) -> list[PastTime]:
    """The due times from `first` to `last` with what there is of each, in three queries.

    Of a schedule that goes by news or data, those that there were.

    :raises BadRange: when it is empty, not over yet, or has more than `MOST_RUNS`.
    """
    if first > last:
        raise BadRange("The first day comes after the last.")
    if first < EARLIEST:
        raise BadRange("A backfill begins in the year 2000 at the earliest.")
    if first > at:
        raise BadRange("A backfill is of the past: the first day is still to come.")
    times = list(itertools.islice(_times(schedule, first, min(last, at)), MOST_RUNS + 1))
    if len(times) > MOST_RUNS:
        raise BadRange(f"That is more than {MOST_RUNS} due times. Choose fewer days at a time.")
    return _with_what_is_there(schedule, times)


@transaction.atomic
def start_backfill(
    schedule: Schedule,
    *,
    first: datetime,
    last: datetime,
    at_once: int = 1,
    only_missing: bool = True,
    by: User,
    at: datetime,
) -> Backfill:
    """Queue a run of the variant's version for each due time of the range, or for each that nothing came of.

    :raises BadRange: when the range makes no run, or not so many may go at once.
    :raises NothingToRun: when the version is not code, or not to be run any more.
    :raises PermissionDenied: when the person may not refresh it.
    """
    require_edit(by, schedule.variant.publication)
    if not 1 <= at_once <= MOST_AT_ONCE:
        raise BadRange(f"From 1 to {MOST_AT_ONCE} may run at once.")
    schedule = _locked(schedule)
    found = preview(schedule, first=first, last=last, at=at)
    times = [one.due_at for one in found if one.is_missing or not only_missing]
    if not times:
        raise BadRange("Nothing is missing in these days." if found else "Nothing was due then.")
    backfill = Backfill.objects.create(
        schedule=schedule,
        first_at=times[0],
        last_at=times[-1],
        at_once=at_once,
        by=by,
        at=at,
    )
    _queue(backfill, times, by, at)
    return backfill


@transaction.atomic
def cancel_backfill(backfill: Backfill, *, by: User, at: datetime) -> int:
    """Take back every run of it that still waits; what runs goes on. Returns how many there were.

    :raises PermissionDenied: when the person may not refresh it.
    """
    publication = backfill.schedule.variant.publication
    require_edit(by, publication)
    cancelled = backfill.runs.filter(state=Run.State.QUEUED).update(
        state=Run.State.CANCELLED,
        finished_at=at,
        cancel_requested=True,
        cancelled_by=by,
        cancelled_at=at,
        error=CANCELLED,
        doing="",
    )
    if cancelled:
        record("cancel_backfill", backfill, by=by, at=at, publication=publication, runs=cancelled)
    return cancelled


def _times(schedule: Schedule, first: datetime, last: datetime) -> Iterator[datetime]:
    if not schedule.is_clocked:
        slots = schedule.slots.filter(due_at__gte=first, due_at__lte=last).order_by("due_at")
        return iter(slots.values_list("due_at", flat=True)[: MOST_RUNS + 1])
    since = first - timedelta(microseconds=1)
    return itertools.takewhile(lambda time: time <= last, due_times(schedule, after=since))


def _with_what_is_there(schedule: Schedule, times: list[datetime]) -> list[PastTime]:
    variant = schedule.variant_id
    editions = {
        edition.logical_time: edition
        for edition in Edition.objects.filter(
            variant=variant, state=Edition.State.GOOD, logical_time__in=times
        )
        .select_related("publication")
        .order_by("number")
    }
    runs = {
        run.logical_time: run
        for run in Run.objects.filter(variant=variant, logical_time__in=times).order_by("pk")
    }
    slots = {slot.due_at: slot for slot in schedule.slots.filter(due_at__in=times)}
    return [PastTime(time, editions.get(time), runs.get(time), slots.get(time)) for time in times]


def _locked(schedule: Schedule) -> Schedule:
    """Two who start at once take turns, and the second finds nothing missing."""
    locked = (
        Schedule.objects.select_for_update(of=("self",), no_key=True)
        .select_related("variant__version", "variant__publication", "calendar")
        .get(pk=schedule.pk)
    )
    publication, version = locked.variant.publication, locked.variant.version
    if publication.is_removed:
        raise NothingToRun(f"“{publication}” was removed. It is not refreshed any more.")
    if version is None or not version.executes:
        raise NothingToRun(f"“{publication}” is finished content, and there is nothing to run.")
    return locked


def _queue(backfill: Backfill, times: list[datetime], by: User, at: datetime) -> None:
    variant = backfill.schedule.variant
    assert variant.version is not None  # _locked has looked
    runs = []
    for time in times:
        run = new_run(
            variant.version,
            variant=variant,
            trigger=Run.Trigger.BACKFILL,
            by=by,
            at=at,
            logical_time=time,
            schedule=backfill.schedule,
        )
        run.priority, run.backfill = Schedule.Priority.LOW, backfill
        runs.append(run)
    Run.objects.bulk_create(runs)
    AuditEvent.objects.bulk_create(request_event(run, at=at) for run in runs)
    record(
        "start_backfill",
        backfill,
        by=by,
        at=at,
        publication=variant.publication,
        runs=len(runs),
        at_once=backfill.at_once,
    )
    ring_for_all(runs[: backfill.at_once])
