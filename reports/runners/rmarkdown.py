"""R Markdown documents, where the worker has R with rmarkdown, and pandoc."""

import re
from collections.abc import Sequence
from pathlib import Path

from portal.common.text import one_line
from portal.runs.runners import Job, Runner
from portal.runs.tools import Tool
from reports.runners.words import SHOW_AS_IT_IS

RMARKDOWN = Tool(
    program="Rscript",
    label="R Markdown",
    asks=(
        "-e",
        "cat(sprintf('%s with R %s and knitr %s\\n', packageVersion('rmarkdown'), getRversion(),"
        " packageVersion('knitr')))",
    ),
    install="install R with the package rmarkdown (apt install r-cran-rmarkdown)",
    until=SHOW_AS_IT_IS,
    reads=("/var/lib/dpkg/status",),  # Debian's R packages look up which jQuery there is
)
PANDOC = Tool(
    program="pandoc",
    label="pandoc",
    asks=("--version",),
    install="install it (apt install pandoc)",
    until=SHOW_AS_IT_IS,
)
DRIVER = Path(__file__).with_name("render.R")
_QUITTING = re.compile(r"^Quitting from (?:lines|.*:) ?(?P<lines>\d+(?:-\d+)?)")
_LAST_RITES = ("Calls:", "Execution halted", "Quitting from")


def command(job: Job) -> list[str]:
    """The format that the document names first, into the output folder."""
    return [str(job.tools[RMARKDOWN.program]), str(DRIVER), job.entry, str(job.place.output)]


def shows(entry: str) -> Sequence[str]:
    """The page before the files that go with it."""
    return [Path(entry).with_suffix(".html").name]


def explain(entry: str, lines: Sequence[str]) -> str:
    """The lines of the chunk that knitr quit from, and R's error."""
    quitting = [found for line in lines if (found := _QUITTING.match(line))]
    errors = [line for line in lines if line.startswith("Error")]
    said = [line for line in lines if line.strip() and not line.startswith(_LAST_RITES)]
    where = f", lines {quitting[-1]['lines']}" if quitting else ""
    if errors and errors[-1].rstrip().endswith(":"):  # R breaks long messages there
        return f"{where}: {one_line(' '.join(said[said.index(errors[-1]) :]))}"
    last = [*said[-1:], *errors[-1:]]
    return f"{where}: {one_line(last[-1])}" if last else where


R_MARKDOWN = Runner(
    name="rmarkdown",
    label="R Markdown document",
    extensions=(".rmd",),
    command=command,
    tools=(RMARKDOWN, PANDOC),
    readable=(DRIVER,),
    shows=shows,
    explain=explain,
)
