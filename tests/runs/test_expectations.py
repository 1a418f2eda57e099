"""Checks of the manifest in real runs: over input, output and metrics."""

from typing import Any

import pytest

from portal.accounts.models import User
from portal.publishing.declarations import declared
from portal.publishing.models import Variant
from portal.runs.models import Run
from tests.runs.authors import publish_script
from tests.runs.conftest import MONDAY
from tests.runs.test_director import again, ended, log_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# As many rows as the run has minutes, and ten more.
WRITING = """
import os, pathlib
import broadsheet

minute = broadsheet.run.logical_time.minute
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
rows = [f"{n},{n % 3}" for n in range(10 + minute)]
output.joinpath("orders.csv").write_text("\\n".join(["id,amount", *rows]))
output.joinpath("index.html").write_text(f"<p>{minute}")
broadsheet.metric("revenue", 100 + minute)
"""
INPUT = {"file": "depots.csv", "stage": "input", "column": "city", "rule": "not_null"}
OUTPUT = {"file": "orders.csv", "column": "amount", "rule": "range", "min": 0}
ROWS = {"file": "orders.csv", "rule": "rows", "change": 50}
METRIC = {"metric": "revenue", "rule": "change", "change": 10, "severity": "warn"}


def publish(alice: User, *checks: dict[str, Any], source: str = WRITING) -> Variant:
    manifest = {"checks": [declared(check) for check in checks]}
    files = {"depots.csv": "city,since\nBerlin,2001\n"}
    return publish_script(source, by=alice, at=MONDAY, manifest=manifest, files=files)


def test_input_output_and_metrics_are_checked(alice: User) -> None:
    run = ended(publish(alice, INPUT, METRIC, OUTPUT, ROWS))

    assert run.state == Run.State.SUCCEEDED, run.error
    assert list(run.check_results.values_list("stage", "name", "passed", "total")) == [
        ("input", "depots.csv city: not null", True, 1),
        ("output", "orders.csv amount: range", True, 10),
        ("output", "orders.csv: rows", True, 10),
        ("metrics", "revenue: change", True, None),
    ]
    assert run.edition.facts["checks"] == {"total": 4, "passed": 4, "warned": 0}
    assert "check “orders.csv: rows” passed" in log_of(run)


def test_change_is_measured_against_what_readers_see(alice: User) -> None:
    variant = publish(alice, ROWS, METRIC)
    ended(variant)

    held = again(variant, minutes=30)
    fine = again(variant, minutes=5)

    assert held.state == Run.State.QUARANTINED
    rows, metric = held.check_results.order_by("pk")
    assert (rows.observed, rows.expected) == ("40 rows", "within 50 % of 10 before")
    assert (metric.observed, metric.expected, metric.state) == (
        "130",
        "within 10 % of 100 before",
        "warned",
    )
    assert fine.state == Run.State.SUCCEEDED
    assert variant.current == fine.edition


def test_failed_rule_quarantines_with_counts_and_rows(alice: User) -> None:
    run = ended(publish(alice, OUTPUT | {"min": 1, "masked": ["id"]}))

    result = run.check_results.get()
    assert run.state == Run.State.QUARANTINED
    assert (result.failing, result.total, result.observed, result.expected) == (
        4,
        10,
        "0",
        "at least 1",
    )
    assert result.sample[0] == {"amount": "0", "id": "•••"}


def test_file_that_was_not_written_has_not_passed(alice: User) -> None:
    run = ended(publish(alice, OUTPUT | {"file": "returns.csv"}))

    assert run.state == Run.State.QUARANTINED
    assert run.check_results.get().message == "There is no returns.csv."


def test_metric_that_was_not_reported_has_not_passed(alice: User) -> None:
    run = ended(publish(alice, METRIC | {"metric": "returns"}))

    assert run.state == Run.State.SUCCEEDED
    assert run.check_results.get().message == "The run did not report the metric returns."
    assert run.edition.facts["checks"] == {"total": 1, "passed": 0, "warned": 1}


def test_link_out_of_the_folders_is_not_read(alice: User) -> None:
    source = WRITING + "\npathlib.Path('secrets.csv').symlink_to('/etc/passwd')"

    run = ended(publish(alice, INPUT | {"file": "secrets.csv"}, source=source))

    result = run.check_results.get()
    assert (result.passed, result.sample) == (False, [])
    assert result.message == "secrets.csv is not in the run's folders."
