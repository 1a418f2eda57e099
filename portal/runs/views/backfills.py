"""Pages about backfills: choosing the days, what would be run, and how far it is."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.requests import signed_in
from portal.publishing.links import find_publication
from portal.publishing.models import DEFAULT_VARIANT
from portal.publishing.permissions import require_edit
from portal.publishing.views.addresses import follows_links
from portal.runs import backfills, schedules
from portal.runs.actions import NothingToRun
from portal.runs.backfills import BadRange, PastTime
from portal.runs.forms import BackfillForm
from portal.runs.models import Run, Schedule
from portal.runs.queries import find_backfill, find_variant

SEE_OTHER = 303


@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def plan_backfill(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Choose days, see what there is of each due time, and start."""
    user = signed_in(request)
    publication = find_publication(user, slug, kind=kind)
    require_edit(user, publication)
    asked = request.POST if request.method == "POST" else request.GET
    variant = find_variant(publication, asked.get("variant") or DEFAULT_VARIANT)
    name = asked.get("name") or schedules.DEFAULT_NAME
    schedule = schedules.running(variant).select_related("calendar").filter(name=name).first()
    if schedule is None:
        messages.warning(request, "It has no such schedule. Save one first.")
        path = reverse("schedule", args=[publication.kind, publication.slug])
        return HttpResponseRedirect(
            f"{path}?{urlencode({'variant': variant.slug})}", status=SEE_OTHER
        )
    schedule.variant = variant
    form = BackfillForm(asked if "first" in asked or request.method == "POST" else None)
    times = _judge(request, form, schedule)
    if isinstance(times, HttpResponse):
        return times
    context = {
        "publication": publication,
        "variant": variant,
        "schedule": schedule,
        "form": form,
        "times": times,
        "missing": sum(one.is_missing for one in times),
        "today": timezone.now().astimezone(ZoneInfo(schedule.timezone)).date(),
    }
    return render(request, "runs/backfill_plan.html", context, status=422 if form.errors else 200)


@require_safe
def backfill(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a backfill is, and each of its runs."""
    found = find_backfill(signed_in(request), pk)
    runs = list(
        found.runs.select_related("edition__publication", "variant__publication").order_by("pk")
    )
    waiting = sum(run.state == Run.State.QUEUED for run in runs)
    context = {
        "backfill": found,
        "publication": found.schedule.variant.publication,
        "runs": runs,
        "ended": sum(run.is_finished for run in runs),
        "waiting": waiting,
        "wrong": sum(run.went_wrong for run in runs),
    }
    return render(request, "runs/backfill.html", context)


@require_POST
def cancel_backfill(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back what still waits."""
    user = signed_in(request)
    count = backfills.cancel_backfill(find_backfill(user, pk), by=user, at=timezone.now())
    said = f"Cancelled {count} that waited." if count else "Nothing waited any more."
    messages.success(request, said)
    return HttpResponseRedirect(reverse("backfill", args=[pk]), status=SEE_OTHER)


def _judge(
    request: HttpRequest, form: BackfillForm, schedule: Schedule
) -> list[PastTime] | HttpResponse:
    """The due times of the days that were chosen, or the way to the backfill that was started."""
    if not form.is_valid():
        return []
    user, now = signed_in(request), timezone.now()
    days = days_of(schedule, form.cleaned_data["first"], form.cleaned_data["last"])
    try:
        if request.method == "POST":
            started = backfills.start_backfill(
                schedule,
                **days,
                at_once=form.cleaned_data["at_once"] or 1,
                only_missing=form.cleaned_data["what"] != "all",
                by=user,
                at=now,
            )
            return HttpResponseRedirect(reverse("backfill", args=[started.pk]), status=SEE_OTHER)
        return backfills.preview(schedule, **days, at=now)
    except (BadRange, NothingToRun) as problem:
        form.add_error(None, str(problem))
        return []


def days_of(schedule: Schedule, first: date, last: date) -> dict[str, Any]:
    """The first and last moment of days in the schedule's time zone."""
    zone = ZoneInfo(schedule.timezone)
    end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    return {"first": begin, "last": end - timedelta(microseconds=1)}
