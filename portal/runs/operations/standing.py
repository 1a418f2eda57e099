"""How every schedule stands, worst first.

One query looks at each schedule once, by indexes; counting, filtering and sorting its short rows is
quicker than asking the database again for each: 10,000 take a quarter of a second.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, IntegerChoices, OuterRef, Q, QuerySet, Subquery, When

from portal.runs.models import Promise, Run, Schedule
from portal.runs.queries import LATE

WRONG = (Run.State.FAILED, Run.State.TIMED_OUT, Run.State.LOST, Run.State.QUARANTINED)


class Standing(IntegerChoices):
    """What a person must know of a schedule first; the lower, the sooner."""

    FAILING = 1, "Failing"
    LATE = 2, "Late"
    SUSPENDED = 3, "Suspended"
    HEALTHY = 4, "Healthy"
    PAUSED = 5, "Paused"


STOPPED = (Standing.SUSPENDED, Standing.PAUSED)
NEEDS_A_PERSON = (Standing.FAILING, Standing.LATE, Standing.SUSPENDED)


@dataclass(frozen=True)
class Stand:
    """One schedule, as far as sorting and counting need it."""

    pk: int
    standing: Standing
    failures: int
    title: str
    name: str
    publication: int

    @property
    def rank(self) -> tuple[int, int, str, str]:
        return self.standing, -self.failures, self.title.casefold(), self.name


def stands_of(schedules: QuerySet[Schedule], *, at: datetime) -> list[Stand]:
    """How each of the schedules stands, worst first, in one query."""
    rows = _judged(schedules, at).values_list(
        "pk", "standing", "failures", "variant__publication__title", "name", "variant__publication"
    )
    stands = [Stand(pk, Standing(standing), *rest) for pk, standing, *rest in rows]
    return sorted(stands, key=lambda stand: stand.rank)


def counts_of(stands: Iterable[Stand]) -> Counter[Standing]:
    """How many stand how."""
    return Counter(stand.standing for stand in stands)


def late_since() -> Subquery:
    """When the schedule's latest promise was broken, while nothing has made it good; for `annotate`."""
    broken = Case(When(state=Promise.State.BROKEN, made_good_at__isnull=True, then=F("at")))
    latest = Promise.objects.filter(schedule=OuterRef("pk")).order_by("-at")
    return Subquery(latest.annotate(still=broken).values("still")[:1])


def last_runs() -> QuerySet[Run]:
    """What the schedule's variant last came to, newest first; for a `Subquery`.

    A cancelled run says nothing about the code, and a backfill nothing about today.
    """
    ended = Run.objects.filter(variant=OuterRef("variant"), finished_at__isnull=False)
    told = ended.exclude(state=Run.State.CANCELLED).exclude(trigger=Run.Trigger.BACKFILL)
    return told.order_by("-queued_at", "-pk")


def _judged(schedules: QuerySet[Schedule], at: datetime) -> QuerySet[Any]:
    waiting = Run.objects.filter(
        Q(not_before__isnull=True) | Q(not_before__lt=at - LATE),
        variant=OuterRef("variant"),
        state=Run.State.QUEUED,
        queued_at__lt=at - LATE,
    ).exclude(trigger=Run.Trigger.BACKFILL)
    judged = schedules.annotate(
        last_state=Subquery(last_runs().values("state")[:1]),
        late_since=late_since(),
        is_kept_waiting=Exists(waiting),
    )
    late = Q(late_since__isnull=False) | Q(next_due_at__lt=at - LATE) | Q(is_kept_waiting=True)
    return judged.annotate(
        standing=Case(
            When(state=Schedule.State.SUSPENDED, then=Standing.SUSPENDED),
            When(state=Schedule.State.PAUSED, then=Standing.PAUSED),
            When(last_state__in=WRONG, then=Standing.FAILING),
            When(late, then=Standing.LATE),
            default=Standing.HEALTHY,
        )
    ).order_by()
