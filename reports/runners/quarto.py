"""Quarto documents, where the worker has Quarto."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from portal.runs.runners import Job, Runner, last_line
from portal.runs.tools import Tool
from reports.runners.words import SHOW_AS_IT_IS

QUARTO = Tool(
    program="quarto",
    label="Quarto",
    asks=("--version",),
    install="install it (https://quarto.org/docs/download/)",
    until=SHOW_AS_IT_IS,
    proof="share/version",
)
PROJECTS = ("_quarto.yml", "_quarto.yaml")


def command(job: Job) -> list[str]:
    """Every format that the document names, each in one file, into the output folder."""
    output = os.path.relpath(job.place.output, _project(job))
    rendering = [str(job.tools[QUARTO.program]), "render", f"./{job.entry}"]
    rendering += ["--output-dir", output, "-M", "embed-resources:true"]
    if not job.parameters:
        return rendering
    given = job.place.temporary / "parameters.yml"
    given.write_text(json.dumps(job.parameters), "utf-8")  # JSON is YAML
    return [*rendering, "--execute-params", str(given)]


def _project(job: Job) -> Path:
    """The folder of the document's project, to which its output folder is relative.

    Quarto writes into another folder only from a project, so a document alone becomes one.
    """
    work = job.place.work
    for above in Path(job.entry).parents:
        if any((work / above / name).is_file() for name in PROJECTS):
            return work / above
    (work / PROJECTS[0]).touch()
    return work


def environment(job: Job) -> Mapping[str, str]:
    """The Python whose Jupyter executes cells in Python."""
    return {"QUARTO_PYTHON": str(job.python)}


def shows(entry: str) -> Sequence[str]:
    """The page before what else was made of it: where the document lay in the project, nearest root first."""
    page = Path(entry).with_suffix(".html")
    return [str(Path(*page.parts[above:])) for above in range(len(page.parts))]


QUARTO_DOCUMENT = Runner(
    name="quarto",
    label="Quarto document",
    extensions=(".qmd",),
    command=command,
    tools=(QUARTO,),
    packages=("ipykernel", "nbclient", "nbformat", "pyyaml"),  # what Quarto's own driver imports
    environment=environment,
    shows=shows,
    explain=last_line,
)
