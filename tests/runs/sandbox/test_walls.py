"""Hostile commands behind each kind of walls: the host is unharmed, and the next command runs well.

Each level is tried as it is started by root and by a user without privileges, with the system's Python,
which every user can reach.
"""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from portal.runs.sandbox import Level, syscalls

pytestmark = pytest.mark.slow
PLAY = Path(__file__).with_name("play.py")
NOBODY = 65534
PYTHON = shutil.which("python3", path="/usr/bin") or sys.executable
ROOT, OTHER = "root", "other"
WAYS = [(level, who) for level in Level for who in (ROOT, OTHER)]
WALLED = [(level, who) for level, who in WAYS if level is not Level.PLAIN]
WORLDS = [(Level.BUBBLEWRAP, who) for who in (ROOT, OTHER)]


@dataclass
class Stage:
    """A folder with what a command may use, and beside it what is ours."""

    level: Level
    who: str
    root: Path
    hidden: list[Path] = field(default_factory=list)
    readable: list[Path] = field(default_factory=list)

    def play(
        self,
        source: str,
        *,
        network: bool = True,
        environment: dict[str, str] | None = None,
        **limits: float,
    ) -> dict[str, Any]:
        """The outcome as a dictionary, and what was heard as `heard`."""
        asked = {
            "level": self.level,
            "source": source,
            "root": str(self.root),
            "readable": [str(path) for path in self.readable],
            "hidden": [str(path) for path in self.hidden],
            "network": network,
            "environment": environment or {},
            "limits": {"wall_seconds": 30, **limits},
        }
        done = subprocess.run(
            [*_as_user(self.who), PYTHON, str(PLAY)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "SECRET": str(self.root)},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        return {**said["outcome"], "heard": said["heard"]}

    def assert_well(self) -> None:
        """No process is left, and the next command runs to its end."""
        assert _marked(self.root) == []
        after = self.play("print('fine')")
        assert (after["ending"], after["exit_code"], after["heard"]) == ("exited", 0, "fine\n")


def _as_user(who: str) -> list[str]:
    if who == ROOT or os.getuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _marked(root: Path) -> list[int]:
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"WALLS_MARK={root}".encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
        except OSError:  # ended since
            continue
    return found


def _make(level: Level, who: str, root: Path) -> Stage:
    root.chmod(0o711)
    for name in ("work", "output", "tmp", "ours", "environment"):
        folder = root / name
        folder.mkdir()
        if _as_user(who):
            os.chown(folder, NOBODY, NOBODY)
    (root / "ours" / "db.sqlite3").write_text("the database")
    (root / "environment" / "module.py").write_text("answer = 42")
    return Stage(level, who, root, hidden=[root / "ours"], readable=[root / "environment"])


_unavailable: dict[tuple[Level, str], str] = {}


def _why_not(level: Level, who: str) -> str:
    """Why the level cannot be tried here, found out once; empty when it can."""
    if who == ROOT and os.getuid() != 0:
        return "these tests do not run as root"
    with tempfile.TemporaryDirectory(prefix="walls-") as root:
        try:
            tried = _make(level, who, Path(root)).play("print('fine')")
        except AssertionError as error:
            return f"the sandbox itself cannot be started: {error}"
    return (
        ""
        if tried["heard"] == "fine\n"
        else f"{level} does not work here: {tried['heard'] or tried['trouble']}"
    )


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    level, who = request.param
    if request.param not in _unavailable:
        _unavailable[request.param] = _why_not(level, who)
    if _unavailable[request.param]:
        pytest.skip(_unavailable[request.param])
    with tempfile.TemporaryDirectory(prefix="walls-") as root:
        yield _make(level, who, Path(root))


def ways(chosen: list[tuple[Level, str]]) -> pytest.MarkDecorator:
    names = [f"{level}-{who}" for level, who in chosen]
    return pytest.mark.parametrize("stage", chosen, ids=names, indirect=True)


# ---- what ends, however it resists ----


@ways(WAYS)
def test_fork_bomb_is_ended(stage: Stage) -> None:
    source = (
        "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)"
    )

    outcome = stage.play(source, processes=64, wall_seconds=3)

    assert outcome["ending"] in {"too_many", "too_slow"}
    stage.assert_well()


@ways(WAYS)
def test_command_that_ignores_the_signal_is_killed(stage: Stage) -> None:
    source = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True)\nwhile True: time.sleep(1)"
    )

    outcome = stage.play(source, wall_seconds=1)

    assert (outcome["ending"], outcome["heard"]) == ("too_slow", "deaf\n")
    stage.assert_well()


