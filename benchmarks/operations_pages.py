"""How long the operations pages take with many schedules and runs: `python benchmarks/operations_pages.py`.

Fills a database of its own, asks for each page as an admin, and prints seconds and queries. The last
line is JSON. `--schedules 10000 --runs 100000` unless told otherwise.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.runs import set_up

if TYPE_CHECKING:
    from portal.accounts.models import User

PAGES = {
    "today": "/operations/",
    "schedules": "/operations/schedules/",
    "schedules_found": "/operations/schedules/?q=report+77&state=failing",
    "runs": "/operations/runs/",
    "runs_failed": "/operations/runs/?state=wrong&q=77",
    "storage": "/operations/storage/",
    "audit": "/operations/audit/",
}
TIMES = 3
BATCH = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=100_000)
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        set_up(Path(name))
        admin = fill(schedules=wish.schedules, runs=wish.runs)
        print(f"{wish.schedules} schedules and {wish.runs} runs are there", flush=True)
        found = {}
        for page, path in PAGES.items():
            found[page] = took = measure(path, admin)
            times = f"{took['first_s']:7.3f} s first, {took['s']:6.3f} s then"
            print(f"{page:16}{times}, processor {took['cpu_s']:.3f} s, {took['queries']} queries")
    print(json.dumps({"schedules": wish.schedules, "runs": wish.runs, "pages": found}))


def measure(path: str, admin: "User") -> dict[str, Any]:
    """The first answer, with nothing kept from before, and the median of some more."""
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": "localhost:8000"})
    client.force_login(admin)
    client.get("/operations/runs/?q=nothing")  # templates
    cache.clear()
    seconds, worked = [], []
    for _ in range(TIMES + 1):
        with CaptureQueriesContext(connection) as asked:
            started, before = time.perf_counter(), time.process_time()
            answer = client.get(path)
            seconds.append(time.perf_counter() - started)
            worked.append(time.process_time() - before)
        assert answer.status_code == 200, (path, answer.status_code)
    warm = sorted(seconds[1:])[TIMES // 2]
    return {
        "first_s": round(seconds[0], 3),
        "s": round(warm, 3),
        "cpu_s": round(sorted(worked[1:])[TIMES // 2], 3),
        "queries": len(asked),
    }


def fill(*, schedules: int, runs: int) -> "User":
    """Publications with one schedule each; the runs of their last days, one in thirty of them failed."""
    from django.utils import timezone

    from portal.accounts.models import Role, Team, User
    from portal.publishing.models import Publication, Tree, Variant, Version
    from portal.runs.models import Schedule

    random.seed(4)
    now = timezone.now()
    admin = User.objects.create_user("ada", role=Role.ADMIN)
    teams = [Team.objects.create(slug=f"team-{n}", name=f"Team {n}") for n in range(20)]
    tree = Tree.objects.create(digest="a" * 64, files=1, size=1000, created_at=now)

    def keep(model: Any, rows: list[Any]) -> list[Any]:
        return list(model.objects.bulk_create(rows, batch_size=BATCH))

    publications = keep(
        Publication,
        [
            Publication(
                kind="report",
                slug=f"report-{n}",
                title=f"Report {n}",
                owner=admin,
                team=teams[n % 20],
                timezone="Europe/Berlin",
                created_at=now,
            )
            for n in range(schedules)
        ],
    )
    code = {"entry": "main.py", "format": "script", "executes": True, "bundle": tree}
    versions = keep(
        Version,
        [
            Version(publication=one, major=1, minor=0, created_by=admin, created_at=now, **code)
            for one in publications
        ],
    )
    variants = keep(
        Variant,
        [Variant(publication=one.publication, version=one) for one in versions],
    )
    planned = keep(Schedule, _schedules(variants, admin, now))
    _fill_history(planned, variants, runs, now)
    return admin


def _schedules(variants: list[Any], admin: "User", now: datetime) -> list[Any]:
    """Most in the mornings of weekdays, at a hundred different times; one in ten by interval."""
    from portal.runs import schedules
    from portal.runs.models import Schedule

    due: dict[tuple[Any, ...], datetime | None] = {}
    rows = []
    for number, variant in enumerate(variants):
        minute, hour = number % 12 * 5, random.choice([6, 7, 7, 8, 8, 8, 8, 9, 12])
        zone = ("Europe/Berlin", "Europe/London", "America/New_York")[number % 3]
        often = {"rule": "interval", "every_minutes": random.choice([15, 60, 240])}
        rule = often if number % 10 == 0 else {"rule": "cron", "cron": f"{minute} {hour} * * 1-5"}
        start = now - timedelta(minutes=number % 60)
        row = Schedule(
            variant=variant,
            timezone=zone,
            starts_at=start,
            state_at=now,
            created_by=admin,
            created_at=now,
            **rule,
        )
        key = (*rule.values(), zone, number % 60)
        if key not in due:
            due[key] = schedules.first_due(row, after=now)
        row.next_due_at = due[key]
        rows.append(row)
    return rows


def _fill_history(planned: list[Any], variants: list[Any], runs: int, now: datetime) -> None:
    from portal.publishing.models import AuditEvent
    from portal.runs.models import Promise, Run, Slot

    each = max(1, runs // len(planned))
    rows, when = [], {}
    for index, (schedule, variant) in enumerate(zip(planned, variants, strict=True)):
        for number in range(each):
            due = now - timedelta(hours=24 * number + random.random() * 20)
            state = "failed" if random.random() < 1 / 30 else "unchanged"
            rows.append(
                Run(
                    version_id=variant.version_id,
                    variant=variant,
                    trigger="schedule",
                    state=state,
                    logical_time=due,
                    queued_at=due,
                    started_at=due,
                    finished_at=due + timedelta(seconds=random.randint(5, 600)),
                    worker=f"calc-{index % 8:02}",
                    error="no data" if state == "failed" else "",
                )
            )
            when[len(rows) - 1] = (schedule, due)
    made = Run.objects.bulk_create(rows, batch_size=BATCH)
    Slot.objects.bulk_create(
        [
            Slot(schedule=when[n][0], due_at=when[n][1], state="taken", run=run, created_at=now)
            for n, run in enumerate(made)
        ],
        batch_size=BATCH,
    )
    Promise.objects.bulk_create(
        [
            Promise(schedule=one, at=now - timedelta(days=day), state="kept")
            for one in planned[::4]
            for day in range(10)
        ],
        batch_size=BATCH,
    )
    AuditEvent.objects.bulk_create(
        [
            AuditEvent(
                at=run.queued_at,
                action="request_run",
                object_type="run",
                object_id=str(run.pk),
                publication_id=variants[n // each].publication_id,
                detail={"trigger": "schedule"},
            )
            for n, run in enumerate(made)
        ],
        batch_size=BATCH,
    )


if __name__ == "__main__":
    main()
