"""Folders are removed whatever was done to them."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.common import folders

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of an ordinary person, who is us meanwhile: administrators may delete anything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    made = Path(tempfile.mkdtemp(prefix="folders-", dir="/tmp"))
    yield made
    os.seteuid(before)
    folders.remove(made)


def test_folder_that_forbids_writing_is_removed(folder: Path) -> None:
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").write_text("kept?")
    for locked in (inner, inner.parent, folder):
        locked.chmod(0o000)

    folders.remove(folder)

    assert not folder.exists()


def test_link_is_removed_and_what_it_leads_to_is_left_alone(folder: Path) -> None:
    target = folder / "target"
    target.mkdir(mode=0o500)
    work = folder / "work"
    work.mkdir()
    (work / "link").symlink_to(target)

    folders.remove(work)

    assert not work.exists()
    assert target.stat().st_mode & 0o777 == 0o500


def test_folder_that_is_gone_is_no_error(folder: Path) -> None:
    folders.remove(folder / "gone")

    assert folder.exists()
