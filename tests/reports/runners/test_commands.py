"""How jobs become commands: nothing of an author goes through a shell that was not meant for one."""

from pathlib import Path
from typing import Any

import pytest

from portal.runs.runners import Job
from portal.runs.workplace import Workplace
from reports.runners import quarto, shell

TOOLS = {"quarto": Path("/opt/quarto/bin/quarto"), "bash": Path("/usr/bin/bash")}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    for folder in (place.work, *place.writable):
        folder.mkdir()
    return place


def job(place: Workplace, entry: str, **wishes: Any) -> Job:
    return Job(entry, wishes, {}, place, Path("/env/bin/python"), TOOLS)


def test_document_alone_becomes_a_project_of_quarto(place: Workplace) -> None:
    command = quarto.command(job(place, "docs/a.qmd"))

    assert command[:5] == [
        "/opt/quarto/bin/quarto",
        "render",
        "./docs/a.qmd",
        "--output-dir",
        "../output",
    ]
    assert (place.work / "_quarto.yml").read_text() == ""


def test_output_folder_is_relative_to_the_project_that_there_is(place: Workplace) -> None:
    (place.work / "docs").mkdir()
    (place.work / "docs" / "_quarto.yml").write_text("project:\n  type: website\n")

    command = quarto.command(job(place, "docs/a.qmd"))

    assert command[3:5] == ["--output-dir", "../../output"]
    assert not (place.work / "_quarto.yml").exists()


def test_page_of_quarto_lies_where_its_document_lay_in_the_project() -> None:
    assert quarto.shows("docs/a.b.qmd") == ["docs/a.b.html", "a.b.html"]


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        ("make > $X", ["/usr/bin/bash", "-euo", "pipefail", "-c", "make > $X"]),
        (["dbt", "run; rm", "$X"], ["/usr/bin/env", "--", "dbt", "run; rm", "$X"]),
    ],
)
def test_line_is_for_bash_and_a_list_for_no_shell(
    place: Workplace, wanted: str | list[str], command: list[str]
) -> None:
    assert shell.command(job(place, "broadsheet.toml", command=wanted)) == command


def test_script_that_looks_like_an_option_is_none(place: Workplace) -> None:
    assert shell.script(job(place, "-c.sh"))[-2:] == ["--", "-c.sh"]


@pytest.mark.parametrize(
    ("wanted", "name"), [("make\n  report", "make report"), (["dbt", "run"], "dbt run")]
)
def test_command_is_called_what_its_author_wrote(wanted: str | list[str], name: str) -> None:
    assert shell.called("broadsheet.toml", {"command": wanted}) == name
