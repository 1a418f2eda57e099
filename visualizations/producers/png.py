"""The chunks of a PNG file (ISO/IEC 15948, section 5), as far as they can hurt before it is decoded."""

import struct
import zlib

START = 8  # after the signature
PROFILE_BYTES = 1 << 20  # inflated; real colour profiles have some thousand bytes

_CHUNK = struct.Struct(">I4s")
_SIZE = struct.Struct(">II")


def size(content: bytes) -> tuple[int, int]:
    """Width and height as the head says. ValueError when there is none."""
    if content[12:16] != b"IHDR" or len(content) < 24:
        raise ValueError("the image has no head")
    width, height = _SIZE.unpack_from(content, 16)
    return width, height


def without_bomb(content: bytes) -> bytes:
    """The file without a colour profile that unfolds to megabytes; otherwise the same bytes."""
    position = START
    while position + _CHUNK.size <= len(content):
        length, kind = _CHUNK.unpack_from(content, position)
        end = position + _CHUNK.size + length + 4
        if kind == b"iCCP" and _is_bomb(content[position + _CHUNK.size : end - 4]):
            return content[:position] + content[end:]
        if kind == b"IDAT":
            break
        position = end
    return content


def _is_bomb(chunk: bytes) -> bool:
    """A profile is a name, NUL, one byte for the method, and deflated bytes."""
    deflated = chunk.partition(b"\0")[2][1:]
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(deflated, PROFILE_BYTES)
    except zlib.error:
        return False
    return bool(inflater.unconsumed_tail)
