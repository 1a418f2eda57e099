"""Starting a command behind the walls and limits of its plan. Runs in the warden, which stays outside."""

import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

from portal.common import processes
from portal.runs.sandbox import Level, bubblewrap, landlock, places, syscalls
from portal.runs.sandbox.plans import Plan

FIRST_USER = 1_000_000_000  # ids from here on belong to nobody; ours add the warden's process id
NOBODY = 65534
ROOM_FOR_OTHERS = (
    4  # where the kernel counts the processes of all runs together, the watch counts ours
)
FIRST_TO_GO = (
    "1000"  # oom_score_adj, proc(5): when memory ends, the kernel ends this and nothing of ours
)
OWN_FILES = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/proc/filesystems")
DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))


def start(plan: Plan) -> tuple["subprocess.Popen[bytes]", Callable[[], str]]:
    """The process, and a function that says, once it has ended, why its walls failed (or nothing).

    :raises OSError: when the program cannot be started.
    :raises subprocess.SubprocessError: when the walls cannot be put up.
    """
    user = _own_user() if plan.level and os.geteuid() == 0 else None
    if user is not None:
        _give_folders(plan, user)
    if plan.level == Level.BUBBLEWRAP:
        return _start_in_bubblewrap(plan, user)
    process = subprocess.Popen(  # noqa: S603  running the author's command is the purpose
        plan.arguments,
        cwd=plan.folder,
        env=dict(plan.environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_confinement(plan, user),
    )
    return process, lambda: ""


def _start_in_bubblewrap(
    plan: Plan, user: int | None
) -> tuple["subprocess.Popen[bytes]", Callable[[], str]]:
    status, status_at = os.pipe()
    filter_at = _descriptor(syscalls.program(network=True)) if syscalls.is_known() else None
    options = bubblewrap.options(plan, user=user, filter_at=filter_at, status_at=status_at)
    options_at = _descriptor("".join(f"{option}\0" for option in options).encode())
    command = bubblewrap.command(plan, user=user)
    passed = [at for at in (status_at, options_at, filter_at) if at is not None]
    process = subprocess.Popen(  # noqa: S603  running the author's command is the purpose
        [plan.bubblewrap, "--args", str(options_at), "--", *command],
        env={},
        stdin=subprocess.DEVNULL,
        pass_fds=passed,
        preexec_fn=_bounds(plan, user),
    )
    for at in passed:
        os.close(at)
    return process, lambda: _trouble(status)


def _trouble(status: int) -> str:
    """Bubblewrap tells an exit code of what it started, and none when it could not start it."""
    with open(status, "rb") as told:
        return "" if b'"exit-code"' in told.read() else "bubblewrap could not put up its walls"


def _confinement(plan: Plan, user: int | None) -> Callable[[], None]:
    """What the process does to itself before it becomes the command; without a level, only its bounds."""
    bounds, readable, writable = _bounds(plan, user), _readable(plan), _writable(plan)

    def confine() -> None:
        bounds()
        if not plan.level:
            return
        if user is not None:
            _become(user)
        syscalls.renounce()
        if plan.level == Level.LANDLOCK:
            own = [Path(f"/proc/{os.getpid()}")]
            landlock.confine(readable=readable + own, writable=writable, network=plan.network)
        if plan.level == Level.LANDLOCK or syscalls.is_known():
            syscalls.confine(network=plan.network)

    return confine


def _become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    processes.die_with_parent()  # a change of user cancels it, prctl(2)


def _bounds(plan: Plan, user: int | None) -> Callable[[], None]:
    """What the kernel refuses beyond; the rest is watched from outside."""
    limits = {resource.RLIMIT_CORE: 0}
    if plan.level:
        limits[resource.RLIMIT_NPROC] = _most_processes(plan, user)
        limits[resource.RLIMIT_FSIZE] = plan.file_bytes
        limits[resource.RLIMIT_NOFILE] = plan.open_files

    def bound() -> None:
        processes.die_with_parent()
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
        for limit, value in limits.items():
            hardest = resource.getrlimit(limit)[1]
            value = value if hardest == resource.RLIM_INFINITY else min(value, hardest)
            resource.setrlimit(limit, (value, value))

    return bound


def _most_processes(plan: Plan, user: int | None) -> int:
    """The kernel counts by user. A user of its own has these only; else those of the worker count too."""
    if user is not None:
        return plan.processes
    return _threads_of(os.getuid()) + ROOM_FOR_OTHERS * plan.processes


def _threads_of(user: int) -> int:
    counted = 0
    for folder in Path("/proc").glob("[0-9]*/task"):
        try:
            counted += folder.stat().st_nlink - 2 if folder.stat().st_uid == user else 0
        except OSError:  # ended since
            continue
    return counted


def _own_user() -> int:
    """A user id that no other process has; in a container with few ids, that of nobody."""
    wanted = FIRST_USER + os.getpid()
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = (int(number) for number in line.split())
        if first <= wanted < first + count:
            return wanted
    return NOBODY


def _give_folders(plan: Plan, user: int) -> None:
    """The user may write where the command may; nobody else but us may look."""
    for folder in _folders(plan):
        for place, folders, files in os.walk(folder):
            for name in [*folders, *files]:
                os.chown(Path(place, name), user, user, follow_symlinks=False)
        os.chown(folder, user, os.getegid())
        folder.chmod(0o710)  # bubblewrap, our group and no capabilities left, goes through it


def _folders(plan: Plan) -> list[Path]:
    return [Path(path) for path in (plan.folder, *plan.writable)]


def _writable(plan: Plan) -> list[Path]:
    return [*_folders(plan), *(Path(path) for path in DEVICES)]


def _readable(plan: Plan) -> list[Path]:
    ours = [*places.of_system(), *places.of_interpreter(plan.arguments[0])]
    return [*ours, *(Path(path) for path in (*OWN_FILES, *plan.readable))]


def _descriptor(content: bytes) -> int:
    """A descriptor from which the content can be read."""
    held = os.memfd_create("broadsheet")
    os.write(held, content)
    os.lseek(held, 0, os.SEEK_SET)
    return held
