import csv
import json

import pytest

from portal.common.refusals import Refused
from reports.producers import grid
from reports.producers.grid import Sheet


def test_columns_get_the_type_of_what_is_there():
    sheet = Sheet(
        "",
        ["number", "date", "moment", "text", "mixed", "nothing"],
        [
            [1, "2026-01-02", "2026-01-02 03:04:05", "x", 1, None],
            [None, None, "2026-01-02T03:04:05Z", "2026-01-02", "x", ""],
        ],
        2,
    )

    assert sheet.types() == ["number", "date", "date", "text", "text", "text"]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "-2", "+3"], [1, -2, 3]),
        (["1.5", ".5", "1e3"], [1.5, 0.5, 1000.0]),
        (["1", "NA", ""], [1, None, None]),
        (["007", "1"], ["007", "1"]),
        (["12345678901234567890"], ["12345678901234567890"]),
        (["1,5"], ["1,5"]),
        (["inf"], ["inf"]),
        (["1e999"], ["1e999"]),
        (["١"], ["١"]),
        (["-"], ["-"]),
        (["9" * 5000], ["9" * 5000]),
    ],
)
def test_texts_become_numbers_only_where_nothing_is_lost(texts, values):
    assert grid.typed(["x"], [[text] for text in texts]) == [[value] for value in values]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1, 1), (True, "true"), (None, None), (2**60, str(2**60)), (float("nan"), None),
        (float("inf"), None), (1.5, 1.5), ("x" * 5000, "x" * 2000), ({"a": [1]}, '{"a": [1]}'),
    ],
)  # fmt: skip
def test_values_become_json(value, shown):
    assert grid.cell(value) == shown


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", '"=1', "＝1+1", "\n=1"]
)
def test_formulas_are_neutralised(text):
    assert grid.neutral(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=b", "", "1", -1, -1.5, None, "x;=1"])
def test_what_is_no_formula_stays(value):
    assert grid.neutral(value) == value


def test_export_quotes_and_neutralises(tmp_path):
    path = tmp_path / "x.csv"

    grid.write_csv(path, ["=name", "n"], [["=cmd|x", -1], ['a";=b', None]])

    text = path.read_text("utf-8-sig")
    assert text.splitlines()[0] == '"\'=name","n"'
    assert list(csv.reader(text.splitlines())) == [
        ["'=name", "n"],
        ["'=cmd|x", "-1"],
        ['a";=b', ""],
    ]


def test_column_names_are_cleaned_and_never_empty():
    names = ["\u202eab", " ", None, "a\nb", 3]

    assert grid.column_names(names) == ["ab", "Column 2", "Column 3", "a b", "3"]


def test_too_many_columns_and_cells_are_refused():
    with pytest.raises(Refused) as columns:
        grid.column_names(str(number) for number in range(2001))
    with pytest.raises(Refused) as cells:
        grid.check_cells(10_000_001, 1)

    assert (columns.value.code, cells.value.code) == ("too_many_columns", "too_many_cells")


def test_page_names_its_data_and_the_original(tmp_path):
    (tmp_path / 'a "b".csv').write_text("x")
    output = tmp_path / "output"
    output.mkdir()
    sheet = Sheet("S", ["x"], [[1], [None]], 12)

    produced = grid.write(tmp_path, 'a "b".csv', output, [sheet], export="b.csv")

    page = (output / produced.entry).read_text()
    assert 'data-table="data.json" data-original="./a%20%22b%22.csv"' in page
    assert 'href="./b.csv"' in page
    assert "/static/content/table.js" in page
    assert json.loads((output / "data.json").read_text()) == {
        "name": "S",
        "columns": [{"name": "x", "type": "number"}],
        "rows": [[1], [None]],
        "total": 12,
        "shown": 2,
    }
    assert produced.summary == "12 rows, 1 column"


def test_several_sheets_are_listed(tmp_path):
    (tmp_path / "a.xlsx").write_text("x")
    sheets = [Sheet("one", ["x"], [["y"]], 1), Sheet("two", [], [], 0)]

    output = tmp_path / "output"
    output.mkdir()

    produced = grid.write(tmp_path, "a.xlsx", output, sheets)

    assert produced.summary == "2 sheets"
    data = json.loads((output / "data.json").read_text())
    assert [sheet["name"] for sheet in data["sheets"]] == ["one", "two"]
