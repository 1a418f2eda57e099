"""How the day stands: what is done, what needs a person, and the sentence that says it all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet, Subquery

from portal.accounts.models import User
from portal.publishing.models import Edition, Publication
from portal.runs.models import Run, Schedule, Slot
from portal.runs.operations import readers
from portal.runs.operations.days import Day
from portal.runs.operations.standing import (
    NEEDS_A_PERSON,
    WRONG,
    Stand,
    Standing,
    counts_of,
    last_runs,
    late_since,
)
from portal.runs.queries import schedules_for

MOST_NEEDS = 10
SMALL = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


@dataclass(frozen=True)
class Figures:
    """The numbers of a day. `due` counts what has a slot already; `to_come` what will have one."""

    due: int
    done: int
    wrong: int
    skipped: int
    to_come: int
    running: int
    waiting: int
    waiting_since: datetime | None
    failing: int
    late: int
    suspended: int

    @property
    def total(self) -> int:
        return self.due + self.to_come


@dataclass(frozen=True)
class Need:
    """A schedule that somebody must look at."""

    schedule: Schedule
    standing: Standing
    failures: int
    run: Run | None
    followers: int
    late_since: datetime | None

    @property
    def publication(self) -> Publication:
        return self.schedule.variant.publication

    @property
    def edition(self) -> Edition | None:
        return self.schedule.variant.current

    @property
    def last_state(self) -> str:
        return self.run.state if self.run else ""


def runs_of(user: User) -> QuerySet[Run]:
    """The runs of what the person may change, bare."""
    if user.is_admin:
        return Run.objects.all()
    return Run.objects.filter(variant__publication__in=Publication.objects.editable_by(user))


def figures_of(user: User, day: Day, stands: list[Stand], *, to_come: int) -> Figures:
    """The day's numbers, in two queries."""
    good = Q(run__state__in=[Run.State.SUCCEEDED, Run.State.UNCHANGED])
    slots = Slot.objects.filter(due_at__gte=day.start, due_at__lt=day.end)
    if not user.is_admin:
        slots = slots.filter(
            schedule__variant__publication__in=Publication.objects.editable_by(user)
        )
    counted = slots.aggregate(
        due=Count("pk"),
        done=Count("pk", filter=good),
        wrong=Count("pk", filter=Q(run__state__in=WRONG)),
        skipped=Count("pk", filter=Q(state=Slot.State.SKIPPED)),
    )
    going = (
        runs_of(user)
        .filter(state__in=[Run.State.QUEUED, Run.State.RUNNING])
        .aggregate(
            running=Count("pk", filter=Q(state=Run.State.RUNNING)),
            waiting=Count("pk", filter=Q(state=Run.State.QUEUED)),
            waiting_since=Min("queued_at", filter=Q(state=Run.State.QUEUED)),
        )
    )
    stand = counts_of(stands)
    return Figures(
        **counted,
        **going,
        to_come=to_come,
        failing=stand[Standing.FAILING],
        late=stand[Standing.LATE],
        suspended=stand[Standing.SUSPENDED],
    )


def needs_of(user: User, stands: list[Stand]) -> list[Need]:
    """Who needs a person, worst for readers first: what most people follow, then what stands worst."""
    needy = [stand for stand in stands if stand.standing in NEEDS_A_PERSON]
    followers = readers.followers({stand.publication for stand in needy})
    worst = sorted(needy, key=lambda one: (-followers.get(one.publication, 0), one.rank))
    shown = worst[:MOST_NEEDS]
    schedules = told(schedules_for(user)).in_bulk([stand.pk for stand in shown])
    runs = Run.objects.defer("resources", "steps").in_bulk(
        [one.last_run for one in schedules.values() if one.last_run]
    )
    return [
        _need(schedules[stand.pk], stand, runs, followers.get(stand.publication, 0))
        for stand in shown
        if stand.pk in schedules
    ]


def told(schedules: QuerySet[Schedule]) -> QuerySet[Any]:
    """With all that a list tells of them: the publication, what readers see, the last run, since when it is late."""
    return (
        schedules.select_related(
            "variant__publication__owner",
            "variant__publication__team",
            "variant__current",
            "calendar",
            "state_by",
        )
        .prefetch_related("upstreams__variant__publication")
        .annotate(
            last_run=Subquery(last_runs().values("pk")[:1]),
            last_state=Subquery(last_runs().values("state")[:1]),
            late_since=late_since(),
        )
    )


def sentence(figures: Figures, day: Day, *, scheduled: int) -> str:
    """How things stand, as one would say it."""
    if not scheduled:
        return "Nothing is scheduled yet. A schedule is set on the page of a publication, under “Schedule”."
    if not day.is_today:
        return _looking_back(figures)
    parts = _parts(figures)
    if not parts:
        return f"{_rest(figures, 'Everything')} Nothing needs a person."
    count = figures.failing + figures.late + figures.suspended
    which = "that one see its" if count == 1 else f"the {_small(count).lower()} see their"
    return f"{_listed(parts)}. {_rest(figures, 'Everything else')} Readers of {which} last good edition."


def _need(schedule: Any, stand: Stand, runs: dict[int, Run], followers: int) -> Need:
    run = runs.get(schedule.last_run)
    return Need(schedule, stand.standing, stand.failures, run, followers, schedule.late_since)


def _parts(figures: Figures) -> list[str]:
    found = [
        (figures.failing, "needs a person", "need a person"),
        (figures.late, "is late", "are late"),
        (figures.suspended, "is suspended", "are suspended"),
    ]
    say = _small if max(count for count, _, _ in found) < len(SMALL) else str
    return [f"{say(count)} {one if count == 1 else many}" for count, one, many in found if count]


def _listed(parts: list[str]) -> str:
    later = [f"{part[0].lower()}{part[1:]}" for part in parts[1:]]
    return " and ".join([", ".join([parts[0], *later[:-1]]), *later[-1:]])


def _rest(figures: Figures, what: str) -> str:
    if not figures.total:
        return "Nothing is due today."
    going = figures.running + figures.waiting
    if going:
        return f"{what} that was due is in or under way."
    return f"{what} that was due is in." if figures.due else "Nothing has been due yet today."


def _looking_back(figures: Figures) -> str:
    if not figures.due:
        return (
            f"{figures.to_come} are due on that day."
            if figures.to_come
            else "Nothing was due on that day."
        )
    went = f"{figures.done} of {figures.due} that were due went well"
    return f"{went}, {figures.wrong} went wrong and {figures.skipped} were skipped."


def _small(count: int) -> str:
    return SMALL[count] if count < len(SMALL) else str(count)
