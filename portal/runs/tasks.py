"""The doorbells of this room: each only names what may be waiting; the database says whether it is."""

import os
import socket

from portal.common.tasks import background_task
from portal.runs import director


@background_task
def execute_run(run_id: int) -> None:
    """Execute the run, unless somebody else does, has done, or must do first."""
    director.direct(run_id, worker=f"{socket.gethostname()}:{os.getpid()}")
