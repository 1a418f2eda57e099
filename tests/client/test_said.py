"""What `import broadsheet` writes, on the author's side; read back by the portal's own reader."""

import json
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import broadsheet
import numpy as np
import pandas as pd
import pytest

from portal.runs.said import Metric, Said


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "said"
    path.touch()
    monkeypatch.setenv("BROADSHEET_SAY", str(path))
    return path


def heard(path: Path) -> Said:
    said = Said()
    for line in path.read_text().splitlines():
        said.take(line)
    return said


@pytest.mark.parametrize("value", [12.5, Decimal("12.5"), np.float64(12.5), np.float32(12.5)])
def test_metric_arrives_with_unit_and_direction(path: Path, value: float) -> None:
    broadsheet.metric("revenue", value, unit="EUR", better="up")

    assert heard(path).metrics == {"revenue": Metric(12.5, "EUR", "up")}


def test_whole_number_stays_whole(path: Path) -> None:
    broadsheet.metric("orders", np.int64(3))

    assert '"value": 3,' in path.read_text()


@pytest.mark.parametrize(
    ("value", "better", "error"),
    [
        ("12", None, TypeError),
        (True, None, TypeError),
        (None, None, TypeError),
        (float("nan"), None, ValueError),
        (Decimal("Infinity"), None, ValueError),
        (1, "more", ValueError),
    ],
)
def test_wrong_metric_is_told_where_it_is_written(
    path: Path, value: object, better: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match="'revenue'"):
        broadsheet.metric("revenue", value, better=better)

    assert path.read_text() == ""


def test_check_arrives_with_masked_rows_of_a_data_frame(path: Path) -> None:
    frame = pd.DataFrame({"email": ["a@example.com"] * 9, "amount": range(9)})

    answer = broadsheet.check(
        "no doubles", np.False_, observed=9, expected=0, sample=frame, masked=["email"]
    )

    (check,) = heard(path).checks
    assert answer is False
    assert (check.passed, check.severity, check.observed, check.expected) == (
        False,
        "block",
        "9",
        "0",
    )
    assert len(check.sample) == 5
    assert check.sample[1] == {"email": "•••", "amount": "1"}
    assert "a@example.com" not in path.read_text()


@pytest.mark.parametrize(
    ("sample", "kept"),
    [
        ("one", [{"value": "one"}]),
        ({"a": 1}, [{"a": "1"}]),
        ([1, None], [{"value": "1"}, {"value": ""}]),
        (pd.Series([1], name="n"), [{"n": "1"}]),
        (7, [{"value": "7"}]),
    ],
)
def test_sample_may_be_many_things(path: Path, sample: object, kept: list[object]) -> None:
    broadsheet.check("odd", False, sample=sample)

    assert heard(path).checks[0].sample == kept


def test_unknown_severity_is_told_where_it_is_written(path: Path) -> None:
    with pytest.raises(ValueError, match="severity"):
        broadsheet.check("odd", True, severity="fatal")


def test_summary_progress_and_time_arrive(path: Path) -> None:
    broadsheet.summary("Up 3 %.")
    broadsheet.data_as_of(date(2026, 11, 15))
    broadsheet.progress(3, 10, "March")

    said = heard(path)
    assert said.summary == "Up 3 %."
    assert said.data_as_of == datetime(2026, 11, 15, tzinfo=UTC)
    assert json.loads(path.read_text().splitlines()[-1])["done"] == 3


def test_lines_of_many_threads_do_not_mix(path: Path) -> None:
    threads = [
        threading.Thread(target=broadsheet.metric, args=(f"m{number}", number))
        for number in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(heard(path).metrics) == 50


def test_nothing_happens_outside_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BROADSHEET_SAY", raising=False)
    monkeypatch.chdir(tmp_path)

    broadsheet.metric("revenue", 1)
    broadsheet.summary("Nothing.")

    assert broadsheet.check("fine", [1]) is True
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_lost_portal_is_a_warning_and_no_more(path: Path) -> None:
    path.unlink()

    with pytest.warns(UserWarning, match="could not be told of a metric"):
        broadsheet.metric("revenue", 1)
