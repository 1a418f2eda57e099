"""What a run says about its results, in `broadsheet.json` beside its files: read, checked, never shown.

    {"data_as_of": "2026-11-15T00:00:00Z", "metrics": {"revenue": 12.5}}

Called in a child process, so without Django.
"""

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.common.refusals import Refused

NAME = "broadsheet.json"
MOST_BYTES = 100_000
MOST_METRICS = 100
LONGEST_NAME = 80


def read(path: str) -> dict[str, Any]:
    """`data_as_of` (ISO 8601 with an offset, or empty) and `metrics` (finite numbers by name).

    :raises Refused: results_invalid, with what is wrong.
    """
    source = Path(path)
    if source.stat().st_size > MOST_BYTES:
        raise _invalid(f"it is larger than {MOST_BYTES} bytes")
    said = _parse(source.read_bytes())
    unknown = sorted(set(said) - {"data_as_of", "metrics"})
    if unknown:
        raise _invalid(f"{unknown[0]!r} is not known; it has data_as_of and metrics only")
    return {
        "data_as_of": _moment(said.get("data_as_of", "")),
        "metrics": _metrics(said.get("metrics", {})),
    }


def _parse(data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"it is not JSON ({error})") from error
    if not isinstance(said, dict):
        raise _invalid("it must be an object: {...}")
    return said


def _moment(value: Any) -> str:
    if value == "":
        return ""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _invalid("data_as_of must look like 2026-11-15T00:00:00Z") from None
    if moment.tzinfo is None:
        raise _invalid("data_as_of needs its offset from UTC, such as 2026-11-15T00:00:00Z")
    return moment.isoformat()


def _metrics(value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) > MOST_METRICS:
        raise _invalid(f"metrics must be an object of at most {MOST_METRICS} numbers")
    for name, number in value.items():
        if not 1 <= len(name) <= LONGEST_NAME:
            raise _invalid(
                f"the metric name {name[:20]!r} must have 1 to {LONGEST_NAME} characters"
            )
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise _invalid(f"the metric {name!r} must be a number")
        if not _is_finite(number):
            raise _invalid(f"the metric {name!r} must be a finite number")
    return value


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _invalid(what: str) -> Refused:
    return Refused("results_invalid", f"{NAME} cannot be used: {what}.")