@ways(WAYS)
def test_command_may_tidy_up_at_its_time_limit(stage: Stage) -> None:
    source = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('tidied', flush=True), sys.exit(0)))\n"
        "while True: time.sleep(0.1)"
    )

    outcome = stage.play(source, wall_seconds=2)

    assert (outcome["ending"], outcome["heard"]) == ("too_slow", "tidied\n")


@ways(WAYS)
def test_daemon_dies_with_its_command(stage: Stage) -> None:
    source = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(600)\n    os._exit(0)\nprint('left', flush=True)"
    )

    outcome = stage.play(source)

    assert (outcome["ending"], outcome["heard"]) == ("exited", "left\n")
    stage.assert_well()


@ways(WAYS)
def test_allocation_of_20_gb_is_ended(stage: Stage) -> None:
    source = "import time\nkept = []\nwhile len(kept) < 200:\n    kept.append(bytearray(10**8)); time.sleep(0.02)"

    outcome = stage.play(source, memory_mb=300)

    assert outcome["ending"] == "too_large"
    stage.assert_well()


@ways(WAYS)
def test_endless_output_is_cut_in_the_middle(stage: Stage) -> None:
    source = "import sys\nn = 0\nwhile True:\n    n += 1; print('line', n, flush=True)"

    outcome = stage.play(source, wall_seconds=1, output_bytes=1000)

    assert outcome["ending"] == "too_slow"
    assert outcome["heard"].startswith("line 1\nline 2\n")
    assert "bytes are left out here" in outcome["heard"]
    assert len(outcome["heard"]) < 60_000
    stage.assert_well()


@ways(WAYS)
def test_filling_the_disk_is_ended(stage: Stage) -> None:
    source = (
        "import time\nfor n in range(1000):\n"
        "    open(f'{n}', 'wb').write(bytes(5_000_000)); time.sleep(0.05)"
    )

    outcome = stage.play(source, disk_mb=30)

    assert outcome["ending"] == "too_full"
    stage.assert_well()


@ways(WAYS)
def test_one_file_cannot_be_larger_than_all_may_be(stage: Stage) -> None:
    outcome = stage.play("open('large', 'wb').write(bytes(60_000_000))", disk_mb=20)

    assert outcome["exit_code"] != 0
    assert (stage.root / "work" / "large").stat().st_size <= 20_000_000
    stage.assert_well()


# ---- what cannot be done ----


