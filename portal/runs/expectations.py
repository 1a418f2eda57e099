"""What a manifest declares about data, held against the files and metrics of a run that has ended."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from portal.common import children
from portal.common.refusals import Refused
from portal.publishing.declarations import SCHEMA_RULE
from portal.publishing.models import Edition
from portal.runs.checks import Result
from portal.runs.models import CheckResult, Run
from portal.runs.tables import amount, unjudged
from portal.runs.workplace import Workplace

JUDGE_SECONDS = 120
Check = dict[str, Any]


def judge(
    run: Run,
    place: Workplace,
    metrics: dict[str, float],
    *,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Result]:
    """The results of `[[checks]]`: those of files first, file by file, then those of metrics.

    `meanwhile` is called several times a second while files are read; it raises what ends that.
    """
    declared: list[Check] = run.version.manifest.get("checks", [])
    results: list[Result] = []
    for path, checks in _by_file(declared, place).items():
        results += _judge_file(path, checks, run, place, meanwhile)
    current = run.variant.current
    shown = current.metrics if current else {}
    of_metrics = [check for check in declared if check["stage"] == "metrics"]
    return results + [_judge_metric(check, metrics, shown) for check in of_metrics]


def _by_file(declared: list[Check], place: Workplace) -> dict[Path, list[Check]]:
    roots = place.stages
    found: dict[Path, list[Check]] = defaultdict(list)
    for check in declared:
        if check["stage"] in roots and check["rule"] != SCHEMA_RULE:
            found[roots[check["stage"]] / check["file"]].append(check)
    return found


def _judge_file(
    path: Path,
    checks: list[Check],
    run: Run,
    place: Workplace,
    meanwhile: Callable[[], object],
) -> list[Result]:
    name = checks[0]["file"]
    if not any(path.resolve().is_relative_to(root.resolve()) for root in place.stages.values()):
        return [unjudged(check, f"{name} is not in the run's folders.") for check in checks]
    try:
        results = children.call(
            "portal.runs.tables:judge",
            wall_seconds=JUDGE_SECONDS,
            meanwhile=meanwhile,
            path=str(path),
            checks=checks,
            moment=run.logical_time.isoformat(),
            before=_rows_before(run.variant.current, checks),
        )
    except Refused as refused:
        return [unjudged(check, f"{name}: {refused.message}") for check in checks]
    return [Result(**result) for result in results]


def _rows_before(current: Edition | None, checks: list[Check]) -> dict[str, int]:
    """How many rows there were for the edition that readers see, by the names of the checks that counted."""
    names = [check["name"] for check in checks if "change" in check]
    if current is None or not names:
        return {}
    counted = CheckResult.objects.filter(edition=current, name__in=names, total__isnull=False)
    return {name: total for name, total in counted.values_list("name", "total") if total}


def _judge_metric(check: Check, metrics: dict[str, float], shown: dict[str, float]) -> Result:
    name = check["metric"]
    if name not in metrics:
        return unjudged(check, f"The run did not report the metric {name}.")
    wrong, expected = amount(check, metrics[name], shown.get(name))
    return Result(
        name=check["name"],
        stage="metrics",
        severity=check["severity"],
        passed=not wrong,
        observed=f"{metrics[name]:.10g}",
        expected=expected,
    )
