"""Plain isolation: limits, output, and that nothing of a command's tree survives."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portal.runs.sandbox import Command, Ending, Limits, Outcome
from portal.runs.sandbox.process import run
from tests.machine import wait_until

MARK = "SANDBOX_TEST_MARK"
RUNAWAYS = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
print("left", flush=True)
"""


def play(
    source: str, tmp_path: Path, *, stop: bool = False, **limits: float
) -> tuple[Outcome, str]:
    heard: list[str] = []
    outcome = run(
        Command(
            [sys.executable, "-c", source], tmp_path, {"PATH": "/usr/bin:/bin", MARK: str(tmp_path)}
        ),
        Limits(**{"wall_seconds": 30, **limits}),
        heard.append,
        must_stop=lambda: stop and "ready" in "".join(heard),
    )
    return outcome, "".join(heard)


def alive(tmp_path: Path) -> list[int]:
    """The processes that carry this test's mark."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={tmp_path}".encode() in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return found


def test_output_and_exit_code_come_back(tmp_path: Path) -> None:
    outcome, heard = play(
        "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", tmp_path
    )

    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 3)
    assert set(heard.split()) == {"out", "err"}


def test_command_starts_in_its_folder_with_its_environment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROADSHEET_SECRET_KEY", "canary")

    _, heard = play("import os; print(os.getcwd(), sorted(os.environ))", tmp_path)

    assert str(tmp_path) in heard
    assert "BROADSHEET" not in heard


def test_end_by_a_signal_is_told_as_shells_do(tmp_path: Path) -> None:
    outcome, _ = play("import os; os.kill(os.getpid(), 9)", tmp_path)

    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 137)


def test_command_that_is_too_slow_is_stopped(tmp_path: Path) -> None:
    outcome, heard = play(
        "import time; print('ready', flush=True); time.sleep(600)", tmp_path, wall_seconds=1
    )

    assert outcome.ending is Ending.TOO_SLOW
    assert heard == "ready\n"
    assert alive(tmp_path) == []


def test_command_may_tidy_up_when_it_is_stopped(tmp_path: Path) -> None:
    source = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'tidied\\n'), sys.exit(0)))\n"
        "print('ready', flush=True)\ntime.sleep(600)"
    )

    outcome, heard = play(source, tmp_path, stop=True)

    assert outcome.ending is Ending.STOPPED
    assert heard == "ready\ntidied\n"


def test_command_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    source = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\ntime.sleep(600)"
    )

    outcome, _ = play(source, tmp_path, stop=True)

    assert (outcome.ending, outcome.exit_code) == (Ending.STOPPED, 137)
    assert alive(tmp_path) == []


def test_command_that_takes_too_much_memory_is_stopped(tmp_path: Path) -> None:
    outcome, _ = play(
        "x = bytearray(300_000_000); import time; time.sleep(600)", tmp_path, memory_mb=150
    )

    assert outcome.ending is Ending.TOO_LARGE
    assert outcome.peak_mb > 150


def test_memory_of_the_whole_tree_counts(tmp_path: Path) -> None:
    source = (
        "import os, time\nfor _ in range(3):\n"
        "    if os.fork() == 0:\n        x = bytearray(80_000_000); time.sleep(600)\n"
        "time.sleep(600)"
    )

    outcome, _ = play(source, tmp_path, memory_mb=200)

    assert outcome.ending is Ending.TOO_LARGE
    assert alive(tmp_path) == []


def test_output_beyond_its_limit_is_dropped(tmp_path: Path) -> None:
    outcome, heard = play("print('x' * 1_000_000)", tmp_path, output_bytes=1000)

    assert outcome.output_cut
    assert heard == "x" * 1000


def test_writer_without_end_is_stopped_at_its_time(tmp_path: Path) -> None:
    outcome, _ = play("while True: print('x' * 10_000)", tmp_path, wall_seconds=1, output_bytes=10)

    assert outcome.ending is Ending.TOO_SLOW


def test_characters_split_over_two_reads_stay_whole(tmp_path: Path) -> None:
    source = (
        "import os, time\nfor byte in 'é€𝄞'.encode():\n"
        "    os.write(1, bytes([byte])); time.sleep(0.15)"
    )

    _, heard = play(source, tmp_path)

    assert heard == "é€𝄞"


def test_processes_that_leave_their_session_die_with_the_command(tmp_path: Path) -> None:
    outcome, heard = play(RUNAWAYS, tmp_path)

    assert (outcome.ending, heard) == (Ending.EXITED, "left\n")
    assert alive(tmp_path) == []


def test_command_that_closes_its_output_goes_on(tmp_path: Path) -> None:
    outcome, _ = play("import os, time; os.close(1); os.close(2); time.sleep(0.5)", tmp_path)

    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0)
    assert outcome.seconds >= 0.5


def test_whole_tree_dies_when_its_starter_is_killed(tmp_path: Path) -> None:
    starter = (
        "import sys\nfrom pathlib import Path\nfrom portal.runs.sandbox import Command, Limits\n"
        "from portal.runs.sandbox.process import run\n"
        f"run(Command([sys.executable, '-c', {RUNAWAYS + 'time.sleep(600)'!r}], Path({str(tmp_path)!r}), "
        f"{{{MARK!r}: {str(tmp_path)!r}}}), Limits(wall_seconds=600), print)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", starter], stdout=subprocess.DEVNULL, env=os.environ
    )
    wait_until(lambda: len(alive(tmp_path)) >= 5)

    process.kill()
    process.wait()

    wait_until(lambda: not alive(tmp_path))


def test_program_that_is_not_there_is_told_by_its_exit_code(tmp_path: Path) -> None:
    started = time.monotonic()

    outcome = run(
        Command(["/nonexistent/python"], tmp_path, {}), Limits(wall_seconds=30), lambda text: None
    )

    assert outcome.ending is Ending.EXITED
    assert outcome.exit_code != 0
    assert outcome.seconds <= time.monotonic() - started
