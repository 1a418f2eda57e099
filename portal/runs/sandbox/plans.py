"""What a worker asks of a warden: one line of JSON on the warden's standard input.

Not on its command line, which every process of the machine may read, and not as its environment, which
would let an author's `LD_PRELOAD` into a process that is not confined yet.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from portal.runs.sandbox import Command, Level, Limits

HURRY = b"!"  # before the pipe closes: a person waits for the end


@dataclass(frozen=True)
class Plan:
    """A command, its walls and its limits. `level` is empty for tools of ours, which need no walls.

    `report` is the descriptor of a pipe on which the warden says why it could not put the walls up.
    """

    level: str
    arguments: Sequence[str]
    folder: str
    environment: Mapping[str, str] = field(repr=False)  # it may hold secrets
    writable: Sequence[str]
    readable: Sequence[str]
    hidden: Sequence[str]
    network: bool
    processes: int
    file_bytes: int
    open_files: int
    report: int
    bubblewrap: str  # the program; empty where the level needs none

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


def plan_of(
    command: Command,
    limits: Limits,
    level: Level | None,
    *,
    report: int,
    bubblewrap: str = "",
) -> Plan:
    return Plan(
        level=level or "",
        arguments=list(command.arguments),
        folder=str(command.folder),
        environment=dict(command.environment),
        writable=[str(path) for path in command.writable],
        readable=[str(path) for path in command.readable],
        hidden=[str(path) for path in command.hidden],
        network=command.network,
        processes=limits.processes,
        file_bytes=limits.disk_mb * 1_000_000,
        open_files=limits.open_files,
        report=report,
        bubblewrap=bubblewrap,
    )


def read_plan(line: bytes) -> Plan:
    return Plan(**json.loads(line))
