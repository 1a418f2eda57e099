"""Many scheduled refreshes while workers, tickers and Redis are killed: is every slot kept, exactly once?

    python -m benchmarks.refresh_soak --slots 1000 [--database postgres://...] [--workers 3] [--calm]

Schedules with start times in the past and "run every missed one" make the slots; a poller reads every
stable link about 20 times a second, and sometimes the page. At the end everything is counted. The last
line is JSON: {"slots", "lost", "doubled", "half", ...}; exit code 1 when one of the three is not zero.
`recovery_p95_s`: from an outage of Redis (`--hurt flush` for nothing else) until a run starts again.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.installation import Installation, settle

PUBLICATIONS = 20
AHEAD = 120  # runs queued at most, so that slots are made during the whole soak
HURT_SECONDS = (1.0, 4.0)
WEIGHTS = {"worker": 10, "ticker": 3, "redis": 1, "flush": 1}
SCRIPT = """
import os, pathlib, time, zlib
when = os.environ["BROADSHEET_LOGICAL_TIME"]
time.sleep(zlib.crc32(when.encode()) % 40 / 100)
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
output.joinpath("index.html").write_text(f"<h1>{when}</h1><img src=picture.svg>")
output.joinpath("picture.svg").write_text(f"<svg xmlns='http://www.w3.org/2000/svg'><text>{when}</text></svg>")
"""


def main() -> None:
    """Run the soak as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--tickers", type=int, default=2)
    parser.add_argument("--database", default="", help="postgres://...; SQLite unless given")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument(
        "--hurt",
        default="worker,ticker,redis,flush",
        help="what is killed or emptied at random; for example only flush",
    )
    parser.add_argument("--calm", action="store_true", help="kill nothing: the control")
    parser.add_argument("--limit-seconds", type=int, default=1800)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        url = settle(Path(folder), database=options.database)
        figures = Soak(Path(folder), url, options).run()
    print(json.dumps(figures))
    sys.exit(1 if figures["lost"] or figures["doubled"] or figures["half"] else 0)


@dataclass
class Soak:
    """One soak on an installation of its own."""

    folder: Path
    redis_url: str
    options: argparse.Namespace
    outages: list[datetime] = field(default_factory=list)  # of the broker

    def run(self) -> dict[str, Any]:
        from benchmarks import soak_shelf

        self.chance = random.Random(self.options.seed)
        self.installation = Installation(self.folder, self.redis_url)
        self.installation.start_redis()
        self.shelf = soak_shelf.Shelf(PUBLICATIONS, SCRIPT)
        poller = Poller(self.shelf)
        started = time.monotonic()
        try:
            self._start()
            poller.start()
            self._until_all_done(started)
            seconds = time.monotonic() - started
        finally:
            poller.stop()
            self.installation.stop()
        return self._figures(seconds, poller)

    def _start(self) -> None:
        for _ in range(self.options.workers):
            self.installation.start_worker()
        for _ in range(self.options.tickers):
            self.installation.start_ticker()

    def _until_all_done(self, started: float) -> None:
        per_publication = -(-self.options.slots // PUBLICATIONS)
        hurt_at, told = started + 5, 0
        while True:
            self.shelf.schedule_more(per_publication, ahead=AHEAD)
            self.installation.replace_dead()
            if not self.options.calm and time.monotonic() > hurt_at:
                self._hurt()
                hurt_at = time.monotonic() + self.chance.uniform(*HURT_SECONDS)
            finished = self.shelf.finished()
            if finished // 100 > told:
                told = finished // 100
                print(f"{time.monotonic() - started:6.0f} s  {finished} runs finished", flush=True)
            if self.shelf.is_done():
                return
            if time.monotonic() - started > self.options.limit_seconds:
                print("the limit was reached before all runs had ended", flush=True)
                return
            time.sleep(0.3)

    def _hurt(self) -> None:
        from django.utils import timezone

        weights = {kind: WEIGHTS[kind] for kind in self.options.hurt.split(",")}
        match self.chance.choices(list(weights), list(weights.values()))[0]:
            case "worker":
                self.installation.kill_a_worker(self.chance)
            case "ticker":
                self.installation.kill_a_ticker(self.chance)
            case "redis":
                self.outages.append(timezone.now())
                self.installation.kill_redis()
                time.sleep(self.chance.uniform(0, 2))
                self.installation.start_redis()
            case "flush":
                self.outages.append(timezone.now())
                self.installation.flush_redis()

    def _figures(self, seconds: float, poller: "Poller") -> dict[str, Any]:
        verdict = self.shelf.verify()
        for problem in verdict.problems[:20]:
            print(problem)
        return verdict.figures | {
            "kills": self.installation.kills,
            "broker_outages": len(self.outages),
            "recovery_p95_s": self.shelf.recovery_p95(self.outages),
            "polls": poller.polls,
            "went_back": poller.went_back,
            "broken_polls": poller.broken,
            "pages": dict(poller.pages),
            "page_p99_ms": poller.page_p99(),
            "seconds": round(seconds, 1),
        }


@dataclass
class Poller:
    """A reader: follows every stable link in turn and looks whether all of the edition is there."""

    shelf: Any
    polls: int = 0
    broken: int = 0
    went_back: int = 0
    pages: Counter[int] = field(default_factory=Counter)
    page_seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._seen: dict[str, int] = {}
        self._thread = threading.Thread(target=self._poll, name="poller")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def page_p99(self) -> float:
        if len(self.page_seconds) < 2:
            return 0.0
        return round(statistics.quantiles(self.page_seconds, n=100)[98] * 1000, 1)

    def _poll(self) -> None:
        from django.db import connection

        client = self.shelf.reader()
        while not self._ended.wait(0.05):
            slug = self.shelf.slugs[self.polls % len(self.shelf.slugs)]
            self._follow(slug)
            if self.polls % 10 == 0 and slug in self._seen:
                self._open(client, slug)
        connection.close()

    def _follow(self, slug: str) -> None:
        self.polls += 1
        found = self.shelf.follow(slug)
        if found is None:
            self.broken += slug in self._seen  # it was there, and is gone
            return
        number, is_whole = found
        self.broken += not is_whole
        self.went_back += number < self._seen.get(slug, 0)
        self._seen[slug] = number

    def _open(self, client: Any, slug: str) -> None:
        started = time.monotonic()
        response = client.get(f"/reports/{slug}/")
        self.page_seconds.append(time.monotonic() - started)
        self.pages[response.status_code] += 1


if __name__ == "__main__":
    main()
