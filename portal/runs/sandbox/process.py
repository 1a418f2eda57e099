"""Running a command under the warden's eyes: what it writes, how long, how much memory and disk."""

import codecs
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from portal.runs.sandbox import (
    Command,
    Ending,
    Level,
    Limits,
    MustStop,
    OnOutput,
    Outcome,
    bubblewrap,
)
from portal.runs.sandbox.plans import HURRY, plan_of
from portal.runs.sandbox.usage import Usage, disk_bytes, usage_of

ROOT = Path(__file__).resolve().parents[3]
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from portal.runs.sandbox.warden import main; main()"
)
OnUsage = Callable[[float, Usage], object]
LOOK_SECONDS = 0.1
WEIGH_SECONDS = 0.25
MEASURE_SECONDS = 1.0
MEASURE_SHARE = 20  # looking at the disk takes at most one part in so many
CHUNK = 1 << 16
MOST_CHUNKS = 2
END_BYTES = 50_000  # of the output: kept from the end when its middle is left out


def run(
    command: Command,
    limits: Limits,
    on_output: OnOutput,
    *,
    must_stop: MustStop = lambda: False,
    on_usage: OnUsage = lambda seconds, usage: None,
    level: Level | None = None,
) -> Outcome:
    """Run the command to its end, to a limit, or until `must_stop()`; its tree is gone on return.

    `on_output` gets what it writes to standard output and error, as text, in pieces of any size.
    `on_usage` gets the seconds since the start and what the tree uses, several times a second.
    Without a `level` there are no walls: for tools of ours that run no code of an author.

    :raises OSError: when no process can be started.
    """
    with _started(command, limits, level) as (process, report):
        watch = _Watch(process, command, limits, on_output, must_stop, on_usage)
        ending = watch.until_end()
        code = _close(process, hurry=ending == Ending.STOPPED)
        watch.read()
        watch.read_end()
        trouble = os.read(report, 1000).decode("utf-8", "replace")
        return watch.outcome(Ending.NOT_STARTED if trouble else ending, code, trouble)


@contextmanager
def _started(
    command: Command, limits: Limits, level: Level | None
) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    report, report_at = os.pipe()
    wall = bubblewrap.program() if level is Level.BUBBLEWRAP else ""
    plan = plan_of(command, limits, level, report=report_at, bubblewrap=wall)
    try:
        process = subprocess.Popen(  # noqa: S603  our own warden
            [sys.executable, "-I", "-S", "-c", BOOT, str(ROOT)],
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            pass_fds=[report_at],
        )
    except OSError:
        os.close(report)
        raise
    finally:
        os.close(report_at)
    assert process.stdin is not None  # PIPE was asked for
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    try:
        with suppress(BrokenPipeError):  # it has died; its exit code tells
            _write(process.stdin.fileno(), plan.line())
        yield process, report
    finally:
        _close(process)
        process.stdout.close()
        os.close(report)


def _write(file: int, data: bytes) -> None:
    """All of it: a pipe takes 64 kB at once, and a signal in between ends a write early."""
    while data:
        data = data[os.write(file, data) :]


def _close(process: "subprocess.Popen[bytes]", *, hurry: bool = False) -> int:
    """Close the warden's pipe, which makes it end everything; returns the exit code."""
    assert process.stdin is not None  # PIPE was asked for
    if hurry and not process.stdin.closed:
        with suppress(BrokenPipeError):  # it has ended meanwhile
            process.stdin.write(HURRY)
    process.stdin.close()
    return process.wait()


class _Watch:
    """Reads, weighs and times one process."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        command: Command,
        limits: Limits,
        on_output: OnOutput,
        must_stop: MustStop,
        on_usage: OnUsage,
    ) -> None:
        self._process = process
        self._folders = [command.folder, *command.writable]
        self._limits = limits
        self._on_output = on_output
        self._must_stop = must_stop
        self._on_usage = on_usage
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._started = time.monotonic()
        self._weigh_at = self._measure_at = 0.0
        self._peak_mb = 0
        self._read_bytes = 0
        self._end = b""
        self._open = True

    def until_end(self) -> Ending:
        while self._process.poll() is None:
            self._wait()
            self.read()
            ending = self._limit_reached()
            if ending is not None:
                return ending
        return Ending.EXITED

    def read(self) -> None:
        """Pass on what the command has written since; what is beyond the limit waits for the end."""
        assert self._process.stdout is not None  # PIPE was asked for
        for _ in range(MOST_CHUNKS):  # whoever writes without end must not keep us from the limits
            data = self._process.stdout.read(CHUNK) if self._open else None
            if data is None:
                return
            self._open = data != b""
            room = max(0, self._limits.output_bytes - self._read_bytes)
            self._read_bytes += len(data)
            self._end = (self._end + data[room:])[-END_BYTES:]
            self._say(data[:room])

    def read_end(self) -> None:
        """Pass on the end of what was beyond the limit: the last words matter most."""
        left_out = self._read_bytes - self._limits.output_bytes - len(self._end)
        if left_out > 0:
            self._say(f"\n… {left_out:,} bytes are left out here\n".encode())
        self._say(self._end, final=True)

    def outcome(self, ending: Ending, code: int, trouble: str) -> Outcome:
        return Outcome(
            ending=ending,
            exit_code=code if code >= 0 else 128 - code,
            seconds=self._seconds(),
            peak_mb=self._peak_mb,
            output_cut=self._read_bytes > self._limits.output_bytes + len(self._end),
            trouble=trouble,
        )

    def _say(self, data: bytes, *, final: bool = False) -> None:
        if text := self._decoder.decode(data, final=final):
            self._on_output(text)

    def _wait(self) -> None:
        if self._open:
            assert self._process.stdout is not None  # PIPE was asked for
            select.select([self._process.stdout], [], [], LOOK_SECONDS)
        else:
            with suppress(
                subprocess.TimeoutExpired
            ):  # it closed its output and goes on, or ends now
                self._process.wait(LOOK_SECONDS)

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _limit_reached(self) -> Ending | None:
        if self._must_stop():
            return Ending.STOPPED
        if self._seconds() > self._limits.wall_seconds:
            return Ending.TOO_SLOW
        return self._weigh() or self._measure()

    def _weigh(self) -> Ending | None:
        if self._seconds() < self._weigh_at:
            return None
        self._weigh_at = self._seconds() + WEIGH_SECONDS
        usage = usage_of(self._process.pid)
        self._peak_mb = max(self._peak_mb, usage.resident_mb)
        self._on_usage(self._seconds(), usage)
        if usage.resident_mb > self._limits.memory_mb:
            return Ending.TOO_LARGE
        return Ending.TOO_MANY if usage.threads > self._limits.processes else None

    def _measure(self) -> Ending | None:
        started = self._seconds()
        if started < self._measure_at:
            return None
        written = disk_bytes(self._folders)
        took = self._seconds() - started
        self._measure_at = self._seconds() + max(MEASURE_SECONDS, took * MEASURE_SHARE)
        return Ending.TOO_FULL if written > self._limits.disk_mb * 1_000_000 else None
