import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal.common.datafolder import STOPPING, FolderUnusable, Lock, refuse_unusable
from tests.machine import wait_until

HOLD = """
import sys
from pathlib import Path
from portal.common.datafolder import Lock
lock = Lock(Path(sys.argv[1]))
lock.take(sys.argv[2])
print("taken", flush=True)
sys.stdin.readline()
"""


def test_new_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    refuse_unusable(tmp_path / "new" / "var")

    assert list((tmp_path / "new" / "var").iterdir()) == []


def test_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the folder should be")

    with pytest.raises(FolderUnusable, match=r"var cannot be written: File exists\. Repair that"):
        refuse_unusable(tmp_path / "var")


def test_full_disk_is_refused(tmp_path: Path) -> None:
    more_than_any_disk = 10**12

    with pytest.raises(FolderUnusable, match="nearly full"):
        refuse_unusable(tmp_path, needed_megabytes=more_than_any_disk)


def test_lock_is_refused_while_another_process_holds_it(tmp_path: Path) -> None:
    with (
        _holder(tmp_path, "process 7, http://localhost:8000"),
        Lock(tmp_path) as lock,
        pytest.raises(FolderUnusable, match="process 7, http://localhost:8000"),
    ):
        lock.take("me")


def test_lock_waits_for_a_portal_that_is_stopping(tmp_path: Path) -> None:
    with _holder(tmp_path, STOPPING) as holder:
        waiting = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path), "the next"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with waiting:
            holder.kill()
            wait_until(lambda: (tmp_path / "up.lock").read_text() == "the next")
            waiting.kill()


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with _holder(tmp_path, "process 7") as holder:
        holder.kill()
        holder.wait(timeout=10)

    with Lock(tmp_path) as lock:
        lock.take("me")

    assert (tmp_path / "up.lock").read_text() == "me"


def _holder(folder: Path, note: str) -> subprocess.Popen[bytes]:
    """A process that has taken the lock, and ends with its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), note],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process
