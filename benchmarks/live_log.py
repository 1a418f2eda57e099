"""How late a line of a running run can be read, and what that costs the database.

    python benchmarks/live_log.py [--seconds 10]

A run that prints the time twenty times a second is executed by the director as a worker would. A reader
asks for new lines as often as the page does. Prints how old lines are when they are read, and how many
writes and how much processor time the run cost this process, for a run that talks and for one that is
silent. Uses a database of its own. The last line is JSON.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import runs

POLL_SECONDS = 0.4  # as templates/runs/_head.html
TALKING = """
import time
end = time.time() + {seconds}
while time.time() < end:
    print("at", time.time(), flush=True)
    time.sleep(0.05)
"""
SILENT = "import time; time.sleep({seconds})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="live-", ignore_cleanup_errors=True) as folder:
        runs.set_up(Path(folder))
        ages, talking = _follow(TALKING.format(seconds=seconds))
        _, silent = _follow(SILENT.format(seconds=seconds))
    figures = {
        "age_p50_s": round(statistics.median(ages), 2),
        "age_max_s": round(max(ages), 2),
        "lines": len(ages),
        "writes_per_second_talking": round(talking / seconds, 1),
        "writes_per_second_silent": round(silent / seconds, 1),
    }
    print(
        f"A line is {figures['age_p50_s']} s old when it is read, at most {figures['age_max_s']} s"
    )
    print(json.dumps(figures))


def _follow(source: str) -> tuple[list[float], int]:
    """The age of each line when it was read, and the writes of the run."""
    from django.db.backends.signals import connection_created

    from portal.runs import logs

    written: list[str] = []

    def count(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if not sql.lstrip().upper().startswith("SELECT"):
            written.append(sql)
        return execute(sql, params, many, context)

    def listen(connection, **kwargs: object) -> None:  # type: ignore[no-untyped-def]
        connection.execute_wrappers.append(count)

    run = runs.queue(source)
    connection_created.connect(listen)
    worker = runs.start_worker(run.pk)
    ages: list[float] = []
    sequence = 0
    while worker.is_alive():
        part = logs.end_of(run, after=sequence)
        sequence, now = part.sequence, time.time()
        ages += [now - float(at) for at in re.findall(r"at ([\d.]+)", part.html)]
        time.sleep(POLL_SECONDS)
    connection_created.disconnect(listen)
    return ages, sum(sql.startswith(("UPDATE", "INSERT")) for sql in written)


main()
