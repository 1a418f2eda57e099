"""The doorbells of this room: each only names what may be waiting; the database says whether it is."""

import os
import socket

from celery.signals import worker_init
from django.utils import timezone

from portal.common.tasks import background_task
from portal.runs import director, isolation, tools


@background_task
def execute_run(run_id: int) -> None:
    """Execute the run, unless somebody else does, has done, or must do first."""
    director.direct(run_id, worker=f"{socket.gethostname()}:{os.getpid()}")


@worker_init.connect
def look_around(**_: object) -> None:
    """Before the first run, and inherited by the processes that execute them."""
    isolation.survey(at=timezone.now())
    tools.survey(at=timezone.now())
