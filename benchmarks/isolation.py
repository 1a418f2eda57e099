"""What each isolation costs: milliseconds from the call to the end of a command that does nothing.

    python benchmarks/isolation.py [--starts 30]

Runs a Python that starts and ends, bare and behind each level, in turns, so that whatever else the
machine does weighs on all of them alike. Prints medians; the last line is JSON.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal.runs.sandbox import Command, Level, Limits
from portal.runs.sandbox.process import run

BARE, NO_WALLS = "bare", "no_walls"
NOTHING = [sys.executable, "-I", "-S", "-c", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=30)
    starts = parser.parse_args().starts
    with tempfile.TemporaryDirectory(prefix="isolation-") as name:
        ways = _ways(Path(name))
        rounds = [{way: _milliseconds(start) for way, start in ways.items()} for _ in range(starts)]
        took = {way: [each[way] for each in rounds] for way in ways}
    medians = {way: round(statistics.median(each), 1) for way, each in took.items()}
    for way, median in medians.items():
        print(f"{way:>12} {median:7.1f} ms, {median - medians[BARE]:+6.1f} ms over a bare start")
    print(json.dumps({f"{way}_ms": median for way, median in medians.items()} | {"starts": starts}))


def _ways(root: Path) -> dict[str, Callable[[], bool]]:
    """The ways to start that work here, each of which says whether it went well."""
    root.chmod(0o711)
    for folder in ("work", "tmp"):
        (root / folder).mkdir()
    ways: dict[str, Callable[[], bool]] = {
        BARE: lambda: subprocess.run(NOTHING, env={}, check=False).returncode == 0,
        NO_WALLS: lambda: _start(root, None),
    }
    ways |= {level.value: lambda level=level: _start(root, level) for level in Level}
    return {way: start for way, start in ways.items() if start()}


def _start(root: Path, level: Level | None) -> bool:
    command = Command(
        NOTHING,
        root / "work",
        {"TMPDIR": str(root / "tmp")},
        writable=[root / "tmp"],
        network=False,
    )
    return run(command, Limits(wall_seconds=30), lambda text: None, level=level).exit_code == 0


def _milliseconds(start: Callable[[], bool]) -> float:
    began = time.perf_counter()
    start()
    return 1000 * (time.perf_counter() - began)


main()
