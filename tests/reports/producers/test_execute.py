"""Executing notebooks: parameters, labels, and a kernel that ends with its notebook."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.producers.execute import (
    RECORD,
    Refusal,
    assignments,
    in_bash,
    in_python,
    in_r,
    inject,
    kernel_for,
    label_of,
    read,
)
from reports.runners.notebook import DRIVER

v4 = nbformat.v4


def notebook(*sources: str, parameters: int | None = None) -> Any:
    cells = [v4.new_code_cell(source) for source in sources]
    if parameters is not None:
        cells[parameters].metadata["tags"] = ["parameters"]
    return v4.new_notebook(cells=cells)


def run_driver(
    tmp_path: Path,
    document: Any,
    python: str = sys.executable,
    parameters: dict[str, object] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The driver's process, which has ended; both its streams are one, as in a run."""
    for folder in ("work", "ipc", "home"):
        (tmp_path / folder).mkdir()
    nbformat.write(document, tmp_path / "work" / "book.ipynb")
    executed = tmp_path / "output" / "book.ipynb"
    command = [sys.executable, "-I", str(DRIVER)]
    return subprocess.run(
        [*command, "book.ipynb", str(executed), json.dumps(parameters or {}), python],
        cwd=tmp_path / "work",
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def drive(
    tmp_path: Path, document: Any, **parameters: object
) -> tuple[int, list[dict[str, Any]], Any]:
    """Exit code, records and the executed notebook."""
    ended = run_driver(tmp_path, document, parameters=parameters)
    executed = tmp_path / "output" / "book.ipynb"
    lines = [line for line in ended.stdout.split("\n") if line.startswith(RECORD)]
    records = [json.loads(line.removeprefix(RECORD)) for line in lines]
    written = nbformat.read(executed, as_version=4) if executed.is_file() else None
    return ended.returncode, records, written


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


def test_parameters_injected_before_are_replaced() -> None:
    document = notebook("region = 'all'", "region", parameters=0)
    inject(document, {"region": "EMEA"})

    inject(document, {"region": "APAC"})

    assert [cell.source for cell in document.cells] == [
        "region = 'all'",
        "region = 'APAC'",
        "region",
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_literal_in_python_is_the_value(value: Any) -> None:
    again = eval(in_python(value))

    assert repr(again) == repr(value)  # nan is nothing's equal


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (3, "3"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
        ('a "b" \\ é\n', r'"a \"b\" \\ é\n"'),
        ("2026-11-16", '"2026-11-16"'),
        ([1, None, [False]], "list(1, NULL, list(FALSE))"),
        ({"a b": [1.5]}, 'list("a b" = list(1.5))'),
    ],
)
def test_literal_in_r(value: Any, literal: str) -> None:
    assert in_r(value) == literal


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_literal_in_bash_is_the_text(text: str) -> None:
    literal = in_bash(text)

    parts = literal[1:-1].split("'\\''")
    assert "'".join(parts) == text.replace("\0", "")
    assert not any("'" in part for part in parts)


@pytest.mark.parametrize(
    ("value", "literal"), [(None, "''"), (3, "'3'"), ([1, "a"], """'[1, "a"]'"""), (True, "'true'")]
)
def test_what_bash_has_no_type_for_is_json(value: Any, literal: str) -> None:
    assert in_bash(value) == literal


@pytest.mark.parametrize(
    ("language", "source"),
    [("python", "region = 'EMEA'"), ("r", 'region <- "EMEA"'), ("bash", "region='EMEA'")],
)
def test_parameters_are_set_in_the_language(language: str, source: str) -> None:
    assert assignments({"region": "EMEA"}, language) == source


@pytest.mark.parametrize(
    ("name", "language", "says"),
    [
        ("region", "julia", "is in julia, for which parameters cannot be set"),
        ("my region", "python", "parameter 'my region': that is no name"),
        ("class", "python", "parameter 'class'"),
        ("x; rm -rf ~", "bash", "that is no name"),
    ],
)
def test_parameter_that_cannot_be_set_is_refused(name: str, language: str, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        assignments({name: 1}, language)


# ---- kernels ----


def kernels(tmp_path: Path, **argv: list[str]) -> str:
    """An environment with these kernels, whose names begin with their language; its Python."""
    for name, arguments in argv.items():
        folder = tmp_path / "env" / "share" / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": arguments, "display_name": name, "language": name.partition("_")[0]}
        folder.joinpath("kernel.json").write_text(json.dumps(spec))
    return str(tmp_path / "env" / "bin" / "python")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": None},
        {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        {"kernelspec": {"name": "conda-env-foo-py", "display_name": "Python [conda env:foo]"}},
        {
            "kernelspec": {"name": "venv", "display_name": "venv"},
            "language_info": {"name": "python"},
        },
        {"language_info": {"name": "ipython"}},
    ],
)
def test_python_by_any_name_is_that_of_the_environment(
    tmp_path: Path, metadata: dict[str, Any]
) -> None:
    python = kernels(tmp_path)

    kernel = kernel_for(metadata, python)

    assert kernel.language == "python"
    assert kernel.manager.kernel_spec.argv[:3] == [python, "-m", "ipykernel_launcher"]


def test_kernel_of_the_environment_is_started_by_its_python(tmp_path: Path) -> None:
    python = kernels(tmp_path, bash_own=["/build/python3.12", "-m", "bash_kernel"])

    kernel = kernel_for({"kernelspec": {"name": "bash_own"}}, python)

    assert kernel.language == "bash"
    assert kernel.manager.kernel_spec.argv == [python, "-m", "bash_kernel"]


def test_kernel_that_a_package_brings_needs_no_installation(tmp_path: Path) -> None:
    python = kernels(tmp_path)
    (tmp_path / "env" / "lib" / "python3.12" / "site-packages" / "bash_kernel").mkdir(parents=True)

    kernel = kernel_for({"kernelspec": {"name": "bash", "language": "bash"}}, python)

    assert kernel.manager.kernel_spec.argv[:3] == [python, "-m", "bash_kernel"]


@pytest.mark.parametrize(
    ("kernelspec", "shown"),
    [
        ({"name": "julia-0.4", "language": "julia"}, "“julia-0.4” (julia)"),
        ({"name": "scala", "display_name": "Scala 3"}, "“scala” (Scala 3)"),
    ],
)
def test_kernel_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, kernelspec: dict[str, str], shown: str
) -> None:
    python = kernels(tmp_path, cling=["cling"])

    with pytest.raises(Refusal) as refused:
        kernel_for({"kernelspec": kernelspec}, python)

    assert f"asks for the kernel {shown}, which is not here. There are: cling" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"cells": 3, "nbformat": 4, "nbformat_minor": 5}']
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "book.ipynb").write_text(text)

    with pytest.raises(Refusal, match="cannot be read as a notebook"):
        read(tmp_path / "book.ipynb")


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
    assert error["source"] == "x = 1\n{}['revenue']"
    assert error["traceback"].startswith("-----")
    assert executed.cells[0].outputs[0].text == "before\n"


