"""A worker that dies at a named point of a run: `python -m tests.chaos.failpoints FOLDER` prints what came of each.

Every death is real: a process of its own executes the run and kills itself with SIGKILL just before or just
after one function. What is left is swept, and the run is executed once more.
"""

import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.installation import wait_until
from tests.chaos.scenarios import QUICK, Stage

SOURCE = "import time; print('working', flush=True); time.sleep(0.3)" + QUICK
BEFORE, AFTER = "before", "after"
# Point: module, name within it, when. In the order in which a run comes past them.
POINTS = {
    "claimed": ("director", "write_tree", BEFORE),
    "bundle fetched": ("director", "write_tree", AFTER),
    "environment resolved": ("environments.locks", "resolve", AFTER),
    "environment claimed": ("environments.builds", "install", BEFORE),
    "environment built, not named": ("environments.builds", "make_read_only", AFTER),
    "environment ready": ("environments.builds", "make_ready", AFTER),
    "code working": ("listener", "Listener.hear", AFTER),
    "code ended": ("director", "error_of", AFTER),
    "output rendered": ("director", "store_files", BEFORE),
    "output stored": ("director", "store_files", AFTER),
    "checked": ("checks", "tally", AFTER),
    "edition made, not committed": ("endings", "add_edition", AFTER),
    "link moved, not committed": ("endings", "publish", AFTER),
    "committed": ("endings", "succeed", AFTER),
}


def main(folder: Path) -> list[dict[str, object]]:
    """Die at every point in turn."""
    stage = Stage(folder)
    from portal.common import processes
    from portal.runs import isolation

    processes.adopt_orphans()  # whatever a death leaves behind becomes ours, and is seen
    isolation.level()  # found out once, not by every process
    return [_survive(stage, number, point) for number, point in enumerate(POINTS)]


def _survive(stage: Stage, number: int, point: str) -> dict[str, object]:
    from django.utils import timezone

    from portal.common import processes
    from portal.publishing.models import Edition, PublishEvent
    from portal.runs import claims, director
    from portal.runs.models import Run

    _forget_environments()
    slug = f"{chr(97 + number) * 9}-thing"  # not like any other
    run = stage.publish(SOURCE, slug, files={"requirements.txt": "# nothing\n"}).runs.get()
    code = _die(run.pk, point)
    wait_until(
        lambda: processes.reap() == {} and not processes.children_of(os.getpid()), seconds=30
    )
    died = Run.objects.get(pk=run.pk)
    editions = Edition.objects.filter(publication=run.variant.publication_id)
    left = editions.count()
    swept = claims.sweep_lapsed(timezone.now() + timedelta(hours=1))
    again = director.direct(run.pk, worker="another")
    ended = Run.objects.get(pk=run.pk)
    return {
        "point": point,
        "code": code,
        "died": died.state,
        "editions_left": left,
        "swept": swept,
        "again": again,
        "ended": ended.state,
        "attempts": ended.attempts,
        "editions": editions.count(),
        "moves": PublishEvent.objects.filter(variant=run.variant_id).count(),
        "half_environments": _half_environments(),
    }


def _die(run_id: int, point: str) -> int:
    """Execute the run in a process that dies at the point; its exit code, -9 for SIGKILL."""
    from django.db import connections

    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            _arm(point)
            from portal.runs import director

            director.direct(run_id, worker=f"doomed:{os.getpid()}")
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _arm(point: str) -> None:
    module_name, name, when = POINTS[point]
    owner: Any = __import__(f"portal.runs.{module_name}", fromlist=["_"])
    *classes, name = name.split(".")
    for one in classes:
        owner = getattr(owner, one)
    setattr(owner, name, _deadly(getattr(owner, name), when))


def _deadly(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def doomed(*args: Any, **kwargs: Any) -> Any:
        if when == AFTER:
            function(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    return doomed


def _forget_environments() -> None:
    """As on a machine that has built none: the next run builds the one without packages again."""
    from portal.runs.environments import builds
    from portal.runs.models import Environment

    for environment in Environment.objects.all():
        builds.remove(builds.folder_of(environment))


def _half_environments() -> int:
    from django.conf import settings

    return len(list(settings.ENVIRONMENTS_DIR.glob(".*")))


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
