"""Who follows what, and what is still to be told."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from portal.accounts.models import User
from portal.publishing.models import Publication

if TYPE_CHECKING:
    from django_stubs_ext.db.models import TypedModelMeta
else:
    TypedModelMeta = object


class Subscription(models.Model):
    """A person follows a publication."""

    publication = models.ForeignKey(
        Publication, on_delete=models.PROTECT, related_name="subscriptions"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="subscriptions")
    created_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["publication", "user"], name="subscription_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} follows {self.publication}"


class OutboxMessage(models.Model):
    """One thing to tell one person, written in the transaction of what happened, sent afterwards.

    Told at least once: a sender that dies between sending and marking sends again, with the same
    Message-ID, so that mail programs show it once.
    """

    class Kind(models.TextChoices):
        PUBLISHED = "published", "New edition"
        FAILED = "failed", "Run failed"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        DROPPED = "dropped", "Dropped"

    kind = models.CharField(max_length=12, choices=Kind)
    recipient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=80)
    subject = models.CharField(max_length=250)
    body = models.TextField()
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
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | Q(~Q(state="sent"), sent_at__isnull=True),
                name="outbox_sent_has_time",
            ),
        ]
        indexes = [models.Index(fields=["state", "due_at"], name="outbox_due")]

    def __str__(self) -> str:
        return self.subject
