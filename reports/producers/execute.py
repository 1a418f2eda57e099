"""Executes a notebook from top to bottom; the author's code runs in a kernel that ends with us.

Run inside a sandbox, as a process of its own, with the work folder as current directory:

    python -I execute.py <entry.ipynb> <executed.ipynb> <parameters as JSON> <python>

The kernel is started with `python`, which may be of another environment than ours. What happens is told
on standard output, one JSON text per line after a record separator (RFC 7464); every other line is log:

    {"event": "cell", "cell": 3, "of": 14, "label": "read ledger"}
    {"event": "done", "cell": 3, "of": 14, "seconds": 41.2}
    {"event": "error", "cell": 3, "of": 14, "line": 2, "name": "KeyError", "message": "...", "traceback": "..."}

Cells are counted as Jupyter counts them: code cells only, from 1.
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

RECORD = "\x1e"
MOST_STREAM = 4_000
MOST_TRACEBACK = 8_000
LABEL_LENGTH = 60
FAILED = 1
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LINE = re.compile(r"Cell In\[\d+\], line (\d+)")


def main() -> None:
    """Execute what our arguments name; exit code 1 when the notebook raised."""
    entry, executed, parameters, python = sys.argv[1:5]
    sys.exit(execute(Path(entry), Path(executed), json.loads(parameters), python))


def execute(entry: Path, executed: Path, parameters: dict[str, Any], python: str) -> int:
    """Execute `entry` and write it with its outputs to `executed`, also when a cell raises."""
    notebook = nbformat.read(entry, as_version=4)
    if parameters:
        inject(notebook, parameters)
    try:
        _Teller(notebook).execute(python)
    except CellExecutionError:
        return FAILED
    finally:
        executed.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, executed)
    return 0


def inject(notebook: Any, parameters: dict[str, Any]) -> None:
    """Set the parameters in a cell after the one tagged `parameters`, else before every other."""
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    if notebook.nbformat_minor < 5:
        cell.pop("id", None)  # cells have had ids since format 4.5
    tagged = [
        index
        for index, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    ]
    notebook.cells.insert(tagged[0] + 1 if tagged else 0, cell)


class _Teller:
    """Executes a notebook and tells of every cell."""

    def __init__(self, notebook: Any) -> None:
        code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        self._notebook = notebook
        self._number = {index: number for number, index in enumerate(code, start=1)}
        self._current = 0
        self._started = 0.0

    def execute(self, python: str) -> None:
        # Relative to the work folder, where kernel and client both start: a socket's path has at
        # most 107 bytes (unix(7)), and the folders of a run may be deep.
        # An asynchronous manager: the client of the other one waits for ever for a kernel that has died.
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip="../ipc/kernel")
        assert kernel.kernel_spec is not None  # python3 comes with ipykernel
        kernel.kernel_spec.argv[0] = python
        client = NotebookClient(
            self._notebook,
            km=kernel,
            timeout=None,
            record_timing=False,  # the same results must give the same file
            on_cell_execute=self._cell_starts,
            on_cell_executed=self._cell_ended,
        )
        try:
            client.execute(cwd=str(Path.cwd()))
        except CellExecutionError as error:
            self._tell_error(error)
            raise
        except DeadKernelError:
            self._tell("error", line=None, name="DeadKernel", message="", traceback="")
            raise SystemExit(FAILED) from None
        finally:
            run_sync(kernel.shutdown_kernel)(now=True)

    def _cell_starts(self, cell: Any, cell_index: int) -> None:
        self._current = self._number[cell_index]
        self._started = time.monotonic()
        self._tell("cell", label=label_of(cell.source))

    def _cell_ended(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        for output in cell.outputs:
            if output.output_type == "stream":
                _write(output.text[:MOST_STREAM].replace(RECORD, "").rstrip("\n"))
        self._tell("done", seconds=round(time.monotonic() - self._started, 1))

    def _tell_error(self, error: CellExecutionError) -> None:
        traceback = _ANSI.sub("", error.traceback)
        line = _LINE.search(traceback)
        self._tell(
            "error",
            line=int(line[1]) if line else None,
            name=error.ename,
            message=_ANSI.sub("", error.evalue)[:MOST_TRACEBACK],
            traceback=traceback[-MOST_TRACEBACK:],
        )

    def _tell(self, event: str, **what: object) -> None:
        text = json.dumps({"event": event, "cell": self._current, "of": len(self._number), **what})
        _write(f"{RECORD}{text}")


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def label_of(source: str) -> str:
    """What a cell says of itself: its first line, when that is a comment."""
    first = source.strip().split("\n", 1)[0]
    return first.lstrip("#").strip()[:LABEL_LENGTH] if first.startswith("#") else ""


if __name__ == "__main__":
    main()
