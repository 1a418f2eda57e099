"""`manage.py environment weekly-sales`: make the environment of a version again, here, or print its lock."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from portal.common.refusals import Refused
from portal.management.plain import WRONG_USE, PlainCommand
from portal.publishing.models import Publication, Version
from portal.publishing.uploads import scratch
from portal.runs.environments import builds, pins, pythons
from portal.runs.environments.uv import Meanwhile
from portal.runs.errors import RunError


class Command(PlainCommand):
    help = "Make the environment in which a version runs, in a folder of yours; or print its lock."

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        """Our `--version` is the publication's, not Django's."""
        options["conflict_handler"] = "resolve"
        return super().create_parser(prog_name, subcommand, **options)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the last part of the publication's link")
        parser.add_argument(
            "--version", dest="number", default="", help="such as 1.2; default: the newest"
        )
        made = parser.add_mutually_exclusive_group()
        made.add_argument("--output", type=Path, help="folder to make; default: .venv-SLUG")
        made.add_argument("--lock", action="store_true", help="print the lock and make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        version = self._version(options["slug"], options["number"])
        if options["lock"]:
            self.stdout.write(pins.lock_of(version), ending="")
            return
        output: Path = (options["output"] or Path(f".venv-{options['slug']}")).absolute()
        if output.exists():
            self.refuse(f"{output} exists already. Name another folder: --output", code=WRONG_USE)
        try:
            self._make(version, output)
        except (RunError, Refused) as error:
            self.refuse(str(error))
        self.stdout.write(f"Made {output}. Its Python is {output}/bin/python")

    def _version(self, slug: str, number: str) -> Version:
        publication = Publication.objects.filter(slug=slug).first()
        if publication is None:
            self.refuse(f"There is no publication {slug}.", code=WRONG_USE)
        versions = publication.versions.order_by("-major", "-minor")
        found = next((each for each in versions if number in {"", each.number}), None)
        if found is None:
            known = ", ".join(each.number for each in versions) or "none"
            self.refuse(f"{slug} has no version {number}. Versions: {known}.", code=WRONG_USE)
        return found

    def _make(self, version: Version, output: Path) -> None:
        pinned = pins.environment_of(version)
        python = pythons.exactly(pinned.python) if pinned else pythons.ours()
        with scratch("environment-") as folder:
            lock = folder / "requirements.txt"
            lock.write_text(pins.lock_of(version))
            builds.install(lock, python, output, Meanwhile(self.stdout.write))
