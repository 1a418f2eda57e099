"""What a run may ask about itself."""

from datetime import UTC, datetime, timedelta

import pytest
from broadsheet import Run
from django.utils import timezone

GIVEN = ("LOGICAL_TIME", "PARAMETERS", "PREVIOUS")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in GIVEN:
        monkeypatch.delenv(f"BROADSHEET_{name}", raising=False)
    return Run()


@pytest.mark.parametrize("text", ["2026-11-16T05:41:00Z", "2026-11-16T05:41:00+00:00"])
def test_logical_time_is_read(run: Run, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BROADSHEET_LOGICAL_TIME", text)

    assert run.logical_time == datetime(2026, 11, 16, 5, 41, tzinfo=UTC)


def test_parameters_and_the_edition_before_are_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROADSHEET_PARAMETERS", '{"region": "EMEA"}')
    monkeypatch.setenv("BROADSHEET_PREVIOUS", '{"number": 3, "metrics": {"revenue": 12.5}}')

    assert run.parameters == {"region": "EMEA"}
    assert (run.previous.number, run.previous.metrics) == (3, {"revenue": 12.5})


def test_outside_a_run_it_is_now_and_nothing_came_before(run: Run) -> None:
    assert abs(run.logical_time - timezone.now()) < timedelta(minutes=1)
    assert run.logical_time is run.logical_time
    assert (run.parameters, run.previous.number, run.previous.metrics) == ({}, 0, {})
