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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

RECORD = "\x1e"
MOST_STREAM = 200_000  # characters of one cell's output in the log, while it prints
STREAM_END = 4_000  # of what is beyond, from its end
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


class _Client(NotebookClient):
    """Passes on what a cell prints at the moment it does, not when the cell has ended."""

    on_stream: Any = None

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        if msg["header"]["msg_type"] == "stream":
            self.on_stream(msg["content"]["text"])
        return super().process_message(msg, cell, cell_index)


@dataclass
class _Stream:
    """What one cell prints: all of it up to a limit, then its end."""

    room: int = MOST_STREAM
    left_out: int = 0
    end: str = ""
    at_line_start: bool = True

    def write(self, text: str) -> None:
        text = text.replace(RECORD, "")
        now, later = text[: self.room], text[self.room :]
        self.room -= len(now)
        self.end += later
        self.left_out += max(0, len(self.end) - STREAM_END)
        self.end = self.end[-STREAM_END:]
        self._pass_on(now)

    def close(self) -> None:
        """Pass on the end, and end the line, for what comes next begins one."""
        if self.left_out:
            self._finish_line()
            self._pass_on(f"… {self.left_out:,} characters are left out here\n")
        self._pass_on(self.end)
        self._finish_line()

    def _finish_line(self) -> None:
        if not self.at_line_start:
            self._pass_on("\n")

    def _pass_on(self, text: str) -> None:
        if text:
            self.at_line_start = text.endswith("\n")
            sys.stdout.write(text)
            sys.stdout.flush()


class _Teller:
    """Executes a notebook and tells of every cell."""

    def __init__(self, notebook: Any) -> None:
        code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        self._notebook = notebook
        self._number = {index: number for number, index in enumerate(code, start=1)}
        self._current = 0
        self._started = 0.0
        self._stream = _Stream()

    def execute(self, python: str) -> None:
        # Relative to the work folder, where kernel and client both start: a socket's path has at
        # most 107 bytes (unix(7)), and the folders of a run may be deep.
        # An asynchronous manager: the client of the other one waits for ever for a kernel that has died.
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip="../ipc/kernel")
        assert kernel.kernel_spec is not None  # python3 comes with ipykernel
        kernel.kernel_spec.argv[0] = python
        client = _Client(
            self._notebook,
            km=kernel,
            timeout=None,
            record_timing=False,  # the same results must give the same file
            on_cell_execute=self._cell_starts,
            on_cell_executed=self._cell_ended,
        )
        client.on_stream = lambda text: self._stream.write(text)
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
        self._stream = _Stream()
        self._tell("cell", label=label_of(cell.source))

    def _cell_ended(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
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
        self._stream.close()
        self._stream = _Stream()
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
