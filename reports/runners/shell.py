"""Shell scripts, and any command that a manifest names: `[run] command`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from portal.common.text import one_line
from portal.runs.runners import Job, Runner, in_python
from portal.runs.tools import Tool

BASH = Tool(
    program="bash",
    label="bash",
    asks=("-c", "echo ${BASH_VERSION%%(*}"),
    install="install bash (apt install bash)",
)
STRICT = ("-euo", "pipefail")  # the first command that fails is the end, also within a pipe
LONGEST_NAME = 80
_AT_LINE = re.compile(r"^\S*?(?P<file>[^/\s]+): line (?P<line>\d+): (?P<said>.+)")


def script(job: Job) -> list[str]:
    """Not executed by itself: uploads keep no right to execute."""
    return [str(job.tools[BASH.program]), *STRICT, "--", job.entry]


def command(job: Job) -> list[str]:
    """A line is for bash, a list is a program and its arguments."""
    wanted = job.wishes["command"]
    if isinstance(wanted, str):
        return [str(job.tools[BASH.program]), *STRICT, "-c", wanted]
    # env finds the program on the run's PATH, and says so when there is none.
    return ["/usr/bin/env", "--", *wanted]


def called(entry: str, wishes: Mapping[str, Any]) -> str:
    """The command as its author wrote it, on one line."""
    wanted = wishes.get("command", entry)
    return one_line(wanted if isinstance(wanted, str) else " ".join(wanted), length=LONGEST_NAME)


def explain(entry: str, lines: Sequence[str]) -> str:
    """Where bash says that it was, or a Python that it started."""
    place = _AT_LINE.match(lines[-1]) if lines else None
    if place and place["file"] in (entry.rpartition("/")[2], BASH.program):
        return f", line {place['line']}: {one_line(place['said'])}"
    return in_python(entry, lines)


SHELL_SCRIPT = Runner(
    name="shell",
    label="Shell script",
    extensions=(".sh",),
    command=script,
    tools=(BASH,),
    explain=explain,
)
COMMAND = Runner(
    name="command",
    label="Shell command",
    key="command",
    command=command,
    tools=(BASH,),
    called=called,
    explain=explain,
)
