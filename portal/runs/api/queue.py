"""The queue, the workers and the limits, for programs: the same as the pages tell, and the same actions."""

from datetime import datetime
from typing import Annotated, Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema, Status

from portal.accounts.requests import signed_in
from portal.common.problems import CHANGING, READING
from portal.common.refusals import Refused
from portal.runs import actions, limits, queries, queue, waiting, workers
from portal.runs.api.schemas import RunOut, summary_of
from portal.runs.limits import BadLimit
from portal.runs.models import Limit, Run, Schedule, Worker

PAGE_SIZE, LARGEST_PAGE = 30, 100
SLUG = "^[-a-zA-Z0-9_]+$"
PRIORITIES = {priority.name.lower(): priority for priority in Schedule.Priority}

router = Router(tags=["queue"])


class WaitingOut(RunOut):
    why: str = Field(description="Why it waits, in a sentence")


class QueueOut(Schema):
    """What you may change of what waits, first the next, and counts of everything."""

    items: list[WaitingOut]
    next: int | None = Field(description="`offset` of the next page; null on the last")
    waiting: int = Field(description="Of what you may change")
    waiting_elsewhere: int = Field(description="Of others")
    running: int = Field(description="Of everybody")
    slots: int = Field(description="How many runs the living workers execute at once")


class PriorityIn(Schema):
    priority: str = Field(description="high, normal or low", pattern="^(high|normal|low)$")


class WorkerOut(Schema):
    name: str = Field(description="Host and process")
    is_alive: bool
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None
    queues: list[str] = Field(description="Those it serves; none: all")
    runs: list[int] = Field(description="What it executes now")
    memory_mb: int
    slots: int | None = None
    isolation: str = ""
    python: str = ""
    cpus: int | None = None
    tools: list[dict[str, str]] = []
    kernels: list[str] = []


class LimitIn(Schema):
    of: Limit.Of
    name: str = Field(description="Of the queue or resource, or the slug of the team")
    most: int = Field(description="So many at once", ge=1, le=limits.MOST)


class LimitOut(LimitIn):
    id: int
    going: int = Field(description="How many go now")
    set_by: str
    set_at: datetime


@router.get("/queue/", response={200: QueueOut, **READING}, url_name="queue")
def read_queue(
    request: HttpRequest,
    queue: Annotated[str, Query(description="Of this queue alone", pattern=SLUG)] = "",
    team: Annotated[str, Query(description="Slug", pattern=SLUG)] = "",
    state: Annotated[str, Query(description="ready or held", pattern="^(ready|held)$")] = "",
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE_SIZE,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """What waits to be run, in the order in which it will be taken, and why."""
    user, at = signed_in(request), timezone.now()
    if not user.may_publish:
        raise PermissionDenied("The queue is for authors and admins.")
    now, counts = waiting.look(at), queries.count_queued(user)
    runs = queries.queued_for(user, at=at, queue=queue, team=team, state=state)
    found = list(runs.select_related(*_TOLD)[offset : offset + limit + 1])
    return {
        "items": [
            summary_of(run, at=at) | {"why": waiting.reason(run, now)} for run in found[:limit]
        ],
        "next": offset + limit if len(found) > limit else None,
        "waiting": counts["own"],
        "waiting_elsewhere": counts["others"],
        "running": now.busy.runs,
        "slots": workers.slots(now.alive),
    }


@router.post(
    "/runs/{int:pk}/priority/", response={200: RunOut, **CHANGING}, url_name="run-priority"
)
def change_priority(request: HttpRequest, pk: int, wish: PriorityIn) -> dict[str, Any]:
    """Let a run that waits go before or after others."""
    user, at = signed_in(request), timezone.now()
    found = queries.find_run(user, pk)
    priority = PRIORITIES[wish.priority]
    done = actions.reprioritise_run(found, priority, by=user, at=at)
    if not done and found.state != Run.State.QUEUED:
        raise Refused("not_waiting", f"Run {pk} does not wait any more.", 409)
    return summary_of(queries.find_run(user, pk), at=at)


@router.get("/workers/", response={200: list[WorkerOut], **READING}, url_name="workers")
def list_workers(request: HttpRequest) -> list[dict[str, Any]]:
    """The workers that were heard of in the last day; for admins."""
    user, at = signed_in(request), timezone.now()
    limits.require_admin(user)
    found = list(Worker.objects.order_by("stopped_at", "name"))
    living = set(workers.alive(at).values_list("name", flat=True))
    held = workers.running_on(found, Run.objects.filter(state=Run.State.RUNNING).order_by("pk"))
    plain = ("name", "started_at", "seen_at", "stopped_at", "queues", "memory_mb")
    return [
        worker.facts
        | {name: getattr(worker, name) for name in plain}
        | {
            "is_alive": worker.name in living,
            "runs": [run.pk for run in held.get(worker.name, [])],
        }
        for worker in found
    ]


@router.get("/limits/", response={200: list[LimitOut], **READING}, url_name="limits")
def list_limits(request: HttpRequest) -> list[dict[str, Any]]:
    """How many runs may go at once, and how many do; for admins."""
    limits.require_admin(signed_in(request))
    return _limits(Limit.objects.all())


@router.post("/limits/", response={200: LimitOut, **CHANGING}, url_name="set-limit")
def set_limit(request: HttpRequest, wish: LimitIn) -> dict[str, Any]:
    """Set a limit, or change it; for admins."""
    try:
        limit = limits.set_limit(**wish.dict(), by=signed_in(request), at=timezone.now())
    except BadLimit as bad:
        raise Refused("bad_limit", str(bad), 422) from bad
    return _limits(Limit.objects.filter(pk=limit.pk))[0]


@router.delete("/limits/{int:pk}/", response={204: None, **CHANGING}, url_name="limit")
def remove_limit(request: HttpRequest, pk: int) -> Status[None]:
    """Remove a limit; for admins."""
    user = signed_in(request)
    limits.require_admin(user)
    limits.remove_limit(get_object_or_404(Limit, pk=pk), by=user, at=timezone.now())
    return Status(204, None)


_TOLD = ("edition__publication", "variant__publication")


def _limits(found: QuerySet[Limit]) -> list[dict[str, Any]]:
    busy = queue.look(found.select_related("set_by").order_by("of", "name"))
    plain = ("id", "of", "name", "most", "set_at")
    return [
        {name: getattr(limit, name) for name in plain}
        | {"going": busy.going[limit.of, limit.name], "set_by": limit.set_by.username}
        for limit in busy.limits
    ]
