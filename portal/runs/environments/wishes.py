"""What a bundle says about the packages and the Python that its code needs.

The first of these files that is in the bundle's top folder counts:

    uv.lock             exact, as `uv lock` wrote it
    pylock.toml         exact, PEP 751
    requirements.txt    exact when every line has == and a hash, else to be resolved
    pyproject.toml      [project] dependencies, to be resolved

and for Python the first of `[run] python` in broadsheet.toml, `.python-version`, and `requires-python`.

Only names of packages are taken: no options, addresses or paths, because the worker would follow them.
Without Django; everything that reads a file runs in a child process.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from portal.common.refusals import Refused

JSON = Any

UV_LOCK, PYLOCK, REQUIREMENTS, PROJECT = (
    "uv.lock",
    "pylock.toml",
    "requirements.txt",
    "pyproject.toml",
)
SOURCES = (UV_LOCK, PYLOCK, REQUIREMENTS, PROJECT)
PYTHON_VERSION = ".python-version"
LARGEST = 8_000_000  # bytes
MOST_PACKAGES = 1_000
_HASH = re.compile(r"\s--hash[=\s]\s*(sha(?:256|384|512):[0-9a-fA-F]+)")
_PYTHON = re.compile(r"(?:cpython-|python-?)?3\.(\d{1,2})(?:\.\d+)?")


def concern(folder: Path) -> bool:
    """Whether the bundle has any of the files that this module reads."""
    return any((folder / name).is_file() for name in (*SOURCES, PYTHON_VERSION))


def read(folder: str) -> dict[str, JSON]:
    """What the bundle below `folder` asks for.

    Returns `{"source", "python", "lines": [{"number", "name", "text"}], "exact"}`: `source` is the file
    that counts, or empty; `python` a specifier such as ==3.12.*, or empty; `lines` are requirements with
    their line (0 where the file has none), and empty for uv.lock, which `uv export` has to read.

    :raises Refused: requirements_invalid, with file and line.
    """
    root = Path(folder)
    source = next((name for name in SOURCES if (root / name).is_file()), "")
    python = _python_version(root / PYTHON_VERSION) or _requires_python(root / PROJECT)
    lines = _READERS[source](root / source) if source in _READERS else []
    if source == PROJECT and not lines:
        source = ""
    return {"source": source, "python": python, "lines": lines, "exact": _exact(source, lines)}


def read_lock(path: str) -> list[dict[str, JSON]]:
    """The lines of a lock that `uv export` wrote. Refused: requirements_invalid."""
    return _requirements(Path(path))


def _exact(source: str, lines: list[dict[str, JSON]]) -> bool:
    if source != REQUIREMENTS:
        return source in {UV_LOCK, PYLOCK}
    return bool(lines) and all("==" in line["text"] and "--hash=" in line["text"] for line in lines)


def _requirements(path: Path) -> list[dict[str, JSON]]:
    found = [_line(path.name, number, text) for number, text in _logical_lines(_text(path)) if text]
    return _counted(found, path.name)


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines joined where a backslash ends them, without comments, each with the number it starts at."""
    found: list[tuple[int, str]] = []
    start, joined = 0, ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(?:^|\s)#.*$", "", raw).strip()
        start = start or number
        joined = f"{joined} {line.removesuffix(chr(92))}".strip()
        if not line.endswith("\\"):
            found.append((start, joined))
            start, joined = 0, ""
    return [*found, (start, joined)] if joined else found


def _line(file: str, number: int, text: str) -> dict[str, JSON]:
    """One requirement, checked and spelled one way."""
    if text.startswith("-"):
        raise _refused(
            f"{text.split('=')[0].split()[0]} is an option. List packages by name; which package "
            "index is used is decided by the admins",
            file,
            number,
        )
    hashes = sorted(set(_HASH.findall(text)))
    try:
        requirement = Requirement(_HASH.sub("", text))
    except InvalidRequirement as problem:
        first = str(problem).splitlines()[0]
        raise _refused(f"{text[:80]!r} is not a requirement: {first}", file, number) from None
    if requirement.url:
        raise _refused(
            f"{requirement.name} comes from an address. Only packages of the package index are "
            "installed; name a version of it",
            file,
            number,
        )
    spelled = " ".join([str(requirement), *(f"--hash={each}" for each in hashes)])
    return {"number": number, "name": canonicalize_name(requirement.name), "text": spelled}


