"""Reading a table row by row, and judging its rows by the checks that a manifest declares.

Called in a child process, so without Django. Cells that are missing pass every rule but `not_null`, as in SQL.
"""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from portal.common.text import one_line
from portal.runs.checks import Result
from portal.runs.masking import MASK

JSON = Any
Row = Mapping[str, Any]
Check = Mapping[str, JSON]

SAMPLE_ROWS = 5
SAMPLE_COLUMNS = 30
SHOWN_VALUES = 5
LONGEST_CELL = 100
LONGEST_TEXT = 300
_MISSING = {"", "nan", "NaN"}
_INTEGER = re.compile(r"[+-]?\d+(\.0+)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Unreadable(Exception):
    """The table cannot be judged; the message says why."""


def judge(path: str, checks: list[Check], moment: str, before: dict[str, int]) -> list[JSON]:
    """The results of all checks of one file, as JSON.

    `moment`: the run's logical time. `before`: how many rows the edition that readers see had, by the name
    of the check.
    """
    file, at = Path(path), datetime.fromisoformat(moment)
    try:
        judges = _judge_all(file, checks)
    except Unreadable as problem:
        return [asdict(unjudged(check, str(problem))) for check in checks]
    return [asdict(judge.result(at, before.get(judge.check["name"]))) for judge in judges]


def unjudged(check: Check, message: str) -> Result:
    """A check that could not be made has not passed."""
    return Result(
        name=check["name"],
        stage=check["stage"],
        severity=check["severity"],
        passed=False,
        message=one_line(message, length=LONGEST_TEXT),
    )


def _judge_all(file: Path, checks: Iterable[Check]) -> "list[_Judge]":
    columns, rows = _open(file)
    judges = [_Judge(check, columns) for check in checks]
    try:
        for row in rows:
            for one in judges:
                one.take(row)
    except (OSError, ValueError, csv.Error) as error:
        raise Unreadable(f"{file.name} cannot be read: {error}") from error
    return judges


def _open(file: Path) -> tuple[list[str], Iterator[Row]]:
    if not file.is_file():
        raise Unreadable(f"There is no {file.name}.")
    try:
        return _open_parquet(file) if file.suffix.lower() == ".parquet" else _open_csv(file)
    except (OSError, ValueError, csv.Error) as error:
        raise Unreadable(f"{file.name} cannot be read: {error}") from error


def _open_csv(file: Path) -> tuple[list[str], Iterator[Row]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline()
        marks = ["\t"] if file.suffix.lower() == ".tsv" else [",", ";", "\t", "|"]
        mark = max(marks, key=first.count)
        stream.seek(0)
        columns = next(csv.reader(stream, delimiter=mark), [])

    def rows() -> Iterator[Row]:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=mark)
            next(reader, None)
            for cells in reader:
                if cells:
                    yield dict(zip(columns, cells, strict=False))

    return columns, rows()


def _open_parquet(file: Path) -> tuple[list[str], Iterator[Row]]:
    from pyarrow import parquet  # noqa: PLC0415  slow to import, and most tables are CSV

    table = parquet.ParquetFile(file)

    def rows() -> Iterator[Row]:
        for batch in table.iter_batches(batch_size=10_000):
            yield from batch.to_pylist()

    return list(table.schema_arrow.names), rows()


@dataclass
class _Judge:
    """Counts what one check finds wrong while rows go by."""

    check: Check
    columns: Sequence[str]
    total: int = 0
    failing: int = 0
    latest: datetime | None = None
    sample: list[dict[str, str]] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._column = self.check.get("column", "")
        self._masked = set(self.check.get("masked", []))
        self._is_right = _RULES.get(self.check["rule"], _anything)(self.check)

    @property
    def has_column(self) -> bool:
        return not self._column or self._column in self.columns

    def take(self, row: Row) -> None:
        self.total += 1
        if not self._column:
            return
        value = row.get(self._column)
        if self.check["rule"] == "fresh":
            self._note_time(value)
        if not self._is_right(value):
            self._note_wrong(row, value)

    def result(self, at: datetime, before: int | None) -> Result:
        if not self.has_column:
            there = ", ".join(map(_short, self.columns[:20]))
            return unjudged(self.check, f"There is no column {self._column}; there are {there}.")
        match self.check["rule"]:
            case "rows":
                return self._result_of_rows(before)
            case "fresh":
                return self._result_of_time(at)
        return self._made(
            self.failing == 0, observed=", ".join(self.values), expected=_expected(self.check)
        )

    def _result_of_rows(self, before: int | None) -> Result:
        wrong, expected = amount(self.check, self.total, before)
        return self._made(
            not wrong, observed=f"{self.total} rows", expected=expected, is_counting=False
        )

    def _result_of_time(self, at: datetime) -> Result:
        hours = self.check["hours"]
        is_fresh = self.latest is not None and at - self.latest <= timedelta(hours=hours)
        return self._made(
            is_fresh and self.failing == 0,
            observed=self.latest.isoformat() if self.latest else "no time",
            expected=f"within {hours:g} hours before {at.isoformat()}",
        )

    def _made(
        self, passed: bool, *, observed: str, expected: str, is_counting: bool = True
    ) -> Result:
        return Result(
            name=self.check["name"],
            stage=self.check["stage"],
            severity=self.check["severity"],
            passed=passed,
            observed=observed[:LONGEST_TEXT],
            expected=expected[:LONGEST_TEXT],
            failing=self.failing if is_counting else None,
            total=self.total,
            sample=self.sample,
        )

    def _note_time(self, value: Any) -> None:
        moment = _time(value)
        if moment is not None:
            self.latest = max(self.latest or moment, moment)

    def _note_wrong(self, row: Row, value: Any) -> None:
        self.failing += 1
        shown = MASK if self._column in self._masked else _short(value)
        if len(self.values) < SHOWN_VALUES and shown not in self.values:
            self.values.append(shown)
        if len(self.sample) < SAMPLE_ROWS:
            names = [self._column, *(name for name in row if name != self._column)]
            self.sample.append(
                {
                    _short(name): MASK if name in self._masked else _short(row.get(name))
                    for name in names[:SAMPLE_COLUMNS]
                }
            )


def amount(check: Check, now: float, before: float | None) -> tuple[bool, str]:
    """Whether a number is outside `min`, `max` and `change` (per cent of the one before), and what was expected.

    Without a number before, or with 0, there is nothing to compare, and `change` holds.
    """
    low, high, change = check.get("min"), check.get("max"), check.get("change")
    wrong = (low is not None and now < low) or (high is not None and now > high)
    words = [f"at least {low:.10g}"] if low is not None else []
    words += [f"at most {high:.10g}"] if high is not None else []
    if change is not None and before:
        wrong = wrong or abs(now - before) > abs(before) * change / 100
        words.append(f"within {change:g} % of {before:.10g} before")
    elif change is not None:
        words.append(f"within {change:g} % of the edition before; there is none to compare")
    return wrong, ", ".join(words)


def _expected(check: Check) -> str:
    match check["rule"]:
        case "type":
            return str(check["type"])
        case "range":
            return amount(check, 0, None)[1]
        case "allowed":
            return "one of " + ", ".join(_plain(value) for value in check["values"][:20])
        case "unique":
            return "each value once"
    return "no missing values"


def _anything(check: Check) -> Callable[[Any], bool]:
    return lambda value: True


def _of_type(check: Check) -> Callable[[Any], bool]:
    is_type = _TYPES[check["type"]]
    return lambda value: _is_missing(value) or is_type(value)


def _in_range(check: Check) -> Callable[[Any], bool]:
    low, high = check.get("min", -math.inf), check.get("max", math.inf)

    def is_right(value: Any) -> bool:
        if _is_missing(value):
            return True
        number = _number(value)
        return number is not None and low <= number <= high

    return is_right


def _allowed(check: Check) -> Callable[[Any], bool]:
    allowed = {_plain(value) for value in check["values"]}
    return lambda value: _is_missing(value) or _plain(value) in allowed


def _not_null(check: Check) -> Callable[[Any], bool]:
    return lambda value: not _is_missing(value)


def _unique(check: Check) -> Callable[[Any], bool]:
    seen: set[str] = set()

    def is_right(value: Any) -> bool:
        if _is_missing(value):
            return True
        plain = _plain(value)
        is_new = plain not in seen
        seen.add(plain)
        return is_new

    return is_right


def _fresh(check: Check) -> Callable[[Any], bool]:
    return lambda value: _is_missing(value) or _time(value) is not None


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip() in _MISSING
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_integer(value: Any) -> bool:
    if isinstance(value, str):
        return _INTEGER.fullmatch(value.strip()) is not None
    return not isinstance(value, bool) and _number(value) is not None and value == int(value)


def _number(value: Any) -> float | None:
    """The finite number that a cell holds; None when it holds none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _time(value: Any) -> datetime | None:
    """A moment; a day is its midnight, and what has no offset is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
    except OverflowError:
        return None


def _is_date(value: Any) -> bool:
    if isinstance(value, str):
        return len(value.strip()) == len("2026-11-16") and _time(value) is not None
    return isinstance(value, date) and not isinstance(value, datetime)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool) or _plain(value).lower() in ("true", "false", "0", "1")


def _plain(value: Any) -> str:
    """How a value is written in a CSV file and in the manifest alike."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _short(value: Any) -> str:
    """A cell as it is kept: without what a database or a page cannot hold."""
    return "" if value is None else one_line(str(value)[: 2 * LONGEST_CELL], length=LONGEST_CELL)


_RULES: dict[str, Callable[[Check], Callable[[Any], bool]]] = {
    "type": _of_type,
    "range": _in_range,
    "allowed": _allowed,
    "not_null": _not_null,
    "unique": _unique,
    "fresh": _fresh,
}
_TYPES: dict[str, Callable[[Any], bool]] = {
    "integer": _is_integer,
    "number": lambda value: _number(value) is not None,
    "text": lambda value: isinstance(value, str),
    "date": _is_date,
    "time": lambda value: _time(value) is not None,
    "boolean": _is_boolean,
}
