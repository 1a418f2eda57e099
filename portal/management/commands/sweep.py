"""`manage.py sweep`: list, and with --delete remove, what lies about that nothing needs."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from portal.common import folders
from portal.management.plain import PlainCommand
from portal.publishing import upkeep
from portal.runs.environments import builds


class Command(PlainCommand):
    help = (
        "Temporary files of killed processes, stored files that no version or edition names, and "
        "environments that no shown version needs, all of them unused for a day. Lists them; deletes "
        "only with --delete."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--delete", action="store_true", help="delete what would be listed")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        temporary, blobs = list(upkeep.abandoned_files(at)), list(upkeep.unused_blobs(at))
        strays, environments = list(builds.stray_folders(at)), list(builds.unused(at))
        for path in [*temporary, *strays]:
            self.stdout.write(f"temporary    {path}")
        for blob in blobs:
            self.stdout.write(f"unused       {blob.name}  {blob.size} bytes")
        for environment in environments:
            self.stdout.write(f"environment  {environment.key}  {environment.size} bytes")
        counts = [len(temporary) + len(strays), len(blobs), len(environments)]
        if not options["delete"]:
            self.stdout.write(f"{_summary(*counts)} Nothing was deleted; add --delete.")
            return
        for path in temporary:
            _delete(path)
        for path in strays:
            builds.remove(path)
        counts[1] = sum(upkeep.delete_unused(blob, at) for blob in blobs)
        counts[2] = sum(builds.sweep(environment, at) for environment in environments)
        self.stdout.write(f"{_summary(*counts)} Deleted.")


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        folders.remove(path)
    else:
        path.unlink(missing_ok=True)


def _summary(temporary: int, unused: int, environments: int) -> str:
    more = f" and {environments} unused environments" if environments else ""
    return f"{temporary} temporary and {unused} unused files{more}."
