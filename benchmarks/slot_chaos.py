"""Is every due time accounted for exactly once, whatever happens to clocks, Redis, the database and processes?

    python -m benchmarks.slot_chaos [--quick] [--database postgres|postgres://...] [--only plain,flushed]

Two tickers and three workers as real processes follow schedules of several rules and policies. Their clock
is ours (libfaketime): it is turned minute by minute, and by hours while they run. After each scenario every
due time must have one slot, never made early, run once or skipped for a reason that its policy gives. With
`postgres` the server is our own and is restarted hard; with an address its connections are cut.

Prints a table; the last line is JSON with "slots", "missed", "doubled", "early" and the rest over all
scenarios. Exit code 1 when something is wrong.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks.postgres import Cluster
from benchmarks.slot_stage import COLUMNS, MINUTE, Chaos

LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
time.sleep(float(sys.argv[2]))
"""


def main() -> None:
    """Play the scenarios that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the shorter scenarios, in a minute")
    parser.add_argument("--only", default="", help=f"some of {', '.join(SCENARIOS)}")
    parser.add_argument("--database", default="", help="postgres, or an address; else SQLite")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(QUICK if options.quick else SCENARIOS)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # servers and the code of runs may be other users
        database, cluster = options.database, None
        if database == "postgres":
            cluster = Cluster(folder / "postgres")
            stack.callback(cluster.stop)
            database = cluster.url
        chaos = Chaos(folder, database, cluster, options.seed)
        stack.callback(chaos.all.stop)
        total = chaos.play({name: SCENARIOS[name] for name in names})
    figures = {column: getattr(total, column) for column in COLUMNS}
    print(json.dumps(figures | {"seconds": round(time.monotonic() - started, 1)}))
    sys.exit(0 if total.is_clean else 1)


def plain(chaos: Chaos) -> None:
    chaos.go_on(minutes=6)


def jump_forward(chaos: Chaos) -> None:
    chaos.go_on(minutes=2)
    chaos.clock.turn(timedelta(hours=2))
    chaos.go_on(minutes=2)


def jump_back(chaos: Chaos) -> None:
    chaos.go_on(minutes=2)
    chaos.clock.turn(timedelta(hours=-2))
    time.sleep(3)  # ticks that find the past once more
    chaos.go_on(minutes=2)


def _down(chaos: Chaos, hours: int) -> None:
    chaos.go_on(minutes=1)
    chaos.all.stop_tickers()
    chaos.clock.turn(timedelta(hours=hours))
    for _ in range(2):
        chaos.all.start_ticker()
    chaos.wait_for_tick()


def down_1_h(chaos: Chaos) -> None:
    _down(chaos, 1)


def down_3_h(chaos: Chaos) -> None:
    _down(chaos, 3)


def down_26_h(chaos: Chaos) -> None:
    _down(chaos, 26)


def flushed(chaos: Chaos) -> None:
    for _ in range(6):
        chaos.go_on(minutes=1)
        chaos.all.flush_redis()


def redis_killed(chaos: Chaos) -> None:
    for _ in range(2):
        chaos.go_on(minutes=2)
        chaos.all.kill_redis()
        chaos.go_on(minutes=1)
        chaos.all.start_redis()


def database_away(chaos: Chaos) -> None:
    from django.db import connection

    chaos.go_on(minutes=2)
    if chaos.cluster is not None:
        for _ in range(3):
            chaos.cluster.restart()
            connection.close()  # our own is dead as well
            chaos.go_on(minutes=1)
    else:
        _hold_or_cut(chaos)
    chaos.go_on(minutes=2)


def _hold_or_cut(chaos: Chaos) -> None:
    """SQLite: nobody else can write for 15 s. PostgreSQL that is not ours: every connection is cut."""
    from django.db import connection

    if connection.vendor == "sqlite":
        holder = [sys.executable, "-c", LOCK, str(connection.settings_dict["NAME"]), "15"]
        with subprocess.Popen(holder):
            chaos.clock.turn(5 * MINUTE)
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def killed(chaos: Chaos) -> None:
    for _ in range(4):
        chaos.go_on(minutes=1)
        chaos.all.kill_a_ticker(chaos.chance)
        chaos.all.kill_a_worker(chaos.chance)
        chaos.all.replace_dead()


SCENARIOS: dict[str, Callable[[Chaos], None]] = {
    scenario.__name__: scenario
    for scenario in (
        plain,
        jump_forward,
        jump_back,
        down_1_h,
        down_3_h,
        down_26_h,
        flushed,
        redis_killed,
        database_away,
        killed,
    )
}
QUICK = ("plain", "jump_forward", "jump_back", "down_3_h", "flushed")

if __name__ == "__main__":
    main()
