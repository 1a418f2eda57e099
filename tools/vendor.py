"""Recreate static/vendor/ from the packages pinned in vendor.json: `python tools/vendor.py`.

Each package becomes `static/vendor/<name>-<version>/` with only the files that we serve and its
licences. Needs npm (to fetch) and node (to split plotly.js's maps); the portal needs neither.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tools" / "vendor.json"
VENDOR = ROOT / "static" / "vendor"

# Build folders of the packages; below them the layout is kept, because files refer to each other.
_BUILD_FOLDERS = ("dist/", "build/js/", "legacy/build/", "build/")
# Files we do not ship would otherwise be named by those we do, and collecting static files fail.
_SOURCE_MAP = re.compile(rb"\n?/[/*]# sourceMappingURL=[^\n]*")
_OLD_FONT = re.compile(rb',url\([^)]*\) format\("(?:woff|truetype)"\)')

_SPLIT_TOPOJSON = """
globalThis.window = globalThis;
const fs = require("fs");
const [source, folder] = process.argv.slice(1);
const { topojson } = require(source);
for (const [name, map] of Object.entries(topojson))
  fs.writeFileSync(`${folder}/${name}.json`, JSON.stringify(map));
"""


@dataclass(frozen=True)
class Pin:
    """One package of vendor.json. `files` are patterns of paths inside it."""

    package: str
    version: str
    integrity: str  # as npm states it: "sha512-" and base64
    why: str
    files: list[str]
    folder: str = ""
    topojson: str = ""

    @property
    def target(self) -> Path:
        name = self.folder or self.package.rpartition("/")[2]
        return VENDOR / f"{name}-{self.version}"


def pins() -> list[Pin]:
    return [Pin(**entry) for entry in json.loads(PINS.read_text("utf-8"))]


def main() -> None:
    wanted = pins()
    for pin in wanted:
        with tempfile.TemporaryDirectory() as scratch:
            install(pin, Path(scratch))
        size = sum(file.stat().st_size for file in pin.target.rglob("*") if file.is_file())
        print(f"{pin.target.name}: {size / 1e6:.2f} MB")
    for folder in set(VENDOR.iterdir()) - {pin.target for pin in wanted}:
        print(f"{folder.name}: no longer in vendor.json, removed")
        shutil.rmtree(folder)


def install(pin: Pin, scratch: Path) -> None:
    """Fetch one package, hold it against its integrity, and keep the files that are wanted."""
    package = fetch(pin, scratch)
    shutil.rmtree(pin.target, ignore_errors=True)
    pin.target.mkdir(parents=True)
    for pattern in pin.files:
        found = [path for path in package if fnmatch(path, pattern)]
        if not found:
            sys.exit(f"{pin.package} {pin.version} has no file like {pattern}.")
        for path in found:
            place(pin, path, package[path])
    if pin.topojson:
        source = scratch / "topojson.cjs"
        source.write_bytes(package[pin.topojson])
        subprocess.run(
            ["node", "-e", _SPLIT_TOPOJSON, str(source), str(pin.target)], check=True, cwd=scratch
        )


def fetch(pin: Pin, scratch: Path) -> dict[str, bytes]:
    """The files of a package by path. Exits if npm gives other bytes than those pinned."""
    name = f"{pin.package}@{pin.version}"
    subprocess.run(["npm", "pack", "--silent", name], check=True, cwd=scratch, capture_output=True)
    archive = next(scratch.glob("*.tgz"))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != pin.integrity:
        sys.exit(f"{name} is not the file that vendor.json pins: sha512-{digest}")
    with tarfile.open(archive) as tar:
        files = [(member.name, tar.extractfile(member)) for member in tar if member.isfile()]
        return {name.partition("/")[2]: file.read() for name, file in files if file}


def place(pin: Pin, path: str, content: bytes) -> None:
    build = next((folder for folder in _BUILD_FOLDERS if path.startswith(folder)), "")
    target = pin.target / path.removeprefix(build)
    target.parent.mkdir(parents=True, exist_ok=True)
    if PurePosixPath(path).suffix in (".js", ".mjs", ".css"):
        content = _OLD_FONT.sub(b"", _SOURCE_MAP.sub(b"", content))
    target.write_bytes(content)


if __name__ == "__main__":
    main()
