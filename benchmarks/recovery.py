"""How long a run waits for another worker after its own was killed: the whole process group, at once.

    python -m benchmarks.recovery [--kills 10] [--lease 4]

Two workers and a ticker. Each time the worker that executes is killed with SIGKILL and replaced. Waiting for the lease to
lapse is most of it: the default lease is 60 s. The last line is JSON.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.installation import Installation, kill_group, pool_of, settle, wait_until

LONG = 120


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--lease", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recovery-") as name:
        url = settle(Path(name), extra={"BROADSHEET_RUN_LEASE_SECONDS": str(options.lease)})
        installation = Installation(Path(name), url)
        try:
            seconds = sorted(_recover(installation, options.kills))
        finally:
            installation.stop()
    figures = {"p50_s": _at(seconds, 0.5), "p95_s": _at(seconds, 0.95), "max_s": seconds[-1]}
    print(json.dumps({"kills": len(seconds), "lease_s": options.lease} | figures))


def _recover(installation: Installation, kills: int) -> list[float]:
    installation.start_redis()
    for _ in range(2):
        installation.start_worker()
    installation.start_ticker()
    return [_once(installation, number) for number in range(kills)]


def _once(installation: Installation, number: int) -> float:
    """Seconds from the kill until another worker executes the run."""
    from portal.runs.models import Run

    run = _publish(number)
    wait_until(lambda: Run.objects.get(pk=run.pk).state == "running", seconds=LONG)
    pid = int(Run.objects.get(pk=run.pk).worker.rpartition(":")[2])
    killed = next(worker for worker in installation.workers if pid in pool_of(worker.pid))
    kill_group(killed.pid)
    at = time.monotonic()
    killed.wait()
    wait_until(lambda: Run.objects.filter(pk=run.pk, state="running", attempts=2), seconds=LONG)
    seconds = round(time.monotonic() - at, 1)
    print(f"kill {number + 1}: executed again after {seconds} s", flush=True)
    Run.objects.filter(pk=run.pk).update(cancel_requested=True)
    wait_until(lambda: Run.objects.get(pk=run.pk).is_finished, seconds=LONG)
    installation.replace_dead()
    return seconds


def _publish(number: int) -> Any:
    from django.utils import timezone

    from portal.accounts.models import Role, User
    from tests.runs.authors import publish_script

    author, _ = User.objects.get_or_create(username="author", defaults={"role": Role.AUTHOR})
    slug = f"{chr(97 + number % 26) * 9}-{number}"  # not like any other
    source = "import time; time.sleep(600)"
    return publish_script(source, by=author, at=timezone.now(), slug=slug).runs.get()


def _at(seconds: list[float], share: float) -> float:
    return seconds[min(int(share * len(seconds)), len(seconds) - 1)]


if __name__ == "__main__":
    main()
