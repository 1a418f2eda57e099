"""People and teams."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Role(models.TextChoices):
    """What a person may do on the whole site; grants on one publication come on top."""

    READER = "reader", "Reader"
    AUTHOR = "author", "Author"
    REVIEWER = "reviewer", "Reviewer"
    ADMIN = "admin", "Admin"

    @property
    def may(self) -> str:
        """The role in an English sentence, shown where it is given."""
        return {
            Role.READER: "May read, follow and embed what the company or their team may see.",
            Role.AUTHOR: "May also publish, refresh and schedule their own and their team's publications.",
            Role.REVIEWER: "May also sign the versions of other authors.",
            Role.ADMIN: "May also see and change everything, people included.",
        }[self]


class Team(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in."""

    role = models.CharField(max_length=10, choices=Role, default=Role.READER)
    teams = models.ManyToManyField(Team, through="Membership", related_name="members")

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_known")
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    @property
    def is_admin(self) -> bool:
        return self.is_active and (self.is_superuser or self.role == Role.ADMIN)

    @property
    def may_publish(self) -> bool:
        return self.is_active and (self.is_superuser or self.role != Role.READER)


class Membership(models.Model):
    """Who belongs to which team."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, on_delete=models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "team"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"
