"""Hearing what the author's code says: progress, log, results, and why it did not end well."""

import json
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.common import ansi
from portal.common.text import one_line, storable
from portal.runs.errors import BundleError, Cancelled, PlatformError, RunError, TooSlow
from portal.runs.logbook import Logbook
from portal.runs.mailbox import MOST_BYTES, Mailbox
from portal.runs.masking import Masking
from portal.runs.runners import in_python, last_line
from portal.runs.said import IllFormed, Progress, Said
from portal.runs.sandbox import Ending, Limits, Outcome

RECORD = "\x1e"  # before every record of the notebook driver (RFC 7464)
LONGEST_LINE = 4_000  # characters; what is longer goes on in the next
LONGEST_RECORD = 256_000  # characters; the source of a cell and its traceback, escaped
LAST_LINES = 30
MOST_WARNINGS = 20
MOST_CELLS = 100_000
LINES_BEFORE, LINES_AFTER = 12, 6  # of the failing one
WIDEST_LINE = 400
LONGEST_REFUSAL = 600


@dataclass
class Listener:
    """Hears records of the notebook driver, and lines for the log.

    `masked` is applied to whatever comes in, before anything is cut, kept or shown. What stands in the `box`
    is logged between the lines where it was said, as far as can be told: for a notebook to the cell.
    """

    logbook: Logbook
    box: Mailbox | None = None
    error: dict[str, Any] | None = None
    refusal: str = ""
    where: str = ""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    said: Said = field(default_factory=Said)
    masked: Masking = field(default_factory=Masking)
    _rest: str = ""
    _share: tuple[float, float] = (0.0, 1.0)  # of the whole run, that the current cell takes
    _ill_formed: int = 0

    def hear(self, text: str) -> None:
        if not self.where and RECORD not in text:  # a notebook's records tell when it was said
            self.hear_said()
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(line)
        if "\r" in self._rest:
            self._redraw()
        if self._rest.startswith(RECORD):
            if len(self._rest) > LONGEST_RECORD:
                self.end()
        elif len(self._rest) > LONGEST_LINE + self.masked.longest:
            self._cut_rest()

    def _cut_rest(self) -> None:
        """Do not wait for the end of the line any longer, but for the end of a value that may have begun."""
        text = self.masked.whole(self._rest)
        end = len(text) - max(self.masked.longest - 1, 0)
        self._rest = text[end:]
        self._line(text[:end])

    def hear_said(self, until: int = MOST_BYTES) -> None:
        """Take what the code has said up to now, or in so many bytes."""
        for line in self.box.lines(until) if self.box else ():
            self.take(line)

    def take(self, line: str) -> None:
        """One line of what the code says through `import broadsheet`."""
        try:
            answer = self.said.take(self.masked.line(line))
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
            self._hear_record(self.masked.inside(record))
            return
        line = _last_state(self._hidden(line))
        for start in range(0, max(1, len(line)), LONGEST_LINE):
            piece = line[start : start + LONGEST_LINE]
            self.last.append(piece if piece.isprintable() else ansi.to_text(piece))
            self.logbook.say(piece)

    def _redraw(self) -> None:
        """A line that is begun again: what it said before is forgotten, as on a terminal."""
        text = self.masked.whole(self._rest)
        state, is_whole = _last_state(text), text.endswith("\r")
        self._rest = f"{state}\r" if is_whole else f"\r{state}"
        if self.masked.longest and not is_whole:  # a secret may have begun in it
            state = _last_state(text.rpartition("\r")[0])
        self.logbook.redraw(self._hidden(state))

    def _hidden(self, line: str) -> str:
        """The line without secrets. One that has them between its colours loses these."""
        if not self.masked.longest:
            return line
        bare = ansi.to_text(line)
        hidden = self.masked(bare)
        return self.masked(line) if hidden == bare else hidden

    def _hear_record(self, record: dict[str, Any]) -> None:
        if isinstance(said := record.get("said"), int):
            self.hear_said(said)
        cell, of = _count(record.get("cell")), _count(record.get("of"))
        self.where = f"cell {cell} of {of}"
        match record.get("event"):
            case "cell":
                self._cell_starts(cell, of, one_line(_text(record, "label")))
            case "done":
                self.logbook.say(f"{self.where} took {record.get('seconds')} s")
            case "refused":
                self.refusal = one_line(_text(record, "message"), length=LONGEST_REFUSAL)
            case "error":
                self.error = record
                self.last.clear()
                self.last.extend(ansi.to_text(_text(record, "traceback")).splitlines())
                name, message = _text(record, "name"), _text(record, "message")
                self.logbook.say(f"{self.where} raised {name}: {message}")

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


