"""What became of due times, and of what was promised."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from portal.publishing.models import Edition
from portal.runs.models.runs import Run
from portal.runs.models.schedules import Schedule

if TYPE_CHECKING:
    from django_stubs_ext.db.models import TypedModelMeta
else:
    TypedModelMeta = object


class Slot(models.Model):
    """One due time of a schedule. The row is the lock: two tickers cannot make it twice."""

    class State(models.TextChoices):
        TAKEN = "taken", "Run"
        SKIPPED = "skipped", "Skipped"

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="slots")
    due_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State)
    reason = models.CharField(max_length=300, blank=True)
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, related_name="slot")
    created_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="slot_once"),
            models.CheckConstraint(
                condition=Q(state="taken", run__isnull=False)
                | Q(~Q(reason=""), state="skipped", run__isnull=True),
                name="slot_taken_or_skipped_with_reason",
            ),
        ]
        indexes = [models.Index(fields=["due_at"], name="slot_by_time")]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.due_at:%Y-%m-%d %H:%M}"


class Arrival(models.Model):
    """One message that data are there. The row makes the same message, sent again, the same slot."""

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="arrivals")
    delivery = models.CharField(max_length=120)  # the sender's id of the message
    at = models.DateTimeField()
    slot = models.OneToOneField(Slot, on_delete=models.PROTECT, related_name="arrival")

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["schedule", "delivery"], name="arrival_once")
        ]
        indexes = [models.Index(fields=["schedule", "at"], name="arrival_by_time")]

    def __str__(self) -> str:
        return f"{self.delivery} for {self.schedule_id}"


class Promise(models.Model):
    """Whether readers had a fresh edition by the time that a schedule promised."""

    class State(models.TextChoices):
        KEPT = "kept", "On time"
        BROKEN = "broken", "Late"

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="promises")
    at = models.DateTimeField()  # the moment promised
    state = models.CharField(max_length=10, choices=State)
    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, null=True, related_name="+")
    made_good_at = models.DateTimeField(null=True)  # when a late one came after all

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["schedule", "at"], name="promise_judged_once"),
            models.CheckConstraint(
                condition=Q(made_good_at__isnull=True) | Q(state="broken"),
                name="promise_made_good_was_broken",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} by {self.at:%Y-%m-%d %H:%M}"
