"""`manage.py isolation`: try how strong the walls around authors' code are here, say why not stronger, and
which tools for code this machine has."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from portal.runs import tools
from portal.runs.isolation import LABELS, survey

NOTHING_MAY_RUN = 1


class Command(BaseCommand):
    help = (
        "Tries each isolation on this machine, and looks for tools. Exit code 1 when none works that may be used. "
        "Workers that run already keep theirs until they are restarted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        found, here = survey(at=now), tools.survey(at=now)
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        **asdict(found),
                        "at": found.at.isoformat(),
                        "level": found.level,
                        "tools": [asdict(finding) for finding in here.findings],
                    }
                )
            )
        else:
            self.stdout.write(f"Runs on {found.machine} use: {found.label}")
            for verdict in found.verdicts:
                self.stdout.write(f"  {LABELS[verdict.level]}: {verdict.reason or 'works'}")
            self.stdout.write("Tools for code beside Python:")
            for tool in here.findings:
                self.stdout.write(f"  {tool.label}: {tool.version or 'not here: ' + tool.reason}")
        if found.level is None:
            raise SystemExit(NOTHING_MAY_RUN)
