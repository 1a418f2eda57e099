"""PostgreSQL is restarted hard, again and again, while slots are worked off and a reader asks for a page.

    python -m benchmarks.database_restarts [--times 20] [--pause 10]

A server of our own, a web server, two tickers and three workers. While the database is away a page may answer
503 or 500, at no other time. A run that meets three restarts is given up as lost, so the pause must be longer
than a run takes. The last line is JSON: {"wrong_state", "errors_while_up", "errors_while_down", ...};
exit code 1 when one of the first two is not zero.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.installation import ROOT, Installation, kill_group, settle, wait_until
from benchmarks.postgres import Cluster
from benchmarks.refresh_soak import SCRIPT

if TYPE_CHECKING:
    from benchmarks.soak_shelf import Shelf

PUBLICATIONS = 5
SLOTS = 10


def main() -> None:
    """Restart as often as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--pause", type=float, default=10, help="seconds between two restarts")
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="restarts-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        cluster = Cluster(folder / "postgres")
        stack.callback(cluster.stop)
        origin = {"BROADSHEET_PORTAL_ORIGIN": f"http://localhost:{port}"}
        installation = Installation(folder, settle(folder, database=cluster.url, extra=origin))
        stack.callback(installation.stop)
        figures = _restart(installation, cluster, port, options, stack)
    print(json.dumps(figures))
    sys.exit(1 if figures["wrong_state"] or figures["errors_while_up"] else 0)


@dataclass
class Reader:
    """Asks for one page about 20 times a second."""

    address: str
    cookie: str
    answers: list[tuple[float, float, int]] = field(default_factory=list)  # from, to, status

    def __post_init__(self) -> None:
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._read, name="reader")

    def ask(self) -> int:
        request = urllib.request.Request(self.address, headers={"Cookie": self.cookie})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def _read(self) -> None:
        while not self.ended.wait(0.05):
            began = time.monotonic()
            status = self.ask()
            self.answers.append((began, time.monotonic(), status))


def _restart(
    installation: Installation,
    cluster: Cluster,
    port: int,
    options: argparse.Namespace,
    stack: contextlib.ExitStack,
) -> dict[str, int]:
    from django.db import connection

    from benchmarks.soak_shelf import Shelf

    installation.start_redis()
    shelf = Shelf(PUBLICATIONS, SCRIPT)
    session = _session(shelf)
    web = _serve(port)
    stack.callback(kill_group, web.pid)
    reader = Reader(f"http://localhost:{port}/reports/{shelf.slugs[0]}/", session)
    for _ in range(3):
        installation.start_worker()
    for _ in range(2):
        installation.start_ticker()
    wait_until(lambda: reader.ask() == 200, seconds=120)
    reader.thread.start()
    away = []
    for _ in range(options.times):
        shelf.schedule_more(SLOTS, ahead=1000)
        time.sleep(options.pause)
        began = time.monotonic()
        cluster.restart()
        away.append((began, time.monotonic()))
        connection.close()  # our own is dead as well
        installation.replace_dead()
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: _is_done(shelf), seconds=300)
    reader.ended.set()
    reader.thread.join()
    verdict = shelf.verify()
    for problem in verdict.problems[:10]:
        print(problem)
    wrong = sum(verdict.figures[one] for one in ("lost", "doubled", "half"))
    bad = [answer for answer in reader.answers if answer[2] != 200]
    down = sum(any(began < off and on < ended for on, off in away) for began, ended, _ in bad)
    return {
        "restarts": options.times,
        "slots": verdict.figures["slots"],
        "wrong_state": wrong,
        "errors_while_up": len(bad) - down,
        "errors_while_down": down,
        "requests": len(reader.answers),
        "run_again": verdict.figures["run_again"],
        "longest_away_ms": round(1000 * max(ended - began for began, ended in away)),
    }


def _session(shelf: "Shelf") -> str:
    cookies = shelf.reader().cookies
    return "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())


def _is_done(shelf: "Shelf") -> bool:
    shelf.schedule_more(SLOTS, ahead=1000)
    return shelf.is_done()


def _serve(port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "gunicorn", "--config", "python:portal.gunicorn"]
    return subprocess.Popen(
        [*command, "--bind", f"127.0.0.1:{port}", "portal.wsgi"],
        cwd=ROOT,
        env=os.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


if __name__ == "__main__":
    main()
