"""Tables as readers see them: columns with types, the first rows as JSON, and an export that is safe.

Shared by the producers of text tables, workbooks and columnar files.
"""

import csv
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from portal.common.refusals import Refused
from portal.common.text import one_line
from portal.publishing import shell
from portal.publishing.formats import Produced
from reports.producers import cover

JSON = Any

SHOWN = 10_000  # rows in the page
EXPORTED = 100_000  # rows in the CSV file beside it
COLUMNS = 2_000
CELLS = 10_000_000
CELL_LENGTH = 2_000  # characters of one shown cell
EXACT = 2**53  # JavaScript counts exactly up to here; larger numbers are shown as text

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A"})
_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)?(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?", re.ASCII)
# What spreadsheets take for the start of a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Sheet:
    """A table: names of columns, the first rows (equally long; None is missing), and how many there are."""

    name: str
    columns: list[str]
    rows: list[list[JSON]]
    total: int

    def types(self) -> list[str]:
        """`number`, `date` or `text` for each column, from the cells that are there."""
        return [_type(row[at] for row in self.rows) for at in range(len(self.columns))]


def column_names(names: Iterable[object]) -> list[str]:
    """Names for people: cleaned, and never empty. Refused: too_many_columns."""
    named = [
        one_line("" if name is None else str(name)) or f"Column {number}"
        for number, name in enumerate(names, start=1)
    ]
    if len(named) > COLUMNS:
        raise Refused(
            "too_many_columns",
            f"The table has {len(named):,} columns; at most {COLUMNS:,} are shown.",
        )
    return named


def check_cells(rows: int, columns: int) -> None:
    """Refused: too_many_cells."""
    if rows * columns > CELLS:
        raise Refused(
            "too_many_cells",
            f"The table has {rows:,} rows and {columns:,} columns; at most {CELLS:,} cells are taken. "
            "Publish a summary of it.",
        )


def typed(columns: list[str], rows: list[list[str]]) -> list[list[JSON]]:
    """The same rows with numbers where every cell of a column that is there is one.

    Numbers that would change by it (007, 12345678901234567890) leave their column as text.
    """
    parsed: list[list[JSON]] = [list(row) for row in rows]
    for at in range(len(columns)):
        if all(_is_number(row[at]) for row in rows):
            for row in parsed:
                row[at] = None if row[at] in MISSING else _number(row[at])
    return parsed


def cell(value: object) -> JSON:
    """A value of Python as JSON: numbers as numbers, the rest as text."""
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    if isinstance(value, int):
        return value if abs(value) <= EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    text = json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
    return text[:CELL_LENGTH]


def neutral(value: JSON) -> JSON:
    """A cell that no spreadsheet program takes for a formula."""
    if isinstance(value, str) and value.lstrip(" '\"").startswith(_FORMULA):
        return f"'{value}"
    return value


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[JSON]]) -> None:
    """An export as CSV in UTF-8, every text quoted and every formula neutralised."""
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow([neutral(name) for name in columns])
        writer.writerows([neutral(value) for value in row] for row in rows)


def facts(sheets: Sequence[Sheet]) -> dict[str, JSON]:
    """`{"sheets": [{"name", "rows", "columns": [{"name", "type"}]}]}`."""
    return {
        "sheets": [
            {"name": sheet.name, "rows": sheet.total, "columns": _columns(sheet)[:200]}
            for sheet in sheets
        ]
    }


def write(
    bundle: Path, entry: str, output: Path, sheets: Sequence[Sheet], *, export: str = ""
) -> Produced:
    """Write the page, its data and the original. `export` names a CSV file that lies beside them."""
    name = cover.copy_original(bundle, entry, output)
    tables = [_data(sheet) for sheet in sheets]
    data = tables[0] if len(tables) == 1 else {"sheets": tables}
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    (output / "data.json").write_text(text, "utf-8")
    title = Path(entry).stem
    body = f'<div data-table="data.json" data-original="{cover.link(name)}"></div>'
    if export:
        body += f'\n<p class="note"><a href="{cover.link(export)}" download>{escape(_export_words(sheets[0]))}</a></p>'
    page = shell.page(
        title, body, styles=["/static/content/table.css"], scripts=["/static/content/table.js"]
    )
    (output / cover.PAGE).write_text(page, "utf-8")
    return Produced(cover.PAGE, summary=_summary(sheets))


def _export_words(sheet: Sheet) -> str:
    if sheet.total > EXPORTED:
        return f"Download the first {EXPORTED:,} rows as CSV"
    return "Download as CSV"


def _summary(sheets: Sequence[Sheet]) -> str:
    if len(sheets) > 1:
        return f"{len(sheets)} sheets"
    rows, columns = sheets[0].total, len(sheets[0].columns)
    return f"{rows:,} row{'s' * (rows != 1)}, {columns:,} column{'s' * (columns != 1)}"


def _data(sheet: Sheet) -> dict[str, JSON]:
    return {
        "name": sheet.name,
        "columns": _columns(sheet),
        "rows": sheet.rows,
        "total": sheet.total,
        "shown": len(sheet.rows),
    }


def _columns(sheet: Sheet) -> list[dict[str, str]]:
    types = sheet.types()
    return [{"name": name, "type": kind} for name, kind in zip(sheet.columns, types, strict=True)]


def _type(cells: Iterable[JSON]) -> str:
    there = [value for value in cells if value is not None and value != ""]
    if there and all(isinstance(value, (int, float)) for value in there):
        return "number"
    if there and all(isinstance(value, str) and _DATE.fullmatch(value) for value in there):
        return "date"
    return "text"


def _is_number(text: str) -> bool:
    if text in MISSING:
        return True
    if len(text) > 40 or not _NUMBER.fullmatch(text):
        return False
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number) and (abs(number) <= EXACT or "e" in text.lower())


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
