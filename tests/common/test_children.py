import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from portal.common import children
from portal.common.refusals import Refused

ERRANDS = "tests.common.errands"
ROOT = Path(__file__).parents[2]


def refusal_of(function, **arguments):
    with pytest.raises(Refused) as refused:
        children.call(f"{ERRANDS}:{function}", **arguments)
    return refused.value


def wait_until_gone(pid):
    """Whether the process ends; a process that only nobody reaped has ended."""
    for _ in range(500):
        try:
            if " Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
            os.kill(pid, 0)
        except (OSError, ValueError):
            return True
        time.sleep(0.02)
    return False


def written(path):
    for _ in range(500):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")


def test_call_returns_what_the_function_returns():
    assert children.call(f"{ERRANDS}:add", left=[1], right=["ä\ud800"]) == [1, "ä\ud800"]


def test_call_raises_the_refusal_of_the_function():
    refused = refusal_of("refuse")

    assert (refused.code, refused.status) == ("too_blue", 415)
    assert str(refused) == "The file is too blue. Make it green."


def test_caller_may_end_the_child_meanwhile(tmp_path):
    pid_file = tmp_path / "pid"

    def enough():
        if pid_file.exists() and pid_file.read_text():
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        children.call(f"{ERRANDS}:sleep", seconds=60, pid_file=str(pid_file), meanwhile=enough)

    assert wait_until_gone(written(pid_file))


@pytest.mark.parametrize("function", ["fail", "abort", "not_json"])
def test_call_refuses_when_the_function_fails(function):
    refused = refusal_of(function)

    assert refused.code == "unreadable_file"
    assert refused.status == 422


def test_call_logs_why_the_function_failed(caplog):
    refusal_of("fail")

    assert "nobody expected this" in caplog.text
    assert f"{ERRANDS}:fail" in caplog.text


def test_call_refuses_what_takes_too_long():
    refused = refusal_of("sleep", seconds=60, wall_seconds=1)

    assert refused.code == "too_slow"
    assert "1 seconds" in refused.message


def test_call_refuses_what_takes_too_much_memory():
    refused = refusal_of("eat", megabytes=400, memory_mb=100)

    assert refused.code == "too_much_memory"
    assert "100 MB" in refused.message


def test_call_is_not_disturbed_by_what_the_function_prints(caplog):
    assert children.call(f"{ERRANDS}:talk", megabytes=3) == "done"
    assert not caplog.records


def test_call_refuses_an_answer_without_end():
    assert refusal_of("say_much", megabytes=40).code == "unreadable_file"


def test_child_knows_nothing_of_our_environment(monkeypatch):
    monkeypatch.setenv("BROADSHEET_SECRET_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")

    known = children.call(f"{ERRANDS}:environment")

    assert set(known["names"]) <= {
        "HOME", "LANG", "LC_CTYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH",
    }  # fmt: skip
    assert known["folder"] == "/"


def test_child_is_limited():
    limits = children.call(f"{ERRANDS}:limits", wall_seconds=7)

    assert limits == {"CPU": 8, "FSIZE": 256 << 20, "NOFILE": 256, "CORE": 0}


def test_child_has_no_network():
    if children.call(f"{ERRANDS}:network") == str(Path("/proc/self/ns/net").readlink()):
        pytest.skip("this kernel does not let a process give up its network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not children.call(f"{ERRANDS}:connect", port=server.getsockname()[1])


def test_grandchildren_end_with_the_child(tmp_path):
    pid_file = tmp_path / "pid"

    refusal_of("leave_a_grandchild", pid_file=str(pid_file), wall_seconds=5)

    assert wait_until_gone(int(pid_file.read_text()))


def test_child_ends_when_its_parent_is_killed(tmp_path):
    pid_file = tmp_path / "pid"
    code = (
        "from portal.common import children\n"
        f"children.call('{ERRANDS}:sleep', seconds=300, wall_seconds=300, pid_file={str(pid_file)!r})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    child = written(pid_file)

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    assert wait_until_gone(child)


def test_call_refuses_when_no_place_becomes_free(monkeypatch):
    monkeypatch.setattr(children, "_places", threading.BoundedSemaphore(1))

    with children._place(1):
        refused = refusal_of("add", left=1, right=2, wall_seconds=0)

    assert (refused.code, refused.status) == ("busy", 429)


def test_place_is_free_again_after_a_refusal(monkeypatch):
    monkeypatch.setattr(children, "_places", threading.BoundedSemaphore(1))
    refusal_of("refuse")

    assert children.call(f"{ERRANDS}:add", left=1, right=2) == 3


def test_call_leaves_no_open_pipe():
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(5):
        refusal_of("abort")

    assert len(list(Path("/proc/self/fd").iterdir())) == before
