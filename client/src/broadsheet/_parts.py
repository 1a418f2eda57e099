"""Charts and tables that a run publishes beside its report: a file each, below the folder BROADSHEET_PARTS."""

import csv
import json
import os
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from broadsheet._said import _say

T = TypeVar("T")

LONGEST_NAME = 40
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def figure(name: str, fig: T, *, title: str = "", summary: str = "") -> T:
    """Publish a chart under a link of its own, refreshed with this report; returns the chart.

    `fig`: a figure of Plotly or matplotlib, a chart of Altair, or the dict of a Plotly figure or Vega-Lite
    specification. `name` is the end of its link, such as "revenue-by-week": keep it. Told twice, the last
    one counts. `title` and `summary` are for its page.

    :raises TypeError: when it is none of these.
    :raises ValueError: when the name does not fit into a link.
    """
    _check_name(name)
    folder = _folder(name)
    if folder is not None:
        _publish("figure", name, lambda: _write_figure(folder, name, fig), title, summary)
    return fig


def table(name: str, df: T, *, title: str = "", summary: str = "") -> T:
    """Publish a table under a link of its own, refreshed with this report; returns the table.

    `df`: a data frame of pandas or polars, a table of pyarrow, or a list of dicts, with a row or more.
    An index of pandas is kept when it has a name.

    :raises TypeError: when it is none of these.
    :raises ValueError: when the name does not fit into a link.
    """
    _check_name(name)
    folder = _folder(name)
    if folder is not None:
        _publish("table", name, lambda: _write_table(folder / f"{name}.csv", df), title, summary)
    return df


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ValueError(
            f"The name {name!r} must have lower-case letters, digits and single hyphens, such as "
            f"revenue-by-week, and at most {LONGEST_NAME} characters: it becomes part of a link."
        )


def _folder(name: str) -> "Path | None":
    parts = os.environ.get("BROADSHEET_PARTS")
    return Path(parts, name) if parts else None


def _publish(kind: str, name: str, write: Any, title: str, summary: str) -> None:
    try:
        path: Path = write()
    except OSError as error:
        warnings.warn(f"The {kind} {name!r} could not be kept: {error}", stacklevel=3)
        return
    _say(kind, name=name, file=path.name, title=str(title), summary=str(summary))


def _write_figure(folder: Path, name: str, fig: Any) -> Path:
    if not (hasattr(fig, "savefig") or hasattr(fig, "to_json")):
        fig = getattr(fig, "figure", fig)  # what pandas and seaborn return is a part of its figure
    if hasattr(fig, "savefig"):
        return _write_picture(_made(folder) / f"{name}.svg", fig)
    text = _json_of(name, fig)
    path = _made(folder) / f"{name}.json"
    path.write_text(text, encoding="utf-8")
    return path


def _json_of(name: str, fig: Any) -> str:
    """The JSON of a chart. A data frame has `to_json` too, and is none."""
    if hasattr(fig, "to_plotly_json"):
        return str(fig.to_json())
    if isinstance(fig, dict):
        return json.dumps(fig, default=str)
    text = fig.to_json() if hasattr(fig, "to_json") else None
    if not isinstance(text, str) or '"$schema"' not in text:
        raise TypeError(
            f"The figure {name!r} must be a figure of Plotly or matplotlib, a chart of Altair, or a dict, "
            f"not {type(fig).__name__}."
        )
    return text


def _write_picture(path: Path, fig: Any) -> Path:
    """An SVG without date and chance in it: the same figure gives the same file."""
    matplotlib = sys.modules.get("matplotlib")
    fixed = matplotlib.rc_context({"svg.hashsalt": path.stem}) if matplotlib else nullcontext()
    with fixed:
        fig.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
    return path


def _write_table(path: Path, df: Any) -> Path:
    if hasattr(df, "to_csv"):
        frame = df.to_frame() if hasattr(df, "to_frame") else df
        has_index = any(label is not None for label in frame.index.names)
        _made(path.parent)
        frame.to_csv(path, index=has_index, lineterminator="\r\n", encoding="utf-8")
        return path
    rows = _rows_of(path.stem, df)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    _made(path.parent)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)  # as RFC 4180 has it
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return path


def _rows_of(name: str, df: Any) -> "list[Mapping[Any, Any]]":
    for method in ("to_dicts", "to_pylist"):  # polars, pyarrow
        if hasattr(df, method):
            df = getattr(df, method)()
    is_rows = isinstance(df, Iterable) and not isinstance(df, (str, bytes, Mapping))
    rows: list[Any] = list(df) if is_rows else [None]
    if not all(isinstance(row, Mapping) for row in rows):
        raise TypeError(
            f"The table {name!r} must be a data frame or a list of dicts, not {type(df).__name__}."
        )
    return rows


def _cell(value: Any) -> Any:
    if isinstance(value, float) and value != value:  # NaN
        return ""
    return value.isoformat() if isinstance(value, date) else value


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
