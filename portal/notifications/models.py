"""Who follows what, which programs are told, and what is still to be told."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from portal.accounts.models import Team, User
from portal.publishing.models import Publication, Variant

if TYPE_CHECKING:
    from django_stubs_ext.db.models import TypedModelMeta
else:
    TypedModelMeta = object


class Subscription(models.Model):
    """A person follows a variant of a publication; mostly its default one."""

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="subscriptions")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="subscriptions")
    created_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["variant", "user"], name="subscription_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} follows {self.variant_id}"


class Webhook(models.Model):
    """An address of another program that is told of events, signed by a key that both know."""

    name = models.CharField(max_length=100)
    url = models.URLField(max_length=500)
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="webhooks"
    )
    publication = models.ForeignKey(
        Publication, on_delete=models.PROTECT, null=True, blank=True, related_name="webhooks"
    )
    events = models.JSONField(default=list)
    key_ciphertext = models.TextField()
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="webhooks")
    created_at = models.DateTimeField()
    given_up = models.PositiveIntegerField(default=0)  # messages in a row, by now
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=300, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(removed_at__isnull=True), name="webhook_name_once"
            ),
            models.CheckConstraint(
                condition=Q(team__isnull=True) | Q(publication__isnull=True),
                name="webhook_of_team_or_publication",
            ),
            models.CheckConstraint(
                condition=Q(disabled_at__isnull=True, disabled_reason="")
                | Q(Q(disabled_at__isnull=False), ~Q(disabled_reason="")),
                name="webhook_disabled_says_why",
            ),
            models.CheckConstraint(condition=~Q(key_ciphertext=""), name="webhook_has_key"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.disabled_at is None and self.removed_at is None


class OutboxMessage(models.Model):
    """One thing to tell one person or program, written in the transaction of what happened, sent afterwards.

    Told at least once: a sender that dies between sending and marking sends again, with the same
    Message-ID or webhook-id, by which mail programs show it once and programs know it again.
    """

    class Channel(models.TextChoices):
        MAIL = "mail", "Mail"
        WEBHOOK = "webhook", "Webhook"

    class Kind(models.TextChoices):
        PUBLISHED = "published", "New edition"
        FAILED = "failed", "Run failed"
        QUARANTINED = "quarantined", "Edition held back"
        PLATFORM = "platform", "The portal failed"
        RECOVERED = "recovered", "Works again"
        LATE = "late", "Late"
        SUSPENDED = "suspended", "Schedule suspended"
        SOON_SUSPENDED = "soon_suspended", "Schedule about to be suspended"
        DISABLED = "disabled", "Webhook disabled"
        TEST = "test", "Test"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        DROPPED = "dropped", "Dropped"

    channel = models.CharField(max_length=10, choices=Channel, default=Channel.MAIL)
    kind = models.CharField(max_length=20, choices=Kind)
    recipient = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    webhook = models.ForeignKey(
        Webhook, on_delete=models.PROTECT, null=True, related_name="messages"
    )
    publication = models.ForeignKey(
        Publication, on_delete=models.PROTECT, null=True, related_name="+"
    )
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, null=True, related_name="+")
    key = models.CharField(max_length=80)
    subject = models.CharField(max_length=250)
    body = models.TextField()
    entries = models.JSONField(default=list)  # what was gathered into it: see `troubles`
    told_at = models.DateTimeField(null=True)  # of trouble: when it is due, whatever delays it
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["key", "recipient"], name="outbox_once_per_recipient"),
            models.UniqueConstraint(fields=["key", "webhook"], name="outbox_once_per_webhook"),
            models.CheckConstraint(
                condition=Q(channel="mail", recipient__isnull=False, webhook__isnull=True)
                | Q(channel="webhook", recipient__isnull=True, webhook__isnull=False),
                name="outbox_for_a_person_or_a_webhook",
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | Q(~Q(state="sent"), sent_at__isnull=True),
                name="outbox_sent_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "due_at"], name="outbox_due"),
            models.Index(fields=["recipient", "kind", "told_at"], name="outbox_troubles"),
        ]

    def __str__(self) -> str:
        return self.subject
