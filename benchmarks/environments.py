"""How long an environment for data science takes: resolved, built cold and warm, and used when it is there.

    python -m benchmarks.environments [--rounds 10] [--requirements pandas plotly ...]

Cold means an empty cache of packages, so it measures the package index too. `warm_start_extra_seconds` is
what a run pays for an environment that is ready: asking for it and starting its Python within walls,
against calling that Python directly; medians over the rounds, which take turns. The last line is JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.installation import settle

TYPICAL = ("pandas", "plotly", "scikit-learn", "matplotlib", "pyarrow")
PROGRAM = "import sys; sys.exit(0)"


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--requirements", nargs="+", default=list(TYPICAL))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="environments-") as name:
        settle(Path(name))
        figures = measure(Path(name), options.requirements, options.rounds)
        open_up(Path(name))
        print(json.dumps(figures))


def measure(folder: Path, requirements: list[str], rounds: int) -> dict[str, object]:
    """Resolve and build cold, build again from the cache, and start what is ready."""
    from portal.runs.environments import builds, locks, pins, uv

    work = folder / "work"
    work.mkdir()
    (work / "requirements.txt").write_text("".join(f"{each}\n" for each in requirements))
    say = uv.Meanwhile(lambda line: print(line, flush=True))

    def resolve() -> locks.Lock | None:
        return locks.resolve(work, python="", packages=(), meanwhile=say)

    resolve_cold, lock = timed(resolve)
    assert lock is not None  # the bundle has requirements
    resolve_warm, _ = timed(resolve)
    environment = pins.record(lock.text, lock.python.version)
    build_cold, _ = timed(lambda: builds.make_ready(environment, say))
    environment.refresh_from_db()
    builds.remove(builds.folder_of(environment))
    build_warm, _ = timed(lambda: builds.make_ready(environment, say))
    python = builds.python_of(environment)
    ready, within, direct = starts(environment, python, work, rounds)
    return {
        "requirements": requirements,
        "packages": environment.packages,
        "megabytes": round(environment.size / 1e6),
        "resolve_cold_seconds": round(resolve_cold, 2),
        "resolve_warm_seconds": round(resolve_warm, 2),
        "build_cold_seconds": round(build_cold, 2),
        "build_warm_seconds": round(build_warm, 2),
        "ready_seconds": round(ready, 4),
        "start_within_walls_seconds": round(within, 4),
        "start_direct_seconds": round(direct, 4),
        "warm_start_extra_seconds": round(ready + within - direct, 4),
    }


def starts(environment: Any, python: Path, work: Path, rounds: int) -> tuple[float, ...]:
    """Medians of: asking for the ready environment, starting its Python within walls, starting it directly."""
    from portal.runs import isolation
    from portal.runs.environments import builds, pins, uv
    from portal.runs.sandbox import Command, Limits, places, process

    arguments = [str(python), "-c", PROGRAM]
    given = {"PATH": "/usr/bin:/bin", "TMPDIR": str(work)}
    readable = [*pins.interpreter_of(environment).folders, *places.of_interpreter(str(python))]
    command = Command(arguments, work, given, readable=readable)
    level = isolation.level()
    seconds: list[list[float]] = [[], [], []]
    for _ in range(rounds):
        tries: list[Callable[[], object]] = [
            lambda: builds.make_ready(environment, uv.ALONE),
            lambda: process.run(command, Limits(wall_seconds=60), lambda _: None, level=level),
            lambda: subprocess.run(arguments, cwd=work, env=given, check=True),
        ]
        for measured, attempt in zip(seconds, tries, strict=True):
            measured.append(timed(attempt)[0])
    return tuple(statistics.median(each) for each in seconds)


def timed(attempt: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what it returned."""
    started = time.monotonic()
    returned = attempt()
    return time.monotonic() - started, returned


def open_up(folder: Path) -> None:
    """Environments are read-only; give them back to whoever removes the folder."""
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o700)


if __name__ == "__main__":
    main()
