"""Several programs run as one: started together, restarted when one dies, stopped in order, none left over.

    starter (shell, make) -> guard -> supervisor -> the programs -> their own children

The guard only watches. Whichever of the two is killed, even by `kill -9`, the other one ends everything:
both adopt orphans, so they see every descendant. When both are killed at once, the kernel kills the
programs with them.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from portal.common import processes

TICK_SECONDS = 0.1
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
PATIENCE = 3
LOG_BYTES = 20_000_000
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TROUBLE = re.compile(r"\b(ERROR|CRITICAL)\b")

Say = Callable[[str], None]


class CannotStart(Exception):
    """A program ended again and again before everything was up; the message says which, and its last words."""


@dataclass(frozen=True)
class Program:
    """One command line.

    `stop` is how to ask it to end: signals, each with the seconds it is given. It is up when its log
    says `ready_line` and `ready` is true.
    """

    name: str
    command: Sequence[str]
    stop: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 10.0),)
    once: bool = False  # ends by itself, and is not started again
    ready_line: str = ""
    ready: Callable[[], bool] = lambda: True


@dataclass
class _Child:
    """A program's present process, its log, and how often it failed."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes] | None = None
    done: bool = False
    failures: int = 0
    started_at: float = 0.0
    start_at: float = 0.0
    read_to: int = 0
    said_ready: bool = False

    def start(self, environment: dict[str, str], now: float) -> None:
        with self.log.open("wb" if self.program.once else "ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command lines
                self.program.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=processes.die_with_parent,
            )
        self.started_at = now
        self.said_ready = not self.program.ready_line

    def ended(self, code: int, now: float) -> None:
        """Plan the next start: at once, then 1, 2, 4 ... 30 seconds after failures in a row."""
        assert self.process is not None
        self.process.returncode = code
        self.process = None
        self.done = self.program.once
        self.failures = 1 if now - self.started_at > STEADY_SECONDS else self.failures + 1
        self.start_at = now + min(LONGEST_PAUSE, 2.0 ** (self.failures - 1))

    def is_up(self) -> bool:
        if self.program.once:
            return self.done
        return self.process is not None and self.said_ready and self.program.ready()

    def new_trouble(self) -> list[str]:
        """Lines written since the last call that speak of errors; a log grown too long starts afresh."""
        lines = self._new_lines()
        self.said_ready |= any(self.program.ready_line in line for line in lines)
        return [line for line in lines if _TROUBLE.search(line)]

    def _new_lines(self) -> list[str]:
        size = self.log.stat().st_size
        if size < self.read_to:
            self.read_to = 0
        with self.log.open("rb") as log:
            log.seek(self.read_to)
            whole = log.read().rpartition(b"\n")[0]  # half a line: next time
        self.read_to += len(whole) + 1 if whole else 0
        if size > LOG_BYTES:
            os.truncate(self.log, 0)
        return whole.decode(errors="replace").splitlines()


