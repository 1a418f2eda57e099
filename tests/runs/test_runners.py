"""Code of every kind through the whole director, with the tools that this machine has."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.accounts.models import User
from portal.common import storage
from portal.publishing.models import Variant
from portal.runs import director, runners, tools
from portal.runs.models import Run
from tests.runs.authors import declares, publish_code
from tests.runs.conftest import MONDAY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MAKEFILE = 'report:\n\tpython -c "print(6 * 7)" > $(BROADSHEET_OUTPUT)/answer.txt\n'
R_MARKDOWN = """---
title: "Sales of `r params$region`"
output: html_document
params:
  region: all
---

```{r}
%s
```
"""
QUARTO = """#!/bin/sh
# Stands for Quarto: it tells its version, and writes what it was asked to where it was asked to.
test "$1" = --version && echo 1.8.24 && exit
cat "$(dirname "$0")/../share/style" > ../output/report.html
echo "$QUARTO_PYTHON" "$@" "$(cat "$8")" >> ../output/report.html
ls -a >> ../output/report.html
"""


def ended(variant: Variant) -> Run:
    run = variant.runs.filter(state="queued").order_by("pk")[0]
    director.direct(run.pk, worker="w")
    run.refresh_from_db()
    return run


def text_of(run: Run, path: str) -> str:
    assert run.edition is not None, run.error
    with storage.open_blob(run.edition.tree.entries.get(path=path).blob_id) as stream:
        return stream.read().decode()


@pytest.fixture
def looking_anew() -> Iterator[None]:
    """Tools are looked for by this test, and again by the next."""
    before = dict(tools._found)
    tools._found.clear()
    yield
    tools._found.clear()
    tools._found.update(before)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looking_anew: None) -> Path:
    """The one folder on this worker's PATH, with nothing but a shell."""
    folder = tmp_path / "quarto-1.8.24" / "bin"
    folder.mkdir(parents=True)
    (folder / "bash").symlink_to("/bin/bash")
    monkeypatch.setenv("PATH", str(folder))
    return folder


# ---- shell ----


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_command_is_executed_with_the_environment_first_on_its_path(alice: User) -> None:
    manifest = {"run": {"command": "make report && which python", "show": "answer.txt"}}
    files = {"Makefile": MAKEFILE, "broadsheet.toml": ""}
    variant = publish_code(
        files, "broadsheet.toml", runner="command", by=alice, at=MONDAY, manifest=manifest
    )

    run = ended(variant)

    assert "42" in text_of(run, "answer.txt")
    log = "".join(run.log_chunks.values_list("text", flat=True))
    assert "/bin/python" in log
    assert "/usr/bin/python" not in log


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            ["no-such-program", "run"],
            "no-such-program run ended with exit code 127. Its last line: /usr/bin/env: ",
        ),
        ("false | cat", "false | cat ended with exit code 1."),
        ("echo $NOTHING", "echo $NOTHING, line 1: NOTHING: unbound variable"),
    ],
)
def test_command_that_fails_is_the_authors_to_mend(
    alice: User, command: str | list[str], says: str
) -> None:
    variant = publish_code(
        {"broadsheet.toml": ""},
        "broadsheet.toml",
        runner="command",
        by=alice,
        at=MONDAY,
        manifest={"run": {"command": command}},
    )

    run = ended(variant)

    assert (run.state, run.fault) == (Run.State.FAILED, Run.Fault.BUNDLE)
    assert run.error.startswith(says)


def test_shell_script_stops_at_the_first_command_that_fails(alice: User) -> None:
    script = "cd data\nno-such-command\necho late > $BROADSHEET_OUTPUT/index.html\n"
    files = {"jobs/report.sh": script, "data/a.csv": "a"}

    run = ended(publish_code(files, "jobs/report.sh", runner="shell", by=alice, at=MONDAY))

    assert run.error == "jobs/report.sh, line 2: no-such-command: command not found"


# ---- tools ----


