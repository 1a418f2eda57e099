"""Folders as immutable trees of blobs.

Storing is done in two steps. `store_files` writes the bytes, outside any transaction, and may be repeated
without harm; `record_tree` writes the rows, inside the caller's transaction.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from portal.common import storage
from portal.publishing.content_types import PRESCAN_BYTES, content_type_of
from portal.publishing.models import Blob, Tree, TreeEntry


@dataclass(frozen=True)
class StoredFile:
    """One file whose bytes are in the digest store. `path` is relative, with forward slashes."""

    path: str
    digest: str
    size: int
    content_type: str


def store_files(folder: Path) -> list[StoredFile]:
    """Keep the bytes of every file below `folder`, in the order of their paths.

    :raises portal.common.storage.OutOfSpace: when there is no room.
    """
    return [_store(folder, path) for path in sorted(_files(folder))]


def tree_digest(files: list[StoredFile]) -> str:
    """SHA-256 over the sorted lines `path, blob, size, type`, parted by NUL so that no name can forge a line."""
    hasher = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path):
        hasher.update(f"{file.path}\0{file.digest}\0{file.size}\0{file.content_type}\n".encode())
    return hasher.hexdigest()


def record_tree(files: list[StoredFile], *, at: datetime) -> Tree:
    """The tree of these files; the same files give the same tree."""
    digest = tree_digest(files)
    tree = Tree.objects.filter(digest=digest).first()
    if tree is not None:
        return tree
    Blob.objects.bulk_create(
        [Blob(digest=file.digest, size=file.size, created_at=at) for file in files],
        ignore_conflicts=True,
    )
    tree, created = Tree.objects.get_or_create(
        digest=digest,
        defaults={"files": len(files), "size": sum(file.size for file in files), "created_at": at},
    )
    if created:
        TreeEntry.objects.bulk_create(
            TreeEntry(
                tree=tree, path=file.path, blob_id=file.digest, content_type=file.content_type
            )
            for file in files
        )
    return tree


def write_tree(tree: Tree, folder: Path) -> None:
    """Lay the files of a tree out below `folder`."""
    for entry in tree.entries.order_by("path"):
        storage.copy_blob(entry.blob_id, folder / entry.path)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _store(folder: Path, path: Path) -> StoredFile:
    name = path.relative_to(folder).as_posix()
    digest, size = storage.put(path)
    with path.open("rb") as stream:
        head = stream.read(PRESCAN_BYTES)
    return StoredFile(path=name, digest=digest, size=size, content_type=content_type_of(name, head))
