"""From uploaded files to a checked bundle whose bytes are kept.

Nothing is recorded here: a refusal leaves no row and no link, at most blobs that no tree names, which
the sweep of unused blobs removes.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from portal.common import children, folders
from portal.common.storage import OutOfSpace
from portal.publishing.actions import Bundle, Rendered
from portal.publishing.code import known_code
from portal.publishing.formats import formats_by_extension
from portal.publishing.trees import store_files


@dataclass(frozen=True)
class UploadedFile:
    """A file in the scratch folder. `name` is what the sender called it, folders included; never a path of ours."""

    path: Path
    name: str


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder of our own that is gone afterwards, whatever happens.

    :raises portal.common.storage.OutOfSpace: when it cannot be made.
    """
    try:
        settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=settings.SCRATCH_DIR))
    except OSError as error:
        raise OutOfSpace(f"{settings.SCRATCH_DIR}: {error.strerror}") from error
    try:
        yield folder
    finally:
        folders.remove(folder)


def receive(uploads: Sequence[UploadedFile], *, kind: str = "") -> Bundle:
    """Check what was uploaded, render it when it is finished content, and keep its bytes.

    :raises portal.publishing.formats.Refused: with a code, a status and a sentence that says what to do.
    :raises portal.common.storage.OutOfSpace: when there is no room.
    """
    with scratch("upload-") as folder:
        prepared = children.call(
            "portal.publishing.workshop:prepare",
            wall_seconds=settings.UPLOAD_SECONDS,
            uploads=[{"path": str(upload.path), "name": upload.name} for upload in uploads],
            destination=str(folder),
            formats=formats_by_extension(),
            kind=kind,
            languages=known_code(),
            limits={
                "total_bytes": settings.UPLOAD_MAX_BYTES,
                "file_bytes": settings.UPLOAD_MAX_BYTES,
            },
        )
        return _bundle(prepared, folder)


def _bundle(prepared: dict[str, Any], folder: Path) -> Bundle:
    produced = prepared["produced"]
    return Bundle(
        files=store_files(folder / "bundle"),
        entry=prepared["entry"],
        format=prepared["format"],
        executes=prepared["executes"],
        manifest=prepared["manifest"],
        facts=prepared["facts"],
        kind=prepared["kind"],
        title=prepared["title"],
        summary=produced["summary"] if produced else "",
        rendered=_rendered(produced, folder / "edition") if produced else None,
    )


def _rendered(produced: dict[str, Any], folder: Path) -> Rendered:
    return Rendered(files=store_files(folder), entry=produced["entry"], facts=produced["facts"])
