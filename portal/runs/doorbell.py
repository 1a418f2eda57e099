"""Telling the workers that there is something to do; the ticker tells them again."""

from collections.abc import Sequence

from django.db import transaction

from portal.common.tasks import ring, send
from portal.runs.models import Run

EXECUTE_RUN = "portal.runs.tasks.execute_run"


def ring_for(run: Run) -> None:
    """Ring once the transaction has committed; a broker that is down fails nothing."""
    ring(EXECUTE_RUN, run_id=run.pk)


def ring_for_all(runs: Sequence[Run]) -> None:
    """Ring once for each when the transaction has committed. A broker that is down is not asked for every one."""
    keys = [run.pk for run in runs]
    transaction.on_commit(lambda: all(send(EXECUTE_RUN, run_id=pk) for pk in keys))
