"""The file into which the author's code writes what it has to say; read while the code runs.

The worker made the file and keeps it open, so whatever the code puts in its place later is never read.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 1 << 16
MOST_BYTES = 4_000_000  # of all that one run may say
LONGEST_LINE = 64_000


@dataclass
class Mailbox:
    """Hands out each line once. Lines that are too long, and all beyond the limit, are counted and dropped."""

    file: int
    dropped: int = 0
    _read: int = 0
    _rest: bytes = b""
    _is_skipping: bool = field(default=False)

    def lines(self, until: int = MOST_BYTES) -> Iterator[str]:
        """The whole lines that were added since; at most the limit of them, whatever the code writes.

        Those beyond the first `until` bytes of the file wait for the next time.
        """
        end = min(until, MOST_BYTES)
        while (room := min(CHUNK, end - self._read)) > 0:
            data = os.pread(self.file, room, self._read)
            if not data:
                return
            self._read += len(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                yield from self._whole(line)
            if len(self._rest) > LONGEST_LINE:
                self._rest, self._is_skipping = b"", True

    def last_lines(self) -> Iterator[str]:
        """What is left when the code has ended: a line without end is a line too."""
        yield from self.lines()
        rest, self._rest = self._rest, b""
        if rest:
            yield from self._whole(rest)
        if os.fstat(self.file).st_size > self._read:
            self.dropped += 1

    def _whole(self, line: bytes) -> Iterator[str]:
        if self._is_skipping or len(line) > LONGEST_LINE:
            self._is_skipping = False
            self.dropped += 1
        elif line.strip():
            yield line.decode("utf-8", "replace")


@contextmanager
def mailbox(path: Path) -> Iterator[Mailbox]:
    """An empty mailbox at this path."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        yield Mailbox(file)
    finally:
        os.close(file)
