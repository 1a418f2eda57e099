"""What stands first for whoever looks after schedules: how the day stands."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.accounts.models import User
from portal.accounts.requests import signed_in
from portal.runs.operations import timeline, today, week
from portal.runs.operations.days import day_of
from portal.runs.operations.forecast import forecast_for, next_due
from portal.runs.operations.standing import NEEDS_A_PERSON, STOPPED, stands_of
from portal.runs.queries import schedules_for
from portal.runs.rules import explain


@require_safe
def operations(request: HttpRequest) -> HttpResponse:
    """The day: what needs a person, what ran, runs and will run, and when the week is full."""
    user, now = require_author_of_runs(request), timezone.now()
    day = day_of(request.GET.get("day", ""), at=now)
    stands = stands_of(schedules_for(user), at=now)
    going = sum(stand.standing not in STOPPED for stand in stands)
    forecast = forecast_for(user, going=going, at=now)
    by = request.GET.get("by", "worker" if user.is_admin else "publication")
    by = by if by in timeline.BY else "worker"
    figures = today.figures_of(user, day, stands, to_come=forecast.until(day, at=now))
    coming = next_due(schedules_for(user))
    context: dict[str, Any] = {
        "day": day,
        "by": by,
        "figures": figures,
        "sentence": today.sentence(figures, day, scheduled=len(stands)),
        "needs": today.needs_of(user, stands) if day.is_today else [],
        "needy": sum(stand.standing in NEEDS_A_PERSON for stand in stands),
        "timeline": timeline.timeline_of(today.runs_of(user), forecast, day, by=by, at=now),
        "coming": [(time, schedule, explain(schedule)) for time, schedule in coming],
        "week": week.week_of(forecast),
        "cell_width": week.cell_width,
        "week_height": week.picture_height,
        "at": now,
    }
    return render(request, "runs/today.html", context)


def require_author_of_runs(request: HttpRequest) -> User:
    """
    :raises PermissionDenied: to readers.
    """
    user = signed_in(request)
    if not user.may_publish:
        raise PermissionDenied(
            "Operations are for authors and admins. Readers see on each page how fresh it is."
        )
    return user
