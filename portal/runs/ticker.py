"""What has to happen by itself: slots become due, dead workers are noticed, lost doorbells ring again.

Any number of tickers may run, at once and at any pace: every part is a conditional update.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from portal.common import ticks
from portal.runs import queue
from portal.runs.claims import sweep_lapsed
from portal.runs.doorbell import ring_now
from portal.runs.models import Heartbeat, Run
from portal.runs.promises import judge_promises
from portal.runs.pulse import TICKER
from portal.runs.slots import make_due_slots
from portal.runs.suspensions import watch

logger = logging.getLogger(__name__)


MOST_RINGS = 50  # of a queue, in one tick


def tick(at: datetime) -> None:
    """Do everything that is due at `at`; a part that fails is logged and the others are done."""
    for part in (
        make_due_slots,
        sweep_lapsed,
        ring_again,
        judge_promises,
        watch,
        ticks.run_all,
        _beat,
    ):
        try:
            part(at)
        except Exception:  # whatever it is, slots are made and dead workers noticed
            logger.exception("tick_failed part=%s", part.__name__)


def ring_again(at: datetime) -> int:
    """Ring for the first runs of each queue that may go and that nobody took; returns for how many.

    A ring names no run, so as many as there are workers will do. A broker that is down is left alone.
    """
    busy, rung = queue.look(), 0
    names = queue.waiting().order_by("queue").values_list("queue", flat=True).distinct()
    for name in list(names):
        first = queue.possible(at, busy=busy, queues=[name])[:MOST_RINGS]
        for run in [run for run in first if _is_forgotten(run, at)]:
            if not ring_now(run):
                return rung
            Run.objects.filter(pk=run.pk).update(rung_at=at)
            rung += 1
    return rung


def _is_forgotten(run: Run, at: datetime) -> bool:
    """Whether its bell was not rung, not lately, or only before it was allowed to go.

    A bell that was rung in the future was rung before the clock was set back, which says nothing of it now.
    """
    if run.rung_at is None or (run.not_before is not None and run.rung_at < run.not_before):
        return True
    long_ago = at - timedelta(seconds=settings.RUN_RING_AGAIN_SECONDS)
    return not long_ago < run.rung_at <= at


def _beat(at: datetime) -> None:
    Heartbeat.objects.update_or_create(name=TICKER, defaults={"at": at})
