"""The page of a variant's schedules, for those who may change the publication."""

import itertools
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.accounts.models import User
from portal.accounts.requests import signed_in
from portal.publishing.links import find_publication
from portal.publishing.models import DEFAULT_VARIANT, Publication, Variant
from portal.publishing.permissions import part_of, require_edit
from portal.publishing.views.addresses import follows_links
from portal.runs import chains, hooks, outlook, queries, rules, schedules
from portal.runs.models import Schedule
from portal.runs.presets import Preset
from portal.runs.schedule_forms import ScheduleForm

SEE_OTHER = 303
BLANK_UPSTREAMS = 2  # more appear when these are filled and the page is sent
MOST_SUGGESTED = 500


@dataclass(frozen=True)
class Desk:
    """Who changes which schedule of which variant; `current` is None for a new one."""

    user: User
    variant: Variant
    name: str
    current: Schedule | None

    @property
    def path(self) -> str:
        one = self.variant.publication
        query = urlencode({"variant": self.variant.slug, "name": self.name})
        return f"{reverse('schedule', args=[one.kind, one.slug])}?{query}"


@never_cache  # or going back would show a signing key
@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def schedule(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Look at the schedules, try another rule, keep it, pause, resume or remove one."""
    user = signed_in(request)
    publication = find_publication(user, slug, kind=kind)
    require_edit(user, publication)
    part = part_of(publication)
    if part is not None:
        messages.info(request, f"“{publication}” is refreshed with this report.")
        path = reverse("schedule", args=[part.parent.kind, part.parent.slug])
        return HttpResponseRedirect(path, status=SEE_OTHER)
    desk = _desk(request, user, publication)
    if request.method != "POST":
        form = ScheduleForm(initial=ScheduleForm.values_of(desk.current, desk.variant))
        return _page(request, desk, form, planned=desk.current, names=_upstreams_of(desk))
    if request.POST.get("action") in CHANGES:
        return _change(request, desk)
    return _save_or_show(request, desk)


def _desk(request: HttpRequest, user: User, publication: Publication) -> Desk:
    asked = request.POST.get("variant") or request.GET.get("variant") or DEFAULT_VARIANT
    variant = queries.find_variant(publication, asked)
    known = list(queries.with_words(schedules.running(variant)))
    name = request.POST.get("name") or request.GET.get("name")
    if not name:
        name = known[0].name if known else schedules.DEFAULT_NAME
    return Desk(user, variant, name[:40], next((one for one in known if one.name == name), None))


def _change(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Do what needs no form: pause, resume, remove, another key."""
    found = get_object_or_404(schedules.running(desk.variant), name=desk.name)
    action, now = request.POST["action"], timezone.now()
    if action == "key":
        try:
            shown = schedules.renew_key(found, by=desk.user, at=now)
        except rules.BadSchedule as bad:
            messages.error(request, str(bad))
        else:
            return _key_page(request, desk, found, shown)
    else:
        change, said = CHANGES[action]
        if change(found, by=desk.user, at=now):
            messages.success(request, said)
    return HttpResponseRedirect(desk.path, status=SEE_OTHER)


CHANGES: dict[str, tuple[Any, str]] = {
    "pause": (schedules.pause, "Paused. Nothing is due until you resume it or save it again."),
    "resume": (schedules.resume, "Resumed. It goes on from now."),
    "remove": (schedules.end, "Removed. What it did stays in the history."),
    "key": (schedules.renew_key, ""),
}


def _save_or_show(request: HttpRequest, desk: Desk) -> HttpResponse:
    form, now = ScheduleForm(request.POST), timezone.now()
    names = [name.strip() for name in request.POST.getlist("upstream") if name.strip()]
    if not form.is_valid():
        return _page(request, desk, form, planned=None, names=names)
    try:
        upstreams = _chosen(request, desk, form, names)
        planned = schedules.plan(desk.variant, name=desk.name, **form.wish(), by=desk.user, at=now)
        if request.POST.get("action") != "save":
            return _page(request, desk, form, planned=planned, names=names, upstreams=upstreams)
        former_hook = desk.current.hook if desk.current else None
        kept = schedules.set_schedule(
            desk.variant,
            name=desk.name,
            upstreams=upstreams,
            **form.wish(),
            by=desk.user,
            at=now,
        )
    except rules.BadSchedule as bad:
        form.add_error(None, str(bad))
        return _page(request, desk, form, planned=None, names=names)
    if kept.hook and kept.hook != former_hook:
        return _key_page(request, desk, kept, hooks.shown_key(kept))
    known = _known(desk.user, upstreams)
    messages.success(request, f"Saved: {rules.explain(kept, upstreams=upstreams, known=known)}.")
    return HttpResponseRedirect(desk.path, status=SEE_OTHER)


def _chosen(
    request: HttpRequest, desk: Desk, form: ScheduleForm, names: list[str]
) -> list[Variant]:
    """The upstreams that were named, and those that stay because the person does not see them."""
    if form.cleaned_data["preset"] != Preset.AFTER:
        return []
    found = chains.find_upstreams(names, by=desk.user)
    kept = _hidden(desk) if request.POST.get("keep_hidden") else []
    if not found and not kept:
        raise rules.BadSchedule("Name at least one publication that it waits for.")
    return list({one.pk: one for one in [*found, *kept]}.values())


def _waited_for(desk: Desk) -> list[Variant]:
    return [one.variant for one in desk.current.upstreams.all()] if desk.current else []


def _hidden(desk: Desk) -> list[Variant]:
    waited = _waited_for(desk)
    known = _known(desk.user, waited)
    return [one for one in waited if one.publication_id not in known]


def _upstreams_of(desk: Desk) -> list[str]:
    waited = _waited_for(desk)
    known = _known(desk.user, waited)
    return [chains.address_of(one) for one in waited if one.publication_id in known]


def _known(user: User, variants: list[Variant]) -> set[int]:
    """The publications of these, by key, that the person may see; no query where there are none."""
    if not variants:
        return set()
    keys = {one.publication_id for one in variants}
    visible = Publication.objects.visible_to(user).filter(pk__in=keys)
    return set(visible.values_list("pk", flat=True))


def _key_page(request: HttpRequest, desk: Desk, kept: Schedule, key: str) -> HttpResponse:
    """The only page that ever shows the signing key."""
    path = f"/hooks/arrivals/{kept.hook}/"
    context = {
        "publication": desk.variant.publication,
        "schedule": kept,
        "path": desk.path,
        "key": key,
        "url": settings.PORTAL_ORIGIN + path,
    }
    return render(request, "runs/schedule_key.html", context)


def _page(
    request: HttpRequest,
    desk: Desk,
    form: ScheduleForm,
    *,
    planned: Schedule | None,
    names: list[str],
    upstreams: list[Variant] | None = None,
) -> HttpResponse:
    now = timezone.now()
    every = list(queries.with_words(schedules.running(desk.variant)))
    named = [one.variant for known in every for one in known.upstreams.all()]
    known = _known(desk.user, [*named, *(upstreams or [])])
    blank = max(0, min(BLANK_UPSTREAMS, chains.MOST_UPSTREAMS - len(names)))
    words = rules.explain(planned, upstreams=upstreams, known=known) if planned else ""
    context: dict[str, Any] = {
        "publication": desk.variant.publication,
        "variant": desk.variant,
        "name": desk.name,
        "current": desk.current,
        "schedules": [(one, rules.explain(one, known=known)) for one in every],
        "new_name": _free_name({one.name for one in every}),
        "form": form,
        "upstreams": [*names, *[""] * blank],
        "hidden": len(_hidden(desk)),
        "suggested": _suggested(desk),
        "in_words": words,
        "times": outlook.next_ten(planned, after=now) if planned else [],
    }
    return render(request, "runs/schedule.html", context, status=422 if form.errors else 200)


def _free_name(taken: set[str]) -> str:
    return next(f"schedule-{n}" for n in itertools.count(2) if f"schedule-{n}" not in taken)


def _suggested(desk: Desk) -> list[tuple[str, str]]:
    """Slugs and titles of what the person may see and the schedule could wait for."""
    visible = Publication.objects.visible_to(desk.user).filter(part__isnull=True)
    others = visible.exclude(pk=desk.variant.publication_id).order_by("title")
    return list(others.values_list("slug", "title")[:MOST_SUGGESTED])
