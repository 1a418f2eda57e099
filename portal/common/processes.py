"""Process trees: who descends from this process, and how to end all of them.

Linux hands orphans to the nearest ancestor that asked for them (PR_SET_CHILD_SUBREAPER, prctl(2)), so
such an ancestor sees every descendant, however often it forked or changed its session. On other
systems only direct children are known; they end by the signals of their supervisor.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36
PAUSE = 0.02
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def adopt_orphans() -> None:
    """From now on a descendant whose parent ends becomes a child of this process."""
    if _PRCTL is not None:
        _PRCTL(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """From now on this process is killed when its parent ends; survives exec, not fork."""
    if _PRCTL is not None:
        _PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def children_of(pid: int) -> set[int]:
    """The direct children of a process, zombies included; empty where /proc does not tell."""
    children: set[int] = set()
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended since
            children.update(int(child) for child in listing.read_text().split())
    return children


def descendants_of(pids: Iterable[int]) -> set[int]:
    """The processes and everything below them."""
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(children_of(pid))
    return found


def reap() -> dict[int, int]:
    """Exit codes by process id of every child that has ended, adopted ones too; -9 means signal 9."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


@contextlib.contextmanager
def ending_of(pid: int) -> Iterator[list[int]]:
    """A descriptor to select on that is readable when the process has ended (pidfd_open(2)); none elsewhere."""
    if sys.platform != "linux":
        yield []
        return
    descriptor = os.pidfd_open(pid)
    try:
        yield [descriptor]
    finally:
        os.close(descriptor)


def send(pid: int, number: int) -> None:
    """A signal to a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_tree(pid: int) -> None:
    """Kill a process and everything below it."""
    for member in descendants_of([pid]):
        send(member, signal.SIGKILL)


def kill_descendants(*, seconds: float = 10) -> None:
    """Kill and reap until nothing descends from this process; what cannot die in time is left to init."""
    deadline = time.monotonic() + seconds
    while (children := children_of(os.getpid())) and time.monotonic() < deadline:
        for child in children:
            kill_tree(child)
        reap()
        time.sleep(PAUSE)
