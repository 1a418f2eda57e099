"""From what a bundle asks for to a lock: every package with its exact version and the hashes of its files."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from packaging.utils import canonicalize_name

from portal.common import children
from portal.common.refusals import Refused
from portal.publishing.uploads import scratch
from portal.runs.environments import pythons, uv, wishes
from portal.runs.environments.pythons import Python
from portal.runs.environments.uv import Meanwhile, UvFailed
from portal.runs.errors import BundleError, PlatformError, RunError

NETWORK = re.compile(
    r"(?i)failed to fetch|error sending request|dns error|connection (refused|reset)|timed out|certificate"
    r"|HTTP status (server|client) error|request failed"
)
DISK = re.compile(r"No space left on device|Disk quota exceeded|Read-only file system")

Line = dict[str, Any]  # {"number", "name", "text"}, see `wishes.read`


@dataclass(frozen=True)
class Lock:
    """Hashed requirements for one Python; `text` is sorted and has no comments, so that equals are equal."""

    text: str
    python: Python


def resolve(
    work: Path, *, python: str, packages: Sequence[str], meanwhile: Meanwhile
) -> Lock | None:
    """The lock for the bundle in `work`; None when it names no packages and no Python of its own.

    `python` is the manifest's wish, such as 3.12, or empty. `packages` are what executes code of its
    kind; they are added where the author did not think of them.

    :raises BundleError: when no set of packages fits, with the resolver's words and the line at fault.
    :raises PlatformError: when the package index cannot be reached.
    :raises Refused: when a file cannot be read.
    """
    if not python and not wishes.concern(work):
        return None
    wish = children.call("portal.runs.environments.wishes:read", folder=str(work))
    specifier = f"=={python}.*" if python else wish["python"]
    if not specifier and not wish["source"]:
        return None
    chosen = pythons.choose(specifier)
    if not wish["source"] and chosen == pythons.ours():
        return None
    with scratch("resolve-") as folder:
        desk = _Desk(folder, wish["source"], chosen, meanwhile)
        lines = desk.export(work) if wish["source"] == wishes.UV_LOCK else wish["lines"]
        locked = desk.extend(lines if wish["exact"] else desk.compile(lines), packages)
    return _lock(locked, chosen)


def standard(packages: Sequence[str], meanwhile: Meanwhile) -> Lock | None:
    """The lock for code that asks for nothing; None where that runs with the portal's own packages.

    `packages` as for `resolve`.

    :raises PlatformError: when the file that the setting names cannot be read.
    """
    if not settings.STANDARD_ENVIRONMENT:
        return None
    path = settings.BASE_DIR / settings.STANDARD_ENVIRONMENT
    try:
        lines = children.call("portal.runs.environments.wishes:read_lock", path=str(path))
    except Refused as refusal:
        raise PlatformError(f"The standard environment cannot be made. {refusal.message}") from None
    with scratch("resolve-") as folder:
        desk = _Desk(folder, "", pythons.ours(), meanwhile)
        return _lock(desk.extend(lines, packages), pythons.ours())


def _lock(lines: list[Line], python: Python) -> Lock:
    return Lock("".join(f"{line['text']}\n" for line in lines), python)


@dataclass(frozen=True)
class _Desk:
    """A folder of our own to resolve in, away from the bundle's other files."""

    folder: Path
    source: str
    python: Python
    meanwhile: Meanwhile

    def compile(self, lines: list[Line]) -> list[Line]:
        """Exact versions for all that the lines need."""
        self.meanwhile.say(
            f"Resolving {self.source or 'packages'} for Python {self.python.version}"
        )
        wanted, locked = self.folder / "wanted.in", self.folder / "locked.txt"
        wanted.write_text("".join(f"{line['text']}\n" for line in lines))
        compiling = ["pip", "compile", wanted.name, "--output-file", locked.name, "--quiet"]
        form = ["--generate-hashes", "--no-header", "--no-annotate"]
        self._call([*compiling, *form, *uv.CHECKED, "--python", self.python.path], lines)
        return self._read(locked)

    def extend(self, locked: list[Line], packages: Sequence[str]) -> list[Line]:
        """The lock, and what those packages that it lacks need beside it; what is locked stays as it is."""
        known = {line["name"] for line in locked}
        missing = sorted(set(packages) - known)
        if not missing:
            return locked
        self.meanwhile.say(f"Adding {', '.join(missing)}, to execute it")
        more = [{"number": 0, "name": name, "text": name} for name in missing]
        added = [line for line in self.compile([*locked, *more]) if line["name"] not in known]
        return sorted([*locked, *added], key=lambda line: str(line["text"]))

    def export(self, work: Path) -> list[Line]:
        """The packages of a uv.lock."""
        for name in (wishes.UV_LOCK, wishes.PROJECT):
            if not (work / name).is_file():
                raise BundleError(f"{wishes.UV_LOCK} needs its {wishes.PROJECT} beside it.")
            shutil.copyfile(work / name, self.folder / name)
        exported = self.folder / "exported.txt"
        form = ["--no-header", "--no-annotate", "--format", "requirements.txt", "--quiet"]
        which = ["--frozen", "--offline", "--no-dev", "--no-emit-project"]
        python = ["--python", self.python.path]
        self._call(["export", *which, *form, *python, "--output-file", exported.name], [])
        return self._read(exported)

    def _call(self, arguments: list[str], lines: list[Line]) -> None:
        try:
            uv.call(arguments, folder=self.folder, meanwhile=self.meanwhile)
        except UvFailed as failure:
            raise error_of(failure, self.source, lines) from None

    def _read(self, path: Path) -> list[Line]:
        lines: list[Line] = children.call(
            "portal.runs.environments.wishes:read_lock", path=str(path)
        )
        return lines


def error_of(failure: UvFailed, source: str, lines: list[Line]) -> RunError:
    """Whose fault it is: the disk's and the index's are ours, everything else is the author's."""
    said = sentence_of(failure.words)
    if DISK.search(failure.words):
        return PlatformError(f"There is no room for the environment on the worker's disk. {said}")
    if NETWORK.search(failure.words):
        return PlatformError(f"The package index cannot be reached. {said}")
    line = line_at_fault(said, lines)
    place = (
        f"{source}, line {line['number']} ({line['text'].split(' --hash')[0]})" if line else source
    )
    return BundleError(f"{place or 'The environment'}: {said}", last_words=failure.words)


def sentence_of(words: str) -> str:
    """The resolver's own explanation: its causes where it gives some, else its last lines."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    causes = [line.removeprefix("cause: ") for line in lines if line.startswith("cause: ")]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return " ".join(causes or errors or lines[-3:] or ["uv gave no reason."])


def line_at_fault(said: str, lines: list[Line]) -> Line | None:
    """The requirement that is named first in what the resolver said."""
    for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", said):
        for line in lines:
            if line["number"] and canonicalize_name(word.strip("._-")) == line["name"]:
                return line
    return None
