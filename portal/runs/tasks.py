"""The doorbells of this room: each only names what may be waiting; the database says whether it is."""

import os
import socket
from typing import Any

from celery.signals import worker_init, worker_ready, worker_shutdown
from django.utils import timezone

from portal.common.tasks import background_task
from portal.runs import director, isolation, tools, workers

_pulses: list[workers.Pulse] = []


@background_task
def execute_run(run_id: int = 0) -> None:
    """Execute the run whose turn it is; `run_id` is the one for which the bell was rung, and no more than a hint."""
    director.direct_next(worker=f"{socket.gethostname()}:{os.getpid()}")


@worker_init.connect
def look_around(**_: object) -> None:
    """Before the first run, and inherited by the processes that execute them."""
    isolation.survey(at=timezone.now())
    tools.survey(at=timezone.now())


@worker_ready.connect
def begin_to_tell(sender: Any = None, **_: object) -> None:
    """From now on the pages see this worker, until it says that it stops."""
    pulse = workers.Pulse(slots=getattr(sender.controller, "concurrency", 1) or 1)
    _pulses[:] = [pulse]
    pulse.start()


@worker_shutdown.connect
def say_goodbye(**_: object) -> None:
    for pulse in _pulses:
        pulse.stop()
