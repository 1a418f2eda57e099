"""Telling the workers that there is something to do; the ticker tells them again."""

from portal.common.tasks import ring
from portal.runs.models import Run

EXECUTE_RUN = "portal.runs.tasks.execute_run"


def ring_for(run: Run) -> None:
    """Ring once the transaction has committed; a broker that is down fails nothing."""
    ring(EXECUTE_RUN, run_id=run.pk)
