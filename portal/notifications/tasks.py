"""The doorbell of the outbox: rung when something was written, and by the ticker for what still waits."""

from datetime import datetime, timedelta

from django.utils import timezone

from portal.common.tasks import background_task, ring
from portal.notifications import delivery

BATCH = 200
WAITS_TOO_LONG = timedelta(seconds=10)


@background_task
def deliver_outbox() -> None:
    """Send what is due. Running it twice, or at the same time elsewhere, sends nothing twice."""
    waiting = delivery.due(timezone.now()).values_list("pk", flat=True)[:BATCH]
    for pk in list(waiting):
        delivery.deliver(pk, at=timezone.now())


def ring_for_waiting(at: datetime) -> None:
    """Ring again for messages whose own doorbell was lost, or that are to be tried again."""
    if delivery.due(at - WAITS_TOO_LONG).exists():
        ring(deliver_outbox)
