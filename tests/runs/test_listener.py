"""What is made of the words of an author's code: progress, log, sentences."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portal.runs.errors import BundleError, Cancelled, PlatformError, TooSlow
from portal.runs.listener import LONGEST_LINE, RECORD, Listener, error_of, excerpt_of
from portal.runs.mailbox import mailbox
from portal.runs.masking import Masking
from portal.runs.sandbox import Ending, Limits, Outcome

LIMITS = Limits(wall_seconds=600, memory_mb=2048)


class Notes:
    """A logbook that only remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: dict[str, Any] = {}
        self.redrawn: list[str] = []

    def redraw(self, line: str) -> None:
        self.redrawn.append(line)

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


def metrics(*names: str) -> str:
    return "".join(f'{{"say": "metric", "name": "{name}", "value": 1}}\n' for name in names)


def test_what_a_cell_said_is_logged_within_the_cell(
    heard: Listener, notes: Notes, tmp_path: Path
) -> None:
    with mailbox(tmp_path / "said") as heard.box:
        (tmp_path / "said").write_text(metrics("in_9", "in_10"))
        heard.hear(record("cell") + record("done", said=len(metrics("in_9")), seconds=1))
        heard.hear(record("cell", cell=10) + record("error", cell=10, said=1 << 80, name="E"))

    assert notes.lines == [
        "cell 9 of 14",
        "metric in_9 = 1",
        "cell 9 of 14 took 1 s",
        "cell 10 of 14",
        "metric in_10 = 1",
        "cell 10 of 14 raised E: ",
    ]


def test_what_a_script_said_is_logged_before_what_it_prints_then(
    heard: Listener, notes: Notes, tmp_path: Path
) -> None:
    with mailbox(tmp_path / "said") as heard.box:
        heard.hear("loaded\n")
        (tmp_path / "said").write_text(metrics("rows"))
        heard.hear("ended\n")

    assert notes.lines == ["loaded", "metric rows = 1", "ended"]


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


def test_line_without_end_is_parted_and_loses_nothing(heard: Listener, notes: Notes) -> None:
    for number in range(10):
        heard.hear(str(number) * 3 * LONGEST_LINE)
    heard.end()

    assert len(notes.lines) == 30
    assert "".join(notes.lines) == "".join(str(n) * 3 * LONGEST_LINE for n in range(10))


def test_record_that_comes_in_pieces_is_one_record(heard: Listener, notes: Notes) -> None:
    text = record("error", name="KeyError", message="m", traceback="t" * 2 * LONGEST_LINE)

    for start in range(0, len(text), 1000):
        heard.hear(text[start : start + 1000])

    assert heard.error is not None
    assert notes.lines == ["cell 9 of 14 raised KeyError: m"]


@pytest.mark.parametrize(
    ("pieces", "line"),
    [
        (["\r 1 %", "\r 50 %", "\r 100 %", "\n"], " 100 %"),
        (["1 %\r50 %\r", "100 %\r", "\n"], "100 %"),
        (["1 %\r2", " %\n"], "2 %"),
        (["abc\r", "def\n"], "def"),
        (["\r 9 %", "\r     \r", "\n"], " 9 %"),
        (["windows\r\n"], "windows"),
    ],
)
def test_of_a_progress_bar_only_the_last_state_is_a_line(
    heard: Listener, notes: Notes, pieces: list[str], line: str
) -> None:
    for piece in pieces:
        heard.hear(piece)

    assert notes.lines == [line]


def test_progress_bar_without_end_is_told_and_takes_no_room(heard: Listener, notes: Notes) -> None:
    for number in range(5_000):
        heard.hear(f"\r{number} of 5000")

    assert (notes.lines, notes.redrawn[-1]) == ([], "4999 of 5000")
    assert len(heard._rest) < 20


def test_last_words_of_a_cell_are_plain(heard: Listener) -> None:
    heard.hear(record("error", name="E", message="m", traceback="\x1b[31ma\x00\ud800\x1b[0m\nb"))

    error = error_of("sales.ipynb", outcome(), LIMITS, heard)

    assert error is not None
    assert error.last_words == "a\nb"


def test_colours_stay_in_the_log_and_not_in_last_words(heard: Listener, notes: Notes) -> None:
    heard.hear("\x1b[31mValueError\x1b[0m: no data\n")

    error = error_of("main.py", outcome(), LIMITS, heard)

    assert notes.lines == ["\x1b[31mValueError\x1b[0m: no data"]
    assert error is not None
    assert error.last_words == "ValueError: no data"


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


@pytest.mark.parametrize(
    "piece",
    ["sword\x1b[31mfish\x1b[0m-9", "\x1b[1msword\x00fish-9", "\x1b]0;x\x07swordfish\x1b[m-9"],
)
def test_secret_is_masked_also_where_colours_part_it(
    heard: Listener, notes: Notes, piece: str
) -> None:
    heard.masked = Masking(["swordfish-9"])

    heard.hear(f"say {piece} twice\n")

    assert notes.lines == ["say ••• twice"]
    assert list(heard.last) == ["say ••• twice"]


