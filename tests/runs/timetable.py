"""Schedules in every standing, with slots and runs, made small."""

from datetime import datetime, timedelta
from typing import Any

from portal.accounts.models import User
from portal.publishing.models import Variant
from portal.runs import schedules
from portal.runs.models import Run, Schedule, Slot
from tests.runs.authors import COUNTING, publish_script


def scheduled(slug: str, *, by: User, at: datetime, title: str = "", **wish: Any) -> Schedule:
    """A publication with a schedule, every hour unless told otherwise; its first run is forgotten."""
    variant = publish_script(COUNTING, by=by, at=at, slug=slug)
    variant.runs.all().delete()
    variant.publication.title = title or slug.replace("-", " ").title()
    variant.publication.save(update_fields=["title"])
    return schedules.set_schedule(variant, by=by, at=at, **(wish or {"every_minutes": 60}))


def ended(
    variant: Variant, state: str = "unchanged", *, at: datetime, seconds: int = 60, **fields: Any
) -> Run:
    """A run that was asked for at `at` and took a while."""
    assert variant.version is not None
    return Run.objects.create(
        version=variant.version,
        variant=variant,
        trigger=fields.pop("trigger", "schedule"),
        state=state,
        logical_time=at,
        queued_at=at,
        started_at=at,
        finished_at=at + timedelta(seconds=seconds),
        **fields,
    )


def slot(schedule: Schedule, due_at: datetime, state: str = "unchanged", **fields: Any) -> Slot:
    """A due time and the run that it came to."""
    run = ended(schedule.variant, state, at=due_at, **fields)
    return Slot.objects.create(
        schedule=schedule, due_at=due_at, state="taken", run=run, created_at=due_at
    )


def skipped(schedule: Schedule, due_at: datetime, reason: str) -> Slot:
    return Slot.objects.create(
        schedule=schedule, due_at=due_at, state="skipped", reason=reason, created_at=due_at
    )
