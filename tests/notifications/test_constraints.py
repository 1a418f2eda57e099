"""Constraints on what people are told that the database itself holds."""

import pytest

from portal.notifications import actions
from portal.notifications.models import OutboxMessage, Subscription, Webhook
from tests.notifications.conftest import MONDAY, Newsroom
from tests.rows import breaks, copy_of


@pytest.fixture
def message(newsroom: Newsroom) -> OutboxMessage:
    """To bob, who follows: edition 1 is there."""
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)
    newsroom.publish("two")
    return OutboxMessage.objects.get()


def test_subscription_once_holds(message: OutboxMessage) -> None:
    breaks("subscription_once", lambda: copy_of(Subscription.objects.get()).save())


def test_outbox_once_per_recipient_holds(message: OutboxMessage) -> None:
    breaks("outbox_once_per_recipient", lambda: copy_of(message).save())


@pytest.mark.parametrize("change", [{"state": "sent"}, {"sent_at": MONDAY}])
def test_outbox_sent_has_time_holds(message: OutboxMessage, change: dict[str, object]) -> None:
    breaks("outbox_sent_has_time", lambda: OutboxMessage.objects.update(**change))


@pytest.mark.parametrize("change", [{"channel": "webhook"}, {"recipient": None}])
def test_outbox_for_a_person_or_a_webhook_holds(
    message: OutboxMessage, change: dict[str, object]
) -> None:
    breaks("outbox_for_a_person_or_a_webhook", lambda: OutboxMessage.objects.update(**change))


@pytest.fixture
def webhook(newsroom: Newsroom) -> Webhook:
    return Webhook.objects.create(
        name="Airflow",
        url="https://airflow.example.com/",
        team=newsroom.team,
        key_ciphertext="sealed",
        owner=newsroom.alice,
        created_at=MONDAY,
    )


def test_outbox_once_per_webhook_holds(message: OutboxMessage, webhook: Webhook) -> None:
    to_it = copy_of(message, channel="webhook", recipient=None, webhook=webhook)
    to_it.save()

    breaks("outbox_once_per_webhook", lambda: copy_of(to_it).save())


def test_webhook_name_once_holds(webhook: Webhook) -> None:
    breaks("webhook_name_once", lambda: copy_of(webhook).save())


def test_webhook_constraints_hold(message: OutboxMessage, webhook: Webhook) -> None:
    for name, change in [
        ("webhook_of_team_or_publication", {"publication": message.publication}),
        ("webhook_disabled_says_why", {"disabled_at": MONDAY}),
        ("webhook_disabled_says_why", {"disabled_reason": "so"}),
        ("webhook_has_key", {"key_ciphertext": ""}),
    ]:
        breaks(name, lambda change=change: Webhook.objects.update(**change))
