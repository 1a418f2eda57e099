"""Environments are built from the package index by the real uv, into a folder of the test's own."""

import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.runs.environments import uv

OLD_SIX, NEW_SIX = "six==1.16.0\n", "six==1.17.0\n"


@functools.cache
def missing() -> str:
    """Why nothing can be built here; empty when it can."""
    with tempfile.TemporaryDirectory() as name:
        wanted = Path(name) / "wanted.in"
        wanted.write_text(NEW_SIX)
        try:
            uv.call(["pip", "compile", "--quiet", wanted.name], folder=wanted.parent)
        except uv.UvFailed as failure:
            return f"the package index cannot be reached: {failure.words[-200:]}"
        except uv.PlatformError as error:
            return error.sentence
    return ""


@pytest.fixture
def index() -> None:
    """Skips where the package index is out of reach."""
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture
def shelf(settings) -> Iterator[Path]:
    """The folder of built environments of this test, in the data folder, which runs must not see otherwise."""
    settings.ENVIRONMENTS_DIR = Path(
        tempfile.mkdtemp(prefix="environments-", dir=settings.DATA_DIR)
    )
    yield settings.ENVIRONMENTS_DIR
    for place, _, _ in os.walk(settings.ENVIRONMENTS_DIR):
        Path(place).chmod(0o700)  # they are read-only
    shutil.rmtree(settings.ENVIRONMENTS_DIR, ignore_errors=True)


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Writes files as a bundle's; its folder."""

    def write(files: dict[str, str]) -> Path:
        folder = tmp_path / "bundle"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        return folder

    return write
