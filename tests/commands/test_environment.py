import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portal.runs.environments import pins, pythons
from tests.runs.authors import COUNTING, publish_script
from tests.runs.environments.conftest import missing

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
SIX = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"


@pytest.fixture
def pinned(alice) -> None:
    """Version 1.0 of `counting` is pinned to six, version 1.1 has not run yet."""
    variant = publish_script(COUNTING, by=alice, at=MONDAY)
    pins.pin(variant.version, SIX, pythons.ours().version)
    publish_script(COUNTING + "\n", by=alice, at=MONDAY)


def test_environment_prints_the_lock_of_a_version(manage, pinned):
    answer = manage("environment", "counting", "--version=1.0", "--lock")

    assert (answer.code, answer.out) == (0, SIX)


def test_environment_of_a_version_without_wishes_is_the_standard_one(manage, pinned):
    assert "\npandas==" in manage("environment", "counting", "--lock").out


@pytest.mark.slow
def test_environment_is_made_again_in_a_folder(manage, pinned, tmp_path):
    if reason := missing():
        pytest.skip(reason)

    answer = manage("environment", "counting", "--version=1.0", f"--output={tmp_path / 'made'}")

    python = tmp_path / "made" / "bin" / "python"
    assert f"Made {tmp_path / 'made'}" in answer.out
    printed = subprocess.check_output([python, "-c", "import six; print(six.__version__)"])
    assert printed == b"1.17.0\n"


def test_environment_overwrites_nothing(manage, pinned, tmp_path: Path):
    answer = manage("environment", "counting", f"--output={tmp_path}")

    assert answer.code == 2
    assert "exists already" in answer.err


def test_environment_of_what_is_not_there_says_what_is(manage, pinned):
    assert "no publication sales" in manage("environment", "sales").err
    assert "Versions: 1.1, 1.0" in manage("environment", "counting", "--version=2.0").err
