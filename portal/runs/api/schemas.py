"""What the API tells of a run: the same as its page."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from ninja import Field, Schema

from portal.publishing.links import path_of
from portal.publishing.models import Edition, Publication
from portal.runs import programs
from portal.runs.environments import pins
from portal.runs.models import CheckResult, Run
from portal.runs.steps import running_seconds, steps_of


class PublicationOut(Schema):
    kind: str
    slug: str
    title: str
    url: str = Field(description="Its stable link")


class EditionOut(Schema):
    number: int
    url: str = Field(description="The link to exactly this edition")


class SlotOut(Schema):
    due_at: datetime
    schedule: str = Field(description="The rule of the schedule, such as `0 7 * * 1-5`")


class LinksOut(Schema):
    self: str
    page: str = Field(description="The page for people")
    log: str
    cancel: str = Field(description="POST")
    rerun: str = Field(description="POST")


class RunOut(Schema):
    """A run in a list."""

    id: int
    publication: PublicationOut
    variant: str
    version: str = Field(description="Such as `2.1`")
    state: Run.State
    trigger: Run.Trigger
    requested_by: str | None = Field(
        description="User name of whoever asked for it, if a person did"
    )
    rerun_of: int | None = Field(description="The run that this one repeats")
    slot: SlotOut | None = Field(description="The due time that it was started for")
    logical_time: datetime = Field(description="The time that the run is for")
    queue: str
    priority: int = Field(description="1 high, 2 normal, 3 low")
    queued_at: datetime
    not_before: datetime | None = Field(description="When it may start, or is tried again")
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None = Field(description="How long it took, or has been going")
    progress: int = Field(description="Per cent")
    doing: str = Field(description="What it does now, in words")
    fault: str = Field(description="`bundle`: the author's. `platform`: ours. Empty: nobody's")
    error: str = Field(description="Why it did not end well, in a sentence")
    remark: str = Field(description="Why readers are not shown its edition, if so")
    edition: EditionOut | None = Field(description="What it made")
    links: LinksOut


class RunsOut(Schema):
    items: list[RunOut] = Field(description="Newest first")
    next: int | None = Field(description="`cursor` of the next page; null on the last")


class StepOut(Schema):
    name: str
    state: str = Field(description="done, running, failed or waiting")
    seconds: float | None


class ResourcesOut(Schema):
    cpu_seconds: float | None = Field(None, description="Processor time, user and system")
    peak_mb: float | None = Field(
        None, description="Most resident memory of all its processes, in MB"
    )
    memory_limit_mb: float | None = None
    isolation: str = Field("", description="How strong the walls around the code were")
    curve: list[list[float]] = Field(
        [],
        description="Points of [seconds, per cent of one core, MB], at most 240, however long it took",
    )
    secrets: list[str] = Field([], description="Names of the secrets that it was given")


class EnvironmentOut(Schema):
    python: str | None = Field(description="Such as `3.12`; null where it is the standard one")
    key: str | None = Field(description="SHA-256 of all that decides its files")
    packages: int | None
    url: str = Field(description="The lock that makes it again")


class ChecksOut(Schema):
    total: int
    passed: int
    warned: int
    failed: int


class TryOut(Schema):
    at: datetime = Field(description="When it ended")
    state: str
    fault: str
    error: str
    worker: str
    seconds: float | None


class RunDetailOut(RunOut):
    """One run, with everything that its page shows but the log."""

    attempts: int
    worker: str
    tries: list[TryOut] = Field(description="Those before, where its schedule retries")
    cancelled_by: str | None
    cancelled_at: datetime | None
    steps: list[StepOut]
    resources: ResourcesOut
    environment: EnvironmentOut
    bundle: str = Field(description="SHA-256 of the files that the author uploaded")
    entry: str
    code: str = Field(description="What was executed: the entry, or the command")
    parameters: dict[str, Any] = Field(
        description="What its code was given, relative dates as dates; empty before that"
    )
    time_limit_seconds: float | None
    exit_code: int | None
    last_words: str = Field(description="The end of what the code said before it failed")
    failed_code: dict[str, Any] = Field(
        description="Where a notebook failed: cell, of, line, and the lines around it; else empty"
    )
    checks: ChecksOut


def summary_of(run: Run, *, at: datetime) -> dict[str, Any]:
    """For `RunOut`. The run must come with all that `queries.runs_for` selects."""
    publication, slot = run.variant.publication, getattr(run, "slot", None)
    plain = ("id", "state", "trigger", "logical_time", "queue", "priority")
    times = ("queued_at", "not_before", "started_at", "finished_at")
    words = ("progress", "doing", "fault", "error", "remark")
    return {name: getattr(run, name) for name in (*plain, *times, *words)} | {
        "publication": publication_of(publication),
        "variant": run.variant.slug,
        "version": run.version.number,
        "requested_by": run.requested_by.username if run.requested_by else None,
        "rerun_of": run.rerun_of_id,
        "slot": {"due_at": slot.due_at, "schedule": str(slot.schedule)} if slot else None,
        "seconds": run.resources.get("seconds", running_seconds(run, at=at)),
        "edition": _edition(publication, run.edition),
        "links": _links(run),
    }


def detail_of(run: Run, *, at: datetime) -> dict[str, Any]:
    """For `RunDetailOut`."""
    plain = ("attempts", "worker", "cancelled_at", "exit_code", "last_words", "failed_code")
    return (
        summary_of(run, at=at)
        | {name: getattr(run, name) for name in (*plain, "resources")}
        | {
            "cancelled_by": run.cancelled_by.username if run.cancelled_by else None,
            "steps": [vars(step) for step in steps_of(run, at=at)],
            "environment": _environment(run),
            "bundle": run.version.bundle_id,
            "entry": run.version.entry,
            "code": programs.called(run.version),
            "parameters": run.parameters,
            "time_limit_seconds": programs.time_limit_of(run),
            "tries": run.tries,
            "checks": _tally(run),
        }
    )


def publication_of(publication: Publication) -> dict[str, Any]:
    return {
        "kind": publication.kind,
        "slug": publication.slug,
        "title": publication.title,
        "url": _absolute(path_of(publication)),
    }


def _edition(publication: Publication, edition: Edition | None) -> dict[str, Any] | None:
    if edition is None:
        return None
    return {
        "number": edition.number,
        "url": _absolute(path_of(publication, edition=edition.number)),
    }


def _links(run: Run) -> dict[str, str]:
    names = {
        "self": "api:run",
        "page": "run",
        "log": "api:run-log",
        "cancel": "api:cancel-run",
        "rerun": "api:run-again",
    }
    return {key: _absolute(reverse(name, args=[run.pk])) for key, name in names.items()}


def _environment(run: Run) -> dict[str, Any]:
    pinned = pins.environment_of(run.version)
    path = f"{path_of(run.variant.publication)}versions/{run.version.number}/environment.txt"
    return {
        "python": pinned.python if pinned else None,
        "key": pinned.key if pinned else None,
        "packages": pinned.packages if pinned else None,
        "url": _absolute(path),
    }


def _tally(run: Run) -> dict[str, int]:
    """The same counts as an edition keeps, and how many failed in a way that blocks."""
    results: list[CheckResult] = list(run.check_results.only("run", "passed", "severity"))
    states = [result.state for result in results]
    counts = {state: states.count(state) for state in ("passed", "warned", "failed")}
    return {"total": len(results)} | counts


def _absolute(path: str) -> str:
    return f"{settings.PORTAL_ORIGIN}{path}"
