"""Executes a notebook from top to bottom; the author's code runs in a kernel that ends with us.

Run inside a sandbox, as a process of its own, with the work folder as current directory:

    python -I execute.py <entry.ipynb> <executed.ipynb> <parameters as JSON> <python>

A notebook in Python gets a kernel of `python`, which may be of another environment than ours, whatever its
author has called the kernel; any other language gets the kernel that the notebook names, where there is one.
What happens is told on standard output, one JSON text per line after a record separator (RFC 7464); every
other line is log:

    {"event": "cell", "cell": 3, "of": 14, "label": "read ledger"}
    {"event": "done", "cell": 3, "of": 14, "said": 120, "seconds": 41.2}
    {"event": "error", "cell": 3, "of": 14, "said": 120, "line": 2, "name": "KeyError", "message": "...",
     "traceback": "...", "source": "..."}
    {"event": "refused", "message": "asks for the kernel “ir”, ..."}

Cells are counted as Jupyter counts them: code cells only, from 1. `said` is how many bytes the file had by then
into which code writes what it tells the portal, where there is one.
"""

import json
import keyword
import math
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

RECORD = "\x1e"
MOST_STREAM = 200_000  # characters of one cell's output in the log, while it prints
STREAM_END = 4_000  # of what is beyond, from its end
MOST_LAST_WORDS = 8_000  # bytes of a kernel that died
LAST_WORDS_SECONDS = 2.0
MOST_TRACEBACK = 8_000
MOST_SOURCE = 20_000
LABEL_LENGTH = 60
FAILED = 1
PYTHON, NATIVE = "python", "python3"  # the language, and the name of its kernel everywhere
SYSTEM_KERNELS = ("/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels")
BROUGHT = {"bash": "bash_kernel"}  # packages whose kernel is started without being installed first
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PREAMBLE = re.compile(
    r"An error occurred .*?\n-{18}\n.*?\n-{18}\n\s*", re.DOTALL
)  # nbclient's: the source
_LINE = re.compile(r"Cell In\[\d+\], line (\d+)")


class Refusal(Exception):
    """The notebook cannot be executed as it is; the text goes on after its name."""


def main() -> None:
    """Execute what our arguments name; exit code 1 when the notebook raised or cannot be executed."""
    entry, executed, parameters, python = sys.argv[1:5]
    try:
        code = execute(Path(entry), Path(executed), json.loads(parameters), python)
    except Refusal as refusal:
        tell(event="refused", message=str(refusal))
        code = FAILED
    sys.exit(code)


def execute(entry: Path, executed: Path, parameters: dict[str, Any], python: str) -> int:
    """Execute `entry` and write it with its outputs to `executed`, also when a cell raises.

    :raises Refusal: when it cannot be read, or there is no kernel for it.
    """
    notebook = read(entry)
    kernel = kernel_for(notebook.metadata, python)
    if parameters:
        inject(notebook, parameters, kernel.language)
    try:
        _Teller(notebook).execute(kernel)
    except CellExecutionError:
        return FAILED
    finally:
        executed.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, executed)
    return 0


def read(entry: Path) -> Any:
    """The notebook, brought to format 4; what cells lack of it is filled in, as Jupyter's tools are lenient too.

    :raises Refusal: when it is none.
    """
    try:
        notebook = nbformat.read(entry, as_version=4)
        for cell in notebook.cells:
            cell.setdefault("metadata", nbformat.NotebookNode())
            cell.setdefault("source", "")
            if cell.cell_type == "code":
                cell.setdefault("outputs", [])
                cell.setdefault("execution_count", None)
    except Exception as error:  # noqa: BLE001  what an odd file makes nbformat meet can be anything
        raise Refusal(
            f"cannot be read as a notebook ({type(error).__name__}: {error}). Open it in Jupyter and "
            "save it."
        ) from None
    return notebook


# ---- Parameters ----


def inject(notebook: Any, parameters: Mapping[str, Any], language: str = PYTHON) -> None:
    """Set the parameters as papermill does: in the cell injected before, else in one after the cell tagged
    `parameters`, else before every other.

    :raises Refusal: when the language or a name is not known to work.
    """
    cell = nbformat.v4.new_code_cell(
        assignments(parameters, language), metadata={"tags": ["injected-parameters"]}
    )
    if notebook.nbformat_minor < 5:
        cell.pop("id", None)  # cells have had ids since format 4.5
    if (before := _tagged(notebook, "injected-parameters")) is not None:
        notebook.cells[before] = cell
        return
    tagged = _tagged(notebook, "parameters")
    notebook.cells.insert(0 if tagged is None else tagged + 1, cell)


