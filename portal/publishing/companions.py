"""Files that a produced page takes from the bundle it was made from: pictures, linked data.

A page names them by relative addresses. Only what lies inside the bundle and is of a harmless kind
comes along; everything else stays behind, and the page has to do without.
"""

import shutil
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".avif"})
DOCUMENTS = frozenset({".csv", ".tsv", ".json", ".txt", ".pdf", ".xlsx", ".parquet", ".arrow"})


class Companions:
    """Copies the files that one page needs below its output folder, each once.

    `page` is the path of the author's file in the bundle; addresses count from its folder. They
    keep their path from there, so those that climb out of that folder find nothing.
    """

    def __init__(self, bundle: Path, page: str, output: Path) -> None:
        self._folder = bundle.joinpath(*PurePosixPath(page).parent.parts)
        self._output = output

    def __call__(self, address: str) -> str | None:
        """The address of the copy in the produced page, or None if there is no such file."""
        relative = _relative_path(address)
        if relative is None or relative.suffix.lower() not in PICTURES | DOCUMENTS:
            return None
        source = self._folder.joinpath(*relative.parts)
        try:
            if source.is_symlink() or not source.is_file():
                return None
        except (OSError, ValueError):  # longer than the file system allows; a NUL
            return None
        target = self._output.joinpath(*relative.parts)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return quote(str(relative))


def _relative_path(address: str) -> PurePosixPath | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    path = PurePosixPath(unquote(parts.path))
    if parts.scheme or parts.netloc or path.is_absolute() or ".." in path.parts:
        return None
    return path if path.name else None
