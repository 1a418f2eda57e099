"""Failures with real processes: `python -m tests.chaos.scenarios NAME FOLDER` prints what came of it as JSON.

A process of its own, because it shares its database with the workers and tickers that it starts.
"""

import atexit
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.installation import Installation, kill_group, pool_of, settle, wait_until

LONG = 90
QUICK = """
import os, pathlib
pathlib.Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(os.environ["BROADSHEET_LOGICAL_TIME"])
"""
SLOW = "import time; time.sleep(3)" + QUICK
POISON = "import time; time.sleep(600)"


class Stage:
    """One installation, one author, scripts that are refreshed."""

    def __init__(self, folder: Path, **extra: str) -> None:
        url = settle(folder, extra=extra)
        self.all = Installation(folder, url)
        atexit.register(self.all.stop)
        from portal.accounts.models import Role, User

        self.author = User.objects.create_user("author", role=Role.AUTHOR)

    def publish(
        self, source: str, slug: str = "report", *, files: dict[str, str] | None = None
    ) -> Any:
        from django.utils import timezone

        from tests.runs.authors import publish_script

        yesterday = timezone.now() - timedelta(days=1)  # before every slot
        return publish_script(source, by=self.author, at=yesterday, slug=slug, files=files)

    def schedule(self, variant: Any, slots: int) -> Any:
        """A schedule with so many slots missed, each to be run."""
        from django.utils import timezone

        from portal.runs import schedules

        now = timezone.now()
        return schedules.set_schedule(
            variant,
            every_minutes=10,
            misfire="all",
            starts_at=now - timedelta(minutes=10 * slots, seconds=1),
            by=self.author,
            at=now,
        )

    def backfill(self, variant: Any, *, runs: int, at_once: int) -> Any:
        """Queued runs of one backfill, of which so many may go at once."""
        from django.utils import timezone

        from portal.runs.models import Backfill, Run

        now, schedule = timezone.now(), self.schedule(variant, 0)
        backfill = Backfill.objects.create(
            schedule=schedule, first_at=now, last_at=now, at_once=at_once, by=self.author, at=now
        )
        Run.objects.bulk_create(
            Run(
                version=variant.version,
                variant=variant,
                trigger=Run.Trigger.BACKFILL,
                backfill=backfill,
                logical_time=now - timedelta(hours=hour),
                queued_at=now,
            )
            for hour in range(runs)
        )
        return backfill

    def run(self) -> Any:
        from portal.runs.models import Run

        return Run.objects.order_by("-pk")[0]

    def wait_for(self, *states: str, seconds: float = LONG) -> None:
        wait_until(lambda: self.run().state in states, seconds=seconds)

    def wait_for_all(self, seconds: float = LONG) -> None:
        from portal.runs.models import ACTIVE, Run

        wait_until(lambda: not Run.objects.filter(state__in=ACTIVE).exists(), seconds=seconds)

    def outcome(self, **more: object) -> dict[str, object]:
        from django.db.models import Count

        from portal.publishing.models import Edition, PublishEvent
        from portal.runs.models import Run, Slot

        return {
            "slots": Slot.objects.count(),
            "slots_taken": Slot.objects.filter(state="taken").count(),
            "runs": dict(Run.objects.values_list("state").annotate(Count("pk"))),
            "attempts": max(Run.objects.values_list("attempts", flat=True), default=0),
            "editions": Edition.objects.count(),
            "moves": PublishEvent.objects.count(),
            **more,
        }


def two_tickers(folder: Path) -> dict[str, object]:
    """Three tickers start at once on twenty missed slots each of three schedules."""
    stage = Stage(folder)
    variants = [stage.publish(QUICK, slug) for slug in ("alpha-report", "beta-chart", "gamma-list")]
    for variant in variants:
        stage.schedule(variant, 20)
    for _ in range(3):
        stage.all.start_ticker()
    from portal.runs.models import Slot

    wait_until(lambda: Slot.objects.count() >= 60, seconds=LONG)
    time.sleep(3)
    stage.all.stop()
    return stage.outcome()


