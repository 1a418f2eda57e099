"""Folders that code of others has written in."""

import contextlib
import os
import shutil
from pathlib import Path


def remove(folder: Path) -> None:
    """Delete the folder and all below it, also where whoever wrote there forbade it. What is gone is no error."""
    _allow(folder)
    for place, folders, _ in os.walk(folder):
        for name in folders:
            _allow(Path(place, name))
    shutil.rmtree(folder, ignore_errors=True)


def forbid_writing(folder: Path) -> None:
    """Everybody may read the folder and all below it, and nobody but root may write."""
    for place, _, names in os.walk(folder):
        for name in names:
            Path(place, name).chmod(0o444)
        Path(place).chmod(0o555)


def _allow(folder: Path) -> None:
    if not folder.is_symlink():
        with contextlib.suppress(OSError):  # gone meanwhile, or another person's
            folder.chmod(0o700)
