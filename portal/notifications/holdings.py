"""What people own and follow in this room, for when they leave."""

from datetime import datetime

from portal.accounts.models import User
from portal.notifications.models import Subscription, Webhook
from portal.publishing.audit import record
from portal.publishing.people import SHOWN, Held, Holding, register_holding


def register() -> None:
    register_holding(
        "webhooks", Holding("Webhooks", "Go to the successor.", _webhooks, _move_webhooks)
    )
    register_holding(
        "subscriptions",
        Holding("Publications they follow", "No mail is sent to a closed account.", _followed),
    )


def _webhooks(person: User) -> Held:
    rows = Webhook.objects.filter(owner=person, removed_at__isnull=True).order_by("name")
    named = [(one.name, f"/operations/webhooks/{one.pk}/") for one in rows[:SHOWN]]
    return Held(rows.count(), named)


def _move_webhooks(person: User, to: User, by: User, at: datetime) -> int:
    moved = 0
    for webhook in Webhook.objects.filter(owner=person, removed_at__isnull=True).order_by("pk"):
        Webhook.objects.filter(pk=webhook.pk).update(owner=to)
        record(
            "move_webhook",
            webhook,
            by=by,
            at=at,
            publication=webhook.publication,
            former=person.username,
            owner=to.username,
        )
        moved += 1
    return moved


def _followed(person: User) -> Held:
    return Held(Subscription.objects.filter(user=person).count(), [])
