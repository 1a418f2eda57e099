"""Real processes in tests: their environment, finding them again, waiting for them."""

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from portal.common.redis import free_port

MARK = "BROADSHEET_TEST_MARK"
_TEST_ONLY = {"DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "BROADSHEET_BROKER_URL"}


def environment(data_dir: Path, *, base: Mapping[str, str]) -> dict[str, str]:
    """Settings for a portal of its own on a free port; everything it starts inherits the mark."""
    port = free_port()
    kept = {name: value for name, value in base.items() if name not in _TEST_ONLY}
    return kept | {
        MARK: uuid.uuid4().hex,
        "BROADSHEET_DATA_DIR": str(data_dir),
        "BROADSHEET_PORTAL_ORIGIN": f"http://localhost:{port}",
        "BROADSHEET_CONTENT_ORIGIN": f"http://127.0.0.1:{port}",
    }


def marked(mark: str) -> set[int]:
    """The processes that carry the mark in their environment, whoever their parents are now."""
    found = set()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # ended since
            if f"{MARK}={mark}".encode() in environ.read_bytes().split(b"\0"):
                found.add(int(environ.parent.name))
    return found


def wait_until(true: Callable[[], object], *, seconds: float = 60) -> None:
    """Until the condition holds.

    :raises AssertionError: when it never did; the time is only a way out of waiting for ever.
    """
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def chromium() -> str | None:
    """The browser to drive, if this machine has one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)
