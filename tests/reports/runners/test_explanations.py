"""Where code failed, by the last lines of what it wrote."""

import pytest

from portal.runs.runners import in_python, last_line
from reports.runners import rmarkdown, shell


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["work/load.sh: line 3: dbt: command not found"], ", line 3: dbt: command not found"),
        (["/usr/bin/bash: line 1: X: unbound variable"], ", line 1: X: unbound variable"),
        (["other.sh: line 3: no"], ""),
        (["make: *** [Makefile:2: report] Error 1", " "], ""),
        ([], ""),
    ],
)
def test_shell_names_its_line_where_it_says_one(lines: list[str], says: str) -> None:
    assert shell.explain("work/load.sh", lines) == says


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            [
                "Quitting from lines 9-11 (s.Rmd) ",
                "Error in eval(expr) : no data",
                "Execution halted",
            ],
            ", lines 9-11: Error in eval(expr) : no data",
        ),
        (
            [
                "Quitting from s.Rmd:9-11 [load]",
                "Error in `read()`:",
                "! no data",
                "Execution halted",
            ],
            ", lines 9-11: Error in `read()`: ! no data",
        ),
        (
            ["Error in library(x) :", "  there is no package", "Calls: a", "Execution halted"],
            ": Error in library(x) : there is no package",
        ),
        (["pandoc document conversion failed"], ": pandoc document conversion failed"),
        ([], ""),
    ],
)
def test_r_markdown_names_the_lines_of_its_chunk(lines: list[str], says: str) -> None:
    assert rmarkdown.explain("s.Rmd", lines) == says


def test_last_line_is_told_without_colours() -> None:
    assert last_line("a.qmd", ["\x1b[31mKeyError\x1b[0m: 'x'", "", "  "]) == ": KeyError: 'x'"


def test_last_line_of_nothing_is_nothing() -> None:
    assert last_line("a.qmd", []) == in_python("a.qmd", []) == ""
