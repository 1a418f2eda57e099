"""Workbooks (.xlsx): every visible sheet as a table."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from portal.publishing.formats import Produced
from reports.producers import grid, spreadsheets
from reports.producers.office import Package

JSON = Any


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """The facts of `grid.facts`. Refused: those of `Package` and `spreadsheets.sheets`."""
    return grid.facts(_read(bundle / entry))


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """A page with the sheets, and the file."""
    return grid.write(bundle, entry, output, _read(bundle / entry))


@lru_cache(maxsize=1)
def _read(path: Path) -> tuple[grid.Sheet, ...]:
    return tuple(spreadsheets.sheets(Package(path)))
