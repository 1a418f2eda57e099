"""What this room adds to the pages of publications: how fresh and how well checked they are."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from portal.accounts.requests import signed_in
from portal.publishing.models import Edition, Publication, Variant
from portal.publishing.parts import origin_of, refreshed_by
from portal.publishing.permissions import can_edit
from portal.runs.queries import RefreshState, state_of, states_of


def refresh_part(
    request: HttpRequest, publication: Publication, variant: Variant
) -> dict[str, Any]:
    """For `runs/_strip.html`, `runs/_trust.html` and `runs/_actions.html`.

    What a report makes is as fresh as the report.
    """
    origin = origin_of(publication, variant)
    refreshed = origin.variant if origin and origin.variant and origin.is_made else variant
    state = state_of(refreshed, at=timezone.now())
    version = variant.version
    return vars(state) | {
        "executes": version is not None and version.executes,
        "can_edit": can_edit(signed_in(request), publication),
    }


def checks_part(request: HttpRequest, edition: Edition) -> dict[str, Any]:
    """For `runs/_checks.html`; no query for an edition that was not checked."""
    if not edition.facts.get("checks"):
        return {"results": []}
    return {"results": list(edition.check_results.order_by("passed", "pk"))}


def refresh_list_part(variants: list[Variant]) -> dict[int, RefreshState]:
    """The states of a list's variants by key."""
    reports = refreshed_by(variants)
    states = states_of([reports.get(one.pk, one) for one in variants], at=timezone.now())
    return {one.pk: states[reports.get(one.pk, one).pk] for one in variants}
