"""What is made of the words of an author's code: progress, log, sentences."""

import json
from dataclasses import replace
from typing import Any

import pytest

from portal.runs.errors import BundleError, Cancelled, PlatformError, TooSlow
from portal.runs.listener import LONGEST_LINE, RECORD, Listener, error_of
from portal.runs.masking import Masking
from portal.runs.sandbox import Ending, Limits, Outcome

LIMITS = Limits(wall_seconds=600, memory_mb=2048)


class Notes:
    """A logbook that only remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: dict[str, Any] = {}

    def say(self, line: str) -> None:
        self.lines.append(line)

    def note(self, **fields: Any) -> None:
        self.fields |= fields


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def heard(notes: Notes) -> Listener:
    return Listener(notes)


def record(event: str, **fields: object) -> str:
    return f"{RECORD}{json.dumps({'event': event, 'cell': 9, 'of': 14, **fields})}\n"


def outcome(ending: Ending = Ending.EXITED, exit_code: int = 1) -> Outcome:
    return Outcome(ending=ending, exit_code=exit_code, seconds=1, peak_mb=1, output_cut=False)


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (Ending.TOO_MANY, "main.py had more than 512 processes and threads at once."),
        (Ending.TOO_FULL, "main.py wrote more than 4096 MB."),
        (Ending.TOO_LARGE, "main.py needed more than 2048 MB of memory."),
    ],
)
def test_limit_that_was_reached_is_the_authors_to_mend(
    heard: Listener, ending: Ending, says: str
) -> None:
    error = error_of("main.py", outcome(ending), LIMITS, heard)

    assert isinstance(error, BundleError)
    assert error.sentence.startswith(says)


def test_walls_that_fail_are_our_fault(heard: Listener) -> None:
    failed = replace(outcome(Ending.NOT_STARTED), trouble="bubblewrap could not put up its walls")

    error = error_of("main.py", failed, LIMITS, heard)

    assert isinstance(error, PlatformError)
    assert "in its isolation: bubblewrap could not put up its walls." in error.sentence


def test_lines_are_joined_from_pieces(heard: Listener, notes: Notes) -> None:
    for piece in ("one\ntw", "o\nthr", "ee"):
        heard.hear(piece)
    heard.end()

    assert notes.lines == ["one", "two", "three"]


def test_line_without_end_is_cut(heard: Listener, notes: Notes) -> None:
    heard.hear("x" * 3 * LONGEST_LINE)

    assert notes.lines == ["x" * LONGEST_LINE]


def test_cell_becomes_progress(heard: Listener, notes: Notes) -> None:
    heard.hear(record("cell", label="forecast to year end"))

    assert notes.fields == {"progress": 57, "doing": "Cell 9 of 14: forecast to year end"}
    assert notes.lines == ["cell 9 of 14: forecast to year end"]


@pytest.mark.parametrize("length", [LONGEST_LINE - 7, LONGEST_LINE - 3, LONGEST_LINE, 9_000])
def test_secret_is_masked_wherever_its_output_is_cut(
    heard: Listener, notes: Notes, length: int
) -> None:
    heard.masked = Masking(["swordfish-9"])

    for piece in ("x" * length + "sword", "fish", "-9 and ", "sword", "fish-9\nswordfish-9"):
        heard.hear(piece)
    heard.end()

    said = "".join(notes.lines)
    assert "sword" not in said
    assert "fish" not in said
    assert notes.lines[-1] == "•••"


def test_secret_is_masked_in_what_a_notebook_says(heard: Listener, notes: Notes) -> None:
    heard.masked = Masking(['pass"word'])

    heard.hear(record("cell", label='use pass"word'))
    heard.hear(record("error", name="E", message='no pass"word', traceback='x\npass"word'))

    error = error_of("sales.ipynb", outcome(), LIMITS, heard)
    assert error is not None
    assert notes.fields["doing"] == "Cell 9 of 14: use •••"
    assert notes.lines == ["cell 9 of 14: use •••", "cell 9 of 14 raised E: no •••"]
    assert error.sentence.endswith("E: no •••")
    assert error.last_words == "x\n•••"


def test_secret_is_masked_in_what_the_code_tells_the_portal(heard: Listener, notes: Notes) -> None:
    heard.masked = Masking(["swordfish-9"])
    told = [
        {"say": "metric", "name": "swordfish-9", "value": 1, "unit": "swordfish-9"},
        {"say": "progress", "done": 1, "total": 2, "text": "as swordfish-9"},
        {"say": "summary", "text": "by swordfish-9"},
        {
            "say": "check",
            "name": "swordfish-9",
            "passed": False,
            "observed": "swordfish-9",
            "expected": "no swordfish-9",
            "sample": [{"swordfish-9": "swordfish-9"}],
        },
    ]

    for line in told:
        heard.take(json.dumps(line))

    assert "swordfish" not in f"{notes.lines} {notes.fields} {heard.said}"
    assert [result.sample for result in heard.said.checks] == [[{"•••": "•••"}]]


@pytest.mark.parametrize(
    "line", [f"{RECORD}not json", f"{RECORD}[1]", f"{RECORD}{'[' * 100_000}", f"{RECORD}12"]
)
def test_forged_record_is_a_line_of_the_log(heard: Listener, notes: Notes, line: str) -> None:
    heard.hear(f"{line}\n")

    assert len(notes.lines) == 1
    assert notes.fields == {}


@pytest.mark.parametrize("fields", [{"cell": None}, {"of": 0}, {"cell": -5}, {"label": 7}])
def test_odd_record_does_not_break_the_run(
    heard: Listener, notes: Notes, fields: dict[str, Any]
) -> None:
    heard.hear(record("cell", **fields))

    assert 0 <= notes.fields["progress"] <= 99


@pytest.mark.parametrize("cell", ["nine", [9], {"a": 1}])
def test_record_without_numbers_does_not_break_the_run(
    heard: Listener, notes: Notes, cell: object
) -> None:
    heard.hear(record("cell", cell=cell))

    assert notes.fields["progress"] == 0


def test_raising_cell_is_told_with_its_line(heard: Listener) -> None:
    heard.hear(record("error", line=2, name="KeyError", message="'revenue'", traceback="a\nb"))

    error = error_of("sales.ipynb", outcome(), LIMITS, heard)

    assert isinstance(error, BundleError)
    assert error.sentence == "sales.ipynb, cell 9 of 14, line 2: KeyError: 'revenue'"
    assert error.last_words == "a\nb"


def test_dead_kernel_is_told(heard: Listener) -> None:
    heard.hear(record("error", name="DeadKernel"))

    error = error_of("sales.ipynb", outcome(), LIMITS, heard)

    assert error is not None
    assert "cell 9 of 14: Python itself ended" in error.sentence


def test_traceback_of_a_script_names_its_own_last_line(heard: Listener) -> None:
    heard.hear(
        'Traceback (most recent call last):\n  File "/x/main.py", line 7, in <module>\n    f()\n'
        '  File "/x/main.py", line 3, in f\n    json.loads("")\n  File "/lib/json.py", line 99, in loads\n'
        "ValueError: empty\n"
    )

    error = error_of("main.py", outcome(), LIMITS, heard)

    assert error is not None
    assert error.sentence == "main.py, line 3: ValueError: empty"


@pytest.mark.parametrize(
    ("ended", "kind", "says"),
    [
        (outcome(Ending.STOPPED), Cancelled, "was cancelled"),
        (outcome(Ending.TOO_SLOW), TooSlow, "still running after 600 seconds"),
        (outcome(Ending.TOO_LARGE), BundleError, "more than 2048 MB"),
        (outcome(exit_code=3), BundleError, "ended with exit code 3"),
        (outcome(exit_code=137), BundleError, "by the signal SIGKILL"),
        (outcome(exit_code=255), BundleError, "ended with exit code 255"),
    ],
)
def test_every_end_has_its_sentence(
    heard: Listener, ended: Outcome, kind: type[Exception], says: str
) -> None:
    error = error_of("main.py", ended, LIMITS, heard)

    assert type(error) is kind
    assert says in str(error)


def test_good_end_is_no_error(heard: Listener) -> None:
    assert error_of("main.py", outcome(exit_code=0), LIMITS, heard) is None
