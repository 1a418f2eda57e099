"""Charts and tables as the author's side writes them; what is said of them is read by the portal's own reader."""

import csv
import json
from datetime import date
from pathlib import Path

import broadsheet
import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pytest

from portal.runs.said import PartSaid, Said


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "said").touch()
    monkeypatch.setenv("BROADSHEET_SAY", str(tmp_path / "said"))
    monkeypatch.setenv("BROADSHEET_PARTS", str(tmp_path / "parts"))
    return tmp_path / "parts"


def heard(parts: Path) -> dict[str, PartSaid]:
    said = Said()
    for line in (parts.parent / "said").read_text().splitlines():
        said.take(line)
    return said.parts


class Altair:
    """What of a chart of Altair counts here."""

    def to_json(self) -> str:
        return '{"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "mark": "bar"}'


class Matplotlib:
    """What of a figure of matplotlib counts here."""

    def savefig(self, path: Path, **options: object) -> None:
        path.write_text(f"<svg>{options['format']}</svg>")


class Axes:
    figure = Matplotlib()


@pytest.mark.parametrize(
    ("fig", "file", "holds"),
    [
        (go.Figure(go.Bar(y=[1, 2])), "sales.json", '"bar"'),
        ({"data": [{"type": "bar", "y": [1]}]}, "sales.json", '"bar"'),
        (Altair(), "sales.json", "vega-lite"),
        (Matplotlib(), "sales.svg", "<svg>svg"),
        (Axes(), "sales.svg", "<svg>svg"),
    ],
)
def test_figure_is_written_told_and_returned(
    parts: Path, fig: object, file: str, holds: str
) -> None:
    answer = broadsheet.figure("sales", fig, title="Sales", summary="By week.")

    assert answer is fig
    assert holds in (parts / "sales" / file).read_text()
    assert heard(parts) == {"sales": PartSaid("figure", "sales", file, "Sales", "By week.")}


@pytest.mark.parametrize("fig", [7, "text", None, pd.DataFrame({"a": [1]})])
def test_what_is_no_figure_is_told_where_it_is_written(parts: Path, fig: object) -> None:
    with pytest.raises(TypeError, match="'sales'"):
        broadsheet.figure("sales", fig)

    assert not parts.exists()


ROWS = [{"day": date(2026, 11, 16), "name": 'Łódź, "north"'}, {"name": None, "euros": 1.5}]


@pytest.mark.parametrize(
    "df",
    [
        pd.DataFrame({"day": ["2026-11-16", None], "n": [1, 2]}),
        pd.DataFrame({"n": [1, 2]}, index=pd.Index(["2026-11-16", ""], name="day")),
        pa.table({"day": [date(2026, 11, 16), None], "n": [1, 2]}),
        [{"day": date(2026, 11, 16), "n": 1}, {"n": 2}],
    ],
)
def test_table_of_many_kinds_is_one_file(parts: Path, df: object) -> None:
    answer = broadsheet.table("days", df)

    assert answer is df
    assert (parts / "days" / "days.csv").read_bytes() == b"day,n\r\n2026-11-16,1\r\n,2\r\n"
    assert heard(parts)["days"].kind == "table"


def test_table_is_quoted_as_rfc_4180_has_it(parts: Path) -> None:
    broadsheet.table("days", ROWS)

    with (parts / "days" / "days.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, strict=True))
    assert rows == [
        ["day", "name", "euros"],
        ["2026-11-16", 'Łódź, "north"', ""],
        ["", "", "1.5"],
    ]


@pytest.mark.parametrize("df", [7, "text", {"a": [1]}, [1, 2], None])
def test_what_is_no_table_is_told_where_it_is_written(parts: Path, df: object) -> None:
    with pytest.raises(TypeError, match="'days'"):
        broadsheet.table("days", df)


@pytest.mark.parametrize("name", ["", "Sales", "a b", "../up", "a--b", "-a", "a" * 41, 7])
def test_name_that_fits_no_link_is_told_also_outside_a_run(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("BROADSHEET_PARTS", raising=False)

    with pytest.raises(ValueError, match="lower-case"):
        broadsheet.figure(name, {})
    with pytest.raises(ValueError, match="lower-case"):
        broadsheet.table(name, [])


def test_name_told_twice_counts_as_it_was_told_last(parts: Path) -> None:
    broadsheet.figure("sales", {"data": []}, title="First")
    broadsheet.figure("sales", Matplotlib(), title="Last")

    assert heard(parts) == {"sales": PartSaid("figure", "sales", "sales.svg", "Last")}


def test_outside_a_run_everything_is_given_back_and_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BROADSHEET_PARTS", raising=False)
    monkeypatch.chdir(tmp_path)
    rows = [{"a": 1}]

    assert broadsheet.figure("sales", 7) == 7
    assert broadsheet.table("days", rows) is rows
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_a_warning_and_no_more(parts: Path) -> None:
    parts.write_text("in the way")

    with pytest.warns(UserWarning, match="'sales' could not be kept"):
        broadsheet.figure("sales", json.loads("{}"))

    assert heard(parts) == {}
