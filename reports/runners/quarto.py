"""Quarto documents, where the worker has Quarto."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from portal.runs.runners import Job, Runner
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
    """Every format that the document names, each in one file, into the output folder.

    Quarto writes into another folder only from a project, so a document alone becomes one.
    """
    work = job.place.work
    if not any((work / name).is_file() for name in PROJECTS):
        (work / PROJECTS[0]).touch()
    rendering = [str(job.tools[QUARTO.program]), "render", f"./{job.entry}"]
    rendering += ["--output-dir", "../output", "-M", "embed-resources:true"]
    if not job.parameters:
        return rendering
    given = job.place.temporary / "parameters.yml"
    given.write_text(json.dumps(job.parameters), "utf-8")  # JSON is YAML
    return [*rendering, "--execute-params", str(given)]


def environment(job: Job) -> Mapping[str, str]:
    """The Python whose Jupyter executes cells in Python."""
    return {"QUARTO_PYTHON": str(job.python)}


def shows(entry: str) -> Sequence[str]:
    """The page before what else was made of it."""
    return [str(Path(entry).with_suffix(".html"))]


QUARTO_DOCUMENT = Runner(
    name="quarto",
    label="Quarto document",
    extensions=(".qmd",),
    command=command,
    tools=(QUARTO,),
    packages=("ipykernel", "nbclient", "nbformat", "pyyaml"),  # what Quarto's own driver imports
    environment=environment,
    shows=shows,
)
