"""Writing slots and the runs that they start: many at once, in the same few queries however many there are."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.publishing.audit import event_of
from portal.publishing.models import AuditEvent
from portal.runs import policies
from portal.runs.actions import new_run, request_event
from portal.runs.doorbell import ring_for_all
from portal.runs.models import ACTIVE, Run, Schedule, Slot

MADE_WAY = "Its schedule was due again, and the newer run goes first."


@dataclass
class Due:
    """A due time that is to become a slot. The schedule comes with its variant, version and publication."""

    schedule: Schedule
    at: datetime
    trigger: Run.Trigger
    reason: str = ""  # why it is not run
    logical_time: datetime | None = None  # else its own time
    run: Run | None = None


class Takings:
    """Slots of some variants, gathered and then kept together. Must live within one transaction."""

    def __init__(self, variants: Iterable[int], *, at: datetime) -> None:
        self.at = at
        self.dues: list[Due] = []
        self.stopped: list[Run] = []
        self.going = _going(variants)
        self.started: dict[int, Schedule] = {}

    def add(self, due: Due) -> None:
        """Decide what becomes of a due time, by what goes on already."""
        due.reason = due.reason or self._overlap(due.schedule)
        if not due.reason:
            self._start(due)
        self.dues.append(due)

    def keep(self) -> list[Slot]:
        """Write everything, and ring for the runs once the transaction has committed."""
        runs = [due.run for due in self.dues if due.run is not None]
        _stop(self.stopped, at=self.at)
        Run.objects.bulk_create(runs)
        AuditEvent.objects.bulk_create(request_event(run, at=self.at) for run in runs)
        slots = Slot.objects.bulk_create(self._slot(due) for due in self.dues)
        ring_for_all([run for run in runs if run.not_before is None])
        return slots

    def _overlap(self, schedule: Schedule) -> str:
        """Why it is not run, when the policy says to skip it; former ones that make way are noted."""
        going = self.going[schedule.variant_id]
        overlap = policies.overlap_of(schedule)
        if overlap == Schedule.Overlap.CANCEL:
            self.stopped += going
            going.clear()
        if overlap != Schedule.Overlap.SKIP:
            return ""
        if going:
            return f"Run {going[0].pk} was still {going[0].get_state_display().lower()}"
        other = self.started.get(schedule.variant_id)
        return f"Schedule “{other.name}” had it run already" if other is not None else ""

    def _start(self, due: Due) -> None:
        schedule = due.schedule
        version = schedule.variant.version
        assert version is not None  # whoever gives no reason to skip it has looked
        due.run = new_run(
            version,
            variant=schedule.variant,
            trigger=due.trigger,
            by=None,
            at=self.at,
            logical_time=due.logical_time or due.at,
            schedule=schedule,
        )
        if schedule.is_clocked:
            due.run.not_before = policies.not_before(schedule, due.at, at=self.at)
        if due.run.not_before is not None:
            due.run.rung_at = None  # the ticker rings when its time has come
        self.started.setdefault(schedule.variant_id, schedule)

    def _slot(self, due: Due) -> Slot:
        return Slot(
            schedule=due.schedule,
            due_at=due.at,
            state=Slot.State.TAKEN if due.run is not None else Slot.State.SKIPPED,
            reason=due.reason,
            run=due.run,
            created_at=self.at,
        )


def _going(variants: Iterable[int]) -> dict[int, list[Run]]:
    """Runs that wait or go, oldest first, by variant. Backfills are of other times and in nobody's way."""
    active = Run.objects.filter(
        variant__in=list(variants), state__in=ACTIVE, backfill__isnull=True
    ).select_related("variant__publication")
    going: dict[int, list[Run]] = defaultdict(list)
    for run in active.order_by("pk"):
        going[run.variant_id].append(run)
    return going


def _stop(runs: list[Run], *, at: datetime) -> None:
    """Ask runs to make way. One whose row is held just now is renewing or ending; it is waited for instead,
    because whoever ends it may be waiting for our schedule."""
    if not runs:
        return
    ours = set(
        Run.objects.filter(pk__in=[run.pk for run in runs], state__in=ACTIVE)
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .values_list("pk", flat=True)
    )
    asked: dict[str, Any] = {"cancel_requested": True, "remark": f"Cancelled: {MADE_WAY}"}
    Run.objects.filter(pk__in=ours, state=Run.State.RUNNING).update(**asked)
    Run.objects.filter(pk__in=ours, state=Run.State.QUEUED).update(
        **asked,
        state=Run.State.CANCELLED,
        finished_at=at,
        error=f"Cancelled before it started. {MADE_WAY}",
        doing="",
    )
    AuditEvent.objects.bulk_create(
        event_of(
            "cancel_run",
            run,
            by=None,
            at=at,
            publication=run.variant.publication,
            reason=MADE_WAY,
        )
        for run in runs
        if run.pk in ours
    )
