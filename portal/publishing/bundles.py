"""What an author sent, laid out as the files of a bundle: one file, several files, or a zip of them.

Without Django; runs in a child process.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portal.common.refusals import Refused
from portal.publishing.archives import Archive, Limits, check_names
from portal.publishing.formats import extension_of
from portal.publishing.names import (
    BadName,
    display_name,
    is_hidden,
    safe_path,
    stored_name,
)
from portal.publishing.sniffing import sniff

FILE, FOLDER, ARCHIVE = "file", "folder", "archive"

# What operating systems and tools leave lying about; nobody means to publish it.
_LITTER = frozenset({"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Upload:
    """A received file, and what its sender called it (with folders, where a folder was sent)."""

    path: Path
    name: str


@dataclass
class Bundle:
    """The files of a bundle by path, with their sizes, below `folder`.

    `shape` is FILE, FOLDER or ARCHIVE; `name` is what people may call the whole. `left_out` are paths
    that were sent and not taken: hidden files (they hold secrets more often than content) and litter.
    """

    folder: Path
    shape: str
    name: str
    files: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def unpack(uploads: Sequence[Upload], folder: Path, limits: Limits) -> Bundle:
    """Lay the files out below `folder`, which must not exist.

    :raises Refused: see `Archive`; also empty_file, file_too_large, too_many_files, bad_filename.
    """
    _check_uploads(uploads, limits)
    folder.mkdir(parents=True)
    if len(uploads) > 1:
        return _from_folder(uploads, folder)
    if extension_of(display_name(uploads[0].name)) == ".zip":
        return _from_archive(uploads[0], folder, limits)
    return _from_file(uploads[0], folder)


def collect(folder: Path, limits: Limits) -> Bundle:
    """The files that a run left below `folder`, as they lie there; hidden ones are left out.

    :raises Refused: run_output_invalid for links, odd names, and more than the limits allow.
    """
    bundle = Bundle(folder, FOLDER, "")
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(place, name)
            relative = path.relative_to(folder).as_posix()
            if is_hidden(relative):
                bundle.left_out.append(relative)
            elif path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise _bad_output(f"{relative[:80]!r} is a link or a device")
            elif path.is_file():
                bundle.files[_output_path(relative)] = path.stat().st_size
    if len(bundle.files) > limits.files:
        raise _bad_output(f"{len(bundle.files):,} files; at most {limits.files:,} are kept")
    if sum(bundle.files.values()) > limits.total_bytes:
        raise _bad_output(f"more than {limits.total_bytes // 1_000_000} MB")
    return bundle


def _check_uploads(uploads: Sequence[Upload], limits: Limits) -> None:
    if not uploads:
        raise Refused("empty_file", "Nothing was sent. Choose a file or a folder.", 400)
    if len(uploads) > limits.files:
        raise Refused("too_many_files", f"At most {limits.files:,} files are taken at once.", 413)
    sizes = [upload.path.stat().st_size for upload in uploads]
    if len(uploads) == 1 and sizes[0] == 0:
        raise Refused("empty_file", "The file is empty. Was it still being written?", 400)
    if max(sizes) > limits.file_bytes or sum(sizes) > limits.total_bytes:
        raise Refused(
            "file_too_large",
            f"A file may have {limits.file_bytes // 1_000_000} MB, "
            f"an upload {limits.total_bytes // 1_000_000} MB.",
            413,
        )


def _from_file(upload: Upload, folder: Path) -> Bundle:
    name = stored_name(upload.name)
    shutil.copyfile(upload.path, folder / name)
    files = {name: upload.path.stat().st_size}
    return Bundle(folder, FILE, _stem(display_name(upload.name)), files)


def _from_folder(uploads: Sequence[Upload], folder: Path) -> Bundle:
    sources = {_folder_path(upload.name): upload for upload in uploads}
    if len(sources) < len(uploads):
        raise Refused("archive_duplicate_name", "Two of the files have the same name.")
    kept, left_out = _sorted_out(sources)
    check_names(kept)
    top = _common_top(kept)
    bundle = Bundle(folder, FOLDER, display_name(top), left_out=left_out)
    for path in kept:
        target = _place(folder, path.removeprefix(top))
        shutil.copyfile(sources[path].path, target)
        bundle.files[path.removeprefix(top)] = target.stat().st_size
    return bundle


def _from_archive(upload: Upload, folder: Path, limits: Limits) -> Bundle:
    if sniff(upload.path) != "zip":
        raise Refused("type_mismatch", "This is not a zip file, though its name says so.", 415)
    archive = Archive(upload.path, limits)
    kept, left_out = _sorted_out(member.path for member in archive.members)
    top = _common_top(kept)
    bundle = Bundle(folder, ARCHIVE, _stem(display_name(upload.name)), left_out=left_out)
    wanted = set(kept)
    for member in archive.members:
        if member.path in wanted:
            path = member.path.removeprefix(top)
            with _place(folder, path).open("xb") as target:
                archive.copy(member, target)
            bundle.files[path] = member.size
    return bundle


def _folder_path(name: str) -> str:
    try:
        return safe_path(name)
    except BadName as problem:
        raise Refused(
            "bad_filename", f"The file name {name[:80]!r} cannot be used: {problem}.", 400
        ) from None


def _output_path(relative: str) -> str:
    try:
        safe_path(relative)
    except BadName as problem:
        raise _bad_output(f"the name {relative[:80]!r}: {problem}") from None
    return relative


def _bad_output(problem: str) -> Refused:
    return Refused("run_output_invalid", f"What the run wrote cannot be shown: {problem}.")


def _sorted_out(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """The paths that are content, and those that nobody means to publish."""
    kept: list[str] = []
    left_out: list[str] = []
    for path in sorted(paths):
        unwanted = is_hidden(path) or not _LITTER.isdisjoint(path.split("/"))
        (left_out if unwanted else kept).append(path)
    if not kept:
        raise Refused("empty_file", "There is no file in it that could be shown.", 400)
    return kept, left_out


def _common_top(paths: Iterable[str]) -> str:
    """`report/` when everything lies in one folder of that name, else empty."""
    tops = {path.partition("/")[0] if "/" in path else "" for path in paths}
    top = tops.pop()
    return f"{top}/" if top and not tops else ""


def _place(folder: Path, path: str) -> Path:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _stem(name: str) -> str:
    return name.removesuffix(extension_of(name)) or name
