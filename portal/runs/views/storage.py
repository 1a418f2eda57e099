"""What is kept, for admins."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.runs.operations import packages, volumes
from portal.runs.views.environments import require_admin


@require_safe
def storage(request: HttpRequest) -> HttpResponse:
    """How much there is, whose it is, how it grows and what could go."""
    require_admin(request)
    now = timezone.now()
    free, total = volumes.disk() or (None, None)
    context = {
        "volumes": volumes.volumes(now),
        "free": free,
        "total": total,
        "sweepable": packages.sweepable(now),
        "ground": volumes.BOTTOM,
    }
    return render(request, "runs/storage.html", context)
