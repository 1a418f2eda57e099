"""Pages about the sets of packages that runs use, for admins."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.accounts.requests import signed_in
from portal.runs.models import Environment
from portal.runs.operations import packages

PAGE_SIZE = 30


@require_safe
def environments(request: HttpRequest) -> HttpResponse:
    """Every environment, or those that have a package."""
    require_admin(request)
    text, state = request.GET.get("q", "")[:200], request.GET.get("state", "")
    page = Paginator(packages.environments(text, state), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    counts = packages.counts()
    context: dict[str, Any] = {
        "page": page,
        "rows": [(one, packages.found_line(one, text)) for one in page],
        "text": text,
        "state": state,
        "chips": [(*choice, counts.get(choice[0], 0)) for choice in Environment.State.choices],
        "total": sum(counts.values()),
        "size": packages.total_size(),
        "sweepable": packages.sweepable(timezone.now()),
    }
    return render(request, "runs/environments.html", context)


@require_safe
def environment(request: HttpRequest, pk: int) -> HttpResponse:
    """One environment: who uses it, and its lock."""
    require_admin(request)
    found = get_object_or_404(Environment, pk=pk)
    context = {
        "environment": found,
        "versions": packages.versions_of(found),
        "is_sweepable": found.pk in packages.sweepable(timezone.now()).keys,
    }
    return render(request, "runs/environment.html", context)


def require_admin(request: HttpRequest) -> None:
    """
    :raises PermissionDenied: to everybody but admins.
    """
    if not signed_in(request).is_admin:
        raise PermissionDenied("This page is for admins.")
