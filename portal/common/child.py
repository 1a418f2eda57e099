"""The other end of `portal.common.children`: runs as a script, reads one request, gives one answer.

Its limits stand before anything of the portal, or of the libraries that read files, is imported.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

JSON = Any

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
CLONE_NEWUSER = 0x10000000  # <linux/sched.h>
CLONE_NEWNET = 0x40000000

LARGEST_FILE = 256 << 20  # bytes written to one file
OPEN_FILES = 256
FORKS = 256
# Only a far outer bound: importing numpy hangs when the address space is tight. The parent watches
# what is really in memory.
ADDRESS_SPACE = 32 << 30


def main(answers: int) -> None:
    """Read the request from stdin, answer as JSON to the descriptor, and end."""
    request = json.load(sys.stdin)
    die_with(request["parent"])
    limit(request["seconds"])
    leave_network()
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    answer = json.dumps(run(request["target"], request["arguments"]), allow_nan=False)
    with os.fdopen(answers, "w") as stream:
        stream.write(answer)


def run(target: str, arguments: dict[str, JSON]) -> JSON:
    """`{"returned": ...}`, `{"refused": {code, message, status}}` or `{"crashed": traceback}`."""
    from portal.common.refusals import Refused  # noqa: PLC0415  the path is set only now

    module, _, function = target.partition(":")
    try:
        returned = getattr(importlib.import_module(module), function)(**arguments)
        json.dumps(returned, allow_nan=False)
    except Refused as refused:
        return {
            "refused": {"code": refused.code, "message": refused.message, "status": refused.status}
        }
    except Exception:  # noqa: BLE001  whatever a file provokes is told to the parent, which logs it
        return {"crashed": traceback.format_exc()[-4096:]}
    return {"returned": returned}


def die_with(parent: int) -> None:
    """Be killed when the parent ends, also if it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def limit(seconds: int) -> None:
    """Bound what this process may use, for good."""
    _bound(resource.RLIMIT_CPU, seconds + 1)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_FSIZE, LARGEST_FILE)
    _bound(resource.RLIMIT_NOFILE, OPEN_FILES)
    _bound(resource.RLIMIT_AS, ADDRESS_SPACE)
    with contextlib.suppress(OSError, IndexError):  # no /proc: the parent's watch must do
        # The limit counts all processes of this person, so it is what runs on the machine plus a few.
        running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
        _bound(resource.RLIMIT_NPROC, running + FORKS)


def leave_network() -> None:
    """Enter an empty network where the kernel lets us, by right or inside a user namespace of our own."""
    if sys.platform == "linux":
        unshare = ctypes.CDLL(None).unshare
        if unshare(CLONE_NEWNET) != 0:
            unshare(CLONE_NEWUSER | CLONE_NEWNET)


def _bound(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with contextlib.suppress(ValueError, OSError):  # some systems do not know every limit
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main(int(sys.argv[1]))
