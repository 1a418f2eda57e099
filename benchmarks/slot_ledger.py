"""The accounts of slots: what was due by simple reckoning, and what became of it. Imported once Django is set up."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from itertools import count, takewhile

from django.db.models import Count

from portal.publishing.models import Edition
from portal.runs import rules
from portal.runs.models import Run, Schedule, Slot

ON_TIME = timedelta(seconds=60)  # a slot made later than this counts as missed
GOOD = (Run.State.SUCCEEDED, Run.State.UNCHANGED)


@dataclass
class Account:
    """What became of the due times of some schedules. All but the first three must be zero."""

    slots: int = 0
    taken: int = 0
    skipped: int = 0
    missed: int = 0  # due times without a slot
    doubled: int = 0  # slots at no due time; further runs or editions for one logical time
    early: int = 0  # slots made before they were due
    failed: int = 0  # runs that did not end well
    against_policy: int = 0  # run or skipped where the schedule's policy says otherwise
    problems: list[str] = field(default_factory=list)

    def __add__(self, other: "Account") -> "Account":
        names = [each.name for each in fields(self)]
        return Account(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def is_clean(self) -> bool:
        return not (self.missed or self.doubled or self.early or self.failed or self.against_policy)


def account_for(schedules: Iterable[Schedule], *, until: datetime) -> Account:
    """Compare what was due up to `until` with the slots, and each slot with its schedule's policy."""
    total = Account()
    for schedule in schedules:
        total += _account(schedule, until)
    return total


def _account(schedule: Schedule, until: datetime) -> Account:
    slots = list(schedule.slots.select_related("run").order_by("due_at"))
    made = {slot.due_at for slot in slots}
    due = set(_due_until(schedule, max([until, *made])))
    missed = {time for time in due - made if time <= until}
    taken = [slot for slot in slots if slot.state == Slot.State.TAKEN]
    failed = [slot for slot in taken if slot.run is None or slot.run.state not in GOOD]
    problems = list(_against_policy(schedule, slots, sorted(due)))
    name = schedule.variant.publication.slug
    return Account(
        slots=len(slots),
        taken=len(taken),
        skipped=len(slots) - len(taken),
        missed=len(missed),
        doubled=len(made - due) + _doubled(schedule, made),
        early=sum(slot.created_at < slot.due_at for slot in slots),
        failed=len(failed),
        against_policy=len(problems),
        problems=[f"{name}: no slot at {time}" for time in sorted(missed)]
        + [
            f"{name}: run {slot.run_id} {slot.run and slot.run.state}: {slot.run and slot.run.error}"
            for slot in failed
        ]
        + [f"{name}: {problem}" for problem in problems],
    )


def _due_until(schedule: Schedule, end: datetime) -> Iterator[datetime]:
    return takewhile(lambda time: time <= end, _due(schedule))


def _due(schedule: Schedule) -> Iterator[datetime]:
    if schedule.every_minutes:
        step = timedelta(minutes=schedule.every_minutes)
        return (schedule.starts_at + step * number for number in count(1))
    return rules.due_times(schedule, after=schedule.starts_at)


def _doubled(schedule: Schedule, due: set[datetime]) -> int:
    """Further runs of the schedule, and further editions, for one of its due times."""
    again = 0
    triggers = (Run.Trigger.SCHEDULE, Run.Trigger.RERUN)
    for rows in (
        Run.objects.filter(trigger__in=triggers, variant=schedule.variant_id),
        Edition.objects.filter(variant=schedule.variant_id),
    ):
        times = rows.values("logical_time").annotate(made=Count("pk")).filter(made__gt=1)
        again += sum(row["made"] - 1 for row in times if row["logical_time"] in due)
    return again


def _against_policy(schedule: Schedule, slots: list[Slot], due: list[datetime]) -> Iterator[str]:
    """A sentence for every slot that the policy would have treated otherwise."""
    for slot in slots:
        later = due[bisect_right(due, slot.due_at) :][:1]
        was_missed = _was_missed(schedule, slot, is_last=not later or later[0] > slot.created_at)
        if slot.state == Slot.State.TAKEN and was_missed:
            yield f"{slot.due_at} was run at {slot.created_at}, though {was_missed}"
        if slot.state == Slot.State.SKIPPED and not (was_missed or _names_a_run(schedule, slot)):
            yield f"{slot.due_at} was skipped at {slot.created_at}: {slot.reason}"


def _was_missed(schedule: Schedule, slot: Slot, *, is_last: bool) -> str:
    """Why the policy skips the slot, whatever else runs; empty when it does not."""
    late = slot.created_at - slot.due_at
    deadline = schedule.deadline_minutes
    if deadline is not None and late > timedelta(minutes=deadline):
        return "its deadline had passed"
    if schedule.misfire == Schedule.Misfire.SKIP and late > ON_TIME:
        return "missed ones are skipped"
    if schedule.misfire == Schedule.Misfire.LATEST and not is_last:
        return "a later one was due"
    return ""


def _names_a_run(schedule: Schedule, slot: Slot) -> bool:
    """Whether the reason is another run of the variant, which went on at the time."""
    named = re.search(r"[Rr]un (\d+)", slot.reason)
    if named is None or schedule.overlap != Schedule.Overlap.SKIP:
        return False
    return Run.objects.filter(pk=int(named[1]), variant=schedule.variant_id).exists()
