from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from portal.notifications import actions
from portal.notifications.models import OutboxMessage
from portal.notifications.tasks import deliver_outbox


@pytest.fixture
def waiting(newsroom) -> OutboxMessage:
    now = timezone.now()
    newsroom.publish("one", at=now - timedelta(hours=1))
    actions.follow(newsroom.variant, by=newsroom.bob, at=now)
    newsroom.refresh("two", at=now)
    return OutboxMessage.objects.get()


def test_deliver_outbox_sends_what_is_due(waiting):
    deliver_outbox()
    deliver_outbox()

    waiting.refresh_from_db()
    assert len(mail.outbox) == 1
    assert waiting.state == OutboxMessage.State.SENT


def test_deliver_outbox_leaves_what_is_not_due(waiting):
    OutboxMessage.objects.update(due_at=timezone.now() + timedelta(minutes=5))

    deliver_outbox()

    assert mail.outbox == []
