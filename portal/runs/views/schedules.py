"""Pages about schedules, for those who may change the publication."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from portal.accounts.requests import signed_in
from portal.publishing.links import find_publication
from portal.publishing.models import DEFAULT_VARIANT, Publication, Variant
from portal.publishing.permissions import part_of, require_edit
from portal.publishing.views.addresses import follows_links
from portal.runs import rules, schedules
from portal.runs.forms import ScheduleForm, values_of
from portal.runs.models import Schedule
from portal.runs.queries import find_variant

SEE_OTHER = 303
NEXT_TIMES = 5


@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def schedule(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Look at the schedule, try another rule, keep it, pause it."""
    user = signed_in(request)
    publication = find_publication(user, slug, kind=kind)
    require_edit(user, publication)
    part = part_of(publication)
    if part is not None:
        messages.info(request, f"“{publication}” is refreshed with this report.")
        path = reverse("schedule", args=[part.parent.kind, part.parent.slug])
        return HttpResponseRedirect(path, status=SEE_OTHER)
    asked = request.POST.get("variant") or request.GET.get("variant") or DEFAULT_VARIANT
    variant = find_variant(publication, asked)
    if request.method == "POST":
        return _change_schedule(request, publication, variant)
    current = variant.schedules.filter(state=Schedule.State.ACTIVE).first()
    form = ScheduleForm(initial=values_of(current, variant))
    return _schedule_page(request, publication, variant, form=form, planned=current)


def _change_schedule(
    request: HttpRequest, publication: Publication, variant: Variant
) -> HttpResponse:
    user, now = signed_in(request), timezone.now()
    here = (
        f"{reverse('schedule', args=[publication.kind, publication.slug])}?variant={variant.slug}"
    )
    if request.POST.get("action") == "pause":
        for current in schedules.running(variant):
            schedules.pause(current, by=user, at=now)
        messages.success(request, "Paused. Nothing is due until you save a schedule again.")
        return HttpResponseRedirect(here, status=SEE_OTHER)
    form = ScheduleForm(request.POST)
    planned = None
    if form.is_valid():
        try:
            planned = schedules.plan(variant, **form.wish(), by=user, at=now)
        except rules.BadSchedule as bad:
            form.add_error(None, str(bad))
    if planned is not None and request.POST.get("action") == "save":
        schedules.set_schedule(variant, **form.wish(), by=user, at=now)
        messages.success(request, f"Saved: {rules.explain(planned)}.")
        return HttpResponseRedirect(here, status=SEE_OTHER)
    return _schedule_page(request, publication, variant, form=form, planned=planned)


def _schedule_page(
    request: HttpRequest,
    publication: Publication,
    variant: Variant,
    *,
    form: ScheduleForm,
    planned: Schedule | None,
) -> HttpResponse:
    now = timezone.now()
    context: dict[str, Any] = {
        "publication": publication,
        "variant": variant,
        "form": form,
        "current": variant.schedules.filter(state=Schedule.State.ACTIVE).first(),
        "in_words": rules.explain(planned) if planned else "",
        "times": rules.next_times(planned, now, NEXT_TIMES) if planned else [],
    }
    return render(request, "runs/schedule.html", context, status=422 if form.errors else 200)
