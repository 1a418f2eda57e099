"""The audit log: everything for admins, for authors what was done to theirs."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.runs.operations import audits
from portal.runs.views.today import require_author_of_runs


@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first."""
    user = require_author_of_runs(request)
    wish = audits.wanted(request.GET)
    rows, before = audits.page_of(audits.narrowed(audits.events_for(user), wish))
    context: dict[str, Any] = {
        "rows": rows,
        "before": before,
        "wish": wish,
        "actions": sorted(audits.SENTENCES),
    }
    return render(request, "runs/audit.html", context)
