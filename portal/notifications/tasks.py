"""The doorbells of the outbox: rung when something was written, and by the ticker for what still waits.

Mail and webhooks have one each, so that a program that does not answer delays no mail.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from portal.common.tasks import background_task, ring
from portal.notifications import delivery
from portal.notifications.models import OutboxMessage

BATCH = 200
WAITS_TOO_LONG = timedelta(seconds=10)
Channel = OutboxMessage.Channel


@background_task
def deliver_outbox() -> None:
    """Send the mails that are due. Running it twice, or at the same time elsewhere, sends nothing twice."""
    waiting = delivery.due(timezone.now()).filter(channel=Channel.MAIL)
    for pk in list(waiting.values_list("pk", flat=True)[:BATCH]):
        delivery.deliver(pk, at=timezone.now())


@background_task
def deliver_webhooks() -> None:
    """Send what programs are to be told. One that fails is left alone for the rest of this round."""
    waiting = delivery.due(timezone.now()).filter(channel=Channel.WEBHOOK)
    failing: set[int | None] = set()
    for pk, webhook in list(waiting.values_list("pk", "webhook")[:BATCH]):
        if webhook not in failing and not delivery.deliver(pk, at=timezone.now()):
            failing.add(webhook)


def ring_for_waiting(at: datetime) -> None:
    """Ring again for messages whose own doorbell was lost, or that are to be tried again."""
    waiting = delivery.due(at - WAITS_TOO_LONG)
    if waiting.filter(channel=Channel.MAIL).exists():
        ring(deliver_outbox)
    if waiting.filter(channel=Channel.WEBHOOK).exists():
        ring(deliver_webhooks)