def claims_race(folder: Path) -> dict[str, object]:
    """Four processes claim the same twenty runs."""
    stage = Stage(folder)
    for number in range(20):
        stage.publish(QUICK, f"{chr(97 + number) * 9}-thing")
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.scenarios", "_claim_all", str(folder)],
            stdout=subprocess.PIPE,
            env=os.environ,
        )
        for _ in range(4)
    ]
    won = [json.loads(racer.communicate()[0].splitlines()[-1])["won"] for racer in racers]
    return stage.outcome(won=sum(won))


def limits_race(folder: Path) -> dict[str, object]:
    """Four processes take what they can of twenty runs, of which a team, a resource and a backfill let few through."""
    stage = Stage(folder)
    from portal.runs.models import Limit, Run

    runs = [
        stage.publish(QUICK, f"{chr(97 + number) * 9}-thing").runs.get() for number in range(16)
    ]
    Run.objects.filter(pk__in=[run.pk for run in runs[:10]]).update(uses=["warehouse"])
    Run.objects.filter(pk__in=[run.pk for run in runs[10:]]).update(queue="heavy")
    stage.backfill(runs[0].variant, runs=4, at_once=2)
    for of, name, most in (("resource", "warehouse", 3), ("queue", "heavy", 2)):
        Limit.objects.create(
            of=of, name=name, most=most, set_by=stage.author, set_at=runs[0].queued_at
        )
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.scenarios", "_take_all", str(folder)],
            stdout=subprocess.PIPE,
            env=os.environ,
        )
        for _ in range(4)
    ]
    won = [json.loads(racer.communicate()[0].splitlines()[-1])["won"] for racer in racers]
    going = Run.objects.filter(state="running")
    return stage.outcome(
        won=sum(won),
        warehouse=sum("warehouse" in run.uses for run in going),
        heavy=going.filter(queue="heavy").count(),
        backfill=going.exclude(backfill=None).count(),
    )


def _take_all(folder: Path) -> dict[str, object]:
    import django

    django.setup()
    from django.utils import timezone

    from portal.runs import claims

    now = timezone.now() + timedelta(minutes=1)
    won = [claims.claim_next(worker=str(os.getpid()), at=now) for _ in range(20)]
    return {"won": sum(claim is not None for claim in won)}


def _claim_all(folder: Path) -> dict[str, object]:
    import django

    django.setup()
    from django.utils import timezone

    from portal.runs import claims
    from portal.runs.models import Run

    pks = list(Run.objects.order_by("pk").values_list("pk", flat=True))
    won = [claims.claim(pk, worker=str(os.getpid()), at=timezone.now()) for pk in pks]
    return {"won": sum(claim is not None for claim in won)}


def worker_killed(folder: Path) -> dict[str, object]:
    """kill -9 of the whole worker while it executes."""
    stage = Stage(folder)
    stage.all.start_redis()
    stage.publish(SLOW)
    worker = stage.all.start_worker()
    stage.all.start_ticker()
    stage.wait_for("running")
    kill_group(worker.pid)
    worker.wait()
    stage.all.replace_dead()
    stage.wait_for_all()
    stage.all.stop()
    return stage.outcome()


def broker_lost(folder: Path) -> dict[str, object]:
    """Redis is emptied, then killed and started again, while slots are worked off."""
    stage = Stage(folder)
    stage.all.start_redis()
    stage.schedule(stage.publish(QUICK), 12)
    stage.all.start_worker()
    stage.all.start_ticker()
    from portal.publishing.models import Edition

    wait_until(lambda: Edition.objects.count() >= 2, seconds=LONG)
    stage.all.flush_redis()
    wait_until(lambda: Edition.objects.count() >= 6, seconds=LONG)
    stage.all.kill_redis()
    time.sleep(1)
    stage.all.start_redis()
    stage.wait_for_all()
    stage.all.stop()
    return stage.outcome()


