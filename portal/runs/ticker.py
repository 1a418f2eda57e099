"""What has to happen by itself: slots become due, dead workers are noticed, lost doorbells ring again.

Any number of tickers may run, at once and at any pace: every part is a conditional update.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q

from portal.common import ticks
from portal.common.tasks import send
from portal.runs.claims import claimable, sweep_lapsed
from portal.runs.doorbell import EXECUTE_RUN
from portal.runs.models import Heartbeat, Run
from portal.runs.pulse import TICKER
from portal.runs.slots import make_due_slots

logger = logging.getLogger(__name__)


MOST_RINGS = 200


def tick(at: datetime) -> None:
    """Do everything that is due at `at`; a part that fails is logged and the others are done."""
    for part in (make_due_slots, sweep_lapsed, ring_again, ticks.run_all, _beat):
        try:
            part(at)
        except DatabaseError:
            logger.exception("tick_failed part=%s", part.__name__)


def ring_again(at: datetime) -> int:
    """Ring for queued runs that nobody took; returns for how many. A broker that is down is left alone.

    A bell that was rung in the future was rung before the clock was set back, which says nothing of it now.
    """
    long_ago = at - timedelta(seconds=settings.RUN_RING_AGAIN_SECONDS)
    waiting = claimable().filter(
        Q(rung_at__isnull=True) | Q(rung_at__lte=long_ago) | Q(rung_at__gt=at)
    )
    rung = 0
    for pk in list(waiting.order_by("pk").values_list("pk", flat=True)[:MOST_RINGS]):
        if not send(EXECUTE_RUN, run_id=pk):
            break
        Run.objects.filter(pk=pk).update(rung_at=at)
        rung += 1
    return rung


def _beat(at: datetime) -> None:
    Heartbeat.objects.update_or_create(name=TICKER, defaults={"at": at})
