"""Running a command that we did not write, in a process tree of its own that always ends.

Nothing here knows of Django. `process.run` is the whole interface; how strong the walls are depends on
the level, and every level keeps these promises:

- the command sees the environment it is given and nothing of ours;
- when it ends, or a limit is reached, or its starter dies, everything it started is killed;
- the caller hears what it writes while it writes it: the beginning and the end, up to a limit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    """How strong the walls around a command are, strongest first; decision 6 tells what each hides."""

    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"
    PLAIN = "plain"


@dataclass(frozen=True)
class Command:
    """What to run: an argument list (never a shell line), in which folder, with which environment.

    It may write below `folder`, `writable`, and what `TMPDIR` of its environment names, which is its
    own /tmp where the level can do that. It may read the system, its interpreter and `readable`.
    `hidden` are folders of ours that must not be seen even where they lie below one that may be read.
    """

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)  # it may hold secrets
    writable: Sequence[Path] = ()
    readable: Sequence[Path] = ()
    hidden: Sequence[Path] = ()
    network: bool = True


@dataclass(frozen=True)
class Limits:
    """Where the command is stopped. Memory is the resident size of its whole tree, disk what it may
    write altogether; `processes` counts threads too, for that is what the kernel counts."""

    wall_seconds: float
    memory_mb: int = 2048
    output_bytes: int = 2_000_000
    processes: int = 512
    disk_mb: int = 4096
    open_files: int = 4096


class Ending(StrEnum):
    """Why the command ended."""

    EXITED = "exited"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    TOO_FULL = "too_full"
    STOPPED = "stopped"
    NOT_STARTED = "not_started"


@dataclass(frozen=True)
class Outcome:
    """How it ended. `exit_code` is 128 and the signal's number when a signal ended it.

    `trouble` says why the walls could not be put up, when it was not started for that.
    """

    ending: Ending
    exit_code: int
    seconds: float
    peak_mb: int
    output_cut: bool
    trouble: str = ""


OnOutput = Callable[[str], None]
MustStop = Callable[[], bool]
