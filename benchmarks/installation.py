"""A whole installation of real processes in a folder of its own, to be hurt: Redis, workers, tickers.

`settle` must be called before Django is imported anywhere else in the process: it names the database
and the folder that this process and all others share.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHORT_TIMES = {
    "BROADSHEET_RUN_LEASE_SECONDS": "4",
    "BROADSHEET_RUN_RING_AGAIN_SECONDS": "3",
    "BROADSHEET_TICK_SECONDS": "1",
    "BROADSHEET_LOG_LEVEL": "WARNING",
}


def settle(folder: Path, *, database: str = "", extra: Mapping[str, str] | None = None) -> str:
    """Set this process up on `folder`, with a database that has every table; returns Redis's address."""
    sys.path.insert(0, str(ROOT))
    from portal.common import redis

    (folder / "var").mkdir(parents=True, exist_ok=True)
    prepared = redis.prepare(folder / "redis")
    os.environ |= SHORT_TIMES | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BROADSHEET_DATA_DIR": str(folder / "var"),
        "REDIS_URL": prepared.url,
        "BROADSHEET_BROKER_URL": prepared.url,
    }
    os.environ |= extra or {}
    if database:
        os.environ["DATABASE_URL"] = database
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    return prepared.url


@dataclass
class Installation:
    """Starts, counts and hurts the processes of one installation."""

    folder: Path
    redis_url: str
    environment: Mapping[str, str] = field(default_factory=dict)  # of workers and tickers
    concurrency: int = 1
    kills: int = 0
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    tickers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    redis: "subprocess.Popen[bytes] | None" = None

    def start_redis(self) -> None:
        from portal.common.redis import find_server, trouble

        command = [str(find_server()), str(self.folder / "redis" / "redis.conf")]
        self.redis = self._start("redis", command)
        wait_until(lambda: not trouble(self.redis_url), seconds=20)

    def start_worker(self, **environment: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "celery", "-A", "portal.celery", "worker"]
        command += ["--concurrency", str(self.concurrency), "--loglevel", "WARNING"]
        command += ["--without-gossip", "--without-mingle", "-n", f"w{time.monotonic_ns()}@%h"]
        environment = {**self.environment, **environment}
        self.workers.append(self._start("worker", command, **environment))
        return self.workers[-1]

    def start_ticker(self, **environment: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(ROOT / "manage.py"), "ticker"]
        environment = {**self.environment, **environment}
        self.tickers.append(self._start("ticker", command, **environment))
        return self.tickers[-1]

    def kill_redis(self) -> None:
        assert self.redis is not None
        self.redis.kill()
        self.redis.wait()

    def flush_redis(self) -> None:
        import redis

        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    def kill_a_worker(self, chance: random.Random) -> None:
        """kill -9 of a whole worker, of its main process alone, or of one child of its pool."""
        worker = chance.choice(self.workers)
        children = pool_of(worker.pid)
        match chance.choice(["group", "main", "child"]):
            case "group":
                kill_group(worker.pid)
            case "main":
                os.kill(worker.pid, signal.SIGKILL)
            case "child" if children:
                os.kill(chance.choice(children), signal.SIGKILL)
        self.kills += 1

    def kill_a_ticker(self, chance: random.Random) -> None:
        kill_group(chance.choice(self.tickers).pid)
        self.kills += 1

    def stop_tickers(self) -> None:
        for ticker in self.tickers:
            ticker.terminate()
        for ticker in self.tickers:
            ticker.wait(timeout=30)
        self.tickers = []

    def replace_dead(self) -> None:
        """Start another process for each that has died."""
        for group, start in ((self.workers, self.start_worker), (self.tickers, self.start_ticker)):
            for process in [process for process in group if process.poll() is not None]:
                group.remove(process)
                start()

    def stop(self) -> None:
        """End everything that we started, what stands still too."""
        ours = [*self.tickers, *self.workers]
        self.tickers, self.workers = [], []
        for process in ours:
            process.terminate()
        for process in ours:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            kill_group(process.pid)
            process.wait()
        if self.redis is not None and self.redis.poll() is None:
            self.redis.terminate()
            self.redis.wait()

    def _start(
        self, name: str, command: list[str], **environment: str
    ) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )


def pool_of(pid: int) -> list[int]:
    """The processes in which a worker executes tasks."""
    from portal.common.processes import children_of

    return sorted(children_of(pid))


def kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def wait_until(true: Callable[[], object], *, seconds: float) -> None:
    """Until the condition holds.

    :raises TimeoutError: when it never did.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.05)
