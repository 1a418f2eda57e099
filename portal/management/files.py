"""What a path on this machine means as an upload."""

import os
from collections.abc import Iterator
from pathlib import Path

from portal.common.refusals import Refused
from portal.publishing.names import is_hidden
from portal.publishing.uploads import UploadedFile

CACHES = {"__pycache__", "node_modules"}


def files_at(path: Path) -> list[UploadedFile]:
    """One file, or every file below a folder save hidden ones and caches, in the order of their names.

    :raises Refused: when a link is among them: what it leads to was perhaps not meant.
    """
    if path.is_file():
        return [UploadedFile(path=path.absolute(), name=path.name)]
    found = sorted(_below(path))
    linked = next((each for each in found if each.is_symlink()), None)
    if linked is not None:
        raise Refused("link_not_allowed", f"{linked} is a link. Put the file itself there.")
    return [
        UploadedFile(path=each.absolute(), name=each.relative_to(path).as_posix()) for each in found
    ]


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [name for name in folders if not is_hidden(name) and name not in CACHES]
        yield from (here / name for name in folders if (here / name).is_symlink())
        yield from (here / name for name in names if not is_hidden(name))
