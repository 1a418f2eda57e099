"""The workers as they tell of themselves: a row each, written every few seconds by a thread of its main process."""

import os
import platform
import socket
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Max, QuerySet
from django.utils import timezone

from portal.common import processes
from portal.common.health import Unhealthy
from portal.runs import isolation, tools
from portal.runs.models import Run, Worker
from portal.runs.sandbox.usage import usage_of

BEAT_SECONDS = 5.0
PATIENCE = timedelta(seconds=30)  # not heard of for longer: dead, or as good as that
REMEMBERED = timedelta(days=1)
KERNEL_FOLDERS = ("/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels")


def alive(at: datetime) -> QuerySet[Worker]:
    """The workers that were heard of lately and have not said that they stop."""
    return Worker.objects.filter(stopped_at__isnull=True, seen_at__gte=at - PATIENCE)


def last_seen() -> datetime | None:
    """When any worker was heard of last; None when none is remembered."""
    seen: datetime | None = Worker.objects.aggregate(last=Max("seen_at"))["last"]
    return seen


def serves(worker: Worker, queue: str) -> bool:
    """Whether the worker takes runs of the queue."""
    return not worker.queues or queue in worker.queues


def slots(found: Iterable[Worker]) -> int:
    """How many runs these workers execute at once."""
    return sum(int(worker.facts.get("slots", 1)) for worker in found)


def forget(at: datetime) -> None:
    """Drop the rows of workers that ended more than a day ago."""
    Worker.objects.filter(seen_at__lt=at - REMEMBERED).delete()


def running_on(found: Iterable[Worker], runs: Iterable[Run]) -> dict[str, list[Run]]:
    """What each worker executes, by its name: runs carry the host and process that execute them."""
    owners = {process: worker.name for worker in found for process in _processes(worker)}
    held: dict[str, list[Run]] = {}
    for run in runs:
        held.setdefault(owners.get(run.worker, ""), []).append(run)
    return held


def check_workers() -> str:
    """Some worker is alive; without one nothing is refreshed and no mail is sent."""
    now = timezone.now()
    count = alive(now).count()
    if count:
        return f"{count} alive"
    last = last_seen()
    since = f" since {last:%Y-%m-%d %H:%M:%S} UTC" if last else ", and none was in the last day"
    raise Unhealthy(f"No worker is alive{since}. Start one: celery -A portal.celery worker.")


class Pulse:
    """Writes this worker's row until it is stopped. One that dies is told by the age of its row."""

    def __init__(self, *, slots: int) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.slots = slots
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Say that the worker has stopped."""
        self._ended.set()
        self._thread.join(timeout=BEAT_SECONDS)
        at = timezone.now()
        self._write(lambda: Worker.objects.filter(name=self.name).update(seen_at=at, stopped_at=at))

    def _beat(self) -> None:
        started, facts = timezone.now(), facts_of_machine() | {"slots": self.slots}
        while not self._ended.is_set():
            self._write(lambda: tell(self.name, started, facts, at=timezone.now()))
            self._ended.wait(BEAT_SECONDS)

    def _write(self, write: Any) -> None:
        try:
            write()
        except DatabaseError:
            pass  # the next beat tries again, and the age of the row tells meanwhile
        finally:
            connection.close()  # a child that is forked later must not inherit it


def tell(name: str, started: datetime, facts: dict[str, Any], *, at: datetime) -> None:
    """Write what there is to know of the worker of this process."""
    pids = sorted(processes.children_of(os.getpid()))
    Worker.objects.update_or_create(
        name=name,
        defaults={
            "started_at": started,
            "seen_at": at,
            "stopped_at": None,
            "queues": settings.RUN_QUEUES,
            "memory_mb": usage_of(os.getpid()).resident_mb,
            "facts": facts | {"processes": pids},
        },
    )


def facts_of_machine() -> dict[str, Any]:
    """What a worker of this machine can do, as it was surveyed when it started."""
    walls, found = isolation.last_survey(), tools.last_survey()
    return {
        "isolation": walls.label if walls else "",
        "is_weak": walls.is_weak if walls else True,
        "tools": [
            {
                "label": tool.label,
                "version": tool.version if tool.path else "",
                "reason": tool.reason,
            }
            for tool in (found.findings if found else [])
        ],
        "kernels": sorted(
            {
                path.parent.name
                for folder in KERNEL_FOLDERS
                for path in Path(folder).glob("*/kernel.json")
            }
        ),
        "python": platform.python_version(),
        "cpus": os.cpu_count() or 1,
    }


def _processes(worker: Worker) -> list[str]:
    host = worker.name.rpartition(":")[0]
    children = [f"{host}:{pid}" for pid in worker.facts.get("processes", [])]
    return [worker.name, *children]