@pytest.mark.slow
def test_kernel_that_is_missing_is_told(tmp_path: Path) -> None:
    document = notebook("1")
    document.metadata.kernelspec = {"name": "scala", "display_name": "Scala", "language": "scala"}

    code, records, _ = drive(tmp_path, document)

    assert code == 1
    assert [record["event"] for record in records] == ["refused"]


@pytest.mark.slow
def test_kernel_that_dies_is_told(tmp_path: Path) -> None:
    code, records, _ = drive(tmp_path, notebook("import os; os._exit(1)"))

    assert code == 1
    assert (records[-1]["event"], records[-1]["name"]) == ("error", "DeadKernel")


@pytest.mark.slow
def test_what_subprocesses_print_is_logged_once(tmp_path: Path) -> None:
    document = notebook("import os; os.system('echo said; echo warned >&2')")

    log = run_driver(tmp_path, document).stdout.splitlines()

    assert [log.count(line) for line in ("said", "warned")] == [1, 1]


@pytest.mark.slow
def test_last_words_of_a_kernel_that_cannot_start_are_logged(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho No module named ipykernel >&2\nexit 1\n")
    python.chmod(0o755)

    ended = run_driver(tmp_path, notebook("1"), str(python))

    assert ended.returncode == 1
    assert "standard error is\nNo module named ipykernel\n" in ended.stdout


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
