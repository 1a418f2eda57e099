"""Plain isolation: a session, an environment and limits of its own, under the warden's eyes."""

import codecs
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from portal.common import processes
from portal.runs.sandbox import Command, Ending, Limits, MustStop, OnOutput, Outcome

ROOT = Path(__file__).resolve().parents[3]
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from portal.runs.sandbox.warden import main; main()"
)
LOOK_SECONDS = 0.1
WEIGH_SECONDS = 0.5
CHUNK = 1 << 16
MOST_CHUNKS = 64
_PAGE = os.sysconf("SC_PAGE_SIZE")


def run(
    command: Command,
    limits: Limits,
    on_output: OnOutput,
    *,
    must_stop: MustStop = lambda: False,
) -> Outcome:
    """Run the command to its end, to a limit, or until `must_stop()`; its tree is gone on return.

    `on_output` gets what it writes to standard output and error, as text, in pieces of any size.

    :raises OSError: when no process can be started.
    """
    with _started(command) as process:
        watch = _Watch(process, limits, on_output, must_stop)
        ending = watch.until_end()
        code = _close(process)
        watch.read()
        return watch.outcome(ending, code)


@contextmanager
def _started(command: Command) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(  # noqa: S603  running the author's command is the purpose
        [sys.executable, "-I", "-S", "-c", BOOT, str(ROOT), *command.arguments],
        cwd=command.folder,
        env=dict(command.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        start_new_session=True,
    )
    assert process.stdout is not None  # PIPE was asked for
    os.set_blocking(process.stdout.fileno(), False)
    try:
        yield process
    finally:
        _close(process)
        process.stdout.close()


def _close(process: "subprocess.Popen[bytes]") -> int:
    """Close the warden's pipe, which makes it end everything; returns the exit code."""
    if process.stdin is not None:
        process.stdin.close()
    return process.wait()


class _Watch:
    """Reads, weighs and times one process."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        limits: Limits,
        on_output: OnOutput,
        must_stop: MustStop,
    ) -> None:
        self._process = process
        self._limits = limits
        self._on_output = on_output
        self._must_stop = must_stop
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._started = time.monotonic()
        self._weighed = 0.0
        self._peak_mb = 0
        self._read_bytes = 0
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
        """Pass on what the command has written since; what is beyond the limit is dropped."""
        assert self._process.stdout is not None  # PIPE was asked for
        for _ in range(MOST_CHUNKS):  # whoever writes without end must not keep us from the limits
            data = self._process.stdout.read(CHUNK) if self._open else None
            if data is None:
                return
            self._open = data != b""
            room = max(0, self._limits.output_bytes - self._read_bytes)
            self._read_bytes += len(data)
            text = self._decoder.decode(data[:room], final=not self._open)
            if text:
                self._on_output(text)

    def outcome(self, ending: Ending, code: int) -> Outcome:
        return Outcome(
            ending=ending,
            exit_code=code if code >= 0 else 128 - code,
            seconds=self._seconds(),
            peak_mb=self._peak_mb,
            output_cut=self._read_bytes > self._limits.output_bytes,
        )

    def _wait(self) -> None:
        if self._open:
            assert self._process.stdout is not None  # PIPE was asked for
            select.select([self._process.stdout], [], [], LOOK_SECONDS)
        else:
            time.sleep(LOOK_SECONDS)  # it closed its output and goes on

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _limit_reached(self) -> Ending | None:
        if self._must_stop():
            return Ending.STOPPED
        if self._seconds() > self._limits.wall_seconds:
            return Ending.TOO_SLOW
        if self._weigh() > self._limits.memory_mb:
            return Ending.TOO_LARGE
        return None

    def _weigh(self) -> int:
        if time.monotonic() - self._weighed < WEIGH_SECONDS:
            return 0
        self._weighed = time.monotonic()
        megabytes = resident_mb(self._process.pid)
        self._peak_mb = max(self._peak_mb, megabytes)
        return megabytes


def resident_mb(pid: int) -> int:
    """Resident memory of a process and everything below it, in MB; pages they share count for each."""
    pages = 0
    for member in processes.descendants_of([pid]):
        with suppress(OSError):  # it has ended since
            pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
    return pages * _PAGE // 1_000_000
