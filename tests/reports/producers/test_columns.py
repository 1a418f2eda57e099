import datetime
import decimal
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from portal.common.refusals import Refused
from reports.producers import columns

TABLE = pa.table(
    {
        "n": pa.array([1, None], pa.int64()),
        "big": pa.array([2**60, 1], pa.int64()),
        "single": pa.array([0.1, float("nan")], pa.float32()),
        "money": pa.array([decimal.Decimal("1.10"), None], pa.decimal128(9, 2)),
        "day": pa.array([datetime.date(2026, 1, 2), None]),
        "moment": pa.array([1, 1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
        "lasts": pa.array([1, 2], pa.duration("s")),
        "bytes": pa.array([b"\xff", b"x" * 2000]),
        "list": pa.array([[1, 2], None]),
        "flag": pa.array([True, False]),
        "=name": pa.array(["=1+1", "x"]),
    }
)


def parquet(path, table=TABLE):
    pq.write_table(table, path)


def arrow_file(path, table=TABLE):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def arrow_stream(path, table=TABLE):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def rendered(folder, name, write, table=TABLE):
    output = folder / "out"
    output.mkdir()
    write(folder / name, table)
    produced = columns.render(folder, name, output)
    return produced, json.loads((output / "data.json").read_text()), output


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.parquet", parquet), ("a.arrow", arrow_file), ("a.feather", arrow_file),
        ("b.arrow", arrow_stream),
    ],
)  # fmt: skip
def test_values_are_shown_as_people_read_them(tmp_path, name, write):
    produced, data, _ = rendered(tmp_path, name, write)

    first, second = data["rows"]
    assert first[:5] == [1, str(2**60), 0.1, "1.10", "2026-01-02"]
    assert second[:5] == [None, 1, None, None, None]
    assert first[5].startswith("1970-01-01 00:00:00")
    assert second[5].startswith("2023-11-14 22:13:20.123456")
    assert first[7:] == ["ff", "[1, 2]", "true", "=1+1"]
    assert second[7].endswith("… (2 kB)")
    assert produced.summary == "2 rows, 11 columns"


def test_export_as_csv_is_neutral(tmp_path):
    _, _, output = rendered(tmp_path, "a.parquet", parquet)

    text = (output / "a.csv").read_text("utf-8-sig")

    assert '"\'=name"' in text
    assert '"\'=1+1"' in text
    assert 'href="./a.csv"' in (output / "index.html").read_text()


def test_only_the_first_rows_are_in_the_page(tmp_path):
    table = pa.table({"n": list(range(25_000))})

    _, data, output = rendered(tmp_path, "a.parquet", parquet, table)

    assert (data["total"], data["shown"]) == (25_000, 10_000)
    assert len((output / "a.csv").read_text().splitlines()) == 25_001


@pytest.mark.parametrize("content", [b"PAR1PAR1", b"ARROW1\0\0", b"", b"x" * 100])
@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_damage_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(Refused) as refused:
        columns.inspect(tmp_path, name)

    assert refused.value.code == "unreadable_file"


def test_file_cut_off_is_refused(tmp_path):
    parquet(tmp_path / "a.parquet", pa.table({"n": list(range(10_000))}))
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(content[:100] + bytes(1000) + content[1100:])

    with pytest.raises(Refused) as refused:
        columns.inspect(tmp_path, "b.parquet")

    assert refused.value.code == "unreadable_file"


def test_table_without_rows_is_refused(tmp_path):
    parquet(tmp_path / "a.parquet", TABLE.slice(0, 0))

    with pytest.raises(Refused) as refused:
        columns.inspect(tmp_path, "a.parquet")

    assert refused.value.code == "no_rows"