def _tagged(notebook: Any, tag: str) -> int | None:
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    return next((index for index, known in enumerate(tags) if tag in known), None)


def assignments(parameters: Mapping[str, Any], language: str) -> str:
    """Source that sets the parameters, values being what JSON has."""
    if language not in LANGUAGES:
        raise Refusal(
            f"is in {language or 'an unknown language'}, for which parameters cannot be set. They can for "
            f"{', '.join(LANGUAGES)}."
        )
    assign, literal = LANGUAGES[language]
    for name in parameters:
        if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
            raise Refusal(f"cannot be given the parameter {name!r}: that is no name of a variable.")
    return "\n".join(f"{name}{assign}{literal(value)}" for name, value in parameters.items())


def in_python(value: Any) -> str:
    """A Python literal; repr() alone gives names for what is no finite number."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, list):
        return f"[{', '.join(map(in_python, value))}]"
    if isinstance(value, dict):
        pairs = (f"{key!r}: {in_python(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    return repr(value)


def in_r(value: Any) -> str:
    """An R literal; R has no lists of scalars, so a list in JSON becomes a list."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    if isinstance(value, list):
        return f"list({', '.join(map(in_r, value))})"
    if isinstance(value, dict):
        pairs = (f"{_quoted(str(key))} = {in_r(each)}" for key, each in value.items())
        return f"list({', '.join(pairs)})"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    """As R quotes: JSON's escapes but for surrogate pairs, and without NUL, which R cannot hold."""
    return json.dumps(text.replace("\0", ""), ensure_ascii=False).replace("\x7f", "\\x7f")


def in_bash(value: Any) -> str:
    """A quoted word. Bash has only text: no value is empty, and what is nested is JSON."""
    if value is None:
        return "''"
    text = value if isinstance(value, str) else json.dumps(value)
    return "'" + text.replace("\0", "").replace("'", "'\\''") + "'"


LANGUAGES: dict[str, tuple[str, Callable[[Any], str]]] = {
    PYTHON: (" = ", in_python),
    "r": (" <- ", in_r),
    "bash": ("=", in_bash),
}


# ---- Kernels ----


class Kernel:
    """A kernel to be started, and the language that it speaks, in lower case."""

    def __init__(self, name: str, language: str, known: KernelSpecManager) -> None:
        # Relative to the work folder, where kernel and client both start: a socket's path has at
        # most 107 bytes (unix(7)), and the folders of a run may be deep.
        # An asynchronous manager: the client of the other one waits for ever for a kernel that has died.
        self.language = language
        self.echoes = False
        self.manager = AsyncKernelManager(
            kernel_name=name, kernel_spec_manager=known, transport="ipc", ip="../ipc/kernel"
        )

    def start_with(self, *program: str) -> None:
        """Replace the program that the kernel's specification starts."""
        assert self.manager.kernel_spec is not None  # its name was looked up
        self.manager.kernel_spec.argv[: len(program)] = program


def kernel_for(metadata: Any, python: str) -> Kernel:
    """The kernel that the notebook's metadata ask for.

    :raises Refusal: when neither the environment of `python` nor the machine has it.
    """
    wanted = _part(metadata, "kernelspec")
    name, shown = _text(wanted, "name"), _text(wanted, "display_name")
    language = _text(wanted, "language") or _text(_part(metadata, "language_info"), "name")
    own = str(Path(python).parent.parent / "share" / "jupyter" / "kernels")
    known = KernelSpecManager(kernel_dirs=[own, *SYSTEM_KERNELS])
    specs = known.get_all_specs()
    found = specs.get(name.lower())
    speaks = str(found["spec"]["language"]).lower() if found else ""
    if found and (speaks != PYTHON or found["resource_dir"].startswith(own)):
        return _with_python(Kernel(name.lower(), speaks, known), python)
    if _is_python(language, name, shown):
        return _with_python(Kernel(NATIVE, PYTHON, known), python)
    if language.lower() in BROUGHT and _has_package(python, BROUGHT[language.lower()]):
        kernel = _with_python(Kernel(NATIVE, language.lower(), known), python)
        kernel.start_with(python, "-m", BROUGHT[language.lower()])
        return kernel
    there = ", ".join(sorted(specs))
    raise Refusal(
        f"asks for the kernel “{name}” ({language or shown or 'language unknown'}), which is not here. "
        f"There are: {there}. Add the package that brings it to requirements.txt, ask an admin to install "
        "it on the workers, or choose another kernel in Jupyter and save the notebook."
    )


