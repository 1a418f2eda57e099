"""The process between a worker and the author's command: it ends the command's whole tree.

It adopts what the command leaves behind, so a program that forks twice or makes a session of its own
does not get away. Its standard input is a pipe from the worker: first a line with the plan; when the
pipe closes, because the worker wants an end or has died, everything is asked to stop (SIGTERM) and then
killed. A byte before that means that a person waits for it.

Run as `python -I -S -c BOOT <root>`; exits as the command did, 128 + n for signal n.
"""

import os
import select
import signal
import subprocess
import sys
import time
from typing import NoReturn

from portal.common import processes
from portal.runs.sandbox import Level, walls
from portal.runs.sandbox.plans import HURRY, Plan, read_plan

GRACE_SECONDS = 3.0
HURRIED_SECONDS = 1.0  # when a person waits for the end
LOOK_SECONDS = 0.05
NOT_STARTED = 127  # as shells tell it


def main() -> None:
    """Run the command of our plan and leave no process of it."""
    processes.adopt_orphans()
    plan = read_plan(sys.stdin.buffer.readline())
    try:
        child, trouble = walls.start(plan)
    except (OSError, subprocess.SubprocessError) as error:
        _give_up(plan, f"{error}")
    code, stopped = _watch(child, plan)
    if code != 0 and not stopped and (said := trouble()):
        _report(plan, said)
    processes.kill_descendants()
    os._exit(code if code >= 0 else 128 - code)


def _watch(child: "subprocess.Popen[bytes]", plan: Plan) -> tuple[int, bool]:
    """The exit code, and whether it was us who ended it."""
    ended = os.pidfd_open(child.pid)
    while child.poll() is None:
        if 0 in select.select([0, ended], [], [])[0]:
            return _stop(child, plan), True
    return child.returncode, False


def _stop(child: "subprocess.Popen[bytes]", plan: Plan) -> int:
    asked = processes.descendants_of(processes.children_of(os.getpid()))
    if plan.level == Level.BUBBLEWRAP:
        asked.discard(
            child.pid
        )  # it would end and take its world with it, before that could tidy up
    for pid in asked:
        processes.send(pid, signal.SIGTERM)
    hurried = sys.stdin.buffer.read(1) == HURRY
    deadline = time.monotonic() + (HURRIED_SECONDS if hurried else GRACE_SECONDS)
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    child.kill()
    return child.wait()


def _give_up(plan: Plan, why: str) -> NoReturn:
    sys.stdout.write(f"{why}\n")
    sys.stdout.flush()
    if plan.level:
        _report(plan, why)
    os._exit(NOT_STARTED)


def _report(plan: Plan, why: str) -> None:
    os.write(plan.report, why.encode()[:1000])
