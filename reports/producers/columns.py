"""Columnar files (.parquet, .arrow, .feather): the first rows as a table, and an export as CSV."""

import itertools
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from portal.common.refusals import Refused
from portal.publishing.formats import Produced, extension_of
from reports.producers import cover, grid

JSON = Any

BATCH = 10_000  # rows
LARGEST_VALUE = 64  # bytes of a binary value that are shown

# What a broken file provokes in Arrow; its memory errors are Python's.
_BROKEN = (pa.ArrowException, ValueError, OSError, EOFError, LookupError, MemoryError, TypeError)


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """The facts of `grid.facts`. Refused: unreadable_file, no_rows, too_many_columns."""
    return grid.facts([_read(bundle / entry)])


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """A page with the table, the file, and the same as CSV."""
    path = bundle / entry
    sheet = _read(path)
    export = f"{Path(entry).stem}.csv"
    try:
        rows = itertools.islice(_rows(path), grid.EXPORTED)
        grid.write_csv(output / export, sheet.columns, rows)
    except _BROKEN:
        raise _unreadable() from None
    return grid.write(bundle, entry, output, [sheet], export=export)


@lru_cache(maxsize=1)
def _read(path: Path) -> grid.Sheet:
    try:
        names, total = _shape(path)
        columns = grid.column_names(names)
        rows = list(itertools.islice(_rows(path), grid.SHOWN))
    except _BROKEN:
        raise _unreadable() from None
    if total == 0:
        raise Refused("no_rows", "The table has no rows. Was the query empty?")
    return grid.Sheet("", columns, rows, total)


def _shape(path: Path) -> tuple[list[str], int]:
    if extension_of(path.name) == ".parquet":
        file = pq.ParquetFile(path)
        return file.schema_arrow.names, file.metadata.num_rows
    with _stream(path) as reader:
        return reader.schema.names, sum(batch.num_rows for batch in _batches(reader))


def _rows(path: Path) -> Iterator[list[JSON]]:
    if extension_of(path.name) == ".parquet":
        batches = pq.ParquetFile(path).iter_batches(batch_size=BATCH)
        for batch in batches:
            yield from _row_values(batch)
        return
    with _stream(path) as reader:
        for batch in _batches(reader):
            for start in range(0, batch.num_rows, BATCH):
                yield from _row_values(batch.slice(start, BATCH))


def _stream(path: Path) -> Any:
    """An Arrow file, or the stream that some programs write under the same extension."""
    source = pa.memory_map(str(path))
    try:
        return pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        return pa.ipc.open_stream(source)


def _batches(reader: Any) -> Iterator[Any]:
    count = getattr(reader, "num_record_batches", None)
    return iter(reader) if count is None else map(reader.get_batch, range(count))


def _row_values(batch: Any) -> Iterator[list[JSON]]:
    batch.validate(full=True)
    columns = [[_cell(value) for value in _values(column)] for column in batch.columns]
    return (list(row) for row in zip(*columns, strict=True))


def _values(column: Any) -> list[JSON]:
    """The column as values of Python; moments to the microsecond, extension types as they are stored."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    elif pa.types.is_duration(column.type) or pa.types.is_time(column.type):
        column = column.cast(pa.string())
    values: list[JSON] = column.to_pylist()
    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):
        return [
            value and float(f"{value:.7g}") for value in values
        ]  # no digits that were never there
    return values


def _cell(value: object) -> JSON:
    if isinstance(value, bytes):
        shown = value[:LARGEST_VALUE].hex()
        return shown if len(value) <= LARGEST_VALUE else f"{shown}… ({cover.size(len(value))})"
    return grid.cell(value)


def _unreadable() -> Refused:
    return Refused("unreadable_file", "The file is damaged, or is not what its extension says.")
