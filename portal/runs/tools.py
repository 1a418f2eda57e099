"""Programs of the machine that some code needs beside Python: looked for once, then used by every run.

The findings are also kept in the data folder, where the pages read what the workers of this machine have.
"""

import json
import logging
import os
import shutil
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from portal.common.text import one_line
from portal.runs.errors import PlatformError
from portal.runs.sandbox import Command, Limits, places, process

logger = logging.getLogger(__name__)

FILE = "tools.json"
LONGEST_SECONDS = 20
LONGEST_VERSION = 60


@dataclass(frozen=True)
class Tool:
    """A program that may be on a worker's PATH. Called with `asks` it tells its version and ends with 0.

    `install` completes “An admin can …”; `until` says what authors can do without.
    `proof` is a file that its own installation has, below the folder above that of the program: then all
    of that folder may be read by runs, as where it lies in /opt.
    """

    program: str
    label: str
    asks: tuple[str, ...]
    install: str
    until: str = ""
    proof: str = ""
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What was found of a tool; without a `path` it cannot be used, for this `reason`."""

    program: str
    label: str
    path: str = ""
    version: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Survey:
    """The tools of a machine, as they were at a time."""

    machine: str
    at: datetime
    findings: Sequence[Finding]


class ToolMissing(PlatformError):
    """Nobody's code is wrong: the machine lacks what it needs."""


_registered: dict[str, Tool] = {}
_found: dict[str, Finding] = {}


def register_tool(tool: Tool) -> None:
    """Look for this tool when a worker starts. Registering again under the same name replaces."""
    _registered[tool.program] = tool


def need(tool: Tool, *, called: str) -> Path:
    """Where the tool is; `called` is what a run of this worker needs it for.

    :raises ToolMissing: when it is not there.
    """
    if tool.program not in _found:
        survey(at=timezone.now())
    finding = _found[tool.program]
    if not finding.path:
        raise ToolMissing(
            f"This worker ({socket.gethostname()}) has no {tool.label}, which {called} needs: "
            f"{finding.reason}. An admin can {tool.install} and restart the workers. {tool.until}".strip()
        )
    return Path(finding.path)


def folders_of(tool: Tool, path: Path) -> list[Path]:
    """What the tool needs to be read of where it is installed, if not among the system's programs."""
    above = path.resolve().parent.parent
    own = [above] if tool.proof and (above / tool.proof).is_file() else []
    return [*places.of_interpreter(str(path)), *own, *map(Path, tool.reads)]


def survey(*, at: datetime) -> Survey:
    """Look for every tool now, use what is there in this process from here on, and keep the findings."""
    found = Survey(socket.gethostname(), at, [_look_for(tool) for tool in _registered.values()])
    _found.update({finding.program: finding for finding in found.findings})
    _keep(found)
    return found


def last_survey() -> Survey | None:
    """What a process of this machine found last; None before the first worker has started here."""
    try:
        kept = json.loads(_file().read_text("utf-8"))
        findings = [Finding(**one) for one in kept["findings"]]
        return Survey(kept["machine"], datetime.fromisoformat(kept["at"]), findings)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _look_for(tool: Tool) -> Finding:
    path = shutil.which(tool.program)
    if path is None:
        return Finding(tool.program, tool.label, reason=f"{tool.program} is not on its PATH")
    said, code = _ask([path, *tool.asks])
    lines = said.strip().splitlines() or [f"{tool.program} ended with exit code {code}"]
    if code != 0:
        return Finding(tool.program, tool.label, reason=one_line(lines[-1]).rstrip("."))
    version = one_line(lines[0], length=LONGEST_VERSION).removeprefix(f"{tool.program} ")
    return Finding(tool.program, tool.label, str(Path(path).absolute()), version)


def _ask(arguments: list[str]) -> tuple[str, int]:
    settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
    heard: list[str] = []
    folder = settings.SCRATCH_DIR
    world = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": "C.UTF-8"}
    outcome = process.run(
        Command(arguments, folder, world), Limits(wall_seconds=LONGEST_SECONDS), heard.append
    )
    return "".join(heard), outcome.exit_code


def _keep(found: Survey) -> None:
    written = _file().with_suffix(".new")
    try:
        written.write_text(json.dumps({**asdict(found), "at": found.at.isoformat()}), "utf-8")
        written.replace(_file())
    except OSError as error:  # a full disk: the pages do not know, the runs do
        logger.warning("tools_not_kept error=%s", error)


def _file() -> Path:
    return Path(settings.DATA_DIR) / FILE
