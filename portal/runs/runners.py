"""What can be executed: each runner knows code of one kind. Decision 10 tells how to add one.

The apps above register theirs in `AppConfig.ready()`:

    register_runner(Runner(name="script", label="Python script", extensions=(".py",), command=command))

A version keeps the name of its runner as its `format`, so nothing here looks at file names again.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.common.text import one_line
from portal.publishing.code import Code, register_code
from portal.publishing.models import Version
from portal.runs.errors import PlatformError
from portal.runs.tools import Tool, register_tool
from portal.runs.workplace import Workplace

_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)')
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Job:
    """What a runner is told of one run.

    `entry` is relative to `place.work`, where the code starts; `wishes` is `[run]` of the manifest;
    `python` is that of the version's environment; `tools` are where the tools are that it needs.
    """

    entry: str
    wishes: Mapping[str, Any]
    parameters: Mapping[str, Any]
    place: Workplace
    python: Path
    tools: Mapping[str, Path]


def in_python(entry: str, lines: Sequence[str]) -> str:
    """The line of the entry that an exception went through last, the file beside it that raised, and what it says."""
    frames = [match for line in lines if (match := _FRAME.match(line))]
    own = [frame for frame in frames if frame["file"].endswith(entry)]
    if not own:
        return ""
    folder = own[-1]["file"].removesuffix(entry)
    raised = [frame for frame in frames if folder and frame["file"].startswith(folder)]
    place = f", line {own[-1]['line']}"
    if raised and raised[-1] != own[-1]:
        place += f", in {raised[-1]['file'].removeprefix(folder)}, line {raised[-1]['line']}"
    return f"{place}: {one_line(lines[-1])}"


def last_line(entry: str, lines: Sequence[str]) -> str:
    """The last thing that was said, for code that says nothing of a line of its own."""
    said = [text for line in lines if (text := one_line(_COLOUR.sub("", line)))]
    return f": {said[-1]}" if said else ""


def _nothing(job: Job) -> dict[str, str]:
    return {}


def _no_file(entry: str) -> tuple[str, ...]:
    return ()


def _entry(entry: str, wishes: Mapping[str, Any]) -> str:
    return entry


@dataclass(frozen=True)
class Runner:
    """Code of one kind: what asks for it, what it needs, and how it becomes a command.

    It is asked for by the entry's extension, or by a `key` below `[run]` in the manifest. `packages` are
    what its environment must have beside the author's. `readable` are files of ours that it may read.
    """

    name: str
    label: str
    command: Callable[[Job], Sequence[str]]
    extensions: tuple[str, ...] = ()
    key: str = ""
    tools: tuple[Tool, ...] = ()
    packages: tuple[str, ...] = ()
    readable: tuple[Path, ...] = ()
    environment: Callable[[Job], Mapping[str, str]] = _nothing  # beside that of every run
    shows: Callable[[str], Sequence[str]] = (
        _no_file  # of what it writes readers see the first of these
    )
    called: Callable[[str, Mapping[str, Any]], str] = _entry  # what people know it by
    explain: Callable[[str, Sequence[str]], str] = in_python  # where it failed, from its last lines


_runners: dict[str, Runner] = {}


def register_runner(runner: Runner) -> None:
    """Execute code of this kind from now on. Registering again under the same name replaces."""
    _runners[runner.name] = runner
    register_code(Code(runner.name, runner.extensions, runner.key))
    for tool in runner.tools:
        register_tool(tool)


def find_runner(version: Version) -> Runner | None:
    """The runner of a version that executes; None when this release does not have it."""
    return _runners.get(version.format)


def runner_of(version: Version) -> Runner:
    """The runner of a version that executes.

    :raises PlatformError: when this release does not have it.
    """
    runner = find_runner(version)
    if runner is None:
        raise PlatformError(
            f"This release of Broadsheet cannot execute {version.entry} ({version.format}). "
            "An admin has to look what became of it."
        )
    return runner
