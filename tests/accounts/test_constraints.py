"""Constraints on people and teams that the database itself holds."""

from portal.accounts.models import Membership, User
from tests.rows import breaks, copy_of


def test_user_role_known_holds(alice: User) -> None:
    breaks("user_role_known", lambda: User.objects.update(role="king"))


def test_membership_once_holds(alice: User) -> None:
    breaks("membership_once", lambda: copy_of(Membership.objects.get()).save())
