"""Functions that the tests of `children` have called in a child process."""

import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

from portal.common.refusals import Refused

LIMITS = ("CPU", "FSIZE", "NOFILE", "CORE")


def add(left, right):
    return left + right


def refuse():
    raise Refused("too_blue", "The file is too blue. Make it green.", 415)


def fail():
    raise KeyError("nobody expected this")


def abort():
    os.abort()


def not_json():
    return {"value": float("nan")}


def sleep(seconds, pid_file=""):
    if pid_file:
        Path(pid_file).write_text(str(os.getpid()))
    time.sleep(seconds)


def eat(megabytes):
    return len(bytearray(os.urandom(1 << 20) * megabytes))


def talk(megabytes):
    sys.stdout.write("x" * (megabytes << 20))
    sys.stderr.write("y" * (megabytes << 20))
    return "done"


def say_much(megabytes):
    return "z" * (megabytes << 20)


def environment():
    return {"names": sorted(os.environ), "folder": str(Path.cwd())}


def limits():
    return {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0] for name in LIMITS}


def leave_a_grandchild(pid_file):
    """A grandchild in a session of its own that would outlive everybody; then hang."""
    command = [sys.executable, "-c", "import time; time.sleep(300)"]
    grandchild = subprocess.Popen(command, start_new_session=True)
    Path(pid_file).write_text(str(grandchild.pid))
    time.sleep(300)


def network():
    return str(Path("/proc/self/ns/net").readlink())


def connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
