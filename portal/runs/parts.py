"""What this room adds to the pages of publications: how fresh they are, and the way to refresh them."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from portal.accounts.requests import signed_in
from portal.publishing.models import Publication, Variant
from portal.publishing.permissions import can_edit
from portal.runs.queries import RefreshState, state_of, states_of


def refresh_part(
    request: HttpRequest, publication: Publication, variant: Variant
) -> dict[str, Any]:
    """For `runs/_strip.html`, `runs/_trust.html` and `runs/_actions.html`."""
    state = state_of(variant, at=timezone.now())
    version = variant.version
    return vars(state) | {
        "executes": version is not None and version.executes,
        "can_edit": can_edit(signed_in(request), publication),
    }


def refresh_list_part(variants: list[Variant]) -> dict[int, RefreshState]:
    """The states of a list's variants by key."""
    return states_of(variants, at=timezone.now())
