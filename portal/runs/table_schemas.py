"""Tables judged by a schema of pandera, which is the author's code: behind the walls, with the run's own packages."""

import json
from dataclasses import replace
from typing import Any

from portal.common.text import one_line
from portal.publishing.declarations import LONGEST_NAME, SCHEMA_RULE
from portal.runs import isolation, programs
from portal.runs.checks import Result
from portal.runs.environments.pins import Interpreter
from portal.runs.listener import limit_sentence
from portal.runs.models import Run
from portal.runs.sandbox import Ending, Limits, MustStop, Outcome
from portal.runs.sandbox import process as sandbox
from portal.runs.tables import LONGEST_TEXT, SAMPLE_COLUMNS, SAMPLE_ROWS, unjudged
from portal.runs.workplace import Workplace

JUDGE_SECONDS = 120
RECORD = "\x1e"
MOST_FAILURES = 50
Check = dict[str, Any]


def judge(
    run: Run, place: Workplace, interpreter: Interpreter, *, must_stop: MustStop
) -> list[Result]:
    """The results of the manifest's checks that name a schema: one for each failure, or one that it passed."""
    declared = run.version.manifest.get("checks", [])
    results: list[Result] = []
    for check in declared:
        if check["rule"] == SCHEMA_RULE:
            results += _judged(check, run, place, interpreter, must_stop)
    return results


def _judged(
    check: Check, run: Run, place: Workplace, interpreter: Interpreter, must_stop: MustStop
) -> list[Result]:
    limits = replace(programs.limits_for(run), wall_seconds=JUDGE_SECONDS)
    said: list[str] = []
    outcome = sandbox.run(
        programs.schema_command(check, run, place, interpreter),
        limits,
        said.append,
        must_stop=must_stop,
        level=isolation.level(),
    )
    if outcome.ending != Ending.EXITED:
        return [unjudged(check, why_stopped(outcome, limits))]
    return results_of(check, "".join(said))


def why_stopped(outcome: Outcome, limits: Limits) -> str:
    """What kept the judge from coming to an end."""
    match outcome.ending:
        case Ending.STOPPED:
            return "Judging it was cancelled."
        case Ending.TOO_SLOW:
            return f"Judging it took longer than {limits.wall_seconds:g} seconds."
        case Ending.NOT_STARTED:
            return f"Judging it could not be started in its isolation: {outcome.trouble}"
    return limit_sentence("Judging it", outcome.ending, limits)


def results_of(check: Check, output: str) -> list[Result]:
    """What the judge's output says, read strictly: the schema may print anything."""
    try:
        verdict = json.loads(output.rpartition(RECORD)[2])
        if "trouble" in verdict:
            return [unjudged(check, str(verdict["trouble"]))]
        total = _count(verdict["total"])
        failures = [_failed(check, failure, total) for failure in verdict["failures"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        last = one_line(output[-LONGEST_TEXT:], length=LONGEST_TEXT)
        return [unjudged(check, f"It could not be judged. {last}")]
    return failures[:MOST_FAILURES] or [_passed(check, total)]


def _passed(check: Check, total: int) -> Result:
    return Result(
        name=check["name"],
        stage=check["stage"],
        severity=check["severity"],
        passed=True,
        expected=check["schema"],
        failing=0,
        total=total,
    )


def _failed(check: Check, failure: Any, total: int) -> Result:
    rule, failing = str(failure["check"]), failure["failing"]
    what = " ".join(filter(None, [str(failure["column"]), rule]))
    return Result(
        name=one_line(f"{check['name']}: {what}", length=LONGEST_NAME),
        stage=check["stage"],
        severity=check["severity"],
        passed=False,
        observed=one_line(str(failure["observed"]), length=LONGEST_TEXT),
        expected=one_line(rule, length=LONGEST_TEXT),
        failing=None if failing is None else min(_count(failing), total),
        total=None if failing is None else total,
        sample=[_row(row) for row in failure["sample"][:SAMPLE_ROWS]],
    )


def _row(row: Any) -> dict[str, str]:
    return {
        one_line(str(name), length=LONGEST_NAME): one_line(str(cell), length=LONGEST_TEXT)
        for name, cell in list(row.items())[:SAMPLE_COLUMNS]
    }


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise ValueError(value)
    return value
