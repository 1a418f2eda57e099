"""A tree as a ZIP archive, made while it is sent: the same tree gives the same bytes."""

import shutil
import zipfile
from collections.abc import Iterator

from portal.common import storage
from portal.publishing.models import Tree

# The earliest moment that the format can write; a real one would make every download another file.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


class _Outbox:
    """A file that can only be written to, and emptied."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data


def zip_of(tree: Tree) -> Iterator[bytes]:
    """The archive, file by file in the order of their paths.

    :raises FileNotFoundError: on the way, when the store has lost a file; the download breaks off then.
    """
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for entry in tree.entries.select_related("blob").order_by("path"):
            info = zipfile.ZipInfo(entry.path, _NO_TIME)
            info.file_size = (
                entry.blob.size
            )  # the format needs to know of more than 2 GB beforehand
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            with storage.open_blob(entry.blob_id) as source, archive.open(info, "w") as target:
                shutil.copyfileobj(source, target, storage.CHUNK)
            yield outbox.take()
    yield outbox.take()
