"""Looking for tools: what is found, what a missing one is said to be, and what runs may read of it."""

import os
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from portal.accounts.models import User
from portal.runs import tools
from portal.runs.tools import Finding, Survey, Tool, ToolMissing
from tests.runs.conftest import MONDAY

QUARTO = Tool("quarto", "Quarto", ("--version",), "install it", proof="share/version")
FOUND = Finding("quarto", "Quarto", "/opt/quarto/bin/quarto", "1.8.24")
MISSING = Finding("quarto", "Quarto", reason="quarto is not on its PATH")


@pytest.fixture(autouse=True)
def own_findings(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One tool to look for, and findings of this test alone."""
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(tools, "_registered", {"quarto": QUARTO})
    monkeypatch.setattr(tools, "_found", {})
    monkeypatch.setenv("PATH", str(tmp_path / "quarto" / "bin"))


def install(tmp_path: Path, script: str) -> Path:
    """A program of this name on the PATH."""
    program = tmp_path / "quarto" / "bin" / "quarto"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_tool_tells_where_it_is_and_its_version(tmp_path: Path) -> None:
    program = install(tmp_path, "echo 1.8.24; echo more")

    survey = tools.survey(at=MONDAY)

    assert survey.findings == [Finding("quarto", "Quarto", str(program), "1.8.24")]
    assert tools.need(QUARTO, called="a.qmd") == program
    assert tools.last_survey() == survey


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'there is no package called rmarkdown.' >&2; exit 1", "there is no package called"),
        ("exit 3", "quarto ended with exit code 3"),
    ],
)
def test_tool_that_does_not_work_is_not_there(tmp_path: Path, script: str, reason: str) -> None:
    install(tmp_path, script)

    with pytest.raises(ToolMissing, match=f"which a.qmd needs: {reason}"):
        tools.need(QUARTO, called="a.qmd")


def test_tool_is_looked_for_once(tmp_path: Path) -> None:
    tools.survey(at=MONDAY)

    install(tmp_path, "echo 1.8.24")

    with pytest.raises(ToolMissing, match="quarto is not on its PATH"):
        tools.need(QUARTO, called="a.qmd")


def test_folder_of_a_tool_is_read_only_where_it_is_proven_to_be_its_own(tmp_path: Path) -> None:
    program = install(tmp_path, "")
    assert tools.folders_of(QUARTO, program) == [program]

    (tmp_path / "quarto" / "share").mkdir()
    (tmp_path / "quarto" / "share" / "version").touch()

    assert tools.folders_of(QUARTO, program) == [program, tmp_path / "quarto"]


@pytest.mark.parametrize("text", ["", "[]", '{"machine": "a"}', '{"findings": [{"x": 1}]}'])
def test_findings_that_cannot_be_read_are_none(settings: LazySettings, text: str) -> None:
    (settings.DATA_DIR / tools.FILE).write_text(text)

    assert tools.last_survey() is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("finding", "says"),
    [
        (FOUND, "1.8.24 <small"),
        (MISSING, "not here: quarto is not on its PATH"),
        (None, "No worker has looked for them on this machine"),
    ],
)
def test_page_of_workers_lists_the_tools(
    client: Client, ada: User, settings: LazySettings, finding: Finding | None, says: str
) -> None:
    if finding is not None:
        tools._keep(Survey("host", MONDAY, [finding]))
    client.force_login(ada)

    page = client.get(
        "/operations/workers/", headers={"host": settings.PORTAL_ORIGIN.partition("//")[2]}
    )

    assert says in page.content.decode()


def test_full_disk_keeps_nothing_and_breaks_nothing(settings: LazySettings) -> None:
    settings.DATA_DIR = Path(os.devnull)

    tools._keep(Survey("host", MONDAY, [FOUND]))

    assert tools.last_survey() is None
