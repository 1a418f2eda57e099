"""What a tree of processes uses, as seen from outside."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from portal.common import processes

_PAGE = os.sysconf("SC_PAGE_SIZE")
_BLOCK = 512  # of st_blocks, stat(2)
_THREADS, _RESIDENT = 17, 21  # in /proc/<pid>/stat, counted from behind the name, proc(5)


@dataclass(frozen=True)
class Usage:
    """Resident memory, pages that processes share counted for each; threads, one a process at least."""

    resident_mb: int
    threads: int


def usage_of(pid: int) -> Usage:
    """The usage of a process and everything below it."""
    pages = threads = 0
    for member in processes.descendants_of([pid]):
        with suppress(OSError):  # it has ended since
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            pages += int(fields[_RESIDENT])
            threads += int(fields[_THREADS])
    return Usage(pages * _PAGE // 1_000_000, threads)


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
