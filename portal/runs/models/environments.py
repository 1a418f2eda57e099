"""Sets of packages that versions run with."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from portal.publishing.models import Version

if TYPE_CHECKING:
    from django_stubs_ext.db.models import TypedModelMeta
else:
    TypedModelMeta = object


class Environment(models.Model):
    """A set of packages for one Python, by the SHA-256 of all that decides its files.

    Its folder has the key as its name. `lock` is hashed requirements and stays when the folder is swept.
    """

    class State(models.TextChoices):
        NEW = "new", "Not built yet"
        BUILDING = "building", "Being built"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        SWEPT = "swept", "Swept"

    key = models.CharField(max_length=64, unique=True)
    python = models.CharField(max_length=10)  # such as 3.12
    lock = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    size = models.PositiveBigIntegerField(default=0)  # bytes
    seconds = models.FloatField(default=0)  # that building it took
    error = models.TextField(blank=True)  # a sentence for people
    created_at = models.DateTimeField()
    built_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(~Q(token=""), state="building", lease_until__isnull=False)
                | Q(~Q(state="building"), token="", lease_until__isnull=True),
                name="environment_leased_while_building",
            ),
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(built_at__isnull=False, used_at__isnull=False),
                name="environment_ready_was_built",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error=""), name="environment_failed_says_why"
            ),
        ]
        indexes = [models.Index(fields=["state", "used_at"], name="environment_by_use")]

    def __str__(self) -> str:
        return f"environment {self.key[:12]}"

    @property
    def packages(self) -> int:
        """How many packages it has; the lock has one a line."""
        return self.lock.count("\n")


class VersionEnvironment(models.Model):
    """The environment that all runs of a version use, for ever."""

    version = models.OneToOneField(
        Version, on_delete=models.PROTECT, related_name="environment_pin"
    )
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="pins")

    def __str__(self) -> str:
        return f"{self.environment} of version {self.version_id}"
