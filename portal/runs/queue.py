"""What waits, in which order, and what of it may start now. Reads only: `claims` takes.

First by priority, then what a person waits for before schedules before backfills, then whoever came first.
Runs of one version for one variant go one after another, those of a backfill so many at once as it says,
and never more of a queue, a team or a named resource than its limit lets through.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from portal.publishing.models import Version
from portal.runs.models import Limit, Run

ORDER = ("priority", "turn", "queued_at", "pk")  # the index `run_turn` holds it
DEFAULT_QUEUE = "default"
TEAM = "variant__publication__team__slug"
GOING = (
    "pk",
    "variant_id",
    "version_id",
    "queue",
    "uses",
    "backfill_id",
    "backfill__at_once",
    TEAM,
)

Holder = tuple[str, str]  # what a limit is of, and its name


@dataclass(frozen=True)
class Busy:
    """What goes now, counted by what may hold up others."""

    limits: Sequence[Limit]
    going: Counter[Holder] = field(default_factory=Counter)
    versions: dict[tuple[int, int], int] = field(default_factory=dict)  # variant, version: its run
    backfills: Counter[int] = field(default_factory=Counter)
    full_backfills: set[int] = field(default_factory=set)

    @property
    def runs(self) -> int:
        return self.going["all", ""]

    def reached(self) -> list[Limit]:
        """The limits that let nobody through now."""
        return [limit for limit in self.limits if self.going[limit.of, limit.name] >= limit.most]


def place_in_queue(version: Version) -> dict[str, Any]:
    """What the version's manifest says of its runs' place: their `queue`, and what they `uses`."""
    wishes: dict[str, Any] = version.manifest.get("run", {})
    return {"queue": wishes.get("queue", DEFAULT_QUEUE), "uses": wishes.get("resources", [])}


def waiting() -> QuerySet[Run]:
    """Every queued run, first the one whose turn it is."""
    return Run.objects.filter(state=Run.State.QUEUED).order_by(*ORDER)


def look(limits: Iterable[Limit] | None = None) -> Busy:
    """What goes now, in one query, or two with that for the limits."""
    busy = Busy(list(Limit.objects.all() if limits is None else limits))
    running = Run.objects.filter(state=Run.State.RUNNING).order_by("pk")
    for pk, variant, version, queue, uses, backfill, at_once, team in running.values_list(*GOING):
        busy.going.update([("all", ""), *_holders(queue, team, uses)])
        if backfill is None:
            busy.versions[variant, version] = pk
            continue
        busy.backfills[backfill] += 1
        if busy.backfills[backfill] >= at_once:
            busy.full_backfills.add(backfill)
    return busy


def possible(
    at: datetime, *, busy: Busy | None = None, queues: Sequence[str] = ()
) -> QuerySet[Run]:
    """The runs that may start now, in their order; with `queues`, of these alone."""
    busy = busy or look()
    runs = waiting().filter(Q(not_before__isnull=True) | Q(not_before__lte=at))
    if queues:
        runs = runs.filter(queue__in=queues)
    if busy.full_backfills:
        runs = runs.exclude(backfill__isnull=False, backfill__in=busy.full_backfills)
    if busy.versions:
        runs = runs.exclude(reduce(or_, map(_of_version, busy.versions)))
    reached = busy.reached()
    return _as_text(runs).exclude(reduce(or_, map(counted_by, reached))) if reached else runs


def freed_by(ended: Run, *, at: datetime) -> list[Run]:
    """The first run that may go now that this one has ended: of all, of its version, and of each of its limits."""
    busy = look()
    runs = possible(at, busy=busy)
    mine = set(holders_of(ended))
    same = Q(backfill=ended.backfill_id) if ended.backfill_id else None
    same = same or _of_version((ended.variant_id, ended.version_id))
    limited = [counted_by(limit) for limit in busy.limits if (limit.of, limit.name) in mine]
    firsts = [_as_text(runs).filter(each).first() for each in (Q(), same, *limited)]
    return list({run.pk: run for run in firsts if run is not None}.values())


def counted_by(limit: Limit) -> Q:
    """The runs that a limit counts; of a query that `_as_text` has prepared."""
    match limit.of:
        case Limit.Of.QUEUE:
            return Q(queue=limit.name)
        case Limit.Of.TEAM:
            return Q(**{TEAM: limit.name})
    return Q(uses_text__contains=f'"{limit.name}"')  # a slug: there is nothing in it to escape


def holders_of(run: Run) -> Iterator[Holder]:
    """What the run counts under; its publication's team must be at hand."""
    team = run.variant.publication.team
    yield from _holders(run.queue, team.slug if team else None, run.uses)


def _holders(queue: str, team: str | None, uses: Iterable[str]) -> Iterator[Holder]:
    yield (Limit.Of.QUEUE, queue)
    if team is not None:
        yield (Limit.Of.TEAM, team)
    for name in uses:
        yield (Limit.Of.RESOURCE, name)


def _of_version(variant_and_version: tuple[int, int]) -> Q:
    variant, version = variant_and_version
    return Q(backfill__isnull=True, variant_id=variant, version_id=version)


def _as_text(runs: QuerySet[Run]) -> QuerySet[Run]:
    """SQLite cannot ask whether a list holds a name; both databases can ask whether a text does."""
    return runs.annotate(uses_text=Cast("uses", TextField()))
