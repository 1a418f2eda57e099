"""Constraints on what people are told that the database itself holds."""

import pytest

from portal.notifications import actions
from portal.notifications.models import OutboxMessage, Subscription
from tests.notifications.conftest import MONDAY, Newsroom
from tests.rows import breaks, copy_of


@pytest.fixture
def message(newsroom: Newsroom) -> OutboxMessage:
    """To bob, who follows: edition 1 is there."""
    newsroom.publish("one")
    actions.follow(newsroom.publication, by=newsroom.bob, at=MONDAY)
    newsroom.publish("two")
    return OutboxMessage.objects.get()


def test_subscription_once_holds(message: OutboxMessage) -> None:
    breaks("subscription_once", lambda: copy_of(Subscription.objects.get()).save())


def test_outbox_once_per_recipient_holds(message: OutboxMessage) -> None:
    breaks("outbox_once_per_recipient", lambda: copy_of(message).save())


@pytest.mark.parametrize("change", [{"state": "sent"}, {"sent_at": MONDAY}])
def test_outbox_sent_has_time_holds(message: OutboxMessage, change: dict[str, object]) -> None:
    breaks("outbox_sent_has_time", lambda: OutboxMessage.objects.update(**change))
