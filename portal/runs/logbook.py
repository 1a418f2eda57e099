"""What a run tells of itself while it goes: its steps, its progress, its log.

Everything is written under the run's claim, so a worker that lost it adds nothing.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from portal.common.text import one_line, storable
from portal.runs.claims import Claim
from portal.runs.models import LogChunk

WRITE_SECONDS = 0.4  # a line is on the page within a second, which asks as often
REDRAW_SECONDS = 5.0  # how often the log gets the state of a progress bar
CHUNK_CHARACTERS = 64_000
STEP_NAMES = ("Fetch bundle", "Prepare environment", "Execute", "Collect", "Check", "Publish")


@dataclass
class Logbook:
    """Gathers lines and writes them a few times a second."""

    claim: Claim
    steps: list[dict[str, Any]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _fields: dict[str, Any] = field(default_factory=dict)
    _written: float = 0.0
    _redrawn: str = ""  # the state of a progress bar that is not in the log yet
    _drawn: str = ""  # the one that is its last line
    _drawn_at: float = float("-inf")
    _second: int = -1
    _stamp: str = ""

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        last = LogChunk.objects.filter(run=self.claim.run_id).aggregate(last=Max("sequence"))
        self._sequence = (last["last"] or 0) + 1

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step of the run; one that is left by an exception stays marked as failed."""
        started = self.seconds()
        step: dict[str, Any] = {"name": name, "at": round(started, 2), "seconds": None, "ok": None}
        self.steps.append(step)
        self.note(steps=self.steps)
        self.write()
        try:
            yield
        except BaseException:
            step["ok"] = False
            raise
        else:
            step["ok"] = True
        finally:
            step["seconds"] = round(self.seconds() - started, 2)

    def steps_so_far(self) -> list[dict[str, Any]]:
        """The steps; the one that is still going counts as done now."""
        return [
            {**step, "seconds": round(max(0.0, self.seconds() - step["at"]), 2), "ok": True}
            if step["seconds"] is None
            else step
            for step in self.steps
        ]

    def say(self, line: str) -> None:
        """Add a line to the log."""
        if not line or line != self._drawn:
            self._add(line)
        self._redrawn = self._drawn = ""
        self.write_sometimes()

    def redraw(self, line: str) -> None:
        """A line that is written over and over, such as a progress bar: the log gets it now and then."""
        self._redrawn = line if line != self._drawn else ""
        self.write_sometimes()

    def note(self, **fields: Any) -> None:
        """Set fields of the run, such as `progress` (per cent) and `doing`."""
        if "doing" in fields:
            fields["doing"] = one_line(fields["doing"], length=200)
        self._fields |= fields
        self.write_sometimes()

    @transaction.atomic
    def write(self) -> None:
        """Write what has gathered.

        :raises Fenced: when the run is not ours any more.
        """
        self._written = time.monotonic()
        self._take_redrawn()
        if not self._lines and not self._fields:
            return
        self.claim.write(**(self._fields or {"steps": self.steps}))
        now = timezone.now()
        chunks = [
            LogChunk(run_id=self.claim.run_id, sequence=sequence, at=now, text=text)
            for sequence, text in enumerate(_pieces(self._lines), start=self._sequence)
        ]
        LogChunk.objects.bulk_create(chunks)
        self._sequence += len(chunks)
        self._lines, self._fields = [], {}

    def seconds(self) -> float:
        """How long this attempt has been going."""
        return time.monotonic() - self._started

    def write_sometimes(self) -> None:
        """Write what has gathered, unless that was done just now."""
        if time.monotonic() - self._written >= WRITE_SECONDS:
            self.write()

    def _add(self, line: str) -> None:
        self._lines.append(f"{self._time_of_day()} {storable(line)}".rstrip())

    def _time_of_day(self) -> str:
        """Formatted once a second: code may write a hundred thousand lines in one."""
        second = int(time.time())
        if second != self._second:
            self._second, self._stamp = second, f"{timezone.now():%H:%M:%S}"
        return self._stamp

    def _take_redrawn(self) -> None:
        if self._redrawn and self._written - self._drawn_at >= REDRAW_SECONDS:
            self._add(self._redrawn)
            self._drawn, self._drawn_at, self._redrawn = self._redrawn, self._written, ""


def _pieces(lines: list[str]) -> Iterator[str]:
    """The lines as texts of bounded length, so that whoever wants the end need not read all."""
    piece: list[str] = []
    length = 0
    for line in lines:
        if piece and length + len(line) > CHUNK_CHARACTERS:
            yield "\n".join(piece) + "\n"
            piece, length = [], 0
        piece.append(line)
        length += len(line) + 1
    if piece:
        yield "\n".join(piece) + "\n"
