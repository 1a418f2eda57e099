"""Each rule over CSV and Parquet: what passes, what fails, what is counted and shown."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from portal.publishing.declarations import OF_COLUMN, declared
from portal.runs.checks import Result
from portal.runs.masking import MASK
from portal.runs.tables import judge

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC).isoformat()
CSV = """\
id,email,amount,country,day,placed
1,a@example.com,10,DE,2026-11-14,2026-11-16T10:00:00Z
2,b@example.com,-3,PL,2026-11-15,2026-11-16T11:00:00+00:00
2,,1e9,XX,15.11.2026,
"""


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(CSV)
    return path


def judged(path: Path, before: int | None = None, **check: Any) -> Result:
    declaration = declared({"file": path.name, **check})
    known = {} if before is None else {declaration["name"]: before}
    (result,) = judge(str(path), [declaration], NOON, known)
    return Result(**result)


@pytest.mark.parametrize(
    ("column", "check", "wrong", "observed"),
    [
        ("id", {"rule": "type", "type": "integer"}, 0, ""),
        ("amount", {"rule": "type", "type": "integer"}, 1, "1e9"),
        ("amount", {"rule": "type", "type": "number"}, 0, ""),
        ("email", {"rule": "type", "type": "number"}, 2, "a@example.com, b@example.com"),
        ("email", {"rule": "type", "type": "text"}, 0, ""),
        ("day", {"rule": "type", "type": "date"}, 1, "15.11.2026"),
        ("placed", {"rule": "type", "type": "date"}, 2, None),
        ("placed", {"rule": "type", "type": "time"}, 0, ""),
        ("country", {"rule": "type", "type": "boolean"}, 3, "DE, PL, XX"),
        ("amount", {"rule": "range", "min": 0}, 1, "-3"),
        ("amount", {"rule": "range", "min": -3, "max": 1e9}, 0, ""),
        ("amount", {"rule": "range", "max": 9}, 2, "10, 1e9"),
        ("country", {"rule": "range", "min": 0}, 3, "DE, PL, XX"),
        ("country", {"rule": "allowed", "values": ["DE", "PL"]}, 1, "XX"),
        ("id", {"rule": "allowed", "values": [1, 2]}, 0, ""),
        ("email", {"rule": "not_null"}, 1, ""),
        ("id", {"rule": "not_null"}, 0, ""),
        ("id", {"rule": "unique"}, 1, "2"),
        ("email", {"rule": "unique"}, 0, ""),
    ],
)
def test_rule_over_a_column(
    orders: Path, column: str, check: dict[str, Any], wrong: int, observed: str | None
) -> None:
    result = judged(orders, column=column, **check)

    assert (result.passed, result.failing, result.total) == (wrong == 0, wrong, 3)
    assert len(result.sample) == wrong
    assert observed is None or result.observed == observed


@pytest.mark.parametrize(
    ("hours", "passed"), [(1, True), (0.5, False)], ids=["fresh enough", "too old"]
)
def test_freshness_looks_at_the_latest_time(orders: Path, hours: float, passed: bool) -> None:
    result = judged(orders, column="placed", rule="fresh", hours=hours)

    assert (result.passed, result.observed) == (passed, "2026-11-16T11:00:00+00:00")


def test_freshness_of_a_column_without_times_fails(orders: Path) -> None:
    result = judged(orders, column="country", rule="fresh", hours=9)

    assert (result.passed, result.observed, result.failing) == (False, "no time", 3)


@pytest.mark.parametrize(
    ("check", "before", "passed"),
    [
        ({"min": 3, "max": 3}, None, True),
        ({"min": 4}, None, False),
        ({"max": 2}, None, False),
        ({"change": 50}, None, True),
        ({"change": 50}, 0, True),
        ({"change": 50}, 6, True),
        ({"change": 50}, 7, False),
        ({"change": 49}, 2, False),
    ],
)
def test_number_of_rows_and_its_change(
    orders: Path, check: dict[str, Any], before: int | None, passed: bool
) -> None:
    result = judged(orders, before, rule="rows", **check)

    assert (result.passed, result.observed, result.total) == (passed, "3 rows", 3)
    assert result.failing is None


def test_masked_columns_stay_masked(orders: Path) -> None:
    result = judged(orders, column="email", rule="allowed", values=["x"], masked=["email", "day"])

    assert result.observed == MASK
    assert [(row["email"], row["day"], row["id"]) for row in result.sample] == [
        (MASK, MASK, "1"),
        (MASK, MASK, "2"),
    ]
    assert "example.com" not in repr(result)


def test_parquet_is_judged_by_its_types(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    columns = {
        "id": [1, 2, None],
        "share": [0.5, float("nan"), 2.0],
        "placed": [datetime(2026, 11, 16, 11, tzinfo=UTC)] * 3,
        "tags": [["a"], ["a"], []],
    }
    parquet.write_table(pyarrow.table(columns), path)

    assert judged(path, column="id", rule="type", type="integer").passed
    assert judged(path, column="id", rule="not_null").failing == 1
    assert judged(path, column="share", rule="range", max=1).failing == 1
    assert judged(path, column="placed", rule="fresh", hours=2).passed
    assert judged(path, column="tags", rule="unique").failing == 1


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_other_separators_are_found(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(f"\ufeffa{mark}b\n1{mark}x,y\n")

    assert judged(path, column="b", rule="allowed", values=["x,y"]).passed


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("orders.csv", None, "There is no orders.csv."),
        ("orders.csv", b"a,b\n1,2\n", "There is no column amount; there are a, b."),
        ("orders.csv", b"", "There is no column amount; there are ."),
        ("orders.csv", b"amount\n\xff\xfe\n", "orders.csv cannot be read"),
        ("orders.csv", b'amount\n"' + b"x" * 200_000, "orders.csv cannot be read"),
        ("orders.parquet", b"PAR1 not really", "orders.parquet cannot be read"),
    ],
)
def test_what_cannot_be_judged_has_not_passed(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    result = judged(path, column="amount", rule="not_null")

    assert not result.passed
    assert says in result.message


def test_what_no_database_holds_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("a\x00b,amount\nx\x00y\u202ez,no\n")

    result = judged(path, column="amount", rule="type", type="number")

    assert result.sample == [{"amount": "no", "ab": "xyz"}]
    assert "\x00" not in repr(judged(path, column="b", rule="not_null"))


ODD = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # one file is written anew
CHECKS = {
    "type": {"type": "integer"},
    "range": {"min": 0, "max": 9},
    "allowed": {"values": ["a", 1, True]},
    "fresh": {"hours": 1},
}


@settings(max_examples=150, deadline=None, suppress_health_check=ODD)
@given(st.text(max_size=200) | st.binary(max_size=200), st.sampled_from(sorted(OF_COLUMN)))
def test_no_csv_crashes_a_rule(tmp_path: Path, content: str | bytes, rule: str) -> None:
    path = tmp_path / "odd.csv"
    body = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    path.write_bytes(b"a,b\n" + body)

    result = judged(path, column="a", rule=rule, **CHECKS.get(rule, {}))

    assert result.failing is None or result.failing <= result.total


@settings(max_examples=60, deadline=None, suppress_health_check=ODD)
@given(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=5)
    | st.lists(st.none() | st.floats(), max_size=5)
    | st.lists(st.none() | st.text(), max_size=5)
    | st.lists(st.none() | st.datetimes(), max_size=5)
    | st.lists(st.none() | st.dates(), max_size=5)
    | st.lists(st.none() | st.booleans(), max_size=5)
    | st.lists(st.none() | st.binary(), max_size=5)
    | st.lists(
        st.none()
        | st.decimals(
            allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9
        ),
        max_size=5,
    ),
    st.sampled_from(sorted(OF_COLUMN)),
)
def test_no_parquet_crashes_a_rule(tmp_path: Path, values: list[object], rule: str) -> None:
    path = tmp_path / "odd.parquet"
    parquet.write_table(pyarrow.table({"a": values}), path)

    result = judged(path, column="a", rule=rule, **CHECKS.get(rule, {}))

    assert result.total == len(values)
    assert (result.failing or 0) <= len(values)
