"""The list of schedules: what one searches for, and what each row tells."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import QueryDict

from portal.common.text import one_line
from portal.publishing.models import Edition, Publication
from portal.runs.models import Run, Schedule, Slot
from portal.runs.operations.days import zone
from portal.runs.operations.standing import Stand, Standing
from portal.runs.operations.today import told
from portal.runs.promises import on_time_rate
from portal.runs.rules import explain

TEN = 10
MEASURED = timedelta(days=30)  # over which the on-time rate is taken
KINDS = {
    Run.State.SUCCEEDED: "ok",
    Run.State.RUNNING: "info",
    Run.State.QUARANTINED: "warn",
    Run.State.FAILED: "fail",
    Run.State.TIMED_OUT: "fail",
    Run.State.LOST: "fail",
}


@dataclass(frozen=True)
class Wanted:
    """What the list is narrowed to; empty values narrow nothing."""

    text: str = ""
    standing: Standing | None = None
    team: str = ""
    rule: str = ""

    @property
    def is_narrow(self) -> bool:
        return bool(self.text or self.standing or self.team or self.rule)


@dataclass(frozen=True)
class Dot:
    """What became of one due time."""

    kind: str
    title: str
    run: int | None = None


@dataclass(frozen=True)
class Row:
    """One schedule as the list tells it. `on_time`: how many promises of the last month were kept, of how many."""

    schedule: Schedule
    standing: Standing
    failures: int
    late_since: datetime | None
    last_state: str
    in_words: str
    dots: list[Dot]
    usual_seconds: float | None
    on_time: tuple[int, int]  # of the last 30 promises, or due times

    @property
    def publication(self) -> Publication:
        return self.schedule.variant.publication

    @property
    def edition(self) -> Edition | None:
        return self.schedule.variant.current

    @property
    def on_time_percent(self) -> int | None:
        return round(100 * self.on_time[0] / self.on_time[1]) if self.on_time[1] else None


def wanted(asked: QueryDict) -> Wanted:
    """What a query string asks for; odd values ask for nothing."""
    named = {standing.name.lower(): standing for standing in Standing}
    rule = asked.get("rule", "")
    return Wanted(
        text=one_line(asked.get("q", "")),
        standing=named.get(asked.get("state", "")),
        team=one_line(asked.get("team", ""), length=50),
        rule=rule if rule in Schedule.Rule.values else "",
    )


def narrowed(schedules: QuerySet[Schedule], wish: Wanted) -> QuerySet[Schedule]:
    """By everything but how they stand. Every word must be in title, slug, owner or team."""
    for word in wish.text.split():
        schedules = schedules.filter(
            Q(variant__publication__title__icontains=word)
            | Q(variant__publication__slug__icontains=word)
            | Q(variant__publication__owner__first_name__icontains=word)
            | Q(variant__publication__owner__last_name__icontains=word)
            | Q(variant__publication__owner__username__icontains=word)
            | Q(variant__publication__team__name__icontains=word)
        )
    if wish.team:
        schedules = schedules.filter(variant__publication__team__slug=wish.team)
    return schedules.filter(rule=wish.rule) if wish.rule else schedules


def rows_of(schedules: QuerySet[Schedule], stands: Sequence[Stand], *, at: datetime) -> list[Row]:
    """The rows of one page, in its order, in a constant number of queries."""
    keys = [stand.pk for stand in stands]
    found = told(schedules).in_bulk(keys)
    ten, rates = _last_ten(keys), on_time_rate(found.values())
    return [
        Row(
            schedule=found[stand.pk],
            standing=stand.standing,
            failures=stand.failures,
            late_since=found[stand.pk].late_since,
            last_state=found[stand.pk].last_state or "",
            in_words=explain(found[stand.pk]),
            dots=[_dot(slot) for slot in ten[stand.pk]],
            usual_seconds=_usual(ten[stand.pk]),
            on_time=rates[stand.pk],
        )
        for stand in stands
        if stand.pk in found
    ]


def _last_ten(schedules: list[int]) -> dict[int, list[Slot]]:
    """The newest due times of each, oldest first: first where the tenth lies, then all since, by the index."""
    tenth = Slot.objects.filter(schedule=OuterRef("pk")).order_by("-due_at").values("due_at")
    since = Schedule.objects.filter(pk__in=schedules).annotate(tenth=Subquery(tenth[TEN - 1 : TEN]))
    wanted = Q(pk__in=[])
    for pk, first in since.values_list("pk", "tenth"):
        wanted |= Q(schedule=pk, due_at__gte=first) if first else Q(schedule=pk)
    slots = (
        Slot.objects.filter(wanted)
        .select_related("run")
        .defer("run__resources", "run__steps", "run__failed_code", "run__last_words")
    )
    found: dict[int, list[Slot]] = defaultdict(list)
    for slot in slots.order_by("due_at"):
        found[slot.schedule_id].append(slot)
    return found


def _dot(slot: Slot) -> Dot:
    time = f"{slot.due_at.astimezone(zone()):%d %b %H:%M}"
    if slot.run is None:
        return Dot("idle", f"{time}, skipped: {slot.reason}")
    state = Run.State(slot.run.state)
    return Dot(KINDS.get(state, "idle"), f"{time}, {state.label.lower()}", slot.run.pk)


def _usual(slots: Iterable[Slot]) -> float | None:
    """The median time of the runs that made an edition; None when none has."""
    seconds = [
        (slot.run.finished_at - slot.run.started_at).total_seconds()
        for slot in slots
        if slot.run and slot.run.edition_id and slot.run.started_at and slot.run.finished_at
    ]
    return median(seconds) if seconds else None