def clocks_apart(folder: Path) -> dict[str, object]:
    """Two tickers while this process ticks hours ahead and behind; Redis is emptied while runs wait."""
    stage = Stage(folder)
    stage.all.start_redis()
    from django.utils import timezone

    from benchmarks.slot_ledger import account_for
    from portal.runs import schedules
    from portal.runs.models import Run
    from portal.runs.ticker import tick

    now = timezone.now()
    wishes: dict[str, dict[str, Any]] = {
        "alpha-report": {"every_minutes": 1},
        "beta-chart": {"every_minutes": 60, "misfire": "all", "overlap": "queue"},
        "gamma-list": {"cron": "*/5 * * * *", "misfire": "skip"},
    }
    made = [
        schedules.set_schedule(stage.publish(QUICK, slug), by=stage.author, at=now, **wish)
        for slug, wish in wishes.items()
    ]
    for _ in range(2):
        stage.all.start_ticker()
    for hours in (0.5, -2, 2, 0, 1, 3, -2):
        tick(now + timedelta(hours=hours))
    stage.all.flush_redis()
    stage.all.start_worker()
    stage.wait_for_all()
    stage.all.stop()
    account = account_for(made, until=now + timedelta(hours=3))
    unshown = Run.objects.exclude(remark="").count()
    return stage.outcome(account=asdict(account), unshown=unshown)


def paused_worker(folder: Path) -> dict[str, object]:
    """A worker stands still past its lease, another one takes over, then the first one goes on."""
    stage = Stage(folder, BROADSHEET_RUN_LEASE_SECONDS="2")
    stage.all.start_redis()
    stage.publish(SLOW)
    first = stage.all.start_worker()
    stage.all.start_ticker()
    wait_until(lambda: len(stage.run().steps) >= 3, seconds=LONG)  # it executes
    frozen = [first.pid, *pool_of(first.pid)]
    _freeze(frozen, folder / "var" / "db.sqlite3")
    stage.all.start_worker()
    stage.wait_for_all()
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    time.sleep(5)
    stage.all.stop()
    return stage.outcome()


def poison(folder: Path) -> dict[str, object]:
    """Code whose worker is killed every time, as when memory runs out, beside code that is well."""
    stage = Stage(folder, BROADSHEET_RUN_LEASE_SECONDS="2")
    stage.all.start_redis()
    run = stage.publish(POISON, "poisonous").runs.get()
    stage.schedule(stage.publish(QUICK, "well-behaved"), 20)
    stage.all.start_worker()
    stage.all.start_worker()
    stage.all.start_ticker()
    wait_until(lambda: _kill_its_worker(run), seconds=LONG)
    stage.wait_for_all()
    stage.all.stop()
    run.refresh_from_db()
    return stage.outcome(poison=run.state, error=run.error)


def _kill_its_worker(run: Any) -> bool:
    """Kill the process that works on the run, if one does; whether the run has ended."""
    run.refresh_from_db()
    if run.state == "running":
        with contextlib.suppress(ProcessLookupError):  # killed before; its lease has not lapsed yet
            os.kill(int(run.worker.rpartition(":")[2]), signal.SIGKILL)
    return bool(run.is_finished)


def broker_down(folder: Path) -> dict[str, object]:
    """No broker at all: publish, ask for a run, open pages; then it comes."""
    stage = Stage(folder)
    started = time.monotonic()
    variant = stage.publish(QUICK)
    seconds = time.monotonic() - started
    from django.conf import settings
    from django.test import Client

    client = Client(headers={"host": settings.PORTAL_ORIGIN.partition("//")[2]})
    client.force_login(stage.author)
    answers = [
        client.post("/reports/report/run/").status_code,
        client.get("/reports/report/").status_code,
        client.get("/health/live").status_code,
    ]
    ready = client.get("/health/ready")
    stage.all.start_redis()
    stage.all.start_worker()
    stage.all.start_ticker()
    stage.wait_for_all()
    stage.all.stop()
    return stage.outcome(
        answers=answers,
        ready=ready.json()["status"],
        ready_code=ready.status_code,
        seconds=seconds,
        slug=str(variant),
    )


def graceful_stop(folder: Path) -> dict[str, object]:
    """SIGTERM to the worker again and again while slots are worked off."""
    stage = Stage(folder)
    stage.all.start_redis()
    stage.schedule(stage.publish(QUICK), 7)
    stage.all.start_ticker()
    stops = 0
    from portal.runs.models import ACTIVE, Run

    active, running = (Run.objects.filter(state__in=states) for states in (ACTIVE, ["running"]))
    while active.exists() or not stops:
        worker = stage.all.start_worker()
        wait_until(lambda: running.exists() or not active.exists(), seconds=LONG)
        time.sleep(1)
        worker.terminate()
        worker.wait(timeout=LONG)
        stage.all.workers.remove(worker)
        stops += 1
    stage.all.stop()
    return stage.outcome(stops=stops, died=_again())


