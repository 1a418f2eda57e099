"""What a claim costs while ten thousand runs wait, and how much of that a reached limit adds.

    python -m benchmarks.queue_claims [--runs 10000] [--claims 20]

The first half waits for a resource whose limit is reached, so that every claim passes over it. The last line is JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.installation import settle


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--claims", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="claims-") as name:
        settle(Path(name))
        _queue(options.runs)
        plain = _measure(_claim, options.claims)
        _reach_a_limit(options.runs // 2)
        figures = {"claim": plain, "claim_behind_a_limit": _measure(_claim, options.claims)}
        figures |= {"end": _measure(_freed, options.claims), "page": _measure(_page, 10)}
    for what, seconds in figures.items():
        print(f"{what}: median {1000 * statistics.median(seconds):.1f} ms")
    print(
        json.dumps(
            {"runs": options.runs}
            | {
                f"{what}_ms": round(1000 * statistics.median(each), 2)
                for what, each in figures.items()
            }
        )
    )


def _queue(count: int) -> None:
    """So many runs of as many variants."""
    from django.utils import timezone

    from portal.accounts.models import Role, User
    from portal.publishing.models import Variant
    from portal.runs.models import Run
    from tests.runs.authors import CONSTANT, publish_script

    now = timezone.now() - timedelta(hours=1)
    author = User.objects.create_user("author", role=Role.AUTHOR)
    first = publish_script(CONSTANT, by=author, at=now)
    Variant.objects.bulk_create(
        Variant(publication=first.publication, slug=f"v{n}", title=f"V {n}", version=first.version)
        for n in range(count)
    )
    Run.objects.bulk_create(
        Run(
            version=first.version,
            variant=variant,
            trigger=Run.Trigger.SCHEDULE,
            logical_time=now,
            queued_at=now + timedelta(milliseconds=variant.pk),
        )
        for variant in Variant.objects.exclude(pk=first.pk)
    )


def _reach_a_limit(count: int) -> None:
    from django.utils import timezone

    from portal.accounts.models import User
    from portal.runs import queue
    from portal.runs.models import Limit, Run

    first = list(queue.waiting().values_list("pk", flat=True)[:count])
    for start in range(0, count, 500):
        Run.objects.filter(pk__in=first[start : start + 500]).update(uses=["warehouse"])
    Run.objects.filter(state="running").update(uses=["warehouse"])
    user = User.objects.get()
    Limit.objects.create(
        of="resource", name="warehouse", most=1, set_by=user, set_at=timezone.now()
    )


def _claim() -> Any:
    from django.utils import timezone

    from portal.runs import claims

    return claims.claim_next(worker="w", at=timezone.now())


def _freed() -> Any:
    from django.utils import timezone

    from portal.runs import queue
    from portal.runs.models import Run

    run = Run.objects.select_related("variant__publication__team").filter(state="running")[0]
    return queue.freed_by(run, at=timezone.now())


def _page() -> Any:
    from portal.runs import queue

    return list(queue.waiting()[:30])


def _measure(what: Callable[[], Any], times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        assert what() is not None
        seconds.append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
