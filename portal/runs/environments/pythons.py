"""Which Python an environment is made with: one that is installed here, never a downloaded one."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from portal.runs.environments import uv
from portal.runs.errors import BundleError


@dataclass(frozen=True)
class Python:
    """An installed interpreter. `version` is its major and minor version, such as 3.12."""

    version: str
    path: str


def ours() -> Python:
    """The interpreter that runs the portal."""
    return Python(f"{sys.version_info[0]}.{sys.version_info[1]}", sys.executable)


def choose(wanted: str) -> Python:
    """Ours when it fits `wanted`, a specifier or empty; else the newest installed one that fits.

    :raises BundleError: naming those that are installed.
    """
    fits, own = SpecifierSet(wanted), ours()
    if fits.contains(f"{own.version}.{sys.version_info[2]}"):
        return own
    installed = _installed()
    for version, path in installed:
        if fits.contains(version):
            return Python(_minor(version), path)
    known = sorted({own.version, *(_minor(version) for version, _ in installed)})
    raise BundleError(
        f"The bundle asks for Python {wanted.removeprefix('==').removesuffix('.*')}, which this worker "
        f"does not have; it has {', '.join(known)}. Ask for one of these, or ask an admin to install it."
    )


def exactly(version: str) -> Python:
    """The installed Python of a minor version such as 3.12.

    :raises BundleError: when there is none any more.
    """
    return choose(f"=={version}.*")


def _installed() -> list[tuple[str, str]]:
    """Versions and paths of the Pythons that uv finds, best first; those that do not run are left out."""
    listed = subprocess.run(  # noqa: S603  our own arguments
        [uv.executable(), "python", "list", "--only-installed", "--output-format", "json"],
        env=uv.environment(os.environ),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    found = json.loads(listed.stdout or b"[]")
    return [
        (each["version"], each["path"])
        for each in found
        if each["implementation"] == "cpython" and each["variant"] == "default"
    ]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
