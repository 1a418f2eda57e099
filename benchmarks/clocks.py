"""A clock that other processes read and that can be set while they run, by libfaketime.

Only what tells the time of day is set; what measures spans of time (the monotonic clock) goes on, as it
does when somebody sets the clock of a machine. Debian: `apt-get install libfaketime`.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

LIBRARY = "*/faketime/libfaketimeMT.so.1"
# libfaketime 0.9.10 takes the deadline of clock_nanosleep, which time.sleep uses since Python 3.11, for one
# on the faked clock, and answers EINVAL. select has no deadline.
SLEEPING = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


class NoFakeClock(Exception):
    """libfaketime is not installed."""


class Clock:
    """The time of day of every process that was started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._shim = folder / "shim"
        self._shim.mkdir()
        self._shim.joinpath("sitecustomize.py").write_text(SLEEPING)
        self._offset = timedelta()
        self.latest = datetime.min.replace(tzinfo=UTC)  # it has ever shown
        self.turn(timedelta())

    @property
    def environment(self) -> dict[str, str]:
        """
        :raises NoFakeClock: when there is no library to preload.
        """
        found = sorted(Path("/usr/lib").glob(LIBRARY))
        if not found:
            raise NoFakeClock("libfaketime is missing: apt-get install libfaketime")
        return {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(self._shim),
        }

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC) + self._offset

    def turn(self, by: timedelta) -> None:
        """Set it forwards or backwards, at once and for everybody."""
        self.latest = max(self.latest, self.now())
        self._offset += by
        self.latest = max(self.latest, self.now())
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{self._offset.total_seconds():+.0f}\n")
        aside.rename(self._file)
