"""Runs, for programs: the same as the pages tell, and the same actions."""

from typing import Annotated, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from ninja import Query, Router, Status

from portal.accounts.requests import signed_in
from portal.common.problems import CHANGING, READING
from portal.common.refusals import Refused
from portal.runs import actions, logs, queries
from portal.runs.api.schemas import RunDetailOut, RunOut, RunsOut, detail_of, summary_of
from portal.runs.models import Run

PAGE_SIZE, LARGEST_PAGE = 30, 100
SLUG = "^[-a-zA-Z0-9_]+$"
SEQUENCE = "X-Log-Sequence"

router = Router(tags=["runs"])


@router.get("/", response={200: RunsOut, **READING}, url_name="runs")
def list_runs(
    request: HttpRequest,
    publication: Annotated[str | None, Query(description="Slug", pattern=SLUG)] = None,
    variant: Annotated[str | None, Query(description="Slug", pattern=SLUG)] = None,
    state: Run.State | None = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE_SIZE,
    cursor: Annotated[int | None, Query(ge=1, description="`next` of the page before")] = None,
) -> dict[str, Any]:
    """The runs of what you may change, newest first."""
    user, now = signed_in(request), timezone.now()
    if not user.may_publish:
        raise PermissionDenied("Runs are for authors and admins.")
    wanted = {
        "variant__publication__slug": publication,
        "variant__slug": variant,
        "state": state,
        "pk__lt": cursor,
    }
    runs = queries.runs_for(user).filter(**{k: v for k, v in wanted.items() if v is not None})
    found = list(runs.order_by("-pk")[: limit + 1])
    more = found[limit - 1].pk if len(found) > limit else None
    return {"items": [summary_of(run, at=now) for run in found[:limit]], "next": more}


@router.get("/{int:pk}/", response={200: RunDetailOut, **READING}, url_name="run")
def read_run(request: HttpRequest, pk: int) -> dict[str, Any]:
    """One run, with everything that its page shows but the log."""
    return detail_of(queries.find_run(signed_in(request), pk), at=timezone.now())


@router.get(
    "/{int:pk}/log/",
    response=READING,
    url_name="run-log",
    openapi_extra={
        "responses": {
            200: {
                "description": f"Plain text. {SEQUENCE} is the `after` of the next question.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        }
    },
)
def read_log(
    request: HttpRequest,
    pk: int,
    after: Annotated[int, Query(ge=0, description=f"{SEQUENCE} of the answer before")] = 0,
) -> StreamingHttpResponse:
    """The log as plain text; with `after` only what came since, so a program can follow it."""
    chunks = queries.find_run(signed_in(request), pk).log_chunks.filter(sequence__gt=after)
    last = chunks.aggregate(last=Max("sequence"))["last"] or after
    newer = chunks.filter(sequence__lte=last).order_by("sequence")
    response = StreamingHttpResponse(
        logs.plain(newer.iterator(chunk_size=50)), content_type="text/plain; charset=utf-8"
    )
    response[SEQUENCE] = str(last)
    return response


@router.post("/{int:pk}/cancel/", response={200: RunDetailOut, **CHANGING}, url_name="cancel-run")
def cancel_run(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Stop the run: at once while it is queued, within two seconds while it is running."""
    user, now = signed_in(request), timezone.now()
    found = queries.find_run(user, pk)
    if not actions.cancel_run(found, by=user, at=now):
        raise Refused("not_cancelled", "The run had finished, or is being stopped, already.", 409)
    return detail_of(queries.find_run(user, pk), at=now)


@router.post("/{int:pk}/rerun/", response={201: RunOut, **CHANGING}, url_name="run-again")
def rerun(request: HttpRequest, pk: int) -> Status[dict[str, Any]]:
    """The same version, variant and logical time once more; if that waits or goes already, that run."""
    user, now = signed_in(request), timezone.now()
    try:
        again = actions.run_again(queries.find_run(user, pk), by=user, at=now)
    except actions.NotFinished as unfinished:
        raise Refused("not_finished", str(unfinished), 409) from unfinished
    except actions.NothingToRun as nothing:
        raise Refused("nothing_to_run", str(nothing), 409) from nothing
    return Status(201, summary_of(queries.find_run(user, again.pk), at=now))