def test_worker_without_the_tool_says_what_is_missing_and_does_not_try_again(
    alice: User, path: Path
) -> None:
    variant = publish_code(
        {"report.qmd": "# 1"}, "report.qmd", runner="quarto", by=alice, at=MONDAY
    )

    run = ended(variant)

    assert (run.state, run.fault, run.attempts) == (Run.State.FAILED, Run.Fault.PLATFORM, 1)
    assert "has no Quarto, which report.qmd needs: quarto is not on its PATH." in run.error
    assert "execute = false" in run.error


def test_quarto_is_asked_for_every_format_in_one_file(alice: User, path: Path) -> None:
    """Not Quarto itself, but that it is found, called, and may read where it is installed."""
    (path / "quarto").write_text(QUARTO)
    (path / "quarto").chmod(
        stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
    )
    (path.parent / "share").mkdir()
    (path.parent / "share" / "version").write_text("1.8.24")
    (path.parent / "share" / "style").write_text("<title>by Quarto</title>\n")
    files = {"report.qmd": "# 1"}
    variant = publish_code(files, "report.qmd", runner="quarto", by=alice, at=MONDAY)
    declares(variant, {"name": "region", "type": "string", "label": "Region", "default": "EMEA"})

    run = ended(variant)

    page = text_of(run, "report.html")
    assert "by Quarto" in page
    assert "render ./report.qmd --output-dir ../output -M embed-resources:true" in page
    assert '{"region": "EMEA"}' in page
    assert "_quarto.yml" in page
    survey = tools.last_survey()
    assert survey is not None
    assert [tool.version for tool in survey.findings if tool.label == "Quarto"] == ["1.8.24"]


def has_r_markdown() -> bool:
    try:
        for tool in runners._runners["rmarkdown"].tools:
            tools.need(tool, called="a test")
    except tools.ToolMissing:
        return False
    return True


@pytest.fixture
def r_markdown() -> None:
    if not has_r_markdown():
        pytest.skip("R with rmarkdown, or pandoc, is not installed")


@pytest.mark.usefixtures("r_markdown")
def test_r_markdown_is_rendered_with_its_parameters(alice: User) -> None:
    files = {"docs/sales.Rmd": R_MARKDOWN % "cat(6 * 7)"}
    variant = publish_code(files, "docs/sales.Rmd", runner="rmarkdown", by=alice, at=MONDAY)
    declares(variant, {"name": "region", "type": "string", "label": "Region", "default": "EMEA"})

    run = ended(variant)

    page = text_of(run, "sales.html")
    assert "Sales of EMEA" in page
    assert "## 42" in page


@pytest.mark.usefixtures("r_markdown")
def test_failing_chunk_is_named(alice: User) -> None:
    files = {"sales.Rmd": R_MARKDOWN % "x <- 1\nstop('no data')"}

    run = ended(publish_code(files, "sales.Rmd", runner="rmarkdown", by=alice, at=MONDAY))

    assert run.fault == Run.Fault.BUNDLE
    assert run.error.startswith("sales.Rmd, lines 9-11: Error")
    assert "no data" in run.error


# ---- what is not there ----


def test_code_that_no_release_executes_any_more_is_said(alice: User) -> None:
    variant = publish_code({"a.jl": "1"}, "a.jl", runner="julia", by=alice, at=MONDAY)

    run = ended(variant)

    assert run.fault == Run.Fault.PLATFORM
    assert "cannot execute a.jl (julia)" in run.error


def test_further_runner_is_one_registration(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(job: runners.Job) -> list[str]:
        return ["/bin/cp", job.entry, str(job.place.output / "index.html")]

    known: dict[str, Any] = dict(runners._runners)
    monkeypatch.setattr(runners, "_runners", known)
    runners._runners["copy"] = runners.Runner("copy", "A copy", command, extensions=(".copy",))

    run = ended(
        publish_code({"a.copy": "<p>as it was"}, "a.copy", runner="copy", by=alice, at=MONDAY)
    )

    assert "as it was" in text_of(run, "index.html")
