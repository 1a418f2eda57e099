"""`manage.py sweep`: list, and with --delete remove, what lies about that nothing needs."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from portal.common import folders
from portal.management.plain import PlainCommand
from portal.publishing import upkeep


class Command(PlainCommand):
    help = (
        "Temporary files of killed processes, and stored files that no version or edition names, "
        "both older than a day. Lists them; deletes only with --delete."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--delete", action="store_true", help="delete what would be listed")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        temporary, unused = list(upkeep.abandoned_files(at)), list(upkeep.unused_blobs(at))
        for path in temporary:
            self.stdout.write(f"temporary  {path}")
        for blob in unused:
            self.stdout.write(f"unused     {blob.name}  {blob.size} bytes")
        if not options["delete"]:
            self.stdout.write(
                _summary(len(temporary), len(unused), "Nothing was deleted; add --delete.")
            )
            return
        for path in temporary:
            _delete(path)
        deleted = sum(upkeep.delete_unused(blob, at) for blob in unused)
        self.stdout.write(_summary(len(temporary), deleted, "Deleted."))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        folders.remove(path)
    else:
        path.unlink(missing_ok=True)


def _summary(temporary: int, unused: int, end: str) -> str:
    return f"{temporary} temporary and {unused} unused files. {end}"
