"""Which walls stand on this machine: tried, not guessed from versions."""

import json
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portal.runs.sandbox import (
    Command,
    Ending,
    Level,
    Limits,
    Outcome,
    bubblewrap,
    landlock,
    syscalls,
)
from portal.runs.sandbox.process import run

PROBE = Path(__file__).with_name("probe.py")
LONGEST_SECONDS = 30
GOOD = "good"


@dataclass(frozen=True)
class Verdict:
    """Whether a level works here; `reason` is why not, and empty when it does."""

    level: Level
    reason: str

    @property
    def works(self) -> bool:
        return not self.reason


@dataclass(frozen=True)
class Ours:
    """What walls must keep from a command: folders, and as a sample of them files that exist."""

    scratch: Path
    hidden: Sequence[Path]
    secret: Sequence[Path]
    readable: Sequence[Path] = ()


def examine(level: Level, ours: Ours) -> Verdict:
    """Run the probe behind the walls of the level, in a folder of its own in the scratch folder.

    Of plain isolation it asks only that it starts, ends, and leaves the system's files alone.
    """
    reason = _missing(level)
    if not reason:
        with (
            tempfile.TemporaryDirectory(prefix="isolation-", dir=ours.scratch) as root,
            _stranger() as stranger,
        ):
            reason = _try(level, Path(root), ours, stranger)
    return Verdict(level, reason)


def _missing(level: Level) -> str:
    if level is Level.BUBBLEWRAP and not bubblewrap.program():
        return "bubblewrap is not installed (apt install bubblewrap)"
    if level is Level.LANDLOCK and landlock.version() < landlock.OLDEST:
        return "this kernel does not offer Landlock as it is since Linux 6.2"
    if level is Level.LANDLOCK and not syscalls.is_known():
        return "system calls cannot be filtered on this kind of processor"
    return ""


@dataclass(frozen=True)
class _Stranger:
    """A process of ours, with a secret in its environment, and a port that somebody listens on."""

    token: str
    pid: int
    port: int


@contextmanager
def _stranger() -> Iterator[_Stranger]:
    token = secrets.token_hex(16)
    sleep = [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"]
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        subprocess.Popen(sleep, stdin=subprocess.PIPE, env={"TOKEN": token}) as process,  # noqa: S603
    ):
        yield _Stranger(token, process.pid, listener.getsockname()[1])
        process.kill()


def _try(level: Level, root: Path, ours: Ours, stranger: _Stranger) -> str:
    root.chmod(0o711)
    neighbour = root / "neighbour"
    neighbour.write_text("a file of another run")
    work, temporary = root / "work", root / "tmp"
    for folder in (work, temporary):
        folder.mkdir()
    walled = level is not Level.PLAIN
    asked = {
        "writable": [str(work), str(temporary)],
        "secret": [str(path) for path in (neighbour, *ours.secret)] if walled else [],
        "read_only": [sys.prefix, "/usr"] if walled else ["/usr"],
        "token": stranger.token if walled else "",
        # In a world of its own the same number may be another process.
        "pid": stranger.pid if level is Level.LANDLOCK else 0,
        "port": stranger.port if walled or syscalls.is_known() else 0,
    }
    command = Command(
        [sys.executable, "-I", "-c", PROBE.read_text(), json.dumps(asked)],
        work,
        {"TMPDIR": str(temporary)},
        writable=[temporary],
        readable=ours.readable,
        hidden=ours.hidden,
        network=False,
    )
    heard: list[str] = []
    outcome = run(command, Limits(wall_seconds=LONGEST_SECONDS), heard.append, level=level)
    return _reason(outcome, "".join(heard).strip())


def _reason(outcome: Outcome, said: str) -> str:
    if said == GOOD and outcome.exit_code == 0:
        return ""
    if outcome.ending is Ending.TOO_SLOW:
        return f"the self-test did not end within {LONGEST_SECONDS} seconds"
    if outcome.ending is Ending.NOT_STARTED and "Permission denied" in outcome.trouble:
        return (
            f"as a user of its own, code cannot reach {sys.executable} or its work folder: install "
            "Python and the portal where others may read, or run workers as a user of their own"
        )
    last = said.splitlines()[-1] if said else outcome.trouble
    return last or f"the self-test ended with exit code {outcome.exit_code}"
