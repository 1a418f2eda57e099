"""Real processes under a real supervisor: in what order they end, and that none is ever left."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.common.processes import children_of
from tests.machine import MARK, marked, wait_until

pytestmark = pytest.mark.slow


class Troupe:
    """A supervisor started as a process, what it said, and what its programs told."""

    def __init__(self, folder: Path, play: str, *options: str) -> None:
        self.folder = folder
        self.mark = f"{play}-{folder}"
        self.output = folder / "output"
        command = [sys.executable, "-m", "tests.common.troupe", str(folder), play, *options]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, env={**os.environ, MARK: self.mark}, stdout=output, stderr=output
            )

    def said(self) -> str:
        return self.output.read_text()

    def events(self, event: str) -> list[tuple[str, int]]:
        """Who told of the event, in order, with their process ids."""
        path = self.folder / "events"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(name, int(pid)) for name, what, pid in lines if what == event]

    def supervisor(self) -> int:
        (pid,) = children_of(self.process.pid)
        return pid

    def until_ready(self) -> None:
        wait_until(lambda: "READY" in self.said())

    def nobody_left(self) -> bool:
        return not marked(self.mark)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Troupe]]:
    """Starts a play; whatever the test leaves of it is ended."""
    started: list[Troupe] = []

    def start(play: str, *options: str) -> Troupe:
        started.append(Troupe(tmp_path, play, *options))
        return started[-1]

    yield start

    for troupe in started:
        for pid in marked(troupe.mark):
            os.kill(pid, signal.SIGKILL)
        troupe.process.wait(timeout=10)


@pytest.fixture
def troupe(start: Callable[..., Troupe]) -> Troupe:
    troupe = start("three")
    troupe.until_ready()
    return troupe


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_all_in_order(troupe: Troupe, number: signal.Signals) -> None:
    troupe.process.send_signal(number)
    code = troupe.process.wait(timeout=30)

    names = [name for name, _ in troupe.events("left")]
    assert code == 0
    assert set(names[:2]) == {"web", "ticker"}
    assert names[2:] == ["worker", "redis"]
    assert troupe.nobody_left()


def test_later_stage_is_not_asked_before_former_has_left(troupe: Troupe) -> None:
    troupe.process.terminate()
    troupe.process.wait(timeout=30)

    events = (troupe.folder / "events").read_text()
    assert events.index("worker left") < events.index("redis asked")


def test_killed_guard_leaves_nobody(troupe: Troupe) -> None:
    troupe.process.kill()

    wait_until(troupe.nobody_left)
    assert [name for name, _ in troupe.events("left")][-1] == "redis"


def test_killed_supervisor_leaves_nobody(troupe: Troupe) -> None:
    os.kill(troupe.supervisor(), signal.SIGKILL)

    code = troupe.process.wait(timeout=30)
    assert code == 128 + signal.SIGKILL
    assert troupe.nobody_left()


def test_guard_and_supervisor_killed_at_once_leave_no_program(troupe: Troupe) -> None:
    programs = {pid for _, pid in troupe.events("began")}
    supervisor = troupe.supervisor()
    os.kill(troupe.process.pid, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)

    wait_until(lambda: not programs & marked(troupe.mark))


def test_killed_program_is_started_again_and_its_children_are_ended(troupe: Troupe) -> None:
    ((_, worker),) = [event for event in troupe.events("began") if event[0] == "worker"]
    (grandchild,) = children_of(worker)
    os.kill(worker, signal.SIGKILL)

    wait_until(lambda: [name for name, _ in troupe.events("began")].count("worker") == 2)
    wait_until(lambda: grandchild not in marked(troupe.mark))
    assert "worker ended (killed by SIGKILL) and is started again in 1 s" in troupe.said()


def test_second_signal_stops_without_waiting(start: Callable[..., Troupe]) -> None:
    troupe = start("stubborn")
    troupe.until_ready()

    troupe.process.send_signal(signal.SIGINT)
    wait_until(lambda: troupe.events("asked"))
    troupe.process.send_signal(signal.SIGINT)

    assert troupe.process.wait(timeout=30) == 0
    assert troupe.nobody_left()


def test_program_that_never_starts_is_given_up_with_its_last_words(
    start: Callable[..., Troupe],
) -> None:
    troupe = start("broken")

    assert troupe.process.wait(timeout=60) == 1
    assert "web ended 3 times before it was up. Its last words: ERROR the scenery" in troupe.said()
    assert "READY" not in troupe.said()
    assert [name for name, _ in troupe.events("left")] == ["redis"]
    assert troupe.nobody_left()


def test_leash_ends_all_with_the_starter(tmp_path: Path) -> None:
    starter = "import subprocess, sys; subprocess.run([sys.executable, '-m', *sys.argv[1:]])"
    command = [sys.executable, "-c", starter, "tests.common.troupe", str(tmp_path), "three"]
    mark = f"leash-{tmp_path}"
    output = tmp_path / "output"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--leashed"], env={**os.environ, MARK: mark}, stdout=out
        )
    wait_until(lambda: "READY" in output.read_text())

    process.kill()
    process.wait(timeout=10)

    wait_until(lambda: not marked(mark))
    assert "STOPPING" in output.read_text()
