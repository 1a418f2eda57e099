"""Which environment belongs to which version: resolved at its first run, the same ever after."""

import hashlib
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.publishing.models import Version
from portal.runs.environments import builds, locks, pythons, uv
from portal.runs.environments.uv import Meanwhile
from portal.runs.models import Environment, VersionEnvironment

OUR_LOCK = settings.BASE_DIR / "requirements.txt"


@dataclass(frozen=True)
class Interpreter:
    """The Python that a run's code is executed by, and the folders that it must be able to read."""

    python: Path
    folders: tuple[Path, ...]


def ours() -> Interpreter:
    """The portal's own, for versions that ask for nothing where there is no standard lock."""
    return Interpreter(Path(pythons.ours().path), ())


def prepare(
    version: Version, work: Path, *, packages: Sequence[str], meanwhile: Meanwhile
) -> Interpreter:
    """The interpreter for a run of the version, whose files are in `work`; built if need be.

    `packages` are what executes code of its kind, beside what it asks for.

    :raises BundleError: when what the bundle asks for cannot be had.
    :raises PlatformError: when the package index or this machine is at fault.
    :raises Refused: when one of its files cannot be read.
    """
    pinned = environment_of(version)
    if pinned is None:
        python = version.manifest.get("run", {}).get("python", "")
        lock = locks.resolve(work, python=python, packages=packages, meanwhile=meanwhile)
        lock = lock or locks.standard(packages, meanwhile)
        if lock is None:
            return ours()
        pinned = pin(version, lock.text, lock.python.version)
    here = on_this_machine(pinned)
    builds.make_ready(here, meanwhile)
    return interpreter_of(here)


def interpreter_of(environment: Environment) -> Interpreter:
    """The interpreter of an environment that is ready."""
    python = builds.python_of(environment)
    return Interpreter(python, (builds.folder_of(environment), python.resolve().parents[1]))


def environment_of(version: Version) -> Environment | None:
    """The environment that the version is pinned to; None before its first run, and for the portal's own."""
    return Environment.objects.filter(pins__version=version).first()


def lock_of(version: Version) -> str:
    """The lock that makes the version's environment again, anywhere."""
    pinned = environment_of(version)
    return pinned.lock if pinned else OUR_LOCK.read_text("utf-8")


@transaction.atomic
def pin(version: Version, lock: str, python: str) -> Environment:
    """Decide once: when another run of the version was faster, its environment is returned."""
    mine = record(lock, python)
    pinned, _ = VersionEnvironment.objects.get_or_create(
        version=version, defaults={"environment": mine}
    )
    return pinned.environment


def on_this_machine(pinned: Environment) -> Environment:
    """The same lock for this platform and index, where they are not those it was resolved with."""
    return (
        pinned
        if pinned.key == key_of(pinned.lock, pinned.python)
        else record(pinned.lock, pinned.python)
    )


def record(lock: str, python: str) -> Environment:
    """The environment of this lock and Python here; the same ones give the same environment."""
    environment, _ = Environment.objects.get_or_create(
        key=key_of(lock, python),
        defaults={"python": python, "lock": lock, "created_at": timezone.now()},
    )
    return environment


def key_of(lock: str, python: str) -> str:
    """SHA-256 of all that decides which files an environment has, parted by NUL."""
    parts = (lock, python, sysconfig.get_platform(), uv.index_settings())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