def test_secret_is_masked_in_a_line_that_is_written_over(heard: Listener, notes: Notes) -> None:
    heard.masked = Masking(["swordfish-9"])

    for piece in ("\r10 % swordfi", "sh-9", "\r20 % sw", "ordfish-9\r", "30 %\n"):
        heard.hear(piece)

    assert notes.redrawn == ["", "", "10 % •••", "20 % •••"]
    assert notes.lines == ["30 %"]


def test_long_line_that_is_written_over_keeps_all_of_its_last_state(
    heard: Listener, notes: Notes
) -> None:
    heard.masked = Masking(["swordfish-9"])

    heard.hear("\r" + "x" * (LONGEST_LINE - 14) + "swordfish-9")
    heard.hear("y" * LONGEST_LINE + "\n")

    said = "".join(notes.lines)
    assert said.count("x") == LONGEST_LINE - 14
    assert said.count("y") == LONGEST_LINE
    assert "sword" not in said


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

    assert "".join(notes.lines) == line
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
    assert "cell 9 of 14: the kernel itself ended" in error.sentence


def test_traceback_of_a_script_names_its_own_last_line(heard: Listener) -> None:
    heard.hear(
        'Traceback (most recent call last):\n  File "/x/main.py", line 7, in <module>\n    f()\n'
        '  File "/x/main.py", line 3, in f\n    json.loads("")\n  File "/lib/json.py", line 99, in loads\n'
        "ValueError: empty\n"
    )

    error = error_of("main.py", outcome(), LIMITS, heard)

    assert error is not None
    assert error.sentence == "main.py, line 3: ValueError: empty"


def test_traceback_of_a_script_names_the_file_beside_it_that_raised(heard: Listener) -> None:
    heard.hear(
        'Traceback (most recent call last):\n  File "/x/main.py", line 7, in <module>\n    f()\n'
        '  File "/x/lib/parse.py", line 2, in f\n    json.loads("")\n  File "/lib/json.py", line 99, in loads\n'
        "ValueError: empty\n"
    )

    error = error_of("main.py", outcome(), LIMITS, heard)

    assert error is not None
    assert error.sentence == "main.py, line 7, in lib/parse.py, line 2: ValueError: empty"


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


# ---- what is shown of the code ----


def test_cell_that_raised_is_kept_with_its_line(heard: Listener) -> None:
    source = "x = {}\nx['revenue']"
    heard.hear(record("error", name="KeyError", message="'revenue'", line=2, source=source))

    error = error_of("sales.ipynb", outcome(), LIMITS, heard)

    assert error is not None
    assert error.failed_code == {
        "cell": 9,
        "of": 14,
        "line": 2,
        "lines": [{"number": 1, "text": "x = {}"}, {"number": 2, "text": "x['revenue']"}],
    }


@pytest.mark.parametrize(
    ("line", "first", "last"), [(1, 1, 18), (50, 38, 55), (100, 88, 100), (None, 1, 18)]
)
def test_long_cell_is_cut_around_its_line(line: int | None, first: int, last: int) -> None:
    source = "\n".join(f"x{number} = 1" for number in range(1, 101))

    excerpt = excerpt_of({"cell": 1, "of": 1, "line": line, "source": source})

    numbers = [shown["number"] for shown in excerpt["lines"]]
    assert (numbers[0], numbers[-1]) == (first, last)


@pytest.mark.parametrize("error", [{}, {"source": ""}, {"source": None}])
def test_error_without_source_shows_none(error: dict[str, Any]) -> None:
    assert excerpt_of(error) == {}


def test_record_that_no_database_could_keep_is_mended(notes: Notes, heard: Listener) -> None:
    heard.hear(
        record("error", name="E", message="a\0b", traceback="t\ud800", source="c\0d", line="x")
    )

    error = error_of("sales.ipynb", outcome(), LIMITS, heard)

    assert error is not None
    kept = [error.sentence, error.last_words, *notes.lines, json.dumps(error.failed_code)]
    assert not any("\0" in text or "u0000" in text for text in kept)
    assert all(text.encode() for text in kept)


def test_forged_record_cannot_break_the_sentence(heard: Listener) -> None:
    heard.hear('\x1e{"event": "error", "cell": "\\ud800", "of": "\\u0000", "name": "E\\ud800"}\n')

    error = error_of("sales.ipynb", outcome(), LIMITS, heard)

    assert error is not None
    assert error.sentence == "sales.ipynb, cell 0 of 0: E: "


def test_cell_with_a_long_source_is_heard_in_whole(heard: Listener) -> None:
    heard.hear(record("error", name="E", message="m", traceback="t" * 8_000, source="т" * 20_000))

    error = error_of("sales.ipynb", outcome(), LIMITS, heard)

    assert error is not None
    assert error.sentence == "sales.ipynb, cell 9 of 14: E: m"


def test_notebook_that_cannot_be_executed_says_why(heard: Listener) -> None:
    heard.hear(record("refused", message="asks for the kernel “ir” (R), which is not here."))

    error = error_of("sales.ipynb", outcome(), LIMITS, heard)

    assert isinstance(error, BundleError)
    assert error.sentence == "sales.ipynb asks for the kernel “ir” (R), which is not here."
