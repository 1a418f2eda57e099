"""Executing notebooks: parameters, labels, and a kernel that ends with its notebook."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from portal.runs.programs import DRIVER
from reports.producers.execute import RECORD, inject, label_of

v4 = nbformat.v4


def notebook(*sources: str, parameters: int | None = None) -> Any:
    cells = [v4.new_code_cell(source) for source in sources]
    if parameters is not None:
        cells[parameters].metadata["tags"] = ["parameters"]
    return v4.new_notebook(cells=cells)


def drive(
    tmp_path: Path, document: Any, **parameters: object
) -> tuple[int, list[dict[str, Any]], Any]:
    """Exit code, records and the executed notebook."""
    for folder in ("work", "ipc", "home"):
        (tmp_path / folder).mkdir()
    nbformat.write(document, tmp_path / "work" / "book.ipynb")
    executed = tmp_path / "output" / "book.ipynb"
    command = [sys.executable, "-I", str(DRIVER)]
    ended = subprocess.run(
        [*command, "book.ipynb", str(executed), json.dumps(parameters), sys.executable],
        cwd=tmp_path / "work",
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [line for line in ended.stdout.split("\n") if line.startswith(RECORD)]
    records = [json.loads(line.removeprefix(RECORD)) for line in lines]
    return ended.returncode, records, nbformat.read(executed, as_version=4)


def test_parameters_follow_the_tagged_cell() -> None:
    document = notebook("import os", "region = 'all'", "region", parameters=1)

    inject(document, {"region": "EMEA", "n": 3})

    assert [cell.source for cell in document.cells] == [
        "import os",
        "region = 'all'",
        "region = 'EMEA'\nn = 3",
        "region",
    ]
    nbformat.validate(document)


def test_parameters_come_first_where_no_cell_is_tagged() -> None:
    document = notebook("region")

    inject(document, {"region": "EMEA"})

    assert document.cells[0].source == "region = 'EMEA'"


def test_parameters_of_an_old_format_get_no_cell_id() -> None:
    document = notebook("region")
    document.nbformat_minor = 4
    for cell in document.cells:
        cell.pop("id")

    inject(document, {"region": "EMEA"})

    nbformat.validate(document)


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("# read the ledger\nx = 1", "read the ledger"),
        ("\n\n## Heading\n", "Heading"),
        ("x = 1", ""),
        ("", ""),
        ("#" + "x" * 200, "x" * 60),
    ],
)
def test_label_is_a_first_line_that_is_a_comment(source: str, label: str) -> None:
    assert label_of(source) == label


@pytest.mark.slow
def test_notebook_is_executed_and_told_of(tmp_path: Path) -> None:
    document = notebook("# add up\ntotal = n * 2", "print('total', total)", "")

    code, records, executed = drive(tmp_path, document, n=21)

    assert code == 0
    assert [(record["event"], record["cell"]) for record in records][:4] == [
        ("cell", 1),
        ("done", 1),
        ("cell", 2),
        ("done", 2),
    ]
    assert executed.cells[2].outputs[0].text == "total 42\n"
    assert "execution" not in executed.cells[2].metadata


@pytest.mark.slow
def test_raising_cell_is_told_and_what_was_done_is_kept(tmp_path: Path) -> None:
    code, records, executed = drive(tmp_path, notebook("print('before')", "x = 1\n{}['revenue']"))

    error = records[-1]
    assert code == 1
    assert (error["event"], error["cell"], error["of"]) == ("error", 2, 2)
    assert (error["line"], error["name"], error["message"]) == (2, "KeyError", "'revenue'")
    assert executed.cells[0].outputs[0].text == "before\n"


@pytest.mark.slow
def test_kernel_that_dies_is_told(tmp_path: Path) -> None:
    code, records, _ = drive(tmp_path, notebook("import os; os._exit(1)"))

    assert code == 1
    assert (records[-1]["event"], records[-1]["name"]) == ("error", "DeadKernel")


@pytest.mark.slow
def test_plotly_figure_keeps_its_own_mime_type(tmp_path: Path) -> None:
    source = (
        "import plotly.graph_objects as go, plotly.io as pio\n"
        "pio.renderers.default = 'plotly_mimetype'\n"
        "go.Figure(go.Scatter(y=[1, 2])).show()"
    )

    code, _, executed = drive(tmp_path, notebook(source))

    assert code == 0
    assert "application/vnd.plotly.v1+json" in executed.cells[0].outputs[0].data
