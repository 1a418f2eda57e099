"""What every test may need, and why some are skipped on some machines."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from portal.common import redis
from tests.machine import chromium, environment

pytest_plugins = ["tests.people"]
SHARED = Path(settings.BASE_DIR).parent / "shared"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, reason in MISSING.items():
        if item.get_closest_marker(marker) and reason:
            pytest.skip(reason)


def _missing() -> dict[str, str]:
    """Why tests with a marker cannot run here; an empty reason means that they can."""
    engine = settings.DATABASES["default"]["ENGINE"]
    return {
        "browser": "" if chromium() else "no Chromium on PATH (apt install chromium)",
        "postgres": "" if "postgresql" in engine else "DATABASE_URL names no PostgreSQL server",
        "redis": _missing_redis(),
        "corpus": "" if (SHARED / "corpus").is_dir() else "../shared/corpus is not here",
        "attacks": "" if (SHARED / "attacks").is_dir() else "../shared/attacks is not here",
    }


def _missing_redis() -> str:
    try:
        redis.find_server()
    except redis.NoRedis as missing:
        return str(missing)
    return ""


MISSING = _missing()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Redis of this test run."""
    server = redis.prepare(tmp_path_factory.mktemp("redis"))
    process = subprocess.Popen(server.command, stdout=subprocess.DEVNULL)
    while redis.trouble(server.url) and process.poll() is None:
        time.sleep(0.01)

    yield server.url

    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder for real processes; it can be large, so it goes with the test."""
    folder = tmp_path / "var"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def real_environment(data_dir: Path) -> dict[str, str]:
    """The environment for real processes of the portal on `data_dir`, away from this run's settings."""
    return environment(data_dir, base=os.environ)
