"""What is made of the lines that the author's code writes: kept, or left out with a reason."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.runs.checks import Result
from portal.runs.listener import MOST_WARNINGS, Listener
from portal.runs.said import MOST_CHECKS, MOST_METRICS, IllFormed, Metric, Progress, Said
from tests.runs.test_listener import Notes, record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "name",
        "value",
        "unit",
        "better",
        "passed",
        "severity",
        "observed",
        "sample",
        "done",
        "total",
        "text",
        "at",
    ]
)


def line(say: str, **what: object) -> str:
    return json.dumps({"say": say, **what})


def test_metric_is_kept_with_unit_and_direction() -> None:
    said = Said()

    says = said.take(line("metric", name="revenue", value=12.5, unit="EUR", better="up"))

    assert says == "metric revenue = 12.5 EUR"
    assert said.metrics == {"revenue": Metric(12.5, "EUR", "up")}
    assert said.facts == {"metrics": {"revenue": {"unit": "EUR", "better": "up"}}}


def test_metric_told_twice_keeps_its_last_value() -> None:
    said = Said()

    said.take(line("metric", name="revenue", value=1))
    said.take(line("metric", name="revenue", value=2))

    assert said.values == {"revenue": 2}
    assert said.facts == {}


def test_check_is_kept_with_its_sample() -> None:
    said = Said()

    says = said.take(
        line(
            "check",
            name="no gaps",
            passed=False,
            severity="warn",
            observed="7",
            expected="0",
            sample=[{"day": "2026-11-01"}],
        )
    )

    assert says == "check “no gaps” failed: 7, expected 0"
    assert said.checks == [
        Result("no gaps", "code", "warn", False, "7", "0", sample=[{"day": "2026-11-01"}])
    ]


def test_summary_and_time_of_the_data_are_kept() -> None:
    said = Said()

    said.take(line("summary", text=" Up 3 %.\u202e "))
    said.take(line("data_as_of", at="2026-11-15T01:00:00+01:00"))

    assert said.facts == {"summary": "Up 3 %."}
    assert said.data_as_of == datetime(2026, 11, 15, tzinfo=UTC)


@pytest.mark.parametrize(("done", "share"), [(3, 0.3), (-1, 0), (99, 1)])
def test_progress_is_a_share(done: float, share: float) -> None:
    assert Said().take(line("progress", done=done, total=10, text="x")) == Progress(share, "x")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not json", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[1]", "it is not an object"),
        ("{}", "it says nothing that is known"),
        (line("metric", name=" ", value=1), "it has no name"),
        (line("metric", name="a", value="1"), "value is not a number"),
        (line("metric", name="a", value=True), "value is not a number"),
        ('{"say": "metric", "name": "a", "value": NaN}', "value is not a finite number"),
        (line("metric", name="a", value=10**400), "value is not a finite number"),
        (line("metric", name="a", value=1, better="more"), "better is none of up, down"),
        (line("metric", name="a", value=1, better=[]), "better is none of up, down"),
        (line("check", name="a", passed=1), "passed is neither true nor false"),
        (line("check", name="a", passed=True, severity="bad"), "severity is none of block, warn"),
        (line("check", name="a", passed=True, sample={"a": 1}), "sample is not a list of rows"),
        (line("progress", done=1, total=0), "total is not above 0"),
        (line("summary", text=7), "text is not a text"),
        (line("data_as_of", at="yesterday"), "at is not a time such as 2026-11-15T00:00:00Z"),
        (line("data_as_of", at="0001-01-01T00:00:00+14:00"), "at is beyond the calendar"),
    ],
)
def test_ill_formed_line_is_left_out_with_a_reason(text: str, why: str) -> None:
    said = Said()

    with pytest.raises(IllFormed) as problem:
        said.take(text)

    assert str(problem.value) == why
    assert said == Said()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(KEYS, JSON, max_size=6),
    st.sampled_from(["metric", "check", "progress", "summary", "data_as_of", "else"]),
)
def test_no_line_breaks_the_listener(what: dict[str, object], say: str) -> None:
    heard = Listener(Notes())

    heard.take(json.dumps({**what, "say": say}))

    assert len(heard.logbook.lines) <= 1


def test_there_is_an_end_to_metrics_and_checks() -> None:
    said = Said()
    for number in range(MOST_METRICS):
        said.take(line("metric", name=f"m{number}", value=number))
    for number in range(MOST_CHECKS):
        said.take(line("check", name=f"c{number}", passed=True))

    with pytest.raises(IllFormed, match="100 metrics already"):
        said.take(line("metric", name="one more", value=1))
    with pytest.raises(IllFormed, match="200 checks already"):
        said.take(line("check", name="one more", passed=True))
    said.take(line("metric", name="m0", value=7))
    assert said.metrics["m0"].value == 7


def test_warnings_in_the_log_have_an_end() -> None:
    notes = Notes()
    heard = Listener(notes)

    for _ in range(3 * MOST_WARNINGS):
        heard.take("nonsense")

    assert len(notes.lines) == MOST_WARNINGS
    assert notes.lines[0] == ("warning: what the code told the portal is left out: it is not JSON")


def test_progress_of_a_cell_is_part_of_the_whole() -> None:
    notes = Notes()
    heard = Listener(notes)
    heard.hear(record("cell", cell=3, of=4))

    heard.take(line("progress", done=1, total=2, text="March"))

    assert notes.fields == {"progress": 62, "doing": "March"}
