"""How our commands end when something was refused: one clear message, and an exit code for programs."""

import getpass
import json
import os
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from portal.accounts.models import Team, User

REFUSED = 1
WRONG_USE = 2


class PlainCommand(BaseCommand):
    """A command that says things in sentences: no class names, no tracebacks for what people can mend."""

    def refuse(self, message: str, *, code: int = REFUSED) -> NoReturn:
        """End with the message on stderr."""
        self.stderr.write(message)
        raise SystemExit(code)

    def say_json(self, **facts: Any) -> None:
        """One JSON object on stdout, for programs."""
        self.stdout.write(json.dumps(facts, ensure_ascii=False))

    def person(self, name: str, *, does: str) -> User:
        """The person of that user name, else of BROADSHEET_USER, else of the system's user."""
        wanted = name or os.environ.get("BROADSHEET_USER", "") or _system_user()
        person = User.objects.filter(username=wanted, is_active=True).first()
        if person is None and name:
            self.refuse(f"Nobody here has the user name {name}.", code=WRONG_USE)
        if person is None:
            self.refuse(
                f"Say who {does}: --by USERNAME (or set BROADSHEET_USER); {wanted} has no account.",
                code=WRONG_USE,
            )
        return person

    def team(self, slug: str) -> Team:
        """The team of that slug."""
        team = Team.objects.filter(slug=slug).first()
        if team is None:
            known = ", ".join(Team.objects.order_by("slug").values_list("slug", flat=True))
            self.refuse(f"There is no team {slug}. Teams: {known or 'none yet'}.", code=WRONG_USE)
        return team


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "your system user"
