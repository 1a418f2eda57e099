"""Ten thousand schedules: what one tick costs, and how late 500 runs start that are due at the same minute.

    python -m benchmarks.schedules [--schedules 10000] [--slots 500] [--workers 1] [--database postgres]

A tick is timed when nothing is due, when as many as `--slots` are, and when all are, beside the plain loop that
takes one transaction for each schedule (unless all are due: it takes minutes). Then a real worker and a real
ticker work off slots that are due at one moment, with the smallest script there is. The last line is JSON;
`steps_ms` says where a run's time goes.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.installation import Installation, settle, wait_until
from benchmarks.postgres import Cluster

if TYPE_CHECKING:
    from portal.publishing.models import Variant

SCRIPT = """
import os, pathlib
pathlib.Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(os.environ["BROADSHEET_LOGICAL_TIME"])
"""
DAY = timedelta(days=1)
MORNING = datetime(2026, 1, 12, 6, 0, tzinfo=UTC)  # 07:00 in Berlin
OURS_ALONE = {"BROADSHEET_RUN_LEASE_SECONDS": "60", "BROADSHEET_RUN_RING_AGAIN_SECONDS": "30"}


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=500)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--database", default="", help="postgres, or an address; else SQLite")
    parser.add_argument("--no-loop", action="store_true", help="leave out the loop to compare with")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="schedules-") as name, contextlib.ExitStack() as stack:
        folder, database = Path(name), options.database
        folder.chmod(0o711)
        if database == "postgres":
            cluster = Cluster(folder / "postgres")
            stack.callback(cluster.stop)
            database = cluster.url
        installation = Installation(folder, settle(folder, database=database, extra=OURS_ALONE))
        stack.callback(installation.stop)
        installation.start_redis()
        variants = _make(options.schedules)
        figures = _ticks(options.schedules, options.slots, compare=not options.no_loop)
        figures |= _starts(installation, variants[: options.slots], options.workers)
    print(json.dumps(figures))


def _make(count: int) -> "list[Variant]":
    """So many variants of one script, each with an active schedule: four of five by cron."""
    from portal.accounts.models import Role, User
    from portal.publishing.models import Variant
    from portal.runs import schedules
    from portal.runs.models import Schedule
    from tests.runs.authors import publish_script

    author = User.objects.create_user("author", role=Role.AUTHOR)
    first = publish_script(SCRIPT, by=author, at=MORNING - 9 * DAY, slug="measured", create=True)
    made = Variant.objects.bulk_create(
        Variant(
            publication=first.publication,
            version=first.version,
            slug=f"v{number}",
            title=f"Number {number}",
        )
        for number in range(count)
    )
    rules: list[dict[str, Any]] = [{"cron": "0 7 * * *", "timezone": "Europe/Berlin"}] * 4
    rules.append({"every_minutes": 24 * 60})
    Schedule.objects.bulk_create(
        schedules.plan(
            variant, by=author, at=MORNING - 2 * DAY, **rules[number % 5], suspend_after_failures=0
        )
        for number, variant in enumerate(made)
    )
    return made


def _ticks(schedules: int, slots: int, *, compare: bool) -> dict[str, Any]:
    from portal.runs.ticker import tick

    ways: list[tuple[str, Callable[[datetime], object]]] = [("tick", tick)]
    if compare:
        ways.append(("loop", _loop))
    figures: dict[str, Any] = {"schedules": schedules, "due": slots}
    day = 0
    print(f"{'':24}{'seconds':>10}{'queries':>10}")
    for way, call in ways:
        amounts = [(0, "_none"), (slots, ""), (schedules, "_all")]
        for due, suffix in amounts if way == "tick" else amounts[:2]:
            day += 1
            seconds, queries = _measure(call, MORNING + day * DAY, due)
            print(f"{f'{way}, {due:,} due':24}{seconds:10.3f}{queries:10,}", flush=True)
            figures |= {f"{way}{suffix}_s": seconds, f"{way}{suffix}_queries": queries}
    return figures


def _measure(call: Callable[[datetime], object], moment: datetime, due: int) -> tuple[float, int]:
    """Seconds and queries of one call at a moment when so many schedules are due."""
    from django.db import connection, reset_queries
    from django.test.utils import CaptureQueriesContext

    from portal.runs.models import Schedule, Slot

    _clear(moment)
    pks = list(Schedule.objects.order_by("pk").values_list("pk", flat=True))[:due]
    Schedule.objects.update(next_due_at=moment + DAY)
    for start in range(0, due, 500):
        Schedule.objects.filter(pk__in=pks[start : start + 500]).update(next_due_at=moment)
    connection.queries_log = type(connection.queries_log)(maxlen=1_000_000)
    reset_queries()
    with CaptureQueriesContext(connection) as captured:
        started = time.perf_counter()
        call(moment + timedelta(seconds=1))
        seconds = time.perf_counter() - started
        queries = len(captured)
    made = Slot.objects.filter(due_at=moment).count()
    assert made == due, f"{made} slots for {due} due"
    return round(seconds, 3), queries


def _clear(at: datetime) -> None:
    """Nothing waits any more."""
    from portal.runs.models import ACTIVE, Run

    Run.objects.filter(state__in=ACTIVE).update(state=Run.State.UNCHANGED, finished_at=at)


def _loop(at: datetime) -> None:
    """What a tick costs when each schedule is served by a transaction of its own."""
    from django.db import transaction

    from portal.runs import rules
    from portal.runs.actions import request_run
    from portal.runs.models import ACTIVE, Run, Schedule, Slot

    due = Schedule.objects.filter(state=Schedule.State.ACTIVE, next_due_at__lte=at)
    for pk in list(due.order_by("next_due_at", "pk").values_list("pk", flat=True)):
        with transaction.atomic():
            one = due.select_related("variant__version", "variant__publication").get(pk=pk)
            time = one.next_due_at
            assert time is not None
            assert one.variant.version is not None
            following = next(rules.due_times(one, after=time))
            due.filter(pk=pk, next_due_at=time).update(next_due_at=following)
            Run.objects.filter(variant=one.variant_id, state__in=ACTIVE).first()
            run = request_run(
                one.variant.version,
                variant=one.variant,
                trigger=Run.Trigger.SCHEDULE,
                by=None,
                at=at,
                logical_time=time,
            )
            Slot.objects.create(schedule=one, due_at=time, state="taken", run=run, created_at=at)


def _starts(installation: Installation, variants: "list[Variant]", workers: int) -> dict[str, Any]:
    """How long after its due time each of the slots began to run, and what a run consists of."""
    from django.utils import timezone

    from portal.runs.models import ACTIVE, Run, Schedule, Slot

    Schedule.objects.update(next_due_at=timezone.now() + DAY)
    _warm_up(installation, variants[0], workers)
    due_at = timezone.now()
    chosen = [variant.pk for variant in variants]
    Schedule.objects.filter(variant__in=chosen).update(next_due_at=due_at)
    ours = Run.objects.filter(slot__in=Slot.objects.filter(due_at=due_at))
    with contextlib.suppress(TimeoutError):
        wait_until(
            lambda: ours.count() == len(chosen) and not ours.filter(state__in=ACTIVE).exists(),
            seconds=60 + 4 * len(chosen) / workers,
        )
    runs = list(ours.filter(started_at__isnull=False, finished_at__isnull=False))
    delays = sorted((run.started_at - due_at).total_seconds() for run in runs if run.started_at)
    ends = [run.finished_at for run in runs if run.finished_at]
    rate = len(runs) / (max(ends) - due_at).total_seconds()
    made_after = max(slot.created_at for slot in Slot.objects.filter(due_at=due_at)) - due_at
    steps = _steps(runs)
    print(f"{len(runs)} runs, {rate:.2f} a second on {workers} worker: " + _told(steps))
    return {
        "runs": len(runs),
        "succeeded": sum(run.state == Run.State.SUCCEEDED for run in runs),
        "runs_per_second": round(rate, 2),
        "slots_made_after_s": round(made_after.total_seconds(), 2),
        "start_delay_p50_s": round(statistics.median(delays), 1),
        "start_delay_p99_s": round(delays[int(0.99 * (len(delays) - 1))], 1),
        "first_start_s": round(delays[0], 1),
        "steps_ms": steps,
    }


def _warm_up(installation: Installation, variant: "Variant", workers: int) -> None:
    """Start the processes, and see a run through, so that none of this counts."""
    from django.utils import timezone

    from portal.runs.actions import run_now
    from portal.runs.models import Run

    _clear(timezone.now())
    installation.flush_redis()
    for _ in range(workers):
        installation.start_worker()
    installation.start_ticker()
    first = run_now(variant, by=variant.publication.owner, at=timezone.now())
    wait_until(lambda: Run.objects.get(pk=first.pk).is_finished, seconds=120)


def _steps(runs: list[Any]) -> dict[str, int]:
    """The mean milliseconds of each step, and of all that is no step."""
    spent: dict[str, float] = defaultdict(float)
    for run in runs:
        for step in run.steps:
            spent[step["name"]] += step["seconds"] or 0.0
        spent["whole"] += (run.finished_at - run.started_at).total_seconds()
    return {name: round(1000 * seconds / len(runs)) for name, seconds in spent.items()}


def _told(steps: dict[str, int]) -> str:
    return ", ".join(f"{name} {milliseconds} ms" for name, milliseconds in steps.items())


if __name__ == "__main__":
    main()
