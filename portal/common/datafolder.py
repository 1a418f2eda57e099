"""The folder that holds all state of a one-machine portal: writable, with room, and used by one portal."""

import fcntl
import shutil
import time
from pathlib import Path
from typing import IO, Self

NEEDED_MEGABYTES = 200
STOPPING = "stopping"
STOPPING_SECONDS = 30.0


class FolderUnusable(Exception):
    """No portal can run on the folder now; the message says why and what to do."""


def refuse_unusable(folder: Path, *, needed_megabytes: int = NEEDED_MEGABYTES) -> None:
    """Write something to find out, as permissions alone do not tell of read-only disks.

    :raises FolderUnusable: when the folder cannot be written, or its disk is nearly full.
    """
    probe = folder / ".probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        raise FolderUnusable(
            f"The data folder {folder} cannot be written: {error.strerror}. "
            "Repair that, or name another folder in BROADSHEET_DATA_DIR."
        ) from None
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < needed_megabytes:
        raise FolderUnusable(
            f"The disk of the data folder {folder} is nearly full: {free} MB free, "
            f"at least {needed_megabytes} MB are needed."
        )


class Lock:
    """Held for as long as a portal runs on the folder; the kernel lets go when its process ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "up.lock"
        self._file: IO[str] = self._path.open("a+")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, note: str) -> None:
        """Wait for a portal that is stopping; `note` tells others where this one is.

        :raises FolderUnusable: when another portal runs on the folder.
        """
        deadline = time.monotonic() + STOPPING_SECONDS
        while not self._try():
            holder = self._path.read_text().strip()
            if holder != STOPPING or time.monotonic() > deadline:
                raise FolderUnusable(
                    f"Broadsheet already runs on {self._path.parent}: {holder}. "
                    "Stop that one, or name another folder in BROADSHEET_DATA_DIR."
                )
            time.sleep(0.1)
        self.note(note)

    def note(self, text: str) -> None:
        """What others read when they find the folder taken."""
        self._file.truncate(0)
        self._file.write(text)
        self._file.flush()

    def _try(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
