"""The process between a worker and the author's command: it ends the command's whole tree.

It adopts what the command leaves behind, so a program that forks twice or makes a session of its own
does not get away. Its standard input is a pipe from the worker: when that closes, because the worker
wants an end or has died, everything is asked to stop (SIGTERM) and then killed.

Run as `python -I -S -c BOOT <root> <command...>`; exits as the command did, 128 + n for signal n.
"""

import os
import select
import signal
import subprocess
import sys
import time

from portal.common import processes

GRACE_SECONDS = 3.0
LOOK_SECONDS = 0.05


def main() -> None:
    """Run the command of our arguments and leave no process of it."""
    processes.adopt_orphans()
    child = subprocess.Popen(  # noqa: S603  running the author's command is the purpose
        sys.argv[2:],
        stdin=subprocess.DEVNULL,
        preexec_fn=processes.die_with_parent,
    )
    code = _watch(child)
    processes.kill_descendants()
    os._exit(code if code >= 0 else 128 - code)


def _watch(child: "subprocess.Popen[bytes]") -> int:
    while child.poll() is None:
        if select.select([0], [], [], LOOK_SECONDS)[0]:
            return _stop(child)
    return child.returncode


def _stop(child: "subprocess.Popen[bytes]") -> int:
    for pid in processes.descendants_of(processes.children_of(os.getpid())):
        processes.send(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    child.kill()
    return child.wait()
