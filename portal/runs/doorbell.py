"""Telling the workers that there is something to do; the ticker tells them again.


A ring names no work: whoever hears it takes the run whose turn it is. Workers that serve only some queues
listen at doors of their own, where rings for others cannot be wasted on them.
"""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.common.tasks import ring, send
from portal.runs import workers
from portal.runs.models import Run
from portal.runs.queue import DEFAULT_QUEUE, freed_by

EXECUTE_RUN = "portal.runs.tasks.execute_run"


def ring_for(run: Run) -> None:
    """Ring once the transaction has committed; a broker that is down fails nothing."""
    for door in doors_of(run.queue):
        ring(EXECUTE_RUN, to=door, run_id=run.pk)


def ring_for_all(runs: Sequence[Run]) -> None:
    """Ring once for each when the transaction has committed. A broker that is down is not asked for every one."""
    doors = {queue: doors_of(queue) for queue in {run.queue for run in runs}}
    rings = [(door, run.pk) for run in runs for door in doors[run.queue]]
    transaction.on_commit(lambda: all(send(EXECUTE_RUN, to=door, run_id=pk) for door, pk in rings))


def ring_now(run: Run) -> bool:
    """Ring at once; False when the broker cannot be reached."""
    heard = [send(EXECUTE_RUN, to=door, run_id=run.pk) for door in doors_of(run.queue)]
    return all(heard)


def ring_after(run: Run, *, at: datetime) -> None:
    """Ring for those that waited for this run to end."""
    for waiting in freed_by(run, at=at):
        ring_for(waiting)


def doors_of(queue: str) -> list[str]:
    """Where those listen who serve the queue: workers for all queues at the usual door, others at its own."""
    if queue == DEFAULT_QUEUE:
        return [settings.CELERY_TASK_DEFAULT_QUEUE]
    serving = list(workers.alive(timezone.now()).values_list("queues", flat=True))
    own = any(queue in queues for queues in serving)
    usual = not own or not all(serving)
    doors = {settings.CELERY_TASK_DEFAULT_QUEUE: usual, settings.RUN_DOOR.format(queue): own}
    return [door for door, is_open in doors.items() if is_open]
