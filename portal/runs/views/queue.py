"""The queue: what waits and why, what goes, and who is to go first."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.models import User
from portal.accounts.requests import signed_in
from portal.common.templatetags.words import counted
from portal.common.text import keys_in
from portal.runs import actions, queries, waiting, workers
from portal.runs.models import Run, Schedule

SEE_OTHER = 303
PAGE_SIZE = 30


@require_http_methods(["GET", "HEAD", "POST"])
def queue_page(request: HttpRequest) -> HttpResponse:
    """What waits, in the order in which it will be taken; and changes to what is ticked."""
    user = _author(request)
    if request.method == "POST":
        messages.info(request, _change(request, user, timezone.now()))
        return HttpResponseRedirect(request.get_full_path(), status=SEE_OTHER)
    return render(request, "runs/queue.html", _context(request, user, timezone.now()))


@require_safe
def queue_live(request: HttpRequest) -> HttpResponse:
    """The lists alone, as they are now."""
    return render(request, "runs/_queue.html", _context(request, _author(request), timezone.now()))


def _author(request: HttpRequest) -> User:
    user = signed_in(request)
    if not user.may_publish:
        raise PermissionDenied(
            "The queue is for authors and admins. Readers see on each page how fresh it is."
        )
    return user


def _context(request: HttpRequest, user: User, at: datetime) -> dict[str, Any]:
    now, asked = waiting.look(at), request.GET
    runs = queries.queued_for(user, at=at, **{key: asked.get(key, "") for key in FILTERS})
    page = Paginator(runs, PAGE_SIZE).get_page(asked.get("page"))
    why = waiting.reasons(page.object_list, now)
    going = list(
        queries.runs_for(user).filter(state=Run.State.RUNNING).order_by("started_at", "pk")
    )
    return {
        "page": page,
        "rows": [(run, why[run.pk]) for run in page.object_list],
        "going": going,
        "going_elsewhere": now.busy.runs - len(going),
        "counts": queries.count_queued(user),
        "asked": {key: asked.get(key, "") for key in FILTERS},
        "choices": queries.queue_choices(user),
        "at": at,
        "slots": workers.slots(now.alive),
    }


def _change(request: HttpRequest, user: User, at: datetime) -> str:
    """Do what was asked for with each run that the person may change; says what came of it."""
    change = CHANGES.get(request.POST.get("action", ""))
    asked = keys_in(request.POST.getlist("run"))
    if change is None or not asked:
        return "Nothing was changed: tick the runs, then say what to do with them."
    found = queries.runs_for(user).filter(pk__in=asked[:PAGE_SIZE]).order_by("pk")
    done = sum(change(run, user, at) for run in found)
    left = len(set(asked)) - done
    words = (
        f"{counted(done, 'run')} {DONE[request.POST['action']]}."
        if done
        else "Nothing was changed."
    )
    return f"{words} {left} had gone, or were so, already." if left else words


def _prioritise(priority: Schedule.Priority) -> Callable[[Run, User, datetime], bool]:
    return lambda run, by, at: actions.reprioritise_run(run, priority, by=by, at=at)


DONE = {
    "high": "set to high priority",
    "normal": "set to normal priority",
    "low": "set to low priority",
    "cancel": "cancelled",
}
FILTERS = ("queue", "team", "state")
CHANGES: dict[str, Callable[[Run, User, datetime], bool]] = {
    "high": _prioritise(Schedule.Priority.HIGH),
    "normal": _prioritise(Schedule.Priority.NORMAL),
    "low": _prioritise(Schedule.Priority.LOW),
    "cancel": lambda run, by, at: actions.cancel_run(run, by=by, at=at),
}
