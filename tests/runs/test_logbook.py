"""What a run writes of itself: in which pieces, and how often."""

import pytest

from portal.publishing.models import Variant
from portal.runs import claims, logbook
from portal.runs.logbook import Logbook
from portal.runs.models import Run
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(counting: Variant) -> Run:
    return counting.runs.get()


@pytest.fixture
def book(run: Run) -> Logbook:
    claim = claims.claim(run.pk, worker="w", at=MONDAY)
    assert claim is not None
    book = Logbook(claim)
    book.write()
    return book


def texts(run: Run) -> list[str]:
    return list(run.log_chunks.order_by("sequence").values_list("text", flat=True))


def lines(run: Run) -> list[str]:
    return [line[9:] for line in "".join(texts(run)).splitlines()]


def test_many_lines_are_written_in_pieces_of_whole_lines(book: Logbook, run: Run) -> None:
    for number in range(40_000):
        book.say(f"line {number}")
    book.write()

    pieces = texts(run)
    assert lines(run) == [f"line {number}" for number in range(40_000)]
    assert max(map(len, pieces)) < logbook.CHUNK_CHARACTERS + 100
    assert all(piece.endswith("\n") for piece in pieces)


def test_progress_bar_is_logged_now_and_then(book: Logbook, run: Run) -> None:
    for number in range(100):
        book.redraw(f"{number} %")
        book.write()
    book.say("100 %")
    book.write()

    assert lines(run) == ["0 %", "100 %"]


def test_last_state_of_a_progress_bar_is_logged_once(book: Logbook, run: Run) -> None:
    book.redraw("100 %")
    book.write()
    book.say("100 %")
    book.say("done")
    book.say("100 %")
    book.write()

    assert lines(run) == ["100 %", "done", "100 %"]


def test_what_no_database_takes_is_left_out(book: Logbook, run: Run) -> None:
    book.say("a\x00b\ud800c")
    book.redraw("\ud8001 %")
    book.write()

    assert lines(run) == ["abc", "1 %"]
