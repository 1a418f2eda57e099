"""From a lock to a folder that runs share: built once, under a lease, and visible only when it is whole.

    new, failed, swept -> claim -> building -> ready | failed        ready -> unused -> swept

A claim is a conditional update with a token and a lease, as for runs. The folder is built under a
temporary name and renamed, so a folder with the environment's own name is always whole, also after
kill -9 and on machines that do not share a disk: there the next run on that machine builds it again.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from portal.publishing.models import Variant
from portal.publishing.upkeep import UNUSED_AFTER
from portal.runs.environments import locks, pythons, uv
from portal.runs.environments.pythons import Python
from portal.runs.environments.uv import Meanwhile, UvFailed
from portal.runs.errors import BundleError, PlatformError, RunError
from portal.runs.models import ACTIVE, Environment, Run

LOOK_SECONDS = 0.5
READ_ONLY = ~0o222


class Overtaken(Exception):
    """The lease lapsed and another worker builds: wait for it instead."""


def folder_of(environment: Environment) -> Path:
    """Where its files are on this machine, once it is built."""
    return settings.ENVIRONMENTS_DIR / environment.key


def python_of(environment: Environment) -> Path:
    return folder_of(environment) / "bin" / "python"


def make_ready(environment: Environment, meanwhile: Meanwhile) -> None:
    """Return when the environment is on this machine: at once, after building it, or after another did.

    :raises BundleError: when it cannot be built from its lock.
    :raises PlatformError: when the index or the disk is at fault.
    """
    waited = False
    while not _take(environment):
        meanwhile.check()
        build = _claim(environment)
        if build is not None:
            build.carry_out(meanwhile)
            continue
        if not waited:
            meanwhile.say("Another run builds the same environment; waiting for it")
            waited = True
        time.sleep(LOOK_SECONDS)
        environment.refresh_from_db()
        if environment.state == Environment.State.FAILED:
            raise BundleError(environment.error)


def install(lock: Path, python: Python, folder: Path, meanwhile: Meanwhile) -> None:
    """Make a virtual environment with exactly what the lock names, every file checked against its hash.

    Files are copies of the cache's: whoever could write to them harms nobody else.

    :raises RunError: when a package cannot be had.
    """
    target = ["--python", str(folder / "bin" / "python"), "--allow-empty-requirements"]
    copied = ["--require-hashes", "--link-mode", "copy", "--compile-bytecode", *uv.CHECKED]
    venv = ["venv", "--relocatable", "--no-project", "--quiet", "--python", python.path]
    try:
        uv.call([*venv, str(folder)], folder=lock.parent, meanwhile=meanwhile)
        sync = ["pip", "sync", lock.name, *copied, *target]
        uv.call(sync, folder=lock.parent, meanwhile=meanwhile)
    except UvFailed as failure:
        raise locks.error_of(failure, "", []) from None


def unused(at: datetime) -> QuerySet[Environment]:
    """Built ones that no shown version and no waiting run needs, and none has used for a day."""
    versions = Q(version__environment_pin__environment=OuterRef("pk"))
    return Environment.objects.filter(
        ~Exists(Variant.objects.filter(versions)),
        ~Exists(Run.objects.filter(versions, state__in=ACTIVE)),
        state=Environment.State.READY,
        used_at__lt=at - UNUSED_AFTER,
    )


def sweep(environment: Environment, at: datetime) -> bool:
    """Delete its folder unless it came into use meanwhile; its lock stays, to build it again.

    :returns: whether it is gone.
    """
    if unused(at).filter(pk=environment.pk).update(state=Environment.State.SWEPT) != 1:
        return False
    remove(folder_of(environment))
    return True


def stray_folders(at: datetime) -> Iterator[Path]:
    """Half builds of killed workers, and folders that other machines have swept, older than a day."""
    if not settings.ENVIRONMENTS_DIR.is_dir():
        return
    ready = Environment.objects.filter(state=Environment.State.READY)
    known = set(ready.values_list("key", flat=True))
    before = (at - UNUSED_AFTER).timestamp()
    for folder in sorted(settings.ENVIRONMENTS_DIR.iterdir()):
        if folder.name not in known and folder.lstat().st_mtime < before:
            yield folder


def remove(folder: Path) -> None:
    """Delete a folder whose files are read-only; it loses its name first, so that nobody starts to use it."""
    doomed = folder.with_name(f".{folder.name.lstrip('.')}.{secrets.token_hex(4)}")
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return
    for place, _, _ in os.walk(doomed):
        Path(place).chmod(0o700)
    shutil.rmtree(doomed, ignore_errors=True)  # two may remove the same; what stays is stray


def _take(environment: Environment) -> bool:
    """Note the use; False when it is not ready, or not on this machine. The sweep respects what was noted."""
    ready = Environment.objects.filter(pk=environment.pk, state=Environment.State.READY)
    return ready.update(used_at=timezone.now()) == 1 and python_of(environment).exists()


def _claim(environment: Environment) -> "_Build | None":
    """The right to build it; None while another holds it."""
    at, token = timezone.now(), secrets.token_hex(16)
    free = ~Q(state=Environment.State.BUILDING) | Q(lease_until__lt=at)
    taken = Environment.objects.filter(free, pk=environment.pk).update(
        state=Environment.State.BUILDING, token=token, lease_until=_lease_end(at), error=""
    )
    return _Build(environment, token) if taken == 1 else None


def _lease_end(at: datetime) -> datetime:
    return at + timedelta(seconds=settings.RUN_LEASE_SECONDS)


@dataclass
class _Build:
    """One attempt, as long as its token is the environment's."""

    environment: Environment
    token: str
    _renewed: float = field(default_factory=time.monotonic)

    def carry_out(self, meanwhile: Meanwhile) -> None:
        """Build it, or note why not.

        :raises RunError: whoever's fault it is.
        """
        try:
            self._build(Meanwhile(meanwhile.say, lambda: self._go_on(meanwhile)))
        except Overtaken:
            return
        except RunError as error:
            self._give_up(Environment.State.FAILED, error.sentence)
            raise
        except BaseException:  # cancelled, or the worker stops: the next may try at once
            self._give_up(Environment.State.NEW)
            raise
        finally:
            remove(self._folder)

    def _build(self, meanwhile: Meanwhile) -> None:
        started = time.monotonic()
        self._clear()
        self._install(meanwhile)
        self._settle()
        now = timezone.now()
        self._write(
            state=Environment.State.READY,
            token="",
            lease_until=None,
            built_at=now,
            used_at=now,
            size=size_of(folder_of(self.environment)),
            seconds=round(time.monotonic() - started, 1),
        )

    def _give_up(self, state: Environment.State, error: str = "") -> None:
        with suppress(Overtaken):
            self._write(state=state, error=error, token="", lease_until=None)

    @property
    def _folder(self) -> Path:
        return folder_of(self.environment).with_name(f".{self.environment.key}.{self.token}")

    def _clear(self) -> None:
        """Remove what former attempts left: the claim says that they are dead."""
        settings.ENVIRONMENTS_DIR.mkdir(parents=True, exist_ok=True)
        for left in settings.ENVIRONMENTS_DIR.glob(f".{self.environment.key}.*"):
            remove(left)

    def _install(self, meanwhile: Meanwhile) -> None:
        environment, python = self.environment, pythons.exactly(self.environment.python)
        meanwhile.say(f"Building: Python {python.version}, packages: {environment.packages}")
        self._folder.mkdir()
        lock = self._folder / "requirements.txt"
        lock.write_text(environment.lock)
        install(lock, python, self._folder / "made", meanwhile)

    def _settle(self) -> None:
        """Make it read-only and give it its name, which is the moment it exists."""
        made = self._folder / "made"
        make_read_only(made)
        made.chmod(0o755)  # a folder that cannot be written cannot be renamed either (rename(2))
        try:
            made.rename(folder_of(self.environment))
        except OSError as error:
            if not python_of(self.environment).exists():  # else: built twice, and one is enough
                raise PlatformError(f"The environment cannot be kept: {error.strerror}.") from error
        folder_of(self.environment).chmod(0o555)

    def _go_on(self, meanwhile: Meanwhile) -> None:
        meanwhile.check()
        if time.monotonic() - self._renewed > settings.RUN_LEASE_SECONDS / 4:
            self._renewed = time.monotonic()
            self._write(lease_until=_lease_end(timezone.now()))

    def _write(self, **fields: object) -> None:
        """
        :raises Overtaken: when another worker has claimed it.
        """
        mine = Environment.objects.filter(pk=self.environment.pk, token=self.token)
        if mine.update(**fields) != 1:
            raise Overtaken


def make_read_only(folder: Path) -> None:
    """Take the right to write from everybody, for every file and folder below."""
    for place, folders, names in os.walk(folder, topdown=False):
        for name in [*names, *folders]:
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & READ_ONLY)


def size_of(folder: Path) -> int:
    """Bytes of all files below the folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*"))
