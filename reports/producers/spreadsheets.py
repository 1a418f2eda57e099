"""The cells of a workbook (.xlsx; ECMA-376 part 1, section 18), read as a stream of events.

Only values are read: formulas stay what the program that saved them last computed. A library would
fail on one impossible date and unfold a sheet with one cell at its far end.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from reports.producers import grid
from reports.producers.office import Package, unreadable

JSON = Any
Attributes = dict[str, str]

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
WORKBOOK = "xl/workbook.xml"
STYLES = "xl/styles.xml"
STRINGS = "xl/sharedStrings.xml"
SHEETS_READ = 20

# Number formats that every program knows without a definition (section 18.8.30).
BUILT_IN_DATES = frozenset({*range(14, 23), *range(45, 48)})
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
# Day 0; Lotus 1-2-3 took 1900 for a leap year, and from March 1900 on this makes up for it.
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_EPOCH_1904 = datetime(1904, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Book:
    """What cells refer to: strings and which styles are dates, and the parts of its sheets by name."""

    strings: list[str]
    date_styles: frozenset[int]
    epoch: datetime
    sheets: list[tuple[str, str]]


def read_book(package: Package) -> Book:
    """Refused: unreadable_file."""
    workbook = package.xml(WORKBOOK)
    relations = package.relations(WORKBOOK)
    sheets = [
        (sheet.get("name", ""), relations.get(sheet.get(RELATION, ""), ""))
        for sheet in workbook.iter(f"{SHEET}sheet")
        if sheet.get("state", "visible") == "visible"
    ]
    properties = workbook.find(f"{SHEET}workbookPr")
    from_1904 = properties is not None and properties.get("date1904") in ("1", "true")
    return Book(
        strings=[_plain(item) for item in package.xml(STRINGS).iter(f"{SHEET}si")]
        if STRINGS in package
        else [],
        date_styles=_date_styles(package.xml(STYLES)) if STYLES in package else frozenset(),
        epoch=_EPOCH_1904 if from_1904 else _EPOCH,
        sheets=[(name, part) for name, part in sheets if part in package][:SHEETS_READ],
    )


def read_sheet(package: Package, book: Book, name: str, part: str) -> grid.Sheet:
    """A sheet whose first row is its head. Refused: unreadable_file, too_many_cells, too_many_columns."""
    reader = _Cells(book)
    reader.parse(package.part(part))
    width = max((max(row, default=-1) + 1 for row in reader.rows), default=0)
    rows = [[row.get(at) for at in range(width)] for row in reader.rows]
    head, *body = rows or [[]]
    return grid.Sheet(name, grid.column_names(head), body, max(reader.last_row - 1, 0))


@dataclass
class _Cells:
    """Rows of the sheet as {column from 0: value}; those beyond the shown ones are only counted."""

    book: Book
    rows: list[dict[int, JSON]] = field(default_factory=list)
    last_row: int = 0

    def __post_init__(self) -> None:
        self._last_column = self._row = self._column = 0
        self._attributes: Attributes = {}
        self._text: list[str] = []
        self._collects = False

    def parse(self, content: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(content, True)
        except (expat.ExpatError, ValueError):
            raise unreadable() from None

    def _start(self, tag: str, attributes: Attributes) -> None:
        tag = tag.rpartition("}")[2]
        if tag == "row":
            self._row = _count(attributes.get("r"), self._row + 1)
            self._column = 0
        elif tag == "c":
            self._attributes, self._text = attributes, []
            self._column = _column(attributes.get("r", ""), self._column + 1)
        self._collects = tag in ("v", "t")

    def _characters(self, text: str) -> None:
        if self._collects:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        self._collects = False
        if self._text and tag.rpartition("}")[2] == "c":
            self._take("".join(self._text))

    def _take(self, text: str) -> None:
        self.last_row = max(self.last_row, self._row)
        self._last_column = max(self._last_column, self._column)
        grid.check_cells(self.last_row, self._last_column)
        if 1 <= self._row <= grid.SHOWN + 1:
            while len(self.rows) < self._row:
                self.rows.append({})
            value = _value(text, self._attributes, self.book)
            self.rows[self._row - 1][self._column - 1] = grid.cell(value)


def _value(text: str, attributes: Attributes, book: Book) -> JSON:
    """A cell's value by its type (section 18.18.11); text where it is not what it claims to be."""
    kind = attributes.get("t", "n")
    with suppress(ValueError, IndexError, OverflowError):
        if kind == "s":
            return book.strings[int(text)]
        if kind == "b":
            return bool(int(text))
        if kind == "n":
            number = float(text)
            if _count(attributes.get("s"), 0) in book.date_styles:
                return _moment(number, book.epoch)
            return int(number) if number.is_integer() and abs(number) < grid.EXACT else number
    return text


def _moment(days: float, epoch: datetime) -> str:
    """A serial number as ISO 8601, to the second; its fraction is the time of day."""
    moment = epoch + timedelta(seconds=round(days * 86_400))
    if days < 1:
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%Y-%m-%d" if days == int(days) else "%Y-%m-%d %H:%M:%S")


def _plain(item: ElementTree.Element) -> str:
    """The text of a shared string, its runs joined; phonetic hints (rPh) are not part of it."""
    hints = {id(text) for hint in item.iter(f"{SHEET}rPh") for text in hint.iter()}
    texts = (text for text in item.iter(f"{SHEET}t") if id(text) not in hints)
    return "".join(text.text or "" for text in texts)


def _date_styles(styles: ElementTree.Element) -> frozenset[int]:
    own = {
        _count(known.get("numFmtId"), -1)
        for known in styles.iter(f"{SHEET}numFmt")
        if re.search("[dmyhs]", _QUOTED.sub("", known.get("formatCode", "")), re.IGNORECASE)
    }
    formats = styles.find(f"{SHEET}cellXfs")
    return frozenset(
        number
        for number, style in enumerate(formats if formats is not None else ())
        if _count(style.get("numFmtId"), 0) in own | BUILT_IN_DATES
    )


def _column(reference: str, otherwise: int) -> int:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return otherwise
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column


def _count(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else otherwise


def sheets(package: Package) -> Iterator[grid.Sheet]:
    """Every visible sheet. Refused: unreadable_file when there is none."""
    book = read_book(package)
    if not book.sheets:
        raise unreadable()
    for name, part in book.sheets:
        yield read_sheet(package, book, name, part)
