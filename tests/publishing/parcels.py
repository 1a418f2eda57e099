"""Files as an author sends them, made by the tests themselves."""

import zipfile
from pathlib import Path

from portal.publishing import workshop
from portal.publishing.code import known_code
from portal.publishing.formats import formats_by_extension

PAGE = b"<!doctype html><html><head><title>Sales</title></head><body>up</body></html>"


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    """A zip file of these members, in this order; a name may stand for anything."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def sent(folder: Path, files: dict[str, bytes]) -> list[dict[str, str]]:
    """Files received in `folder`, as the workshop takes them."""
    folder.mkdir(exist_ok=True)
    uploads = []
    for number, (name, content) in enumerate(files.items()):
        path = folder / f"received-{number}"
        path.write_bytes(content)
        uploads.append({"path": str(path), "name": name})
    return uploads


def prepared(folder: Path, files: dict[str, bytes], kind: str = "") -> dict:
    """What the workshop makes of these files."""
    return workshop.prepare(
        sent(folder / "received", files),
        str(folder / "prepared"),
        formats_by_extension(),
        kind,
        languages=known_code(),
    )


def prepared_zip(folder: Path, members: dict[str, bytes]) -> dict:
    """What the workshop makes of a zip file of these members."""
    content = zipped(folder / "made.zip", members).read_bytes()
    return prepared(folder, {"bundle.zip": content})
