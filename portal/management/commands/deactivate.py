"""`manage.py deactivate marta --successor tomas`: close an account; what it owns goes to somebody else."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandParser
from django.utils import timezone

from portal.accounts.models import User
from portal.management.plain import WRONG_USE, PlainCommand
from portal.publishing import owners, people


class Command(PlainCommand):
    help = "Close an account. What it owns goes to a successor; nothing stops running."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="of the person who leaves")
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--successor", default="", help="user name of who owns it from now on")
        whom.add_argument(
            "--without-successor",
            action="store_true",
            help="leave it with the closed account; it keeps running and is listed as ownerless",
        )
        parser.add_argument(
            "--by", default="", help="user name of an admin; default: BROADSHEET_USER, else yours"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        by = self.person(options["by"], does="closes it")
        person = self._known(options["username"])
        successor = self._known(options["successor"]) if options["successor"] else None
        try:
            moved = people.deactivate(person, successor=successor, by=by, at=timezone.now())
        except (people.CannotLeave, owners.CannotOwn, PermissionDenied) as refusal:
            self.refuse(str(refusal))
        whose = f"{successor} owns what was theirs: {moved}" if successor else "It owns what it did"
        self.stdout.write(f"The account {person.username} is closed. {whose}.")

    def _known(self, username: str) -> User:
        person = User.objects.filter(username=username).first()
        if person is None:
            self.refuse(f"Nobody here has the user name {username}.", code=WRONG_USE)
        return person
