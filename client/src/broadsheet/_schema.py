"""Judges one table by a schema of pandera. The portal calls it after a run, with the run's own packages:

    python -m broadsheet._schema <table> <schema> <masked columns as JSON>

The schema is YAML or JSON as pandera writes it, or a Python file that defines `schema`. The verdict is one line
of JSON on standard output after a record separator (RFC 7464); every other line is whatever the schema prints:

    {"total": 120, "failures": [{"column": "amount", "check": "...", "failing": 2, "observed": "...", "sample": [...]}]}
    {"trouble": "why it could not be judged"}
"""

import json
import runpy
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from broadsheet._said import LONGEST_TEXT, MASK, MOST_ROWS, _row

RECORD = "\x1e"
MOST_FAILURES = 50
SHOWN_VALUES = 5


class Trouble(Exception):
    """The table cannot be judged; the message says why, and what to do."""


def main() -> None:
    """Judge what our arguments name."""
    table, schema, masked = sys.argv[1:4]
    try:
        verdict = judge(Path(table), Path(schema), json.loads(masked))
    except Trouble as trouble:
        verdict = {"trouble": str(trouble)[:LONGEST_TEXT]}
    sys.stdout.write(f"\n{RECORD}{json.dumps(verdict)}\n")


def judge(table: Path, schema: Path, masked: "list[str]") -> "dict[str, Any]":
    """How many rows there are, and what of the schema they fail.

    :raises Trouble: when table or schema cannot be read, or pandera is not there.
    """
    errors = _pandera()
    frame, judging = _frame(table), _schema(schema)
    try:
        judging.validate(frame, lazy=True)
    except errors.SchemaErrors as error:
        failures = _failures(error.failure_cases, frame, masked)
        return {"total": len(frame), "failures": failures}
    except Exception as error:  # the author's own check raised
        said = "" if masked else f": {error}"  # it may quote what is masked
        raise Trouble(f"{schema.name} raised {type(error).__name__}{said}") from error
    return {"total": len(frame), "failures": []}


def _pandera() -> Any:
    try:
        return import_module("pandera.errors")
    except ImportError as error:
        raise Trouble(
            "pandera is not among the packages of this version. Add pandera[io] to its requirements.txt, "
            "besides what else it needs."
        ) from error


def _frame(path: Path) -> Any:
    import pandas as pd  # noqa: PLC0415  comes with pandera

    if not path.is_file():
        raise Trouble(f"There is no {path.name}.")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path).reset_index(drop=True)
        with path.open(encoding="utf-8-sig") as stream:
            first = stream.readline()
        marks = ["\t"] if path.suffix.lower() == ".tsv" else [",", ";", "\t", "|"]
        return pd.read_csv(path, sep=max(marks, key=first.count), encoding="utf-8-sig")
    except (OSError, ValueError, ImportError) as error:
        raise Trouble(f"{path.name} cannot be read: {error}") from error


def _schema(path: Path) -> Any:
    if not path.is_file():
        raise Trouble(f"There is no {path.name} in the bundle.")
    try:
        schema = _from_python(path) if path.suffix == ".py" else _from_text(path)
    except Exception as error:  # the author's file: anything may be wrong with it
        raise Trouble(
            f"{path.name} cannot be used: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    if not hasattr(schema, "validate"):
        raise Trouble(f"{path.name} holds no schema of pandera.")
    return schema


def _from_python(path: Path) -> Any:
    names = runpy.run_path(str(path))
    if "schema" not in names:
        raise Trouble("it defines no `schema`")
    return names["schema"]


def _from_text(path: Path) -> Any:
    try:
        reader = import_module("pandera.io.pandas_io")
    except ModuleNotFoundError:
        reader = import_module("pandera.io")  # as older ones have it
    read = reader.from_json if path.suffix == ".json" else reader.from_yaml
    return read(path.read_text("utf-8"))


def _failures(cases: Any, frame: Any, masked: "list[str]") -> "list[dict[str, Any]]":
    """One for each column and check, in the order in which pandera tells them."""
    found: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for case in cases.to_dict("records"):
        key = (_text(case["column"]), _text(case["check"]))
        found.setdefault(key, []).append((case["index"], case["failure_case"]))
    return [
        _failure(column, check, told, frame, masked)
        for (column, check), told in list(found.items())[:MOST_FAILURES]
    ]


def _failure(
    column: str, check: str, told: "list[tuple[Any, Any]]", frame: Any, masked: "list[str]"
) -> "dict[str, Any]":
    rows = list(dict.fromkeys(int(index) for index, _ in told if _is_row(index, frame)))
    values = list(dict.fromkeys(_text(value) for _, value in told))[:SHOWN_VALUES]
    # What is not said of single cells of a known column may quote any of the masked ones.
    is_of_column = column in frame.columns and bool(rows)
    hides = bool(masked) and (column in masked or not is_of_column)
    return {
        "column": column,
        "check": check,
        "failing": len(rows) if rows else None,
        "observed": MASK if hides else ", ".join(values)[:LONGEST_TEXT],
        "sample": [_row(frame.iloc[row].to_dict(), masked) for row in rows[:MOST_ROWS]],
    }


def _is_row(index: Any, frame: Any) -> bool:
    is_number = isinstance(index, (int, float)) and index == index  # not NaN
    return is_number and 0 <= index < len(frame)


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)[:LONGEST_TEXT]


if __name__ == "__main__":
    main()
