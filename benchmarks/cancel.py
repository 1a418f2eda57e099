"""How long a cancel takes: seconds from asking to the state `cancelled`, with real processes.

    python benchmarks/cancel.py [--times 5]

Runs that sleep, that ignore SIGTERM, that write without end, and that leave children behind in sessions
of their own are started by the director as a worker would, and cancelled as the page does it; and one
that waits in the queue. Prints the median and the longest of each, and whether a process was left. Uses
a database and files of its own, which go when it ends. The last line is JSON.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import runs

READY = "print('ready', flush=True)\n"
FORKING = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        time.sleep(600)
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
WAYS = {
    "sleeps": f"{READY}import time; time.sleep(600)",
    "ignores SIGTERM": f"{DEAF}{READY}import time; time.sleep(600)",
    "writes without end": f"{READY}while True: print('y' * 20)",
    "forks away": f"{DEAF}{FORKING}{READY}time.sleep(600)",
}
QUEUED = "waits in the queue"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory(prefix="cancel-", ignore_cleanup_errors=True) as folder:
        runs.set_up(Path(folder))
        took = {way: _measure(source, times) for way, source in WAYS.items()}
        took[QUEUED] = _measure("", times)
    left = sum(len(left) for each in took.values() for _, left in each)
    for way, each in took.items():
        seconds = [second for second, _ in each]
        print(f"{way:>20} {statistics.median(seconds):5.2f} s, at most {max(seconds):5.2f} s")
    print(f"{'processes left':>20} {left}")
    every = [second for way, each in took.items() if way != QUEUED for second, _ in each]
    figures = {"p50_s": round(statistics.median(every), 2), "max_s": round(max(every), 2)}
    print(json.dumps(figures | {"cancels": len(every), "processes_left": left}))


def _measure(source: str, times: int) -> list[tuple[float, set[int]]]:
    return [_cancel(source) for _ in range(times)]


def _cancel(source: str) -> tuple[float, set[int]]:
    """Seconds until it was cancelled, and the processes that it left. Without a source it only waits."""
    from django.utils import timezone

    from portal.common import processes
    from portal.runs import actions
    from portal.runs.models import Run

    run = runs.queue(source or "pass")
    worker = runs.start_worker(run.pk) if source else None
    if worker:
        _until(lambda: run.log_chunks.filter(text__contains="ready").exists())
    began = time.perf_counter()
    actions.cancel_run(run, by=run.requested_by, at=timezone.now())
    _until(lambda: Run.objects.filter(pk=run.pk, state=Run.State.CANCELLED).exists())
    seconds = time.perf_counter() - began
    left = processes.descendants_of([os.getpid()]) - {os.getpid()}
    if worker:
        worker.join()
    return seconds, left


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            sys.exit("It did not happen within a minute.")
        time.sleep(0.02)


main()
