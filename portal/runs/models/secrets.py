"""Values that authors' code may have and people may not read."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from portal.accounts.models import Team, User

if TYPE_CHECKING:
    from django_stubs_ext.db.models import TypedModelMeta
else:
    TypedModelMeta = object


class Secret(models.Model):
    """A value for authors' code, by the name of the environment variable that it becomes.

    Only `vault` opens the ciphertext, and only for a run; no page ever shows it again.
    """

    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    ciphertext = models.TextField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["name"], name="secret_name_once"),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(ciphertext=""), name="secret_has_name_and_ciphertext"
            ),
            models.CheckConstraint(
                condition=Q(set_at__gte=models.F("created_at")), name="secret_set_since_created"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def words(self) -> list[str]:
        """Its name may be broken between them, where there is little room."""
        return self.name.split("_")


class SecretGrant(models.Model):
    """That runs of a team's publications get a secret when their manifest names it."""

    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="grants")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="secret_grants")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [models.UniqueConstraint(fields=["secret", "team"], name="secret_grant_once")]

    def __str__(self) -> str:
        return f"secret {self.secret_id} for {self.team_id}"
