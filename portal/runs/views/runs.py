"""Pages about runs and schedules, for those who may change the publication."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.requests import signed_in
from portal.publishing.links import find_publication, path_of
from portal.publishing.models import DEFAULT_VARIANT
from portal.publishing.views.addresses import follows_links
from portal.runs import (
    actions,
    logs,
    pictures,
    programs,
    queries,
    retries,
    steps,
)
from portal.runs.environments import pins
from portal.runs.models import Run
from portal.runs.operations import audits, run_list
from portal.runs.queries import find_variant
from portal.runs.runners import find_runner
from portal.runs.views.today import require_author_of_runs

SEE_OTHER = 303
PAGE_SIZE = 30


@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """The runs of what the person may change, newest first, narrowed as they ask."""
    user = require_author_of_runs(request)
    wish = run_list.wanted(request.GET)
    found = run_list.narrowed(queries.runs_for(user), wish, by=user).order_by("-pk")
    context: dict[str, Any] = {
        "page": Paginator(found.defer(*run_list.LARGE), PAGE_SIZE).get_page(
            request.GET.get("page")
        ),
        "wish": wish,
        "states": Run.State.choices,
        "triggers": Run.Trigger.choices,
    }
    return render(request, "runs/runs.html", context)


@require_safe
def runs_table(request: HttpRequest) -> StreamingHttpResponse:
    """The same list as a CSV file."""
    user = require_author_of_runs(request)
    found = run_list.narrowed(queries.runs_for(user), run_list.wanted(request.GET), by=user)
    lines = run_list.as_csv(found.order_by("-pk"))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="runs.csv"'
    return response


@require_safe
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: what it does now, or how it ended."""
    found = _find(request, pk)
    return render(request, "runs/run.html", _page_context(found, logs.end_of(found)))


@require_safe
def run_live(request: HttpRequest, pk: int) -> HttpResponse:
    """What has changed since: the head of the page, and the log's new lines. All of it, once finished."""
    found = _find(request, pk)
    log = logs.end_of(found, after=_whole(request.GET.get("after", "")))
    context = _page_context if found.is_finished else _live_context
    return render(request, "runs/_live.html", context(found, log))


@require_safe
def run_log(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The whole log as a text file."""
    found = _find(request, pk)
    texts = logs.plain(found.log_chunks.order_by("sequence").iterator(chunk_size=50))
    response = StreamingHttpResponse(texts, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{found.pk}.log"'
    return response


@require_POST
def cancel_run(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the run to be stopped."""
    found = _find(request, pk)
    if not actions.cancel_run(found, by=signed_in(request), at=timezone.now()):
        messages.info(request, "The run had finished, or is being stopped, already.")
    return HttpResponseRedirect(reverse("run", args=[found.pk]), status=SEE_OTHER)


@require_POST
def run_again(request: HttpRequest, pk: int) -> HttpResponse:
    """The same once more; when that is queued or going already, go there."""
    found = _find(request, pk)
    try:
        again = actions.run_again(found, by=signed_in(request), at=timezone.now())
    except (actions.NotFinished, actions.NothingToRun) as why_not:
        messages.warning(request, str(why_not))
        again = found
    return HttpResponseRedirect(reverse("run", args=[again.pk]), status=SEE_OTHER)


@require_POST
@follows_links
def run_now(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Refresh now; when a run is queued or going already, go there."""
    user = signed_in(request)
    publication = find_publication(user, slug, kind=kind)
    variant = find_variant(publication, request.POST.get("variant", DEFAULT_VARIANT))
    try:
        started = actions.run_now(variant, by=user, at=timezone.now())
    except actions.NothingToRun as nothing:
        messages.warning(request, str(nothing))
        return HttpResponseRedirect(path_of(publication), status=SEE_OTHER)
    return HttpResponseRedirect(reverse("run", args=[started.pk]), status=SEE_OTHER)


@require_safe
@follows_links
def version_environment(
    request: HttpRequest, kind: str, slug: str, major: int, minor: int
) -> HttpResponse:
    """The lock that makes a version's environment again."""
    publication = find_publication(signed_in(request), slug, kind=kind)
    version = publication.versions.filter(major=major, minor=minor, executes=True).first()
    if version is None:
        raise Http404(f"{publication} has no version {major}.{minor} that is run.")
    response = HttpResponse(pins.lock_of(version), content_type="text/plain; charset=utf-8")
    name = f"{publication.slug}-{version}-environment.txt"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _find(request: HttpRequest, pk: int) -> Run:
    return queries.find_run(signed_in(request), pk)


def _page_context(found: Run, log: logs.Part) -> dict[str, Any]:
    recent = queries.last_ten(found.variant)
    return _live_context(found, log) | {
        "runner": find_runner(found.version),
        "called": programs.called(found.version),
        "environment": pins.environment_of(found.version),
        "recent": recent,
        "usual_seconds": queries.usual_seconds(recent),
        "trail": audits.trail_of(found),
    }


def _live_context(found: Run, log: logs.Part) -> dict[str, Any]:
    now = timezone.now()
    told = steps.steps_of(found, at=now)
    return {
        "run": found,
        "publication": found.variant.publication,
        "current": found.variant.current,
        "log": log,
        "steps": told,
        "doing": found.doing or next((step.name for step in told if step.is_running), "Starting"),
        "running_seconds": steps.running_seconds(found, at=now),
        "usage": pictures.usage_of(found),
        "results": list(found.check_results.order_by("passed", "pk")) if found.is_finished else [],
        "time_limit": programs.time_limit_of(found),
        "tries": retries.tries_of(found),
        "next_try": retries.next_try(found),
        "held_until": found.not_before if found.not_before and found.not_before > now else None,
    }


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