@ways(WAYS)
def test_network_that_is_off_is_not_reached(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        source = (
            f"import socket; socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}))"
        )
        off = stage.play(source, network=False)
        on = stage.play(source, network=True)

    assert (off["exit_code"], on["exit_code"]) == (1, 0)


@ways(WAYS)
@pytest.mark.skipif(not syscalls.is_known(), reason="system calls cannot be filtered here")
def test_new_namespaces_are_refused(stage: Stage) -> None:
    source = (
        "import ctypes, os\nlibrary = ctypes.CDLL(None, use_errno=True)\n"
        "print(library.unshare(0x10000000), ctypes.get_errno())"
    )

    assert stage.play(source)["heard"] == "-1 1\n"


@ways(WAYS)
def test_privileges_are_gone_for_ever(stage: Stage) -> None:
    source = "print(open('/proc/self/status').read())"

    status = stage.play(source)["heard"]

    assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s0{16}$", status, re.MULTILINE)
    assert not re.search(r"^Uid:\s0\b", status, re.MULTILINE)


@ways(WAYS)
def test_environment_of_init_is_not_read(stage: Stage) -> None:
    heard = stage.play("print(open('/proc/1/environ', 'rb').read())")["heard"]

    assert "PermissionError" in heard or heard == "b''\n"


@ways(WALLED)
def test_environment_of_the_worker_is_not_read(stage: Stage) -> None:
    source = (
        "import glob\nfor path in glob.glob('/proc/[0-9]*/environ'):\n"
        "    try: print(open(path, 'rb').read())\n    except OSError: pass"
    )

    assert "SECRET" not in stage.play(source)["heard"]


@ways(WALLED)
@pytest.mark.parametrize("mode", ["r", "a"])
def test_files_of_ours_are_neither_read_nor_written(stage: Stage, mode: str) -> None:
    database = stage.root / "ours" / "db.sqlite3"

    outcome = stage.play(f"open({str(database)!r}, {mode!r}); print('opened')")

    assert outcome["exit_code"] == 1
    assert database.read_text() == "the database"
    stage.assert_well()


@ways(WALLED)
def test_shared_environment_is_read_and_not_written(stage: Stage) -> None:
    module = stage.root / "environment" / "module.py"
    source = (
        f"print(open({str(module)!r}).read(), flush=True)\nopen({str(module)!r}, 'a').write('evil')"
    )

    outcome = stage.play(source)

    assert outcome["heard"].startswith("answer = 42\n")
    assert outcome["exit_code"] == 1
    assert module.read_text() == "answer = 42"


@ways(WALLED)
def test_link_out_of_the_output_leads_nowhere(stage: Stage) -> None:
    database = stage.root / "ours" / "db.sqlite3"
    source = (
        f"import os\nos.symlink({str(database)!r}, '../output/index.html')\n"
        "print(open('../output/index.html').read())"
    )

    outcome = stage.play(source)

    assert outcome["exit_code"] == 1
    assert "the database" not in outcome["heard"]
    assert database.read_text() == "the database"


@ways(WORLDS)
def test_folder_below_a_readable_one_is_hidden(stage: Stage) -> None:
    stage.readable.append(stage.root)

    outcome = stage.play(f"import os; print(os.listdir({str(stage.root / 'ours')!r}))")

    assert outcome["heard"] == "[]\n"


@ways(WORLDS)
def test_own_world_has_no_other_processes_and_its_own_tmp(stage: Stage) -> None:
    source = (
        "import os\nopen('/tmp/note', 'w').close()\n"
        "print(sum(name.isdigit() for name in os.listdir('/proc')))"
    )

    assert stage.play(source)["heard"] == "2\n"
    assert (stage.root / "tmp" / "note").exists()


@ways([(Level.BUBBLEWRAP, ROOT)])
def test_what_is_still_root_loads_no_library_of_the_author(stage: Stage) -> None:
    outcome = stage.play("print('fine')", environment={"LD_PRELOAD": "/not/there.so"})

    assert outcome["heard"] == "fine\n"  # the loader would complain


# ---- the filter of system calls ----

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_numbers_of_system_calls_are_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].is_file():
        pytest.skip("the kernel's headers are not installed")
    numbers = dict(re.findall(r"#define __NR3?2?6?4?_?(\w+)\s+(\d+)", HEADERS[machine].read_text()))
    known = syscalls.MACHINES[machine]

    named = {
        **known.refused,
        "clone": known.clone,
        "socket": known.socket,
        "clone3": syscalls.CLONE3,
    }

    assert {name: int(numbers[name]) for name in named} == named


def test_filter_is_refused_for_machines_that_are_not_known() -> None:
    with pytest.raises(syscalls.NoFilter, match="vax"):
        syscalls.program(network=True, machine="vax")


def test_every_instruction_has_eight_bytes() -> None:
    filters: list[Callable[[], bytes]] = [
        lambda machine=machine: syscalls.program(network=False, machine=machine)
        for machine in syscalls.MACHINES
    ]

    assert [len(make()) % 8 for make in filters] == [0] * len(filters)
    assert platform.machine() in syscalls.MACHINES or not syscalls.is_known()
