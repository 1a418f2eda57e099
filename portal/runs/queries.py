"""Reads that cross models: how fresh variants are, and who may look at which runs."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import Http404

from portal.accounts.models import User
from portal.publishing.links import NoSuchVariant
from portal.publishing.models import Publication, Variant
from portal.publishing.permissions import can_view, require_edit
from portal.runs.models import ACTIVE, Run, Schedule, Secret, SecretGrant
from portal.runs.rules import explain

LATE = timedelta(minutes=5)


@dataclass(frozen=True)
class RefreshState:
    """How a variant's refreshes stand. `failed_run` went wrong after the current edition was made."""

    schedule: Schedule | None
    in_words: str
    next_due_at: datetime | None
    last_run: Run | None
    failed_run: Run | None
    active_run: Run | None
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
    schedules = {
        schedule.variant_id: schedule
        for schedule in Schedule.objects.filter(
            variant__in=known, state=Schedule.State.ACTIVE
        ).order_by("-next_due_at")
    }
    last, active = _last_runs(known), _active_runs(known)
    return {
        variant.pk: _state(
            variant, schedules.get(variant.pk), last.get(variant.pk), active.get(variant.pk), at
        )
        for variant in known
    }


def runs_for(user: User) -> QuerySet[Run]:
    """The runs that the person may look at: of publications that they may change."""
    runs = Run.objects.select_related(
        "variant__publication", "version", "edition__publication", "requested_by", "slot__schedule"
    )
    if user.is_admin:
        return runs  # SQLite would begin with all publications, and sort: 0.5 s of 100,000 runs
    return runs.filter(variant__publication__in=Publication.objects.editable_by(user))


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
    )
    found = runs.filter(pk=pk).first()
    if found is None or not can_view(user, found.variant.publication):
        raise Http404(f"run {pk}")
    require_edit(user, found.variant.publication)
    return found


def find_variant(publication: Publication, slug: str) -> Variant:
    """
    :raises NoSuchVariant: when the publication has none of that slug.
    """
    variant = (
        publication.variants.select_related("publication", "version", "current")
        .filter(slug=slug)
        .first()
    )
    if variant is None:
        raise NoSuchVariant(slug)
    return variant


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
    naming = Variant.objects.filter(
        version__executes=True, version__manifest__run__has_key="secrets"
    ).exclude(publication__state=Publication.State.REMOVED)
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
    """The run of each variant that finished last."""
    newest = (
        Run.objects.filter(variant=OuterRef("pk"))
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
    """The run of each variant that is next or going."""
    runs = Run.objects.filter(variant__in=variants, state__in=ACTIVE).order_by("-pk")
    return {run.variant_id: run for run in runs}


def _state(
    variant: Variant,
    schedule: Schedule | None,
    last: Run | None,
    active: Run | None,
    at: datetime,
) -> RefreshState:
    due = schedule.next_due_at if schedule else None
    return RefreshState(
        schedule=schedule,
        in_words=explain(schedule) if schedule else "",
        next_due_at=due,
        last_run=last,
        failed_run=last if last and _went_wrong_since(variant, last) else None,
        active_run=active,
        is_late=_is_late(due, at) or (active is not None and _waits_too_long(active, at)),
    )


def _went_wrong_since(variant: Variant, run: Run) -> bool:
    if not run.went_wrong or run.version_id != variant.version_id or run.finished_at is None:
        return False
    return variant.current is None or run.finished_at > variant.current.created_at


def _is_late(due: datetime | None, at: datetime) -> bool:
    return due is not None and due < at - LATE


def _waits_too_long(run: Run, at: datetime) -> bool:
    return run.state == Run.State.QUEUED and run.queued_at < at - LATE
