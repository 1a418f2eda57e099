"""Reads that cross models: how fresh variants are, and who may look at which runs."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, Min, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import Http404

from portal.accounts.models import User
from portal.publishing.links import find_variant as find_variant  # whoever asks of runs asks here
from portal.publishing.models import Publication, Variant
from portal.publishing.permissions import can_view, require_edit
from portal.runs.models import (
    ACTIVE,
    Backfill,
    Promise,
    Run,
    Schedule,
    ScheduleUpstream,
    Secret,
    SecretGrant,
)
from portal.runs.queue import ORDER
from portal.runs.rules import explain

LATE = timedelta(minutes=5)


@dataclass(frozen=True)
class RefreshState:
    """How a variant's refreshes stand. `failed_run` went wrong after the current edition was made.

    `stopped`: its schedule that is suspended or paused, when no other one is active.
    """

    schedule: Schedule | None
    stopped: Schedule | None
    in_words: str
    next_due_at: datetime | None
    last_run: Run | None
    failed_run: Run | None
    active_run: Run | None
    broken_promise: Promise | None
    is_late: bool


def state_of(variant: Variant, *, at: datetime) -> RefreshState:
    """The state of one variant."""
    return states_of([variant], at=at)[variant.pk]


def states_of(variants: Iterable[Variant], *, at: datetime) -> dict[int, RefreshState]:
    """The states of many variants by key, in a constant number of queries."""
    known = list(
        Variant.objects.filter(pk__in={variant.pk for variant in variants}).select_related(
            "current"
        )
    )
    schedules, stopped = _schedules_of(known)
    last, active = _last_runs(known), _active_runs(known)
    broken = _broken_promises(known)
    return {
        variant.pk: _state(
            variant,
            schedules.get(variant.pk),
            stopped.get(variant.pk),
            last.get(variant.pk),
            active.get(variant.pk),
            broken.get(variant.pk),
            at,
        )
        for variant in known
    }


def _schedules_of(variants: list[Variant]) -> tuple[dict[int, Schedule], dict[int, Schedule]]:
    """Of each variant the active schedule that is due first, and one that has stopped."""
    found = list(
        with_words(Schedule.objects.filter(variant__in=variants))
        .exclude(state=Schedule.State.ENDED)
        .order_by(F("next_due_at").desc(nulls_first=True), "state")  # no clock makes the first due
    )
    active = {one.variant_id: one for one in found if one.state == Schedule.State.ACTIVE}
    stopped = {one.variant_id: one for one in found if one.variant_id not in active}
    return active, stopped


def with_words(schedules: QuerySet[Schedule]) -> QuerySet[Schedule]:
    """The schedules with all that `explain` reads."""
    upstreams = ScheduleUpstream.objects.select_related("variant__publication").order_by("pk")
    return schedules.select_related("calendar").prefetch_related(Prefetch("upstreams", upstreams))


def runs_for(user: User) -> QuerySet[Run]:
    """The runs that the person may look at: of publications that they may change."""
    runs = Run.objects.select_related(
        "variant__publication", "version", "edition__publication", "requested_by", "slot__schedule"
    )
    if user.is_admin:
        return runs  # SQLite would begin with all publications, and sort: 0.5 s of 100,000 runs
    return runs.filter(variant__publication__in=Publication.objects.editable_by(user))


def queued_for(
    user: User, *, at: datetime, queue: str = "", team: str = "", state: str = ""
) -> QuerySet[Run]:
    """The person's runs that wait, first the next, with all that tells why; of a queue, a team, ready or held back."""
    held = Q(not_before__gt=at)
    states = {"held": held, "ready": ~held}
    wanted = Q(queue=queue) if queue else Q()
    wanted &= Q(variant__publication__team__slug=team) if team else Q()
    runs = runs_for(user).filter(wanted & states.get(state, Q()), state=Run.State.QUEUED)
    return runs.select_related(
        "variant__publication__team",
        "version",
        "requested_by",
        "slot__schedule",
        "backfill__schedule",
        "rerun_of",
    ).order_by(*ORDER)


def count_queued(user: User) -> dict[str, Any]:
    """How many wait: the person's, those of others, and since when the first of all does."""
    everything = Run.objects.filter(state=Run.State.QUEUED).aggregate(
        count=Count("pk"), since=Min("queued_at")
    )
    own = runs_for(user).filter(state=Run.State.QUEUED).count()
    return {"own": own, "others": everything["count"] - own, "since": everything["since"]}


def queue_choices(user: User) -> dict[str, list[str]]:
    """The queues and teams of the person's runs that wait."""
    runs = runs_for(user).filter(state=Run.State.QUEUED).select_related(None).order_by()
    teams = runs.exclude(variant__publication__team=None)
    return {
        "queues": sorted(runs.values_list("queue", flat=True).distinct()),
        "teams": sorted(
            teams.values_list("variant__publication__team__slug", flat=True).distinct()
        ),
    }


def find_run(user: User, pk: int) -> Run:
    """One run, with all that is told of it.

    :raises Http404: for whoever may not know of the publication.
    :raises PermissionDenied: for whoever may only read it.
    """
    runs = Run.objects.select_related(
        "variant__publication",
        "variant__current",
        "version",
        "edition__publication",
        "requested_by",
        "cancelled_by",
        "rerun_of",
        "slot__schedule",
        "backfill__schedule",
    )
    found = runs.filter(pk=pk).first()
    if found is None or not can_view(user, found.variant.publication):
        raise Http404(f"run {pk}")
    require_edit(user, found.variant.publication)
    return found