def error_of(
    entry: str,
    outcome: Outcome,
    limits: Limits,
    heard: Listener,
    explain: Callable[[str, Sequence[str]], str] = in_python,
) -> RunError | None:
    """Why the command did not end well, in a sentence; None when it did.

    `entry` is what people know the code by, `explain` tells from the last lines where it failed.
    """
    last_words = "\n".join(heard.last)
    match outcome.ending:
        case Ending.STOPPED:
            return Cancelled("The run was cancelled.")
        case Ending.TOO_SLOW:
            return TooSlow(_slow_sentence(entry, limits, heard), last_words=last_words)
        case Ending.NOT_STARTED:
            sentence = (
                f"{entry} could not be started in its isolation: {one_line(outcome.trouble)}."
            )
            return PlatformError(sentence, last_words=last_words)
        case Ending.EXITED if outcome.exit_code == 0:
            return None
        case Ending.EXITED:
            return BundleError(
                _exit_sentence(entry, outcome, heard, explain),
                last_words=last_words,
                failed_code=excerpt_of(heard.error) if heard.error else {},
            )
    return BundleError(limit_sentence(entry, outcome.ending, limits), last_words=last_words)


def limit_sentence(entry: str, ending: Ending, limits: Limits) -> str:
    """Which limit it reached on memory, processes or disk, and what to do."""
    if ending is Ending.TOO_LARGE:
        return (
            f"{entry} needed more than {limits.memory_mb} MB of memory. Read less at once, or keep fewer "
            "copies."
        )
    if ending is Ending.TOO_MANY:
        return (
            f"{entry} had more than {limits.processes} processes and threads at once. Start fewer, or let "
            "each end before the next."
        )
    return f"{entry} wrote more than {limits.disk_mb} MB. Write less, or remove what is not needed any more."


def excerpt_of(error: dict[str, Any]) -> dict[str, Any]:
    """The source of the cell that raised, near the line where it did:

    {"cell": 3, "of": 14, "line": 2, "lines": [{"number": 1, "text": "x = {}"}, ...]}; empty without a source.
    """
    lines = _text(error, "source").splitlines()
    if not lines:
        return {}
    line = _count(error.get("line"))
    first = max(0, line - 1 - LINES_BEFORE)
    shown = lines[first : first + LINES_BEFORE + LINES_AFTER]
    numbered = [
        {"number": number, "text": text[:WIDEST_LINE]}
        for number, text in enumerate(shown, start=first + 1)
    ]
    where = {"cell": _count(error.get("cell")), "of": _count(error.get("of")), "line": line}
    return {**where, "lines": numbered}


def _slow_sentence(entry: str, limits: Limits, heard: Listener) -> str:
    where = f" in {heard.where}" if heard.where else ""
    return (
        f"{entry} was still running{where} after {limits.wall_seconds:.0f} seconds, its time limit. "
        "Make it faster, or raise time_limit_seconds in broadsheet.toml."
    )


def _exit_sentence(
    entry: str, outcome: Outcome, heard: Listener, explain: Callable[[str, Sequence[str]], str]
) -> str:
    if heard.refusal:
        return f"{entry} {heard.refusal}"
    if heard.error is not None:
        return _cell_sentence(entry, heard.error)
    if outcome.exit_code - 128 in signal.valid_signals():
        name = _signal_name(outcome.exit_code - 128)
        return f"{entry} was ended by the signal {name}. Look for what ends the whole process."
    explained = explain(entry, list(heard.last))
    if explained:
        return f"{entry}{explained}"
    ended, last = (
        f"{entry} ended with exit code {outcome.exit_code}",
        last_line(entry, list(heard.last)),
    )
    return f"{ended}. Its last line{last}" if last else f"{ended}."


def _cell_sentence(entry: str, error: dict[str, Any]) -> str:
    where = f"{entry}, cell {_count(error.get('cell'))} of {_count(error.get('of'))}"
    if error.get("name") == "DeadKernel":
        return f"{where}: the kernel itself ended, most often because memory ran out."
    if line := _count(error.get("line")):
        where += f", line {line}"
    return f"{where}: {one_line(_text(error, 'name'))}: {one_line(_text(error, 'message'))}"


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


def _text(record: dict[str, Any], key: str) -> str:
    return storable(str(record.get(key) or ""))


def _record(line: str) -> dict[str, Any] | None:
    if not line.startswith(RECORD):
        return None
    try:
        record = json.loads(line.removeprefix(RECORD))
    except (ValueError, RecursionError):
        return None  # the author's code printed a separator of its own
    return record if isinstance(record, dict) else None
