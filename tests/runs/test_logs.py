"""The log as it is read."""

import pytest

from portal.publishing.models import Variant
from portal.runs import logs
from portal.runs.models import Run
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(counting: Variant) -> Run:
    return counting.runs.get()


def add(run: Run, *texts: str) -> None:
    for sequence, text in enumerate(texts, start=1):
        run.log_chunks.create(sequence=sequence, at=MONDAY, text=text)


def test_page_gets_colours_and_no_markup_of_the_code(run: Run) -> None:
    add(run, "07:00:00 \x1b[31m<script>alert(1)</script>\n07:00:01 plain\n")

    part = logs.end_of(run)

    assert part.html == (
        '<time>07:00:00</time><span class="ansi-red">&lt;script&gt;alert(1)&lt;/script&gt;</span>\n'
        "<time>07:00:01</time>plain\n"
    )


def test_each_question_gets_the_lines_after_the_last(run: Run) -> None:
    add(run, "one\n", "two\n", "three\n")

    first = logs.end_of(run, after=1)
    then = logs.end_of(run, after=first.sequence)

    assert (first.html, first.sequence, first.is_cut) == ("two\nthree\n", 3, False)
    assert (then.html, then.sequence) == ("", 3)


def test_page_shows_the_end_of_a_long_log(run: Run) -> None:
    add(run, *(f"{number} {'x' * 50_000}\n" for number in range(10)))

    part = logs.end_of(run)

    assert (part.is_cut, part.sequence) == (True, 10)
    assert part.html.startswith("6 x")
    assert "\n9 x" in part.html


def test_plain_log_has_no_colours(run: Run) -> None:
    add(run, "\x1b[31mred\x1b[0m\n", "<b>\n")

    assert "".join(logs.plain(run.log_chunks.order_by("sequence"))) == "red\n<b>\n"
