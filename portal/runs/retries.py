"""Trying again: a run that failed goes back to the queue in its own row, until its schedule's retries are used up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max

from portal.runs.claims import Claim, queued_again
from portal.runs.errors import Cancelled, RunError
from portal.runs.models import LogChunk, Run, Schedule

LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True)
class Try:
    """One that failed, as the pages tell of it."""

    number: int
    at: datetime
    state: Run.State
    error: str
    worker: str
    seconds: float | None


def schedule_of(run: Run) -> Schedule | None:
    """Whose policies the run follows: of its slot, or of its backfill; none when a person asked for it."""
    if run.backfill is not None:
        return run.backfill.schedule
    slot = getattr(run, "slot", None)
    return slot.schedule if slot else None


def is_due(run: Run, error: RunError) -> bool:
    """Whether the run is to be tried again after this error. A time limit counts as the author's."""
    schedule = schedule_of(run)
    if schedule is None or isinstance(error, Cancelled) or run.cancel_requested:
        return False
    qualifies = schedule.retry_on == Schedule.RetryOn.ALL or error.fault == Run.Fault.PLATFORM
    return qualifies and len(run.tries) < schedule.retries


def wait_before(schedule: Schedule, tries: int) -> timedelta:
    """How long the try after so many waits: the schedule's wait, doubled by every further one, 6 hours at most."""
    doubled = schedule.retry_wait_seconds * 2 ** min(max(tries - 1, 0), 20)
    return min(timedelta(seconds=doubled), LONGEST_WAIT)


def try_again(
    claim: Claim, run: Run, error: RunError, resources: Mapping[str, Any], *, at: datetime
) -> None:
    """Queue the run again for later. Its log says so and goes on.

    :raises Fenced: when the run is not ours any more; nothing is changed then.
    """
    schedule = schedule_of(run)
    assert schedule is not None  # `is_due` has looked
    tried = {
        "at": at.isoformat(),
        "state": error.state,
        "fault": error.fault,
        "error": error.sentence,
        "worker": run.worker,
        "seconds": resources.get("seconds"),
    }
    tries = [*run.tries, tried]
    wait = wait_before(schedule, len(tries))
    claim.write(
        **queued_again(),
        not_before=at + wait,
        tries=tries,
        attempts=F("attempts") - 1,  # these count the deaths of its workers
        doing="",
    )
    _say(run, f"This was try {len(tries)} of {schedule.retries + 1}. The next is in {wait}.", at)


def tries_of(run: Run) -> list[Try]:
    """What came of the tries before this one, oldest first."""
    return [
        Try(
            number,
            datetime.fromisoformat(one["at"]),
            Run.State(one["state"]),
            one["error"],
            one["worker"],
            one["seconds"],
        )
        for number, one in enumerate(run.tries, start=1)
    ]


def next_try(run: Run) -> str:
    """Which of how many tries is the one that waits or goes, such as “2 of 3”; empty for a first one."""
    schedule = schedule_of(run)
    if schedule is None or not run.tries:
        return ""
    return f"{len(run.tries) + 1} of {max(schedule.retries, len(run.tries)) + 1}"


def _say(run: Run, sentence: str, at: datetime) -> None:
    """Add a line to the log, which nobody writes any more."""
    last = LogChunk.objects.filter(run=run).aggregate(last=Max("sequence"))["last"] or 0
    text = f"{at:%H:%M:%S} {sentence}\n"
    LogChunk.objects.create(run=run, sequence=last + 1, at=at, text=text)
