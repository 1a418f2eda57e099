"""Hearing what the author's code says: progress, log, results, and why it did not end well."""

import json
import re
import signal
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from portal.common import ansi
from portal.common.text import one_line
from portal.runs.errors import BundleError, Cancelled, PlatformError, RunError, TooSlow
from portal.runs.logbook import Logbook
from portal.runs.said import IllFormed, Progress, Said
from portal.runs.sandbox import Ending, Limits, Outcome

RECORD = "\x1e"  # before every record of the notebook driver (RFC 7464)
LONGEST_LINE = 4_000  # characters; what is longer goes on in the next
LONGEST_RECORD = 64_000
LAST_LINES = 30
MOST_WARNINGS = 20
MOST_CELLS = 100_000
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)')


@dataclass
class Listener:
    """Hears records of the notebook driver, and lines for the log."""

    logbook: Logbook
    error: dict[str, Any] | None = None
    where: str = ""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    said: Said = field(default_factory=Said)
    _rest: str = ""
    _share: tuple[float, float] = (0.0, 1.0)  # of the whole run, that the current cell takes
    _ill_formed: int = 0

    def hear(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(line)
        if "\r" in self._rest:
            self._redraw()
        longest = LONGEST_RECORD if self._rest.startswith(RECORD) else LONGEST_LINE
        if len(self._rest) > longest:
            self.end()

    def take(self, line: str) -> None:
        """One line of what the code says through `import broadsheet`."""
        try:
            answer = self.said.take(line)
        except IllFormed as problem:
            self._ill_formed += 1
            if self._ill_formed <= MOST_WARNINGS:
                self.logbook.say(f"warning: what the code told the portal is left out: {problem}")
            return
        if isinstance(answer, Progress):
            self._note_progress(answer)
        else:
            self.logbook.say(answer)

    def end(self) -> None:
        """What has no line end yet is a line too."""
        rest, self._rest = self._rest, ""
        if rest:
            self._line(rest)

    def _line(self, line: str) -> None:
        record = _record(line)
        if record is not None:
            self._hear_record(record)
            return
        line = _last_state(line)
        for start in range(0, max(1, len(line)), LONGEST_LINE):
            piece = line[start : start + LONGEST_LINE]
            self.last.append(piece if piece.isprintable() else ansi.to_text(piece))
            self.logbook.say(piece)

    def _redraw(self) -> None:
        """A line that is begun again: what it said before is forgotten, as on a terminal."""
        state = _last_state(self._rest)
        kept = state[:LONGEST_LINE]
        self._rest = f"{kept}\r" if self._rest.endswith("\r") else f"\r{kept}"
        self.logbook.redraw(state)

    def _hear_record(self, record: dict[str, Any]) -> None:
        cell, of = _count(record.get("cell")), _count(record.get("of"))
        self.where = f"cell {cell} of {of}"
        match record.get("event"):
            case "cell":
                self._cell_starts(cell, of, one_line(str(record.get("label") or "")))
            case "done":
                self.logbook.say(f"{self.where} took {record.get('seconds')} s")
            case "error":
                self.error = record
                self.last.clear()
                self.last.extend(ansi.to_text(str(record.get("traceback") or "")).splitlines())
                self.logbook.say(
                    f"{self.where} raised {record.get('name')}: {record.get('message')}"
                )

    def _cell_starts(self, cell: int, of: int, label: str) -> None:
        says = f"{self.where}: {label}" if label else self.where
        self._share = ((cell - 1) / max(of, 1), 1 / max(of, 1))
        self.logbook.note(progress=_percent(self._share[0]), doing=f"C{says[1:]}")
        self.logbook.say(says)

    def _note_progress(self, progress: Progress) -> None:
        start, length = self._share
        fields: dict[str, Any] = {"progress": _percent(start + length * progress.share)}
        if progress.text:
            fields["doing"] = progress.text
        self.logbook.note(**fields)


def error_of(entry: str, outcome: Outcome, limits: Limits, heard: Listener) -> RunError | None:
    """Why the command did not end well, in a sentence; None when it did."""
    last_words = "\n".join(heard.last)
    match outcome.ending:
        case Ending.STOPPED:
            return Cancelled("The run was cancelled.")
        case Ending.TOO_SLOW:
            return TooSlow(_slow_sentence(entry, limits, heard), last_words=last_words)
        case Ending.TOO_LARGE:
            return BundleError(
                f"{entry} needed more than {limits.memory_mb} MB of memory. Read less at once, or "
                "keep fewer copies.",
                last_words=last_words,
            )
        case Ending.TOO_MANY:
            return BundleError(
                f"{entry} had more than {limits.processes} processes and threads at once. Start fewer, "
                "or let each end before the next.",
                last_words=last_words,
            )
        case Ending.TOO_FULL:
            return BundleError(
                f"{entry} wrote more than {limits.disk_mb} MB. Write less, or remove what is not "
                "needed any more.",
                last_words=last_words,
            )
        case Ending.NOT_STARTED:
            return PlatformError(
                f"{entry} could not be started in its isolation: {one_line(outcome.trouble)}.",
                last_words=last_words,
            )
        case Ending.EXITED if outcome.exit_code == 0:
            return None
    return BundleError(_exit_sentence(entry, outcome, heard), last_words=last_words)


def _slow_sentence(entry: str, limits: Limits, heard: Listener) -> str:
    where = f" in {heard.where}" if heard.where else ""
    return (
        f"{entry} was still running{where} after {limits.wall_seconds:.0f} seconds, its time limit. "
        "Make it faster, or raise time_limit_seconds in broadsheet.toml."
    )


def _exit_sentence(entry: str, outcome: Outcome, heard: Listener) -> str:
    if heard.error is not None:
        return _cell_sentence(entry, heard.error)
    if outcome.exit_code - 128 in signal.valid_signals():
        name = _signal_name(outcome.exit_code - 128)
        return f"{entry} was ended by the signal {name}. Look for what ends the whole process."
    frames = [match for line in heard.last if (match := _FRAME.match(line))]
    ours = [frame["line"] for frame in frames if frame["file"].endswith(entry)]
    if not ours:
        return f"{entry} ended with exit code {outcome.exit_code}. The log has its last words."
    return f"{entry}, line {ours[-1]}: {one_line(heard.last[-1])}"


def _cell_sentence(entry: str, error: dict[str, Any]) -> str:
    where = f"{entry}, cell {error.get('cell')} of {error.get('of')}"
    if error.get("name") == "DeadKernel":
        return f"{where}: Python itself ended, most often because memory ran out."
    if error.get("line"):
        where += f", line {error['line']}"
    return f"{where}: {error.get('name')}: {one_line(str(error.get('message') or ''))}"


def _signal_name(number: int) -> str:
    known = {one.value: one.name for one in signal.Signals}
    return known.get(number, str(number))  # real-time signals have no name


def _percent(share: float) -> int:
    """Of the whole run; 100 is only said when it has ended."""
    return max(0, min(99, int(100 * share)))


def _count(value: Any) -> int:
    return max(0, min(value, MOST_CELLS)) if isinstance(value, int) else 0


def _last_state(line: str) -> str:
    """What stays of a line with carriage returns: the last that was written over the others."""
    states = [state for state in line.split("\r") if state.strip()]
    return states[-1] if states else line.rstrip("\r")


def _record(line: str) -> dict[str, Any] | None:
    if not line.startswith(RECORD):
        return None
    try:
        record = json.loads(line.removeprefix(RECORD))
    except (ValueError, RecursionError):
        return None  # the author's code printed a separator of its own
    return record if isinstance(record, dict) else None
