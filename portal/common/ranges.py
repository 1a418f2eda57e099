"""Parts of files over HTTP (RFC 9110, section 14): what a `Range` header asks for, and a reader for just that."""

import re
from typing import IO

_SPEC = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Unsatisfiable(Exception):
    """The part asked for lies outside of the file."""


def requested(header: str, size: int) -> range | None:
    """The bytes that the header asks for in a file of `size` bytes.

    None when there is no header, or one that may be ignored: another unit, several parts, not well-formed.

    :raises Unsatisfiable: when the file has no such bytes.
    """
    match = _SPEC.fullmatch(header.replace(" ", ""))
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return _last_bytes(int(last), size) if last else None
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return range(int(first), min(int(last) + 1, size) if last else size)


class Part:
    """`part` of an open file, as something to read from and close."""

    def __init__(self, stream: IO[bytes], part: range) -> None:
        stream.seek(part.start)
        self._stream = stream
        self._left = len(part)

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        chunk = self._stream.read(wanted)
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._stream.close()


def _last_bytes(count: int, size: int) -> range:
    if count == 0 or size == 0:
        raise Unsatisfiable
    return range(max(0, size - count), size)
