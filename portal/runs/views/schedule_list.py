"""The list of schedules, and doing one thing to many of them."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.models import Role, Team, User
from portal.common.templatetags.words import counted
from portal.common.text import keys_in
from portal.runs.models import Schedule
from portal.runs.operations import bulk, listing
from portal.runs.operations.bulk import DEEDS
from portal.runs.operations.standing import Stand, Standing, counts_of, stands_of
from portal.runs.queries import schedules_for
from portal.runs.views.today import require_author_of_runs

PAGE_SIZE = 50
SEE_OTHER = 303
KEPT = ("q", "state", "team", "rule")  # what narrows the list


@require_safe
def schedule_list(request: HttpRequest) -> HttpResponse:
    """The schedules of what the person may change, worst first."""
    user, now = require_author_of_runs(request), timezone.now()
    wish = listing.wanted(request.GET)
    schedules = schedules_for(user)
    stands = stands_of(listing.narrowed(schedules, wish), at=now)
    counts = counts_of(stands)
    shown = _standing_so(stands, wish)
    page = Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "rows": listing.rows_of(schedules, list(page), at=now),
        "wish": wish,
        "total": len(stands),
        "chips": [(one, one.name.lower(), counts[one]) for one in Standing],
        "teams": Team.objects.order_by("name") if user.is_admin else user.teams.order_by("name"),
        "rules": Schedule.Rule.choices,
        "deeds": DEEDS.items(),
        "at": now,
    }
    return render(request, "runs/schedules.html", context)


@require_POST
def change_schedules(request: HttpRequest) -> HttpResponse:
    """Ask whether it is meant, then do it to every ticked schedule, or to all that match."""
    user, now = require_author_of_runs(request), timezone.now()
    action = request.POST.get("action", "")
    keys = _keys(user, request.POST)
    there = _list_of(request.POST)
    if action not in DEEDS or not keys:
        messages.info(request, "Nothing was changed: tick schedules first, then say what to do.")
        return HttpResponseRedirect(there, status=SEE_OTHER)
    to = _heir(request.POST)
    if request.POST.get("is_meant") != "yes" or (action == "move" and to is None):
        return _ask(request, user, action, keys)
    outcome = bulk.carry_out(action, keys, to=to, by=user, at=now)
    said = messages.success if outcome.done else messages.warning
    said(request, outcome.said(DEEDS[action]))
    return HttpResponseRedirect(there, status=SEE_OTHER)


def _ask(request: HttpRequest, user: User, action: str, keys: list[int]) -> HttpResponse:
    named = schedules_for(user).select_related("variant__publication").in_bulk(keys[:10])
    publishing = User.objects.filter(is_active=True).exclude(role=Role.READER)
    context: dict[str, Any] = {
        "action": action,
        "deed": DEEDS[action],
        "question": DEEDS[action].question.format(counted(len(keys), "schedule")),
        "count": len(keys),
        "now": min(len(keys), bulk.MOST_AT_ONCE),
        "named": [named[pk] for pk in keys[:10] if pk in named],
        "more": max(0, len(keys) - 10),
        "posted": [
            (name, value) for name in (*KEPT, "all") for value in request.POST.getlist(name)
        ],
        "keys": [] if request.POST.get("all") else keys,
        "people": publishing.order_by("first_name", "username") if action == "move" else [],
        "back": _list_of(request.POST),
    }
    return render(request, "runs/schedules_sure.html", context)


def _keys(user: User, asked: QueryDict) -> list[int]:
    """The schedules that are meant; with `all`, every one that the filter matches now."""
    if asked.get("all"):
        wish = listing.wanted(asked)
        matching = listing.narrowed(schedules_for(user), wish)
        return [one.pk for one in _standing_so(stands_of(matching, at=timezone.now()), wish)]
    return keys_in(asked.getlist("schedule"))


def _standing_so(stands: Sequence[Stand], wish: listing.Wanted) -> list[Stand]:
    return [one for one in stands if wish.standing in (None, one.standing)]


def _heir(asked: QueryDict) -> User | None:
    """Who is to own them; None, and it is asked again, for whoever cannot publish."""
    found = User.objects.filter(username=asked.get("to", ""), is_active=True).first()
    return found if found and found.may_publish else None


def _list_of(asked: QueryDict) -> str:
    kept = QueryDict(mutable=True)
    for name in KEPT:
        if asked.get(name):
            kept[name] = asked.get(name, "")
    return f"{reverse('schedules')}?{kept.urlencode()}" if kept else reverse("schedules")