@dataclass
class Supervisor:
    """Programs in stages: all start together, the last stage stops first.

    `say` gets what a person should know; everything else is in one log file per program.
    """

    stages: Sequence[Sequence[Program]]
    environment: dict[str, str]
    logs: Path
    say: Say
    guard: int  # the process that watches over this one
    _children: list[list[_Child]] = field(init=False)
    _asked: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        self._children = [
            [_Child(program, self.logs / f"{program.name}.log") for program in stage]
            for stage in self.stages
        ]

    def run(self, *, when_ready: Callable[[], None], when_stopping: Callable[[], None]) -> None:
        """Until a signal asks to stop; a second one stops without waiting.

        :raises CannotStart: after everything has been stopped again.
        """
        processes.adopt_orphans()
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        try:
            self._wait_until_ready()
            if not self._asked:
                when_ready()
            while not self._asked:
                self._tick()
        finally:
            when_stopping()
            self._stop()

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._asked += 1

    def _all(self) -> list[_Child]:
        return [child for stage in self._children for child in stage]

    def _wait_until_ready(self) -> None:
        for child in self._all():
            child.log.touch()
            child.read_to = child.log.stat().st_size
        while not self._asked:
            self._tick()
            for child in self._all():
                if child.failures >= PATIENCE and not child.done:
                    _give_up(child)
            if all(child.is_up() for child in self._all()):
                return

    def _tick(self) -> None:
        now = time.monotonic()
        ended = processes.reap()
        if os.getppid() != self.guard:
            self._asked = max(self._asked, 1)
        for child in self._all():
            if child.process and child.process.pid in ended:
                self._report_end(child, ended[child.process.pid], now)
            elif not child.process and not child.done and now >= child.start_at:
                child.start(self.environment, now)
            for line in child.new_trouble():
                self.say(f"{child.program.name}: {line}")
        self._kill_orphans()
        time.sleep(TICK_SECONDS)

    def _report_end(self, child: _Child, code: int, now: float) -> None:
        child.ended(code, now)
        if child.program.once and code == 0:
            return
        then = "" if child.done else f" and is started again in {child.start_at - now:.0f} s"
        self.say(f"{child.program.name} ended ({_why(code)}){then}. Its log: {child.log}")

    def _kill_orphans(self) -> None:
        """What a dead program left running is ended: nobody waits for its result any more."""
        own = {child.process.pid for child in self._all() if child.process}
        for orphan in processes.children_of(os.getpid()) - own:
            processes.kill_tree(orphan)

    def _stop(self) -> None:
        self.say("Stopping: work in hand is finished first. Ctrl-C again stops at once.")
        for stage in reversed(self._children):
            running = [child for child in stage if child.process]
            for step in range(max((len(child.program.stop) for child in running), default=0)):
                self._ask_to_end(running, step)
            for child in running:
                if child.process:
                    processes.kill_tree(child.process.pid)
        processes.kill_descendants()

    def _ask_to_end(self, children: list[_Child], step: int) -> None:
        """Send each program's signal of this step and wait, unless a person asked twice."""
        asked = [child for child in children if child.process and step < len(child.program.stop)]
        for child in asked:
            assert child.process is not None
            processes.send(child.process.pid, child.program.stop[step][0])
        deadline = time.monotonic() + max((c.program.stop[step][1] for c in asked), default=0)
        while self._asked < 2 and time.monotonic() < deadline:
            _forget_ended(children)
            if not any(child.process for child in asked):
                return
            time.sleep(TICK_SECONDS / 2)


def _forget_ended(children: list[_Child]) -> None:
    ended = processes.reap()
    for child in children:
        if child.process and child.process.pid in ended:
            child.ended(ended[child.process.pid], time.monotonic())


def _why(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def _give_up(child: _Child) -> NoReturn:
    lines = child.log.read_text(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
    raise CannotStart(
        f"{child.program.name} ended {child.failures} times before it was up. "
        f"Its last words: {last} (all of them: {child.log})"
    )


def guarded(supervise: Callable[[int], int], *, leashed: bool) -> int:
    """Run `supervise` in a process of its own and return its exit code, leaving no descendant behind.

    It gets the id of the guard, this process, to see when it is gone. Signals that ask to stop are
    passed on to it; `leashed` takes the end of the process that started this one for such a signal.
    """
    processes.adopt_orphans()
    starter, guard = os.getppid(), os.getpid()
    supervisor = os.fork()
    if supervisor == 0:
        os.setsid()  # Ctrl-C reaches the guard alone, which passes it on
        os._exit(supervise(guard))
    for number in STOP_SIGNALS:
        signal.signal(number, lambda number, _frame: processes.send(supervisor, number))
    while (code := processes.reap().get(supervisor)) is None:
        if leashed and os.getppid() != starter:
            leashed = False
            processes.send(supervisor, signal.SIGTERM)
        time.sleep(TICK_SECONDS)
    processes.kill_descendants()
    return code if code >= 0 else 128 - code