def _is_python(language: str, name: str, shown: str) -> bool:
    """By its language; where that is not said, by its names, and Python is what notebooks without any are in."""
    if language:
        return language.lower() in (PYTHON, "ipython", "python3")
    return not name or "py" in name.lower() or "python" in shown.lower()


def _with_python(kernel: Kernel, python: str) -> Kernel:
    """Kernels that are started by Python are started by that of the environment."""
    assert kernel.manager.kernel_spec is not None  # its name was looked up
    program = Path(kernel.manager.kernel_spec.argv[0]).name
    if re.fullmatch(r"python[\d.]*", program):
        kernel.start_with(python)
        kernel.echoes = True
    return kernel


def _has_package(python: str, package: str) -> bool:
    return any(Path(python).parent.parent.glob(f"lib/python3*/site-packages/{package}"))


def _part(metadata: Any, key: str) -> Mapping[str, Any]:
    part = metadata.get(key)
    return part if isinstance(part, Mapping) else {}


def _text(part: Mapping[str, Any], key: str) -> str:
    return str(part.get(key) or "")


# ---- Execution ----


class _LastWords:
    """Keeps the end of what a kernel writes to its standard error, in case it dies.

    ipykernel, on which kernels in Python stand, sends what subprocesses print and also echoes it to the
    streams that it was started with (`OutStream._watch_pipe_fd`): whoever hears both, hears all twice.
    """

    def __init__(self) -> None:
        self._end = b""
        self._source, self.file = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while data := os.read(self._source, MOST_LAST_WORDS):
            self._end = (self._end + data)[-MOST_LAST_WORDS:]

    def tell(self) -> None:
        """For the log, once the kernel has ended."""
        os.close(self.file)
        self._reader.join(LAST_WORDS_SECONDS)
        if text := self._end.decode("utf-8", "replace").replace(RECORD, "").strip():
            _write(f"The kernel ended; the last it wrote to its standard error is\n{text}")


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
        self._source = ""
        self._started = 0.0
        self._stream = _Stream()

    def execute(self, kernel: Kernel) -> None:
        words = _LastWords()
        streams = {"stdout": subprocess.DEVNULL, "stderr": words.file} if kernel.echoes else {}
        client = _Client(
            self._notebook,
            km=kernel.manager,
            timeout=None,
            record_timing=False,  # the same results must give the same file
            on_cell_execute=self._cell_starts,
            on_cell_executed=self._cell_ended,
        )
        client.on_stream = lambda text: self._stream.write(text)
        try:
            client.execute(cwd=str(Path.cwd()), **streams)
        except CellExecutionError as error:
            self._tell_error(error)
            raise
        except DeadKernelError:
            words.tell()
            self._tell("error", **said(), line=None, name="DeadKernel", message="", traceback="")
            raise SystemExit(FAILED) from None
        except RuntimeError:  # it ended before it was ready
            words.tell()
            raise
        finally:
            run_sync(kernel.manager.shutdown_kernel)(now=True)

    def _cell_starts(self, cell: Any, cell_index: int) -> None:
        self._current = self._number[cell_index]
        self._source = cell.source
        self._started = time.monotonic()
        self._stream = _Stream()
        self._tell("cell", label=label_of(cell.source))

    def _cell_ended(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        self._tell("done", **said(), seconds=round(time.monotonic() - self._started, 1))

    def _tell_error(self, error: CellExecutionError) -> None:
        traceback = _PREAMBLE.sub("", _ANSI.sub("", error.traceback), count=1)
        line = _LINE.search(traceback)
        self._tell(
            "error",
            **said(),
            line=int(line[1]) if line else None,
            name=error.ename or "exit code",  # a kernel of a shell has nothing else to say
            message=_ANSI.sub("", error.evalue)[:MOST_TRACEBACK],
            traceback=traceback[-MOST_TRACEBACK:],
            source=self._source[:MOST_SOURCE],
        )

    def _tell(self, event: str, **what: object) -> None:
        self._stream.close()
        self._stream = _Stream()
        tell(event=event, cell=self._current, of=len(self._number), **what)


def said() -> dict[str, int]:
    """The size of the file that BROADSHEET_SAY names."""
    try:
        return {"said": Path(os.environ["BROADSHEET_SAY"]).stat().st_size}
    except (KeyError, OSError):  # not in a run, or removed by the code
        return {}


def tell(**what: object) -> None:
    """One record for the worker."""
    _write(f"{RECORD}{json.dumps(what)}")


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def label_of(source: str) -> str:
    """What a cell says of itself: its first line, when that is a comment."""
    first = source.strip().split("\n", 1)[0]
    return first.lstrip("#").strip()[:LABEL_LENGTH] if first.startswith("#") else ""


if __name__ == "__main__":
    main()
