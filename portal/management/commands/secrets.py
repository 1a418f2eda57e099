"""`manage.py secrets`: list them, set one from standard input, or encrypt all with a new key."""

import getpass
import sys
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandParser
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import Team, User
from portal.management.plain import PlainCommand
from portal.runs import hooks, queries, vault
from portal.runs import secrets as actions
from portal.runs.models import Secret


class Command(PlainCommand):
    help = "List secrets with the teams that may have them, set one, or rotate keys. Never shows a value."

    def add_arguments(self, parser: CommandParser) -> None:
        tasks = parser.add_subparsers(dest="task", required=True)
        tasks.add_parser("list", help="names and teams")
        to_set = tasks.add_parser("set", help="keep what comes on standard input under a name")
        to_set.add_argument("name", help="of the environment variable: WAREHOUSE_PASSWORD")
        to_set.add_argument(
            "--team", action="append", default=[], help="slug of a team to grant it to; repeatable"
        )
        to_set.add_argument(
            "--by", default="", help="user name; default: BROADSHEET_USER, else your system user"
        )
        tasks.add_parser("rotate", help="encrypt everything with the first key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            match options["task"]:
                case "list":
                    self._list()
                case "set":
                    by = self.person(options["by"], does="sets it")
                    self._set(options["name"], [self.team(slug) for slug in options["team"]], by)
                case "rotate":
                    self._rotate()
        except (actions.BadSecret, PermissionDenied) as refusal:
            self.refuse(str(refusal))

    def _list(self) -> None:
        found = list(queries.secrets())
        for secret in found:
            teams = ", ".join(grant.team.slug for grant in secret.grants.all())
            lost = "" if vault.opens(secret.ciphertext) else "  (no key opens it: set it again)"
            self.stdout.write(f"{secret}  {teams or '-'}{lost}")
        if not found:
            self.stdout.write("There are no secrets.")

    def _set(self, name: str, teams: list[Team], by: User) -> None:
        value, now = _typed(name), timezone.now()
        with transaction.atomic():
            secret = Secret.objects.filter(name=name).first()
            if secret is None:
                secret = actions.create_secret(name, value, by=by, at=now)
            else:
                actions.replace_secret(secret, value, by=by, at=now)
            for team in teams:
                actions.grant_secret(secret, team, by=by, at=now)
        self.stdout.write(f"{secret} is set. Runs that start from now on get this value.")

    def _rotate(self) -> None:
        now = timezone.now()
        unreadable, hooked = actions.rotate(by=None, at=now), hooks.rotate(by=None, at=now)
        count = Secret.objects.count() - len(unreadable)
        self.stdout.write(f"Encrypted with the first key: {count}.")
        lost = [secret.name for secret in unreadable]
        lost += [f"the signing key of “{one.variant.publication}”" for one in hooked]
        if lost:
            names = ", ".join(lost)
            self.refuse(
                f"No key opens {names}. Add the former key to BROADSHEET_SECRETS_KEY_FALLBACKS and "
                "rotate again, or set them again."
            )


def _typed(name: str) -> str:
    """The value, without the line end that `echo` adds."""
    if sys.stdin.isatty():
        return getpass.getpass(f"Value of {name} (it is not shown): ")
    try:
        text = sys.stdin.read(actions.MOST_BYTES + 2)  # more is refused anyway
    except UnicodeDecodeError:
        raise actions.BadSecret("value", "A value must be text in UTF-8.") from None
    return text.removesuffix("\n").removesuffix("\r")
