"""Tables judged by a schema of pandera: what is declared, what is believed, and one run with the real one."""

import json
from typing import Any

import pytest
from django.conf import LazySettings

from portal.accounts.models import User
from portal.publishing.declarations import BadKey, declared
from portal.runs.checks import Result
from portal.runs.models import Run
from portal.runs.sandbox import Ending, Limits, Outcome
from portal.runs.table_schemas import results_of, why_stopped
from tests.runs.authors import publish_script
from tests.runs.conftest import MONDAY
from tests.runs.test_director import ended

CHECK = declared({"file": "orders.csv", "schema": "orders.yaml", "masked": ["email"]})
FAILURE: dict[str, Any] = {
    "column": "amount",
    "check": "greater_than(0)",
    "failing": 2,
    "observed": "-3.0",
    "sample": [{"amount": "-3.0"}],
}


def test_schema_is_declared_for_a_file() -> None:
    assert CHECK == {
        "rule": "pandera",
        "file": "orders.csv",
        "schema": "orders.yaml",
        "masked": ["email"],
        "severity": "block",
        "stage": "output",
        "name": "orders.csv: orders.yaml",
    }


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"file": "orders.csv", "rule": "pandera"}, "schema"),
        ({"file": "orders.csv", "schema": "orders.txt"}, "schema"),
        ({"file": "orders.csv", "schema": "../orders.py"}, "schema"),
        ({"file": "orders.csv", "schema": "a.py", "column": "amount"}, "column"),
        ({"file": "orders.csv", "schema": "a.py", "rule": "range", "min": 0}, "schema"),
        ({"metric": "revenue", "schema": "a.py"}, "rule"),
        ({"schema": "a.py"}, "file"),
    ],
)
def test_schema_that_does_not_go_with_the_rest_is_refused(table: dict[str, Any], key: str) -> None:
    with pytest.raises(BadKey) as refusal:
        declared(table)

    assert refusal.value.key == key


def told(*failures: dict[str, Any], total: object = 3) -> list[Result]:
    verdict = json.dumps({"total": total, "failures": list(failures)})
    return results_of(CHECK, f"what the schema prints\n\x1e{verdict}\n")


def test_table_that_passes_is_one_result() -> None:
    assert told() == [
        Result("orders.csv: orders.yaml", "output", "block", True, "", "orders.yaml", 0, 3)
    ]


def test_every_failure_is_a_result_of_its_own() -> None:
    first, second = told(FAILURE, FAILURE | {"column": "", "failing": None, "sample": []})

    assert first.name == "orders.csv: orders.yaml: amount greater_than(0)"
    assert (first.blocks, first.failing, first.total, first.observed) == (True, 2, 3, "-3.0")
    assert first.sample == [{"amount": "-3.0"}]
    assert (second.failing, second.total) == (None, None)


@pytest.mark.parametrize(
    "output",
    [
        "Traceback",
        "\x1e[]",
        "\x1e{}",
        '\x1e{"total": -1, "failures": []}',
        '\x1e{"total": true, "failures": []}',
        '\x1e{"total": 3, "failures": 7}',
        '\x1e{"total": 3, "failures": [{"check": "x"}]}',
        "\x1e" + json.dumps({"total": 3, "failures": [FAILURE | {"sample": ["x"]}]}),
        "\x1e" + json.dumps({"total": 3, "failures": [FAILURE | {"failing": "many"}]}),
    ],
)
def test_what_cannot_be_believed_has_not_passed(output: str) -> None:
    (result,) = results_of(CHECK, output)

    assert not result.passed
    assert result.message.startswith("It could not be judged.")


def test_more_wrong_rows_than_rows_are_cut(db: None) -> None:
    (result,) = told(FAILURE, total=1)

    assert (result.failing, result.total) == (1, 1)


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (Ending.TOO_SLOW, "Judging it took longer than 120 seconds."),
        (Ending.TOO_LARGE, "Judging it needed more than 64 MB of memory."),
        (Ending.TOO_MANY, "Judging it had more than 9 processes"),
        (Ending.TOO_FULL, "Judging it wrote more than 16 MB."),
        (Ending.NOT_STARTED, "Judging it could not be started in its isolation: no walls"),
        (Ending.STOPPED, "Judging it was cancelled."),
    ],
)
def test_judge_that_did_not_end_by_itself_says_which_limit(ending: Ending, says: str) -> None:
    limits = Limits(wall_seconds=120.0, memory_mb=64, processes=9, disk_mb=16)
    outcome = Outcome(ending, 137, 1.0, 1, output_cut=False, trouble="no walls")

    assert why_stopped(outcome, limits).startswith(says)


SCHEMA = """
schema_type: dataframe
columns:
  amount: {dtype: float64, nullable: false, checks: {greater_than_or_equal_to: 0}}
  email: {dtype: str, checks: {str_contains: "@"}}
coerce: true
"""
CODE = """
import pandera.pandas as pa
small = pa.Check(lambda amounts: amounts < 100, name="small")
schema = pa.DataFrameSchema({"amount": pa.Column(float, small, nullable=True)}, coerce=True)
"""
GREEDY = """
import time
for number in range(4):
    open(f"big{number}", "wb").write(bytes(10 << 20))
time.sleep(10)
"""
WRITES = """
import os, pathlib
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
output.joinpath("orders.csv").write_text("amount,email\\n1,a@example.com\\n-3,bad\\n,c@example.com\\n")
output.joinpath("index.html").write_text("<p>orders")
"""


def judged(
    alice: User, *schemas: str, requirements: str, files: dict[str, str] | None = None
) -> Run:
    checks = [
        declared({"file": "orders.csv", "schema": name, "masked": ["email"]}) for name in schemas
    ]
    files = {"orders.yaml": SCHEMA, "small.py": CODE} | (files or {})
    if requirements:
        files["requirements.txt"] = requirements
    return ended(
        publish_script(WRITES, by=alice, at=MONDAY, manifest={"checks": checks}, files=files)
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_without_pandera_the_author_is_told_what_to_add(alice: User) -> None:
    run = judged(alice, "orders.yaml", requirements="")

    assert run.state == Run.State.QUARANTINED
    assert "Add pandera[io] to its requirements.txt" in run.check_results.get().message


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_judge_has_the_disk_of_its_run(alice: User, settings: LazySettings) -> None:
    settings.RUN_DISK_MB = 16
    run = judged(alice, "orders.yaml", requirements="", files={"pandera.py": GREEDY})

    assert run.state == Run.State.QUARANTINED, run.error
    assert run.check_results.get().message.startswith("Judging it wrote more than 16 MB.")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_schemas_of_pandera_judge_what_a_run_wrote(alice: User) -> None:
    run = judged(alice, "orders.yaml", "small.py", "none.py", requirements="pandera[io]\npandas\n")
    if run.state == Run.State.FAILED and run.fault == Run.Fault.PLATFORM:
        pytest.skip(f"no package index here: {run.error}")

    results = {result.name: result for result in run.check_results.all()}
    assert run.state == Run.State.QUARANTINED, run.error
    negative = results["orders.csv: orders.yaml: amount greater_than_or_equal_to(0)"]
    assert (negative.failing, negative.total) == (1, 3)
    assert negative.sample == [{"amount": "-3.0", "email": "•••"}]
    assert results["orders.csv: orders.yaml: amount not_nullable"].failing == 1
    assert results["orders.csv: orders.yaml: email str_contains('@')"].observed == "•••"
    assert results["orders.csv: small.py"].passed
    assert "There is no none.py" in results["orders.csv: none.py"].message
