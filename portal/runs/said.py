"""What the author's code says through `import broadsheet`: metrics, checks, charts, progress, a summary.

One JSON object a line. The code may write anything there, so every line is judged strictly: one that is
ill-formed is a warning in the author's log, and never more than that.
"""

import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from portal.common.text import clean, one_line
from portal.runs.checks import Result

MOST_METRICS = 100
MOST_CHECKS = 200
MOST_PARTS = 30
MOST_ROWS = 5
MOST_COLUMNS = 30
LONGEST_NAME = 80
LONGEST_CELL = 300
LONGEST_SUMMARY = 2_000
JSON = Any
PART_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LONGEST_PART_NAME = 40
PART_FILES = {"figure": (".json", ".svg"), "table": (".csv",)}


class IllFormed(ValueError):
    """A line that cannot be used; the message says why, in the middle of a sentence."""


@dataclass(frozen=True)
class Metric:
    """A number that an edition reports about itself. `better` is up, down, or empty when nobody said."""

    value: float
    unit: str = ""
    better: str = ""


@dataclass(frozen=True)
class Progress:
    """How far the code says it is, from 0 to 1, and at what."""

    share: float
    text: str


@dataclass(frozen=True)
class PartSaid:
    """A chart or table to be published beside the report, from a file in its folder below `Workplace.parts`."""

    kind: str  # figure or table
    name: str
    file: str
    title: str = ""
    summary: str = ""

    def __str__(self) -> str:
        return f"{self.kind} “{self.name}”"


@dataclass
class Said:
    """All that was said so far. A metric or part told twice keeps the last word; every check is kept."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    checks: list[Result] = field(default_factory=list)
    parts: dict[str, PartSaid] = field(default_factory=dict)
    summary: str = ""
    data_as_of: datetime | None = None

    @property
    def values(self) -> dict[str, float]:
        """The metrics as an edition keeps them."""
        return {name: metric.value for name, metric in self.metrics.items()}

    @property
    def facts(self) -> dict[str, JSON]:
        """What else the edition keeps; only what was said."""
        told = {
            name: {"unit": metric.unit, "better": metric.better}
            for name, metric in self.metrics.items()
            if metric.unit or metric.better
        }
        facts = {"metrics": told, "summary": self.summary}
        return {name: value for name, value in facts.items() if value}

    def take(self, line: str) -> str | Progress:
        """Keep what a line says; returns what the log shall say of it, or how far the code is.

        :raises IllFormed: when the line cannot be used; nothing is kept of it then.
        """
        said = _object(line)
        match said.get("say"):
            case "metric":
                return self._take_metric(said)
            case "check":
                return self._take_check(said)
            case "figure" | "table":
                return self._take_part(said)
            case "progress":
                return _progress(said)
            case "summary":
                self.summary = clean(_text(said, "text"), length=LONGEST_SUMMARY)
                return f"summary: {one_line(self.summary)}"
            case "data_as_of":
                self.data_as_of = _moment(_text(said, "at"))
                return f"data as of {self.data_as_of.isoformat()}"
        raise IllFormed("it says nothing that is known")

    def _take_metric(self, said: dict[str, JSON]) -> str:
        name, unit = _name(said), one_line(_text(said, "unit"), length=20)
        if name not in self.metrics and len(self.metrics) >= MOST_METRICS:
            raise IllFormed(f"there are {MOST_METRICS} metrics already")
        metric = Metric(
            value=_number(said, "value"),
            unit=unit,
            better=_one_of(said, "better", "up", "down", ""),
        )
        self.metrics[name] = metric
        return f"metric {name} = {metric.value} {unit}".rstrip()

    def _take_check(self, said: dict[str, JSON]) -> str:
        if len(self.checks) >= MOST_CHECKS:
            raise IllFormed(f"there are {MOST_CHECKS} checks already")
        result = Result(
            name=_name(said, length=200),
            stage="code",
            severity=_one_of(said, "severity", "block", "warn"),
            passed=_yes_or_no(said, "passed"),
            observed=one_line(_text(said, "observed"), length=LONGEST_CELL),
            expected=one_line(_text(said, "expected"), length=LONGEST_CELL),
            sample=_sample(said.get("sample", [])),
        )
        self.checks.append(result)
        return result.in_words

    def _take_part(self, said: dict[str, JSON]) -> str:
        part = _part(said)
        if part.name not in self.parts and len(self.parts) >= MOST_PARTS:
            raise IllFormed(f"there are {MOST_PARTS} figures and tables already")
        self.parts[part.name] = part
        return str(part)


def _object(line: str) -> dict[str, JSON]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise IllFormed("it is not JSON") from None
    if not isinstance(said, dict):
        raise IllFormed("it is not an object")
    return said


def _name(said: dict[str, JSON], *, length: int = LONGEST_NAME) -> str:
    name = one_line(_text(said, "name"), length=length)
    if not name:
        raise IllFormed("it has no name")
    return name


def _text(said: dict[str, JSON], key: str) -> str:
    text = said.get(key, "")
    if not isinstance(text, str):
        raise IllFormed(f"{key} is not a text")
    return text


def _number(said: dict[str, JSON], key: str) -> float:
    number = said.get(key)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise IllFormed(f"{key} is not a number")
    try:
        is_finite = math.isfinite(float(number))
    except OverflowError:
        is_finite = False
    if not is_finite:
        raise IllFormed(f"{key} is not a finite number")
    return number


def _yes_or_no(said: dict[str, JSON], key: str) -> bool:
    value = said.get(key)
    if not isinstance(value, bool):
        raise IllFormed(f"{key} is neither true nor false")
    return value


def _one_of(said: dict[str, JSON], key: str, *choices: str) -> str:
    value = said.get(key, choices[-1])
    if value not in choices:
        raise IllFormed(f"{key} is none of {', '.join(filter(None, choices))}")
    return str(value)


def _part(said: dict[str, JSON]) -> PartSaid:
    name, kind = _text(said, "name"), _text(said, "say")
    if not PART_NAME.fullmatch(name) or len(name) > LONGEST_PART_NAME:
        raise IllFormed(f"{one_line(name, length=LONGEST_NAME)!r} is no name for a {kind}")
    file = _text(said, "file")
    if file not in {f"{name}{extension}" for extension in PART_FILES[kind]}:
        raise IllFormed(f"the {kind} {name!r} has a file that is not its own")
    return PartSaid(
        kind=kind,
        name=name,
        file=file,
        title=one_line(_text(said, "title")),
        summary=clean(_text(said, "summary"), length=LONGEST_SUMMARY),
    )


def _progress(said: dict[str, JSON]) -> Progress:
    done, total = _number(said, "done"), _number(said, "total")
    if total <= 0:
        raise IllFormed("total is not above 0")
    return Progress(
        share=min(1.0, max(0.0, done / total)), text=one_line(_text(said, "text"), length=150)
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise IllFormed("at is not a time such as 2026-11-15T00:00:00Z") from None
    try:
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except OverflowError:
        raise IllFormed("at is beyond the calendar") from None


def _sample(rows: JSON) -> list[dict[str, str]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise IllFormed("sample is not a list of rows")
    return [
        {
            one_line(str(name), length=LONGEST_NAME): one_line(str(cell), length=LONGEST_CELL)
            for name, cell in list(row.items())[:MOST_COLUMNS]
        }
        for row in rows[:MOST_ROWS]
    ]
