"""How our commands end when something was refused: one clear message, and an exit code for programs."""

import json
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

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
