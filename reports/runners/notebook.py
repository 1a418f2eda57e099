"""Notebooks: executed by a driver of ours, which starts the kernel that the notebook asks for."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from portal.runs.runners import Job, Runner

DRIVER = Path(__file__).resolve().parents[1] / "producers" / "execute.py"


def command(job: Job) -> list[str]:
    """The driver needs our own packages, the kernel those of the version's environment."""
    executed = job.place.output / Path(job.entry).name
    driven = [job.entry, str(executed), json.dumps(job.parameters), str(job.python)]
    return [sys.executable, "-I", str(DRIVER), *driven]


def shows(entry: str) -> Sequence[str]:
    """The notebook with the outputs of this run."""
    return [Path(entry).name]


NOTEBOOK = Runner(
    name="notebook",
    label="Notebook",
    extensions=(".ipynb",),
    command=command,
    packages=("ipykernel",),
    readable=(DRIVER,),
    shows=shows,
)
