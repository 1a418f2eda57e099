"""Fifty runs queued at once on two workers: how many a second, how long each waits, and whether one starves.

    python -m benchmarks.queue_fairness [--runs 50] [--workers 2]

Every run is of another publication and works for 0.1 to 1 second. A run starves when more than twice as many
as there are workers, asked for after it, start before it. The last line is JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.installation import Installation, settle, wait_until

SCRIPT = """
import os, pathlib, time, zlib
time.sleep(0.1 + zlib.crc32(pathlib.Path("name.txt").read_bytes()) % 90 / 100)
pathlib.Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text("done")
"""


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="queue-") as name:
        installation = Installation(Path(name), settle(Path(name)))
        try:
            figures = _figures(*_work_off(installation, options.runs, options.workers))
        finally:
            installation.stop()
    print(json.dumps(figures | {"workers": options.workers}))


def _work_off(installation: Installation, count: int, workers: int) -> tuple[list[Any], int]:
    """The finished runs in the order in which they were asked for."""
    from portal.runs.models import ACTIVE, Run

    _queue(count)
    installation.start_redis()
    for _ in range(workers):
        installation.start_worker()
    installation.start_ticker()
    started = time.monotonic()
    wait_until(lambda: not Run.objects.filter(state__in=ACTIVE).exists(), seconds=60 + 5 * count)
    print(f"{count} runs were worked off after {time.monotonic() - started:.1f} s")
    return list(Run.objects.order_by("pk")), workers


def _queue(count: int) -> None:
    from django.utils import timezone

    from portal.accounts.models import Role, User
    from tests.runs.authors import publish_script

    author = User.objects.create_user("author", role=Role.AUTHOR)
    at = timezone.now() - timedelta(hours=1)
    for number in range(count):
        files = {"name.txt": f"{number}"}
        publish_script(SCRIPT, by=author, at=at, slug=f"queued-{number}", create=True, files=files)


def _figures(runs: list[Any], workers: int) -> dict[str, Any]:
    starts: list[datetime] = [run.started_at for run in runs]
    first, last = min(starts), max(run.finished_at for run in runs)
    waits = [(start - first).total_seconds() for start in starts]
    seconds = (last - first).total_seconds()
    overtaken = [sum(later < start for later in starts[n + 1 :]) for n, start in enumerate(starts)]
    print(f"{len(runs) / seconds:.2f} runs a second; the longest wait {max(waits):.1f} s")
    print(f"overtaken by runs asked for later: at most {max(overtaken)}")
    return {
        "runs": len(runs),
        "succeeded": sum(run.state == "succeeded" for run in runs),
        "runs_per_second": round(len(runs) / seconds, 2),
        "wait_p50_s": round(statistics.median(waits), 1),
        "wait_max_s": round(max(waits), 1),
        "most_overtaken": max(overtaken),
        "starved": sum(each > 2 * workers for each in overtaken),
    }


if __name__ == "__main__":
    main()
