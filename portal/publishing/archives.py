"""Zip files of people we do not know: every member is checked before the first is read.

Bytes are counted while they are inflated, for a directory of a zip file can say anything. Nothing is
ever opened recursively. Used for bundles, and for the file formats that are zip files inside.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from portal.common.refusals import Refused
from portal.publishing.names import BadName, safe_path, same_on_some_disk

CHUNK = 1 << 16
RATIO = 300  # times that a large member may grow; real tables and pages stay below 50
RATIO_COUNTS_FROM = 10_000_000  # bytes

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, ..., length of name, length of extra field
_ENCRYPTED = 0x1 | 0x40
_UNICODE_NAME = 0x800
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
    EOFError,
    OSError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Limits:
    """What one upload may hold: bytes in all, bytes a file, number of files."""

    total_bytes: int = 200_000_000
    file_bytes: int = 100_000_000
    files: int = 2_000


@dataclass(frozen=True)
class Member:
    """A file in the archive. `path` is safe to use below a folder."""

    path: str
    size: int
    info: zipfile.ZipInfo


class Archive:
    """A zip file whose members have been checked.

    :raises Refused: unreadable_file, type_mismatch, archive_too_many_files, archive_too_large,
        archive_bad_path, archive_bad_member, archive_duplicate_name.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                infos, self._directory = archive.infolist(), archive.start_dir
        except _BROKEN:
            raise _damaged() from None
        _check_count(infos, limits)
        for info in infos:
            _check_kind(info)
        self.members = [
            Member(_safe(info), info.file_size, info) for info in infos if not _is_folder(info)
        ]
        folders = {_safe(info) for info in infos if _is_folder(info) and _name(info).strip("./")}
        check_names([member.path for member in self.members], folders)
        self._check_overlap()
        _check_sizes(self.members, limits)

    def copy(self, member: Member, target: BinaryIO) -> None:
        """Write a member's bytes. Refused: archive_too_large when they are more than announced."""
        for chunk in self.chunks(member):
            target.write(chunk)

    def read(self, member: Member) -> bytes:
        """A member's bytes in memory."""
        return b"".join(self.chunks(member))

    def chunks(self, member: Member) -> Iterator[bytes]:
        """A member's bytes as they are inflated."""
        count = checksum = 0
        try:
            for chunk in self._inflated(member.info):
                count += len(chunk)
                if count > member.size:
                    raise _too_large(f"{member.path!r} holds more than the archive says")
                checksum = zlib.crc32(chunk, checksum)
                yield chunk
        except _BROKEN:
            raise _damaged() from None
        if count != member.size or checksum != member.info.CRC:
            raise _damaged()

    def _inflated(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        with self._path.open("rb") as stream:
            stream.seek(info.header_offset)
            signature, name_length, extra_length = _LOCAL_HEADER.unpack(
                stream.read(_LOCAL_HEADER.size)
            )
            if signature != b"PK\x03\x04":
                raise zipfile.BadZipFile
            stream.seek(name_length + extra_length, 1)
            stored = _bounded(stream, info.compress_size)
            yield from stored if info.compress_type == zipfile.ZIP_STORED else _inflate(stored)

    def _check_overlap(self) -> None:
        """Members that share bytes make a small file unfold to anything."""
        position = 0
        for member in sorted(self.members, key=lambda member: member.info.header_offset):
            info = member.info
            if info.header_offset < position:
                raise _bad_member(member.path, "overlaps another member")
            position = info.header_offset + _LOCAL_HEADER.size + info.compress_size
        if position > self._directory:
            raise _damaged()


def check_names(paths: Sequence[str], folders: Set[str] = frozenset()) -> None:
    """That every path can lie beside the others on any disk."""
    seen: dict[str, str] = {}
    for path in paths:
        key = same_on_some_disk(path)
        if key in seen:
            raise Refused(
                "archive_duplicate_name",
                f"{path!r} and {seen[key]!r} are the same name on some disks. Rename one of them.",
            )
        seen[key] = path
    parents = {same_on_some_disk(folder) for folder in folders}
    for key in seen:
        parts = key.split("/")
        parents.update("/".join(parts[:count]) for count in range(1, len(parts)))
    if both := parents & seen.keys():
        raise _bad_member(seen[min(both)], "is a file and a folder at once")


def _check_count(infos: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(infos) > limits.files:
        raise Refused(
            "archive_too_many_files",
            f"The archive holds {len(infos):,} files; at most {limits.files:,} are taken.",
            413,
        )


def _check_kind(info: zipfile.ZipInfo) -> None:
    name, mode = _name(info)[:80], info.external_attr >> 16
    if info.flag_bits & _ENCRYPTED:
        raise _bad_member(name, "is protected by a password")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _bad_member(name, "is a link or a device")
    if info.compress_type not in _METHODS:
        raise _bad_member(name, "is packed by a method other than deflate")


def _check_sizes(members: list[Member], limits: Limits) -> None:
    for member in members:
        if member.size > limits.file_bytes:
            raise _too_large(f"{member.path!r} is larger than {limits.file_bytes // 1_000_000} MB")
        if member.size > max(RATIO_COUNTS_FROM, member.info.compress_size * RATIO):
            raise _too_large(f"{member.path!r} unfolds to more than {RATIO} times its size")
    if sum(member.size for member in members) > limits.total_bytes:
        raise _too_large(f"its files are larger than {limits.total_bytes // 1_000_000} MB together")


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return _name(info).endswith("/")


def _name(info: zipfile.ZipInfo) -> str:
    """The name as it stands in the archive; many programs write UTF-8 without saying so."""
    name = info.orig_filename
    if info.flag_bits & _UNICODE_NAME:
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def _safe(info: zipfile.ZipInfo) -> str:
    name = _name(info)
    try:
        return safe_path(name)
    except BadName as problem:
        raise Refused(
            "archive_bad_path", f"The archive holds a file named {name[:80]!r}: {problem}."
        ) from None


def _bounded(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = stream.read(min(CHUNK, size))
        if not chunk:
            raise EOFError
        size -= len(chunk)
        yield chunk


def _inflate(stored: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    for chunk in stored:
        waiting = chunk
        while waiting and not inflater.eof:
            yield inflater.decompress(waiting, CHUNK)
            waiting = inflater.unconsumed_tail
    while not inflater.eof:
        rest = inflater.decompress(b"", CHUNK)
        if not rest:
            raise EOFError
        yield rest


def _bad_member(name: str, problem: str) -> Refused:
    return Refused("archive_bad_member", f"{name!r} {problem}. Leave it out and try again.")


def _too_large(problem: str) -> Refused:
    return Refused("archive_too_large", f"The archive is too large: {problem}.", 413)


def _damaged() -> Refused:
    return Refused("unreadable_file", "The archive cannot be read; it is damaged or cut off.")
