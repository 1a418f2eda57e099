"""One build per lock, whatever happens meanwhile: real processes, a real uv, tiny packages."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.db import connection
from django.utils import timezone

from portal.accounts.models import User
from portal.runs.environments import builds, pins, pythons
from portal.runs.environments.uv import ALONE, Meanwhile
from portal.runs.errors import BundleError
from portal.runs.models import Environment
from tests.machine import wait_until
from tests.runs.authors import COUNTING, publish_script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
SIX = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"
BUILD = """
import django, sys
django.setup()
from portal.runs.environments import builds
from portal.runs.environments.uv import Meanwhile
from portal.runs.models import Environment
sys.stdin.readline()
builds.make_ready(Environment.objects.get(), Meanwhile(lambda line: print(line, flush=True)))
"""
RECORD = """
import django, sys
django.setup()
from portal.runs.environments import pins, pythons
pins.record(sys.argv[1], pythons.ours().version)
"""


def recorded(lock: str = SIX) -> Environment:
    return pins.record(lock, pythons.ours().version)


def built(lock: str = SIX) -> Environment:
    environment = recorded(lock)
    builds.make_ready(environment, ALONE)
    environment.refresh_from_db()
    return environment


def version_of_six(environment: Environment) -> str:
    command = [str(builds.python_of(environment)), "-I", "-c", "import six; print(six.__version__)"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def half_build(environment: Environment) -> Path:
    """What a worker leaves that is killed while it builds."""
    half = builds.folder_of(environment).with_name(f".{environment.key}.dead")
    (half / "made" / "bin").mkdir(parents=True)
    return half


def test_environment_is_built_from_its_lock(shelf, index):
    environment = built()

    assert environment.state == "ready"
    assert version_of_six(environment) == "1.17.0"
    assert environment.size > 30_000
    assert [path.name for path in shelf.iterdir()] == [environment.key]


def test_same_lock_is_one_environment_built_once(shelf, index):
    first = built()
    said: list[str] = []

    second = recorded()
    builds.make_ready(second, Meanwhile(said.append))

    assert second == first
    assert said == []


def test_key_depends_on_lock_python_and_index(monkeypatch):
    keys = {pins.key_of(SIX, "3.11"), pins.key_of(SIX, "3.12"), pins.key_of("", "3.11")}
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://packages.example.com/simple")

    keys.add(pins.key_of(SIX, "3.11"))

    assert len(keys) == 4


def test_built_environment_cannot_be_written_and_shares_no_file_with_the_cache(shelf, index):
    folder = builds.folder_of(built())

    files = [path.lstat() for path in [folder, *folder.rglob("*")] if not path.is_symlink()]
    assert [oct(file.st_mode) for file in files if file.st_mode & 0o222] == []
    regular = [
        path.lstat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    ]
    assert {file.st_nlink for file in regular} == {1}


def test_failed_build_says_why_and_is_tried_again(shelf, index):
    environment = recorded(SIX.replace("4721", "0000"))

    with pytest.raises(BundleError, match="Hash mismatch for `six==1"):
        builds.make_ready(environment, ALONE)

    environment.refresh_from_db()
    assert (environment.state, environment.lease_until) == ("failed", None)
    assert "Hash mismatch" in environment.error
    assert list(shelf.iterdir()) == []
    with pytest.raises(BundleError):
        builds.make_ready(environment, ALONE)


def test_run_that_waited_fails_as_the_build_did(shelf):
    environment = recorded()
    Environment.objects.update(
        state="building", token="other", lease_until=timezone.now() + timedelta(hours=1)
    )
    said: list[str] = []

    def other_fails(line: str) -> None:
        said.append(line)
        Environment.objects.update(
            state="failed", token="", lease_until=None, error="No such package."
        )

    with pytest.raises(BundleError, match="No such package"):
        builds.make_ready(environment, Meanwhile(other_fails))

    assert said == ["Another run builds the same environment; waiting for it"]


def test_lapsed_build_is_taken_over_and_its_leavings_removed(shelf, index):
    environment = recorded()
    half = half_build(environment)
    Environment.objects.update(
        state="building", token="dead", lease_until=timezone.now() - timedelta(seconds=1)
    )

    builds.make_ready(environment, ALONE)

    assert not half.exists()
    assert version_of_six(environment) == "1.17.0"


def test_cancelled_build_leaves_nothing_and_can_start_again_at_once(shelf, index):
    environment = recorded()

    def cancel() -> None:
        if Environment.objects.filter(state="building").exists():
            raise InterruptedError

    with pytest.raises(InterruptedError):
        builds.make_ready(environment, Meanwhile(check=cancel))

    environment.refresh_from_db()
    assert environment.state == "new"
    assert list(shelf.iterdir()) == []
    builds.make_ready(environment, ALONE)
    assert version_of_six(environment) == "1.17.0"


def test_environment_that_is_not_on_this_machine_is_built_again(shelf, index):
    environment = built()
    builds.remove(builds.folder_of(environment))

    builds.make_ready(environment, ALONE)

    assert version_of_six(environment) == "1.17.0"


def test_runs_that_start_together_use_what_one_of_them_builds(shelf, index):
    environment, lines = recorded(), []

    def start() -> None:
        try:
            builds.make_ready(environment, Meanwhile(lines.append))
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(line.startswith("Building") for line in lines) == 1
    assert version_of_six(environment) == "1.17.0"


@pytest.fixture
def machine(real_environment, data_dir, index):
    """Starts a real process that builds the one environment of a data folder."""
    environment = real_environment | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BROADSHEET_BROKER_URL": "memory://",
        "BROADSHEET_RUN_LEASE_SECONDS": "4",
        "PYTHONPATH": str(configured.BASE_DIR),
    }

    here = {"env": environment, "cwd": configured.BASE_DIR, "text": True}

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", BUILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **here
        )

    for arguments in (["manage.py", "migrate", "-v0"], ["-c", RECORD, SIX]):
        subprocess.run([sys.executable, *arguments], check=True, **here)
    yield start
    for place, _, _ in os.walk(data_dir / "environments"):
        Path(place).chmod(0o700)


def test_two_processes_build_it_once(machine, data_dir):
    both = [machine(), machine()]

    said = "".join(process.communicate("go\n")[0] for process in both)

    assert [process.returncode for process in both] == [0, 0]
    assert said.count("Building") == 1
    assert len(list((data_dir / "environments").iterdir())) == 1


def test_build_recovers_from_kill(machine, data_dir):
    killed = machine()
    killed.stdin.write("go\n")
    killed.stdin.flush()
    assert killed.stdout.readline().startswith("Building")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()

    said = machine().communicate("go\n")[0]

    folders = [path.name for path in (data_dir / "environments").iterdir()]
    assert "Building" in said
    assert len(folders) == 1
    assert not folders[0].startswith(".")


def test_uv_ends_with_the_process_that_called_it(machine, data_dir):
    killed = machine()
    killed.stdin.write("go\n")
    killed.stdin.flush()
    killed.stdout.readline()
    children = Path(f"/proc/{killed.pid}/task/{killed.pid}/children").read_text().split()

    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()

    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


class TestSweep:
    """Alice's version 1.0 is pinned to six; nobody has used it for two days."""

    @pytest.fixture
    def later(self) -> datetime:
        return timezone.now() + timedelta(days=2)

    @pytest.fixture
    def pinned(self, alice: User, shelf, index) -> Environment:
        variant = publish_script(COUNTING, by=alice, at=MONDAY)
        environment = pins.pin(variant.version, SIX, pythons.ours().version)
        builds.make_ready(environment, ALONE)
        variant.runs.all().delete()
        return environment

    def test_sweep_keeps_what_a_shown_version_needs(self, pinned, later):
        assert not builds.unused(later).exists()
        assert builds.sweep(pinned, later) is False
        assert builds.python_of(pinned).exists()

    def test_sweep_keeps_what_a_waiting_run_needs(self, pinned, alice, later):
        old = pinned.pins.get().version
        newer = publish_script(COUNTING + "\n", by=alice, at=MONDAY)
        old.runs.create(variant=newer, trigger="manual", logical_time=MONDAY, queued_at=MONDAY)

        assert not builds.unused(later).exists()

    def test_sweep_deletes_what_no_shown_version_needs_and_keeps_its_lock(
        self, pinned, alice, later
    ):
        publish_script(COUNTING + "\n", by=alice, at=MONDAY)

        assert list(builds.unused(later)) == [pinned]
        assert builds.sweep(pinned, later) is True

        pinned.refresh_from_db()
        assert (pinned.state, pinned.lock) == ("swept", SIX)
        assert not builds.folder_of(pinned).exists()
        builds.make_ready(pinned, ALONE)
        assert version_of_six(pinned) == "1.17.0"

    def test_sweep_keeps_what_was_used_today(self, pinned, alice):
        publish_script(COUNTING + "\n", by=alice, at=MONDAY)

        assert not builds.unused(timezone.now()).exists()


def test_folders_that_nobody_knows_are_stray_after_a_day(shelf, index):
    half = half_build(built())

    assert list(builds.stray_folders(timezone.now())) == []
    assert list(builds.stray_folders(timezone.now() + timedelta(days=2))) == [half]