def find_backfill(user: User, pk: int) -> Backfill:
    """
    :raises Http404: for whoever may not know of the publication.
    :raises PermissionDenied: for whoever may only read it.
    """
    found = (
        Backfill.objects.select_related("schedule__variant__publication", "by")
        .filter(pk=pk)
        .first()
    )
    if found is None or not can_view(user, found.schedule.variant.publication):
        raise Http404(f"backfill {pk}")
    require_edit(user, found.schedule.variant.publication)
    return found


def schedules_for(user: User) -> QuerySet[Schedule]:
    """The schedules of what the person may change, without those that ended or of what was removed."""
    kept = Schedule.objects.filter(variant__removed_at__isnull=True).exclude(
        Q(state=Schedule.State.ENDED) | Q(variant__publication__state=Publication.State.REMOVED)
    )
    if user.is_admin:
        return kept
    return kept.filter(variant__publication__in=Publication.objects.editable_by(user))


def find_schedule(user: User, pk: int) -> Schedule:
    """
    :raises Http404: for whoever may not know of the publication, and for what has ended.
    :raises PermissionDenied: for whoever may only read it.
    """
    found = (
        Schedule.objects.exclude(state=Schedule.State.ENDED)
        .select_related("variant__publication", "variant__version", "calendar", "state_by")
        .filter(pk=pk)
        .first()
    )
    if found is None or not can_view(user, found.variant.publication):
        raise Http404(f"schedule {pk}")
    require_edit(user, found.variant.publication)
    return found


def secrets() -> QuerySet[Secret]:
    """Every secret with who set it, and the teams that it is granted to."""
    grants = SecretGrant.objects.select_related("team", "by").order_by("team__name")
    return (
        Secret.objects.order_by("name")
        .select_related("created_by", "set_by")
        .prefetch_related(Prefetch("grants", grants))
    )


def publications_by_secret() -> dict[str, list[Publication]]:
    """Whose newest code names each secret, in one query."""
    naming = (
        Variant.objects.live()
        .filter(version__executes=True, version__manifest__run__has_key="secrets")
        .exclude(publication__state=Publication.State.REMOVED)
    )
    found: dict[str, dict[int, Publication]] = defaultdict(dict)
    for variant in naming.select_related("publication__team", "version").order_by(
        "publication__title", "pk"
    ):
        assert variant.version is not None  # it has a manifest
        for name in variant.version.manifest["run"]["secrets"]:
            found[name][variant.publication_id] = variant.publication
    return {name: list(publications.values()) for name, publications in found.items()}


def last_ten(variant: Variant) -> list[Run]:
    """The variant's newest runs, oldest first."""
    return list(variant.runs.order_by("-pk")[:10])[::-1]


def usual_seconds(runs: Iterable[Run]) -> float | None:
    """The median time of the runs that succeeded; None when none has."""
    seconds = sorted(
        run.resources["seconds"] for run in runs if run.edition_id and "seconds" in run.resources
    )
    return seconds[len(seconds) // 2] if seconds else None


def _last_runs(variants: list[Variant]) -> dict[int, Run]:
    """The run of each variant that finished last. Those of a backfill say nothing about today."""
    newest = (
        Run.objects.filter(variant=OuterRef("pk"), backfill__isnull=True)
        .exclude(state__in=ACTIVE)
        .order_by("-queued_at", "-pk")
        .values("pk")[:1]
    )
    pks = Variant.objects.filter(pk__in=[variant.pk for variant in variants]).annotate(
        last_run=Subquery(newest)
    )
    runs = Run.objects.filter(pk__in=pks.values("last_run"))
    return {run.variant_id: run for run in runs}


def _active_runs(variants: list[Variant]) -> dict[int, Run]:
    """The run of each variant that is next or going, backfills aside."""
    active = Run.objects.filter(variant__in=variants, state__in=ACTIVE, backfill__isnull=True)
    first = active.order_by().values("variant").annotate(first=Min("pk")).values("first")
    return {run.variant_id: run for run in Run.objects.filter(pk__in=first)}


def _broken_promises(variants: list[Variant]) -> dict[int, Promise]:
    """The last promise to readers of each variant, where it was broken and is not made good yet."""
    later = Promise.objects.filter(schedule=OuterRef("schedule"), at__gt=OuterRef("at"))
    broken = Promise.objects.filter(
        ~Exists(later),
        schedule__variant__in=variants,
        schedule__state=Schedule.State.ACTIVE,
        state=Promise.State.BROKEN,
        made_good_at__isnull=True,
    )
    return {
        one.schedule.variant_id: one for one in broken.select_related("schedule").order_by("at")
    }


def _state(
    variant: Variant,
    schedule: Schedule | None,
    stopped: Schedule | None,
    last: Run | None,
    active: Run | None,
    broken: Promise | None,
    at: datetime,
) -> RefreshState:
    due = schedule.next_due_at if schedule else None
    return RefreshState(
        schedule=schedule,
        stopped=stopped,
        in_words=explain(schedule) if schedule else "",
        next_due_at=due,
        last_run=last,
        failed_run=last if last and _went_wrong_since(variant, last) else None,
        active_run=active,
        broken_promise=broken,
        is_late=broken is not None
        or _is_late(due, at)
        or (active is not None and _waits_too_long(active, at)),
    )


def _went_wrong_since(variant: Variant, run: Run) -> bool:
    if not run.went_wrong or run.version_id != variant.version_id or run.finished_at is None:
        return False
    return variant.current is None or run.finished_at > variant.current.created_at


def _is_late(due: datetime | None, at: datetime) -> bool:
    return due is not None and due < at - LATE


def _waits_too_long(run: Run, at: datetime) -> bool:
    """One that is held back, such as until it is tried again, waits from then on."""
    return run.state == Run.State.QUEUED and (run.not_before or run.queued_at) < at - LATE
