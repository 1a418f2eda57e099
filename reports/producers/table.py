"""Tables in text (.csv, .tsv, .jsonl): read strictly, so that nothing shifts by a column unseen."""

import csv
import io
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from portal.common.refusals import Refused
from portal.publishing.formats import Produced, extension_of
from reports.producers import grid
from reports.producers.grid import Sheet

JSON = Any

HEAD = 100_000  # characters in which the delimiter is looked for
JSON_LINES = (".jsonl", ".ndjson")
DELIMITERS = ",;\t|"
_BYTE_ORDER = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """The facts of `grid.facts`.

    Refused: type_mismatch, encoding_unknown, unreadable_file (with the line), no_rows, too_many_columns,
    too_many_cells.
    """
    return grid.facts([_read(bundle / entry)])


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """A page with the table, and the file."""
    return grid.write(bundle, entry, output, [_read(bundle / entry)])


@lru_cache(maxsize=1)
def _read(path: Path) -> Sheet:
    text = _text(path.read_bytes())
    sheet = _json_lines(text) if extension_of(path.name) in JSON_LINES else _delimited(text, path)
    if sheet.total == 0:
        raise Refused("no_rows", "The table has no rows. Was the query empty?")
    return sheet


def _text(content: bytes) -> str:
    encoding = next(
        (name for mark, name in _BYTE_ORDER.items() if content.startswith(mark)), "utf-8"
    )
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise Refused(
            "encoding_unknown",
            "The file is not in UTF-8. Save it again as UTF-8: in Excel “CSV UTF-8”, in pandas "
            'to_csv(..., encoding="utf-8").',
        ) from None
    if "\0" in text:
        raise Refused(
            "unreadable_file", "The file holds NUL characters, so it is no table in text."
        )
    return text


def _delimited(text: str, path: Path) -> Sheet:
    text, delimiter = _delimiter(text, "\t" if extension_of(path.name) == ".tsv" else "")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records = (record for record in lines if any(record))
    try:
        columns = grid.column_names(next(records, []))
        first: list[list[str]] = []
        total = 0
        for record in records:
            _check_length(record, columns, lines.line_num)
            total += 1
            if total <= grid.SHOWN:
                first.append([value[: grid.CELL_LENGTH] for value in record])
    except csv.Error as problem:
        raise _unreadable(lines.line_num, str(problem)) from None
    grid.check_cells(total, len(columns))
    return Sheet("", columns, grid.typed(columns, first), total)


def _delimiter(text: str, known: str) -> tuple[str, str]:
    """The text without Excel's `sep=` line, and what parts its fields."""
    lines = (line for line in text[:HEAD].splitlines() if line.strip())
    first = next(lines, "")
    if re.fullmatch(r"sep=.", first, re.IGNORECASE):
        return text[text.index(first) + len(first) :], first[-1]
    bare = re.sub(r'"[^"]*"', "", first)
    return text, known or max(DELIMITERS, key=bare.count)


def _check_length(record: list[str], columns: list[str], line: int) -> None:
    if len(record) != len(columns):
        raise _unreadable(
            line, f"it has {len(record):,} fields, but the head of the table has {len(columns):,}"
        )


def _json_lines(text: str) -> Sheet:
    columns: dict[str, None] = {}
    first: list[dict[str, JSON]] = []
    total = 0
    for number, line in _lines(text):
        record = _json_object(line, number)
        columns.update(dict.fromkeys(record))
        total += 1
        if total <= grid.SHOWN:
            first.append(record)
    names = grid.column_names(columns)
    grid.check_cells(total, len(names))
    rows = [[grid.cell(record.get(key)) for key in columns] for record in first]
    return Sheet("", names, rows, total)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    numbered = enumerate(io.StringIO(text), start=1)
    return ((number, line) for number, line in numbered if line.strip())


def _json_object(line: str, number: int) -> dict[str, JSON]:
    try:
        record = json.loads(line, parse_constant=lambda name: None)
    except (ValueError, RecursionError) as problem:
        raise _unreadable(number, f"it is not JSON ({str(problem)[:100]})") from None
    if not isinstance(record, dict):
        raise _unreadable(number, "it is not an object in braces, as every line must be")
    return record


def _unreadable(line: int, problem: str) -> Refused:
    return Refused("unreadable_file", f"Line {line:,} of the table cannot be read: {problem}.")
