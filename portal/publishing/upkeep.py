"""Is everything that a publication needs still there, and what lies about that nothing needs?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from portal.common import storage
from portal.publishing.models import Blob, Edition, TreeEntry, Version

UNUSED_AFTER = timedelta(hours=24)  # longer than any upload or run takes between bytes and rows


@dataclass(frozen=True)
class Damage:
    """A file that a tree names and that cannot be served as it was published."""

    digest: str
    is_missing: bool
    path: str
    needed_by: str


@dataclass(frozen=True)
class Unused:
    """Bytes in the digest store that no tree names."""

    name: str
    size: int


def kept_digests() -> Iterator[str]:
    """Every blob that a tree names, once."""
    named = TreeEntry.objects.order_by("blob_id").values_list("blob_id", flat=True).distinct()
    return named.iterator(chunk_size=2000)


def damage_of(digest: str) -> Damage | None:
    """Read the blob and compare: None when its bytes still are those the digest names."""
    if storage.is_whole(digest):
        return None
    entry = TreeEntry.objects.filter(blob_id=digest).order_by("pk")[:1].get()
    return Damage(
        digest=digest,
        is_missing=not storage.blobs().exists(storage.blob_name(digest)),
        path=entry.path,
        needed_by=_needed_by(entry.tree_id),
    )


def unused_blobs(at: datetime) -> Iterator[Unused]:
    """Blobs older than `UNUSED_AFTER` that no tree names: refused uploads, failed runs."""
    store = storage.blobs()
    for name in _stored_names():
        digest = name.rsplit("/", 1)[-1]
        if is_unused(digest) and store.get_modified_time(name) < at - UNUSED_AFTER:
            yield Unused(name=name, size=store.size(name))


def is_unused(digest: str) -> bool:
    """Whether no tree names the blob."""
    return not TreeEntry.objects.filter(blob_id=digest).exists()


def delete_unused(unused: Unused, at: datetime) -> bool:
    """Delete it unless it came into use, or was put again, since it was listed.

    :returns: whether it is gone.
    """
    digest = unused.name.rsplit("/", 1)[-1]
    store = storage.blobs()
    if not is_unused(digest) or store.get_modified_time(unused.name) >= at - UNUSED_AFTER:
        return False
    store.delete(unused.name)
    Blob.objects.filter(digest=digest).delete()
    return True


def abandoned_files(at: datetime) -> Iterator[Path]:
    """What killed writers and killed children left behind more than a day ago."""
    yield from storage.abandoned_temporary_files(now=at.timestamp())
    before = at.timestamp() - UNUSED_AFTER.total_seconds()
    for path in sorted(settings.SCRATCH_DIR.iterdir()):
        if path.lstat().st_mtime < before:
            yield path


def _needed_by(tree: str) -> str:
    edition = Edition.objects.filter(tree=tree).select_related("publication").first()
    if edition is not None:
        return f"{edition.publication.slug}, edition {edition}"
    version = Version.objects.filter(bundle=tree).select_related("publication").first()
    return (
        f"{version.publication.slug}, bundle of version {version}" if version else "no publication"
    )


def _stored_names() -> Iterator[str]:
    """Names of all blobs in the store, two levels of folders down; temporary files are not blobs."""
    store = storage.blobs()
    for outer in _folders("."):
        for inner in _folders(outer):
            folder = f"{outer}/{inner}"
            yield from (f"{folder}/{name}" for name in store.listdir(folder)[1] if len(name) == 64)


def _folders(path: str) -> list[str]:
    try:
        return sorted(storage.blobs().listdir(path)[0])
    except FileNotFoundError:
        return []
