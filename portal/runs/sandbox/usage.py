"""What a tree of processes uses, as seen from outside."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from portal.common import processes

_PAGE = os.sysconf("SC_PAGE_SIZE")
_BLOCK = 512  # of st_blocks, stat(2)
_TICK = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)  # in /proc/<pid>/stat, counted from behind the name, proc(5):
_THREADS, _RESIDENT = 17, 21  # utime, stime, cutime, cstime; threads; pages


@dataclass(frozen=True)
class Usage:
    """Resident memory, pages that processes share counted for each; threads, one a process at least.

    `cpu_seconds` is what the tree has computed since it began: of each living process its own time, user
    and system, and that of the children that it has waited for. The kernel adds a child's time, with
    that of the child's own children, to its parent at the very moment when the child vanishes, so
    each is counted once. One that ends between two of our reads can be seen twice until the next
    look, and one whose parent ignores SIGCHLD is forgotten by the kernel: whoever draws a curve must bear
    a step down.
    """

    resident_mb: int
    threads: int
    cpu_seconds: float = 0.0


def usage_of(pid: int) -> Usage:
    """The usage of a process and everything below it."""
    pages = threads = ticks = 0
    for member in processes.descendants_of([pid]):
        with suppress(OSError):  # it has ended since
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            pages += int(fields[_RESIDENT])
            threads += int(fields[_THREADS])
            ticks += sum(int(ticks) for ticks in fields[_TIMES])
    return Usage(pages * _PAGE // 1_000_000, threads, ticks / _TICK)


def disk_bytes(folders: Iterable[Path]) -> int:
    """The room that everything below these folders takes on the disk; links are not followed."""
    blocks = 0
    for entry in _entries(folders):
        with suppress(OSError):  # it has gone since
            blocks += entry.stat(follow_symlinks=False).st_blocks
    return blocks * _BLOCK


def _entries(folders: Iterable[Path]) -> "Iterator[os.DirEntry[str]]":
    waiting = [str(folder) for folder in folders]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:  # may vanish while we look
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