def _pylock(path: Path) -> list[dict[str, JSON]]:
    packages = _toml(path).get("packages")
    if not isinstance(packages, list):
        raise _refused("it has no [[packages]]", path.name)
    return _counted([_locked(package) for package in packages], path.name)


def _locked(package: object) -> dict[str, JSON]:
    """A package of a pylock.toml as a line of hashed requirements."""
    if not isinstance(package, dict) or not isinstance(package.get("name"), str):
        raise _refused("a package in it has no name", PYLOCK)
    wheels = [wheel for wheel in _list(package.get("wheels")) if isinstance(wheel, dict)]
    hashes = [_sha256(wheel) for wheel in wheels]
    if not hashes or not all(hashes) or "version" not in package:
        raise _refused(f"{package['name']} has no version or no wheels with a sha256", PYLOCK)
    marker = f" ; {package['marker']}" if package.get("marker") else ""
    pinned = f"{package['name']}=={package['version']}{marker}"
    return _line(PYLOCK, 0, " ".join([pinned, *(f"--hash=sha256:{each}" for each in hashes)]))


def _sha256(wheel: dict[str, object]) -> str:
    hashes = wheel.get("hashes")
    return str(hashes.get("sha256", "")) if isinstance(hashes, dict) else ""


def _project(path: Path) -> list[dict[str, JSON]]:
    """`[project] dependencies`. A build backend is never asked, because it would run code."""
    text, project = _text(path), _table(_toml(path).get("project"))
    if "dependencies" in _list(project.get("dynamic")):
        raise _refused("its dependencies are dynamic. List them, or add requirements.txt", PROJECT)
    wanted = [each for each in _list(project.get("dependencies")) if isinstance(each, str)]
    return _counted([_line(PROJECT, _line_with(text, each), each) for each in wanted], PROJECT)


def _requires_python(path: Path) -> str:
    if not path.is_file():
        return ""
    wanted = _table(_toml(path).get("project")).get("requires-python", "")
    try:
        return str(SpecifierSet(str(wanted)))
    except InvalidSpecifier:
        number = _line_with(_text(path), "requires-python")
        raise _refused(f"requires-python {wanted!r} is no version", PROJECT, number) from None


def _python_version(path: Path) -> str:
    """The minor version that the file names: which patch a machine has does not matter."""
    if not path.is_file():
        return ""
    lines = [line.strip() for line in _text(path).splitlines()]
    wanted = next((line for line in lines if line and not line.startswith("#")), "")
    found = _PYTHON.fullmatch(wanted)
    if found is None:
        raise _refused(f"{wanted[:40]!r} is no Python version; write 3.12", PYTHON_VERSION, 1)
    return f"==3.{found[1]}.*"


def _text(path: Path) -> str:
    if path.stat().st_size > LARGEST:
        raise _refused(f"it is larger than {LARGEST:,} bytes", path.name)
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("it is not text in UTF-8", path.name) from None


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise _refused(f"it is not valid TOML: {str(problem)[:200]}", path.name) from None


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _line_with(text: str, wanted: str) -> int:
    """The first line that contains the text; 0 when none does."""
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if wanted in line), 0)


def _counted(lines: list[dict[str, JSON]], file: str) -> list[dict[str, JSON]]:
    if len(lines) > MOST_PACKAGES:
        raise _refused(f"it names more than {MOST_PACKAGES:,} packages", file)
    return lines


def _refused(problem: str, file: str, line: int = 0) -> Refused:
    place = f", line {line}" if line else ""
    return Refused("requirements_invalid", f"{file}{place}: {problem}.")


_READERS = {PYLOCK: _pylock, REQUIREMENTS: _requirements, PROJECT: _project}