def handed_back(folder: Path) -> dict[str, object]:
    """A worker that has to stop at once gives back what it executes, and no attempt is lost."""
    stage = Stage(folder, BROADSHEET_RUN_LEASE_SECONDS="600")
    stage.all.start_redis()
    stage.publish("import time; time.sleep(20)" + QUICK)
    worker = stage.all.start_worker()
    stage.wait_for("running")
    os.kill(pool_of(worker.pid)[0], signal.SIGTERM)
    stage.wait_for("queued", seconds=15)
    run = stage.run()
    left = len(list((folder / "var/tmp").glob("run-*")))
    stage.all.stop()
    return stage.outcome(state=run.state, left=left)


def tasks_twice(folder: Path) -> dict[str, object]:
    """Every task is rung five times for everything, at once, on two workers."""
    stage = Stage(folder)
    stage.all.start_redis()
    for name in ("alpha-report", "beta-chart", "gamma-list"):
        stage.publish(QUICK, name)
    from portal.celery import app
    from portal.common.tasks import send
    from portal.runs.models import Run

    app.loader.import_default_modules()
    names = sorted(name for name in app.tasks if name.startswith("portal."))
    for _ in range(5):
        for name in names:
            for run in Run.objects.all():
                send(name, **({"run_id": run.pk} if name.endswith("execute_run") else {}))
    stage.all.start_worker()
    stage.all.start_worker()
    stage.wait_for_all()
    time.sleep(2)
    stage.all.stop()
    return stage.outcome(tasks=names)


def disk_full(folder: Path) -> dict[str, object]:
    """The store has 5 MB; a refresh wants to keep 8 MB; afterwards a small one works again."""
    store = folder / "var" / "blobs"
    store.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(store)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        return {"skipped": mounted.stderr.decode().strip()}
    atexit.register(subprocess.run, ["umount", str(store)], check=False)
    return _fill(Stage(folder), store)


def _fill(stage: Stage, store: Path) -> dict[str, object]:
    from portal.common.storage import is_whole
    from portal.publishing.models import Blob, Variant
    from portal.runs import director

    variant = stage.publish(QUICK)
    director.direct(stage.run().pk, worker="w")
    shown = Variant.objects.get().current_id
    big = (
        QUICK
        + 'pathlib.Path(os.environ["BROADSHEET_OUTPUT"], "big.txt").write_bytes(os.urandom(8_000_000))'
    )
    stage.publish(big)
    director.direct(stage.run().pk, worker="w")
    full = stage.run()
    files = [path for path in store.rglob("*") if path.is_file()]
    return stage.outcome(
        state=full.state,
        fault=full.fault,
        error=full.error,
        kept=Variant.objects.get(pk=variant.pk).current_id == shown,
        whole=all(is_whole(blob.digest) for blob in Blob.objects.all()),
        strays=[path.name for path in files if path.suffix == ".tmp"],
        truncated=[path.name for path in files if not is_whole(path.name)],
    )


def _freeze(pids: list[int], database: Path) -> None:
    """Stop the processes at a moment when they hold no lock of SQLite, which would stop everybody."""
    while True:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(database, timeout=1)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
                time.sleep(0.1)
            else:
                return


def _again() -> int:
    from portal.runs.models import Run

    return Run.objects.filter(attempts__gt=1).count()


SCENARIOS: dict[str, Callable[[Path], dict[str, object]]] = {
    scenario.__name__: scenario
    for scenario in (
        two_tickers,
        claims_race,
        _claim_all,
        limits_race,
        _take_all,
        worker_killed,
        broker_lost,
        clocks_apart,
        paused_worker,
        poison,
        broker_down,
        graceful_stop,
        handed_back,
        tasks_twice,
        disk_full,
    )
}

if __name__ == "__main__":
    print(json.dumps(SCENARIOS[sys.argv[1]](Path(sys.argv[2]))))
