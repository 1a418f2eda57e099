"""What a schedule's policies make of one due time. Nothing here asks the database."""

import hashlib
from datetime import datetime, timedelta

from portal.runs.models import Schedule

ON_TIME = timedelta(seconds=60)  # a slot this old is not called missed

REMOVED = "The publication was removed"
FINISHED_CONTENT = "There is nothing to run: the newest version is finished content"
LATER_ONE = "Missed; a later slot was due as well"
TOO_LATE = "Missed; the schedule skips what it missed"


def reason_to_skip(schedule: Schedule, due_at: datetime, *, at: datetime, is_last: bool) -> str:
    """Why the due time is not run, whatever else goes on; empty when it is.

    :param is_last: whether no later one is due as well.
    """
    version = schedule.variant.version
    if schedule.variant.publication.is_removed:
        return REMOVED
    if version is None or not version.executes:
        return FINISHED_CONTENT
    if is_past_deadline(schedule, due_at, at=at):
        return f"Missed: it could not start within {schedule.deadline_minutes} minutes"
    if schedule.misfire == Schedule.Misfire.ALL:
        return ""
    if schedule.misfire == Schedule.Misfire.SKIP and at - due_at > ON_TIME:
        return TOO_LATE
    return "" if is_last else LATER_ONE


def is_past_deadline(schedule: Schedule, due_at: datetime, *, at: datetime) -> bool:
    """Whether a run for the due time may not start any more."""
    minutes = schedule.deadline_minutes
    return minutes is not None and at - due_at > timedelta(minutes=minutes)


def overlap_of(schedule: Schedule) -> Schedule.Overlap:
    """What happens while a former run goes on. Whoever wants every missed one run lets them wait for each other."""
    if schedule.misfire == Schedule.Misfire.ALL:
        return Schedule.Overlap.QUEUE
    return Schedule.Overlap(schedule.overlap)


def not_before(schedule: Schedule, due_at: datetime, *, at: datetime) -> datetime | None:
    """When its run may start: anywhere within the jitter, the same for everybody who works it out."""
    if not schedule.jitter_minutes:
        return None
    digest = hashlib.sha256(f"{schedule.pk} {due_at.timestamp()}".encode()).digest()
    offset = int.from_bytes(digest[:8]) % (schedule.jitter_minutes * 60 + 1)
    start = due_at + timedelta(seconds=offset)
    return start if start > at else None
