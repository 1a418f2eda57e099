"""Call a function in a process of its own, where a hostile file can do no harm.

The child is a fresh interpreter without our environment, in a session of its own, with limits on time,
memory, files and processes, and without network where the kernel allows it. It answers with JSON on a
pipe. Whatever goes wrong in it is a `Refused` here: there is no other exception to expect.
"""

import contextlib
import json
import logging
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.common import processes
from portal.common.refusals import Refused

JSON = Any

MEGABYTE = 1 << 20
ANSWER_LIMIT = 32 * MEGABYTE
NOISE_KEPT = 4096  # bytes of the child's last words, for our log
LOOK_EVERY = 0.05  # seconds between two looks at the child's memory

_ENTRY = Path(__file__).with_name("child.py")
_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
_places = threading.BoundedSemaphore(int(os.environ.get("BROADSHEET_PARSERS", "2")))

logger = logging.getLogger(__name__)


def _nothing() -> None:
    """Nothing else is to be looked at."""


def call(
    target: str,
    *,
    wall_seconds: int = 20,
    memory_mb: int = 1024,
    meanwhile: Callable[[], object] = _nothing,
    **arguments: JSON,
) -> JSON:
    """What `package.module:function` returns for these keyword arguments, all of it JSON.

    `meanwhile` is called several times a second; what it raises ends the child.

    :raises Refused: by the function itself; or unreadable_file (it crashed), too_slow, too_much_memory,
        or busy (no place became free within `wall_seconds`).
    """
    with _place(wall_seconds):
        child = _Child(target, arguments, wall_seconds, memory_mb, meanwhile)
        try:
            child.watch()
        finally:
            child.end()
    return child.answer()


@contextlib.contextmanager
def _place(seconds: float) -> Iterator[None]:
    if not _places.acquire(timeout=seconds):
        raise Refused("busy", "Many files are being read just now. Try again in a minute.", 429)
    try:
        yield
    finally:
        _places.release()


@dataclass
class _Child:
    target: str
    arguments: dict[str, JSON]
    wall_seconds: int
    memory_mb: int
    meanwhile: Callable[[], object]
    _answer: bytearray = field(default_factory=bytearray)
    _noise: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.wall_seconds
        self._answers, given = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and file
                [sys.executable, "-I", "-X", "utf8", str(_ENTRY), str(given)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[given],
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        except OSError:
            os.close(self._answers)
            raise
        finally:
            os.close(given)

    def watch(self) -> None:
        """Send the request and gather the answer. Refused: too_slow, too_much_memory."""
        self._ask()
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as pipes:
            pipes.register(self._answers, selectors.EVENT_READ, self._hear)
            pipes.register(self._process.stdout, selectors.EVENT_READ, self._overhear)
            while pipes.get_map() and self._process.poll() is None:
                for key, _ in pipes.select(LOOK_EVERY):
                    if not key.data(os.read(key.fd, 1 << 16)):
                        pipes.unregister(key.fileobj)
                self._check_limits()
                self.meanwhile()
            for key in list(pipes.get_map().values()):
                self._drain(key)

    def end(self) -> None:
        """Kill whatever is left of the child and of its own children."""
        processes.kill_tree(self._process.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, 9)
        self._process.wait()
        os.close(self._answers)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def answer(self) -> JSON:
        """What the child said. Refused: its own refusal, or unreadable_file when it said nothing."""
        try:
            said = json.loads(self._answer)
        except ValueError:
            said = {"crashed": f"ended with {self._process.returncode}"}
        if "returned" in said:
            return said["returned"]
        if "refused" in said:
            raise Refused(**said["refused"])
        logger.warning(
            "%s failed in its child: %s %s",
            self.target,
            said["crashed"],
            self._noise.decode("utf-8", "replace"),
        )
        raise Refused("unreadable_file", "This file cannot be read; it may be damaged.")

    def _ask(self) -> None:
        request = {
            "target": self.target,
            "arguments": self.arguments,
            "seconds": self.wall_seconds,
            "parent": os.getpid(),
        }
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died; `answer` tells
            self._process.stdin.write(json.dumps(request).encode())
            self._process.stdin.close()

    def _hear(self, said: bytes) -> bool:
        self._answer += said
        if len(self._answer) > ANSWER_LIMIT:
            raise Refused("unreadable_file", "This file holds more facts than can be kept.")
        return bool(said)

    def _overhear(self, said: bytes) -> bool:
        self._noise = (self._noise + said)[-NOISE_KEPT:]
        return bool(said)

    def _drain(self, key: selectors.SelectorKey) -> None:
        """Read what the ended child left in a pipe; a grandchild may hold it open, so never wait."""
        os.set_blocking(key.fd, False)
        with contextlib.suppress(BlockingIOError):
            while key.data(os.read(key.fd, 1 << 16)):
                pass

    def _check_limits(self) -> None:
        if time.monotonic() > self._deadline:
            raise Refused(
                "too_slow",
                f"Reading this file took longer than {self.wall_seconds} seconds. "
                "Make it smaller or simpler.",
            )
        if _resident_bytes(self._process.pid) > self.memory_mb * MEGABYTE:
            raise Refused(
                "too_much_memory",
                f"Reading this file needs more than {self.memory_mb} MB of memory. Make it smaller.",
            )


def _environment() -> dict[str, str]:
    """All that a child knows of the world; one thread per library, for there are few cores."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _resident_bytes(pid: int) -> int:
    """Memory in RAM; 0 when the process has ended or the system has no /proc."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_SIZE
    except (OSError, IndexError):
        return 0
