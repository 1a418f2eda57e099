"""Running a command that we did not write, in a process tree of its own that always ends.

Nothing here knows of Django. `run` is the whole interface; how strong the walls are depends on the
isolation behind it, and every isolation keeps these promises:

- the command sees the environment it is given and nothing of ours;
- when it ends, or a limit is reached, or its starter dies, everything it started is killed;
- the caller hears what it writes while it writes it, up to a limit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """What to run: an argument list (never a shell line), in which folder, with which environment."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Limits:
    """Where the command is stopped. Memory is the resident size of its whole tree."""

    wall_seconds: float
    memory_mb: int = 2048
    output_bytes: int = 2_000_000


class Ending(StrEnum):
    """Why the command ended."""

    EXITED = "exited"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Outcome:
    """How it ended. `exit_code` is 128 and the signal's number when a signal ended it."""

    ending: Ending
    exit_code: int
    seconds: float
    peak_mb: int
    output_cut: bool


OnOutput = Callable[[str], None]
MustStop = Callable[[], bool]
