"""How times, sizes and numbers read on the pages."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from portal.common.templatetags import words

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NBSP = "\u00a0"


def spoken(html: str) -> str:
    """The words inside the <time> element, with ordinary spaces."""
    return html.partition(">")[2].partition("<")[0].replace(NBSP, " ")


@pytest.fixture(autouse=True)
def friday() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 11, 20, 5, 41, tzinfo=UTC), "today 06:41"),
        (datetime(2026, 11, 19, 23, 30, tzinfo=UTC), "today 00:30"),
        (datetime(2026, 11, 16, 5, 41, tzinfo=UTC), "Mon 16 Nov 06:41"),
        (datetime(2025, 7, 1, 5, 41, tzinfo=UTC), "1 Jul 2025 07:41"),
    ],
)
def test_moment_is_said_in_the_zone_of_the_house(value: datetime, expected: str) -> None:
    assert spoken(words.moment(value)) == expected


def test_moment_carries_the_exact_time_for_machines() -> None:
    html = words.moment(datetime(2026, 11, 16, 5, 41, tzinfo=UTC))

    assert html.startswith('<time datetime="2026-11-16T05:41:00+00:00">')


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 11, 15, 12, tzinfo=UTC), "Sun 15 Nov"),
        (date(2026, 11, 20), "Fri 20 Nov"),
        (date(2025, 11, 15), "15 Nov 2025"),
    ],
)
def test_day_names_the_day(value: date, expected: str) -> None:
    assert spoken(words.day(value)) == expected


def test_long_day_is_written_out() -> None:
    assert spoken(words.long_day(NOW)) == "Friday 20 November 2026"


@pytest.mark.parametrize("speak", [words.moment, words.day, words.filesize_words, words.number])
def test_nothing_is_said_of_nothing(speak: object) -> None:
    assert speak(None) == ""  # type: ignore[operator]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (184_321, "184 kB"),
        (9_200_000, "9.2 MB"),
        (200_000_000, "200 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_filesize_words_count_in_thousands(size: int, expected: str) -> None:
    assert words.filesize_words(size).replace(NBSP, " ") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (612480, "612 480"),
        (94.2, "94.2"),
        (93.0, "93"),
        (-1.3, "\u22121.3"),
        (0.123456, "0.1235"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_number_parts_thousands(value: float, expected: str) -> None:
    assert words.number(value).replace(NBSP, " ") == expected


def test_counted_knows_one_from_many() -> None:
    said = [words.counted(n, "edition").replace(NBSP, " ") for n in (0, 1, 2)]

    assert said == ["0 editions", "1 edition", "2 editions"]
    assert words.counted(2, "query,queries").replace(NBSP, " ") == "2 queries"


def test_digest_shows_its_beginning() -> None:
    assert words.digest("c41e9a7" + "0" * 57) == "<code>c41e9a700000</code>"
