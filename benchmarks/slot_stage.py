"""One installation whose clock is ours, on which `slot_chaos` plays its scenarios."""

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.clocks import Clock
from benchmarks.installation import Installation, settle, wait_until
from benchmarks.postgres import Cluster

if TYPE_CHECKING:
    from benchmarks.slot_ledger import Account
    from portal.runs.models import Schedule

KINDS: dict[str, dict[str, Any]] = {
    "minutely": {"every_minutes": 1, "misfire": "latest"},
    "five-minutes-skip": {"every_minutes": 5, "misfire": "skip"},
    "ninety-minutes-all": {"every_minutes": 90, "misfire": "all", "overlap": "queue"},
    "deadline": {
        "every_minutes": 40,
        "misfire": "all",
        "overlap": "queue",
        "deadline_minutes": 150,
    },
    "cron-latest": {"cron": "*/10 * * * *", "timezone": "Europe/Berlin"},
    "cron-skip": {"cron": "7,37 * * * *", "timezone": "Asia/Kolkata", "misfire": "skip"},
    "cron-all": {
        "cron": "30 */2 * * *",
        "timezone": "America/New_York",
        "misfire": "all",
        "overlap": "queue",
    },
}
SCRIPT = """
import os, pathlib
pathlib.Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(os.environ["BROADSHEET_LOGICAL_TIME"])
"""
LEASE_SECONDS = 600  # longer than the minutes by which the clock is turned, shorter than the jumps
MINUTE = timedelta(minutes=1)
COLUMNS = (
    "slots",
    "taken",
    "skipped",
    "missed",
    "doubled",
    "early",
    "failed",
    "against_policy",
)


class Chaos:
    """One installation whose clock is ours."""

    def __init__(self, folder: Path, database: str, cluster: Cluster | None, seed: int) -> None:
        lease = {"BROADSHEET_RUN_LEASE_SECONDS": f"{LEASE_SECONDS}"}
        url = settle(folder, database=database, extra=lease)
        self.folder, self.cluster = folder, cluster
        self.clock = Clock(folder)
        self.chance = random.Random(seed)
        self.all = Installation(folder, url, environment=self.clock.environment)

    def play(self, scenarios: "Mapping[str, Callable[[Chaos], None]]") -> "Account":
        """Play each scenario on schedules of its own, and print what became of their slots."""
        from benchmarks.slot_ledger import Account, account_for

        self._start()
        print("".join(f"{title.replace('_', ' '):>16}" for title in ("", *COLUMNS)), flush=True)
        total = Account()
        for name, scenario in scenarios.items():
            made = self._schedule(name)
            scenario(self)
            until = self._settle(made)
            account = account_for(made, until=until)
            row = "".join(f"{getattr(account, column):>16,}" for column in COLUMNS)
            print(f"{name:>16}{row}", *account.problems[:10], sep="\n    ", flush=True)
            total += account
        return total

    def go_on(self, minutes: int) -> None:
        """Let so many minutes pass, each as soon as a ticker has seen the one before."""
        for _ in range(minutes):
            self.clock.turn(MINUTE)
            self.wait_for_tick()

    def wait_for_tick(self, seconds: float = 40) -> None:
        """Until a ticker has done what is due now, or has had the time to."""
        now = self.clock.now()
        with contextlib.suppress(TimeoutError):  # whatever was missed is counted in the end
            wait_until(lambda: _has_ticked(now), seconds=seconds)

    def _start(self) -> None:
        from portal.accounts.models import Role, User
        from tests.runs.authors import publish_script

        self.author = User.objects.create_user("author", role=Role.AUTHOR)
        yesterday = self.clock.now() - timedelta(days=1)
        self.all.start_redis()
        self.variants = {
            kind: publish_script(SCRIPT, by=self.author, at=yesterday, slug=kind, create=True)
            for kind in KINDS
        }
        for _ in range(3):
            self.all.start_worker()
        for _ in range(2):
            self.all.start_ticker()
        self._work_off()

    def _schedule(self, name: str) -> "list[Schedule]":
        from portal.runs import schedules

        at = self.clock.now()
        return [
            schedules.set_schedule(self.variants[kind], name=name, by=self.author, at=at, **wish)
            for kind, wish in KINDS.items()
        ]

    def _settle(self, made: "list[Schedule]") -> datetime:
        """Set the clock right, see that everything due is made, end the schedules and work off the rest."""
        from portal.runs import schedules

        self.all.replace_dead()
        self.clock.turn(max(timedelta(), self.clock.latest - self.clock.now()) + MINUTE)
        until = self.clock.now()
        self.wait_for_tick()
        for schedule in made:
            schedules.end(schedule, by=self.author, at=self.clock.now())
        self._work_off()
        return until

    def _work_off(self) -> None:
        """Until no run waits; when nothing ends for long, the leases of the dead have to lapse."""
        from portal.runs.models import ACTIVE, Run

        active = Run.objects.filter(state__in=ACTIVE)
        left, moved_at, deadline = active.count(), time.monotonic(), time.monotonic() + 300
        while left and time.monotonic() < deadline:
            time.sleep(0.2)
            now_left = active.count()
            if now_left != left:
                left, moved_at = now_left, time.monotonic()
            elif time.monotonic() - moved_at > 8:
                self.clock.turn(timedelta(seconds=LEASE_SECONDS) + MINUTE)
                moved_at = time.monotonic()


def _has_ticked(at: datetime) -> bool:
    from portal.runs.models import Heartbeat, Schedule
    from portal.runs.pulse import TICKER

    late = Schedule.objects.filter(state=Schedule.State.ACTIVE, next_due_at__lte=at)
    return Heartbeat.objects.filter(name=TICKER, at__gte=at).exists() and not late.exists()
