"""What a refresh costs over executing the same code by hand: seconds from "Run now" to the published edition.

    python -m benchmarks.refresh_overhead [--rounds 7]

A fixed notebook in Broadsheet beside `jupyter nbconvert --execute --to html`, and a fixed script beside bare
`python`, in turns, so that whatever else the machine does weighs on all of them alike. Broadsheet is the whole
of it: doorbell, worker, isolation, rendering, checks, publishing. Prints medians and where the time goes; the
last line is JSON with `notebook_ratio_nbconvert` and `script_ratio_python`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.installation import Installation, settle, wait_until

WORK = """
import pandas as pd
days = pd.date_range("2026-01-01", periods=20_000, freq="h")
sales = pd.DataFrame({"day": days, "region": [f"r{n % 7}" for n in range(len(days))], "value": range(len(days))})
weekly = sales.groupby(["region", pd.Grouper(key="day", freq="W")])["value"].sum().reset_index()
"""
SCRIPT = f"""{WORK}
import os, pathlib
page = f"<p>{{os.environ.get('BROADSHEET_LOGICAL_TIME')}}</p>" + weekly.head(200).to_html()
pathlib.Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(page)
"""
CELLS = (
    WORK,
    "import os; os.environ.get('BROADSHEET_LOGICAL_TIME')",
    "import plotly.graph_objects as go\n"
    "go.Figure([go.Scatter(x=g.day, y=g.value, name=n) for n, g in weekly.groupby('region')])",
    "weekly.head(50)",
)
Way = Callable[[], float]


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        portal = Portal(Path(name))
        try:
            figures = _figures(portal, _ways(portal, Path(name)), rounds)
        finally:
            portal.installation.stop()
    print(json.dumps(figures))


class Portal:
    """One installation with one worker, a notebook and a script that can be refreshed."""

    def __init__(self, folder: Path) -> None:
        self.installation = Installation(folder, settle(folder))
        from portal.accounts.models import Role, User
        from tests.runs.authors import publish_notebook, publish_script

        self.author = User.objects.create_user("author", role=Role.AUTHOR)
        self.installation.start_redis()
        before = _now() - timedelta(hours=1)
        wish: dict[str, Any] = {"by": self.author, "at": before}
        self.script = publish_script(SCRIPT, slug="overhead-script", **wish)
        self.notebook = publish_notebook(list(CELLS), slug="notebook-cost", **wish)
        self.installation.start_worker()
        self.installation.start_ticker()
        self.steps: dict[str, list[dict[str, float]]] = {"notebook": [], "script": []}
        from portal.runs.models import ACTIVE, Run

        wait_until(lambda: not Run.objects.filter(state__in=ACTIVE).exists(), seconds=120)

    def refresh(self, kind: str) -> float:
        """Seconds from the request until the run is `succeeded`; its steps are noted."""
        from portal.runs import actions
        from portal.runs.models import Run

        started = time.perf_counter()
        run = actions.run_now(getattr(self, kind), by=self.author, at=_now())
        ended = Run.objects.filter(pk=run.pk).exclude(state__in=["queued", "running"])
        while not ended.exists():
            time.sleep(0.005)
        seconds = time.perf_counter() - started
        run.refresh_from_db()
        assert run.state == Run.State.SUCCEEDED, run.error
        steps = {step["name"]: step["seconds"] for step in run.steps}
        self.steps[kind].append(steps | {"waiting and claim": seconds - sum(steps.values())})
        return seconds


def _ways(portal: Portal, folder: Path) -> dict[str, Way]:
    script, notebook = folder / "main.py", folder / "notes.ipynb"
    script.write_text(SCRIPT)
    import nbformat

    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    convert = ["-m", "nbconvert", "--execute", "--to", "html", "--log-level", "ERROR"]
    return {
        "script": lambda: portal.refresh("script"),
        "python": lambda: _seconds([sys.executable, str(script)], folder),
        "notebook": lambda: portal.refresh("notebook"),
        "nbconvert": lambda: _seconds([sys.executable, *convert, str(notebook)], folder),
    }


def _figures(portal: Portal, ways: dict[str, Way], rounds: int) -> dict[str, float]:
    for way in ways.values():
        way()  # everybody's files are in memory
    for steps in portal.steps.values():
        steps.clear()
    measured = [{name: way() for name, way in ways.items()} for _ in range(rounds)]
    medians = {name: _median([each[name] for each in measured]) for name in ways}
    for name, seconds in medians.items():
        print(f"{name:>12} {seconds:6.2f} s")
    for kind, steps in portal.steps.items():
        print(f"where the time of the {kind} goes (medians):")
        for step in steps[0]:
            print(f"{step:>22} {1000 * _median([each[step] for each in steps]):7.0f} ms")
    return {
        "notebook_ratio_nbconvert": round(medians["notebook"] / medians["nbconvert"], 2),
        "script_ratio_python": round(medians["script"] / medians["python"], 2),
        "script_overhead_s": round(medians["script"] - medians["python"], 2),
        "notebook_s": round(medians["notebook"], 2),
        "nbconvert_s": round(medians["nbconvert"], 2),
        "rounds": rounds,
    }


def _seconds(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    environment = os.environ | {"BROADSHEET_OUTPUT": str(folder)}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return time.perf_counter() - started


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def _now() -> Any:
    from django.utils import timezone

    return timezone.now()


if __name__ == "__main__":
    main()
