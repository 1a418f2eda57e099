"""`manage.py up` as people run it: real processes on a port and a data folder of their own."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from portal.common.processes import children_of
from tests.machine import MARK, marked, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.redis]
MANAGE = str(Path(settings.BASE_DIR) / "manage.py")


class Up:
    """One `manage.py up --no-demo`, and what it said."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.address = environment["BROADSHEET_PORTAL_ORIGIN"]
        self.port = int(self.address.rpartition(":")[2])
        self.output = folder / "output"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, MANAGE, "up", "--no-demo"],
                env=environment,
                stdout=output,
                stderr=output,
            )

    def said(self) -> str:
        return self.output.read_text()

    def until_live(self) -> None:
        wait_until(lambda: f"live at {self.address}" in self.said() or self._ended())
        assert not self._ended(), self.said()

    def page(self) -> int:
        with urllib.request.urlopen(f"{self.address}/", timeout=30) as response:
            return response.status

    def child(self, part: str) -> int:
        """The process of the supervisor's whose command line contains the part."""
        (supervisor,) = children_of(self.process.pid)
        (found,) = [pid for pid in children_of(supervisor) if part in _command_line(pid)]
        return found

    def nobody_left(self) -> bool:
        return not marked(self.environment[MARK])

    def _ended(self) -> bool:
        return self.process.poll() is not None


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


@pytest.fixture
def start(real_environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts the portal; whatever the test leaves of it is ended."""
    started: list[Up] = []

    def start(**changes: str) -> Up:
        started.append(Up(real_environment | changes, tmp_path))
        return started[-1]

    yield start

    for pid in marked(real_environment[MARK]):
        os.kill(pid, signal.SIGKILL)
    for portal in started:
        portal.process.wait(timeout=10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_portal_answers_and_one_signal_leaves_no_process(
    start: Callable[..., Up], number: signal.Signals
) -> None:
    portal = start()
    portal.until_live()
    status = portal.page()

    portal.process.send_signal(number)
    code = portal.process.wait(timeout=60)

    assert (status, code) == (200, 0)
    assert portal.nobody_left()
    assert "Traceback" not in portal.said()


def test_kill_of_the_parent_leaves_no_process(start: Callable[..., Up]) -> None:
    portal = start()
    portal.until_live()

    portal.process.kill()

    wait_until(portal.nobody_left)


def test_kill_of_the_supervisor_leaves_no_process(start: Callable[..., Up]) -> None:
    portal = start()
    portal.until_live()
    (supervisor,) = children_of(portal.process.pid)

    os.kill(supervisor, signal.SIGKILL)
    portal.process.wait(timeout=60)

    assert portal.nobody_left()


def test_kill_of_parent_and_supervisor_at_once_leaves_no_process(start: Callable[..., Up]) -> None:
    portal = start()
    portal.until_live()
    (supervisor,) = children_of(portal.process.pid)

    os.kill(portal.process.pid, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)

    wait_until(portal.nobody_left)


def test_second_start_after_a_kill_keeps_the_data(start: Callable[..., Up]) -> None:
    first = start()
    first.until_live()
    create = "from portal.accounts.models import User; User.objects.create_user('kept')"
    _manage(first.environment, "shell", "-c", create)
    first.process.kill()

    second = start()
    wait_until(lambda: second.said().count("live at") == 2)

    ask = "from portal.accounts.models import User; print(User.objects.get(username='kept'))"
    assert "kept" in _manage(second.environment, "shell", "-c", ask)


@pytest.mark.parametrize("program", ["celery", "gunicorn", "redis-server", "ticker"])
def test_killed_program_is_started_again(start: Callable[..., Up], program: str) -> None:
    portal = start()
    portal.until_live()
    former = portal.child(program)

    os.kill(former, signal.SIGKILL)

    wait_until(lambda: "is started again" in portal.said())
    wait_until(lambda: _is_another(portal, program, former))
    wait_until(lambda: _answers(portal))


def _is_another(portal: Up, program: str, former: int) -> bool:
    try:
        return portal.child(program) != former
    except ValueError:
        return False


def _answers(portal: Up) -> bool:
    try:
        return portal.page() == 200
    except OSError:
        return False


def test_port_in_use_is_one_sentence(
    start: Callable[..., Up], real_environment: dict[str, str]
) -> None:
    port = int(real_environment["BROADSHEET_PORTAL_ORIGIN"].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        portal = start()
        code = portal.process.wait(timeout=60)

    assert code == 1
    assert portal.said() == (
        f"Port {port} is in use by {_own_name()} (process {os.getpid()}). "
        f"Take another one: make run PORT={port + 1}\n"
    )


def _own_name() -> str:
    return Path("/proc/self/comm").read_text().strip()


def test_folder_that_cannot_be_written_is_one_sentence(
    start: Callable[..., Up], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("where a folder should be")
    portal = start(BROADSHEET_DATA_DIR=str(tmp_path / "file" / "var"))
    code = portal.process.wait(timeout=60)

    assert code == 1
    assert portal.said() == (
        f"The data folder {tmp_path}/file/var cannot be written: Not a directory. "
        "Repair that, or name another one in BROADSHEET_DATA_DIR.\n"
    )


def test_second_portal_on_the_same_folder_is_refused(start: Callable[..., Up]) -> None:
    first = start()
    first.until_live()

    second = start(BROADSHEET_PORTAL_ORIGIN="http://localhost:1")
    code = second.process.wait(timeout=60)

    assert code == 1
    assert f"Broadsheet already runs on {first.environment['BROADSHEET_DATA_DIR']}" in first.said()
    assert f"process {first.process.pid}, {first.address}" in first.said()
    assert first.page() == 200


def test_redis_that_does_not_answer_is_one_sentence(start: Callable[..., Up]) -> None:
    portal = start(REDIS_URL="redis://:secret@127.0.0.1:1/0")
    code = portal.process.wait(timeout=60)

    assert code == 1
    assert portal.said().startswith("Redis at redis://127.0.0.1:1/0 does not answer: ")
    assert "secret" not in portal.said()
    assert portal.said().count("\n") == 1


def test_database_that_does_not_answer_is_one_sentence(start: Callable[..., Up]) -> None:
    portal = start(DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    code = portal.process.wait(timeout=60)

    assert code == 1
    assert "The postgresql database cannot be used: " in portal.said()
    assert "Traceback" not in portal.said()


def test_given_redis_is_used_and_none_is_started(start: Callable[..., Up], redis_url: str) -> None:
    portal = start(REDIS_URL=redis_url)
    portal.until_live()

    (supervisor,) = children_of(portal.process.pid)
    lines = [_command_line(pid) for pid in children_of(supervisor)]
    assert not [line for line in lines if "redis-server" in line]
    assert len(lines) == 3


def _manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, MANAGE, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout
