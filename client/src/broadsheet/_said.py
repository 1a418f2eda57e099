"""What a run says: one JSON object a line, added to the file that BROADSHEET_SAY names.

A line is one `write` to a file opened for appending, so processes and threads of one run do not mix theirs.
"""

import json
import math
import numbers
import os
import warnings
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

Severity = Literal["block", "warn"]
Better = Literal["up", "down"]

MOST_ROWS = 5
MOST_COLUMNS = 30
LONGEST_TEXT = 300
MASK = "•••"


def metric(
    name: str, value: float | Decimal, *, unit: str = "", better: Better | None = None
) -> None:
    """A number that this edition reports about itself; told twice, the last one counts.

    `better` says which way is good: "up" or "down".

    :raises TypeError: when the value is not a number.
    :raises ValueError: when it is not finite, or `better` is neither.
    """
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, Decimal)):
        raise TypeError(f"The metric {name!r} must be a number, not {type(value).__name__}.")
    if not math.isfinite(value):
        raise ValueError(f"The metric {name!r} is {value}; only finite numbers can be kept.")
    if better not in (None, "up", "down"):
        raise ValueError(f'`better` of the metric {name!r} must be "up" or "down".')
    number = int(value) if isinstance(value, numbers.Integral) else float(value)
    _say("metric", name=name, value=number, unit=unit, better=better or "")


def check(
    name: str,
    passed: object,
    *,
    severity: Severity = "block",
    observed: object = None,
    expected: object = None,
    sample: object = None,
    masked: Sequence[str] = (),
) -> bool:
    """Whether the data are as they should be; returns it.

    A check that fails with severity "block" quarantines the edition: readers keep the one before. "warn"
    only shows. `sample`: rows that are wrong, a data frame or a list of dicts; the first five are kept, with
    the columns named in `masked` blacked out before they leave this process.

    :raises ValueError: when the severity is neither.
    """
    if severity not in ("block", "warn"):
        raise ValueError(f'The severity of the check {name!r} must be "block" or "warn".')
    _say(
        "check",
        name=name,
        passed=bool(passed),
        severity=severity,
        observed=_short(observed),
        expected=_short(expected),
        sample=_rows(sample, masked),
    )
    return bool(passed)


def progress(done: float, total: float, text: str = "") -> None:
    """How far the run is: shown on its page while it goes."""
    _say("progress", done=float(done), total=float(total), text=text)


def summary(text: str) -> None:
    """A sentence or two about this edition, for its page and for the mail to those who follow it."""
    _say("summary", text=text)


def data_as_of(moment: datetime | date) -> None:
    """The time up to which the data go. A time without an offset, and a day, are taken as UTC."""
    _say("data_as_of", at=moment.isoformat())


def _say(kind: str, **what: object) -> None:
    path = os.environ.get("BROADSHEET_SAY")
    if not path:
        return
    line = json.dumps({"say": kind, **what}, default=str, allow_nan=False) + "\n"
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
    except OSError as error:
        warnings.warn(f"The portal could not be told of a {kind}: {error}", stacklevel=3)


def _short(value: object) -> str:
    return "" if value is None else str(value)[:LONGEST_TEXT]


def _rows(sample: object, masked: Sequence[str]) -> list[dict[str, str]]:
    """The first rows as text. Whatever knows `head` and `to_dict` is taken for a data frame."""
    if sample is None:
        return []
    if hasattr(sample, "head") and hasattr(sample, "to_dict"):
        frame: Any = sample.head(MOST_ROWS)
        frame = frame.to_frame() if hasattr(frame, "to_frame") else frame
        sample = frame.to_dict("records")
    is_one = isinstance(sample, (str, bytes, dict)) or not isinstance(sample, Iterable)
    rows: Iterable[Any] = [sample] if is_one else sample  # type: ignore[assignment]
    return [_row(row, masked) for row in islice(rows, MOST_ROWS)]


def _row(row: Any, masked: Sequence[str]) -> dict[str, str]:
    cells = row if isinstance(row, dict) else {"value": row}
    return {
        str(name)[:LONGEST_TEXT]: MASK if name in masked else _short(cell)
        for name, cell in islice(cells.items(), MOST_COLUMNS)
    }
