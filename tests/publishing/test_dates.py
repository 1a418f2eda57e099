"""Dates that people say by words: what they mean on a day, month ends and weeks included."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.publishing import dates
from portal.publishing.dates import DAY, MONTH, NoDate

TUESDAY = date(2026, 3, 31)
DAYS = st.dates(date(1000, 1, 1), date(9000, 12, 31))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-28", date(2026, 2, 28)),
        ("today", date(2026, 3, 31)),
        ("yesterday", date(2026, 3, 30)),
        ("Tomorrow", date(2026, 4, 1)),
        ("first day of this week", date(2026, 3, 30)),
        ("last day of this week", date(2026, 4, 5)),
        ("first day of previous week", date(2026, 3, 23)),
        ("last day of next week", date(2026, 4, 12)),
        ("first day of this month", date(2026, 3, 1)),
        ("last day of previous month", date(2026, 2, 28)),
        ("last day of last month", date(2026, 2, 28)),
        ("last day of next month", date(2026, 4, 30)),
        ("first day of this quarter", date(2026, 1, 1)),
        ("last day of previous quarter", date(2025, 12, 31)),
        ("first day of next quarter", date(2026, 4, 1)),
        ("first day of previous year", date(2025, 1, 1)),
        ("last day of this year", date(2026, 12, 31)),
        ("0 days ago", date(2026, 3, 31)),
        ("1 day ago", date(2026, 3, 30)),
        ("2 weeks ago", date(2026, 3, 17)),
        ("1 month ago", date(2026, 2, 28)),
        ("4 months  ago", date(2025, 11, 30)),
        ("25 months ago", date(2024, 2, 29)),
        ("2 years ago", date(2024, 3, 31)),
    ],
)
def test_words_mean_a_day(text: str, expected: date) -> None:
    assert dates.on(TUESDAY, text) == expected


def test_leap_day_a_year_ago_is_the_28th() -> None:
    assert dates.on(date(2024, 2, 29), "1 year ago") == date(2023, 2, 28)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("previous month", date(2026, 2, 1)),
        ("last month", date(2026, 2, 1)),
        ("this month", date(2026, 3, 1)),
        ("next month", date(2026, 4, 1)),
        ("1 month ago", date(2026, 2, 1)),
        ("2026-10", date(2026, 10, 1)),
        ("2026-10-31", date(2026, 10, 1)),
        ("yesterday", date(2026, 3, 1)),
        ("first day of previous year", date(2025, 1, 1)),
    ],
)
def test_words_mean_a_month(text: str, expected: date) -> None:
    assert dates.on(TUESDAY, text, MONTH) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-02-30",
        "2026-10",
        "20261001",
        "previous month",
        "next day of this week",
        "-1 days ago",
        "12345 days ago",
        "٣ days ago",
        "first day of this decade",
    ],
)
def test_other_words_are_no_day(text: str) -> None:
    with pytest.raises(NoDate):
        dates.normal(text)


def test_years_before_the_first_are_no_date() -> None:
    for text in ("3000 years ago", "9999 months ago"):
        with pytest.raises(NoDate):
            dates.on(date(300, 1, 1), text)


@pytest.mark.parametrize(
    ("text", "granularity", "spelled"),
    [
        (" First  Day of LAST week ", DAY, "first day of previous week"),
        ("last day of last month", DAY, "last day of previous month"),
        ("Last month", MONTH, "previous month"),
        ("2026-10-07", MONTH, "2026-10"),
        ("2026-10", MONTH, "2026-10"),
    ],
)
def test_words_are_kept_in_one_spelling(text: str, granularity: str, spelled: str) -> None:
    assert dates.normal(text, granularity) == spelled
    assert dates.normal(spelled, granularity) == spelled


@given(DAYS, st.sampled_from(["week", "month", "quarter", "year"]))
def test_periods_lie_end_to_end(day: date, unit: str) -> None:
    one = timedelta(days=1)
    edges = [
        (dates.on(day, f"first day of {step} {unit}"), dates.on(day, f"last day of {step} {unit}"))
        for step in ("previous", "this", "next")
    ]

    before, this, following = edges
    assert before[0] <= before[1] == this[0] - one
    assert this[0] <= day <= this[1]
    assert this[1] + one == following[0] <= following[1]


@given(DAYS, st.integers(0, 9999))
def test_months_ago_stay_in_their_month(day: date, count: int) -> None:
    found = dates.on(day, f"{count % 2000} months ago")

    assert (day.year * 12 + day.month) - (found.year * 12 + found.month) == count % 2000
    assert found.day <= day.day
    assert found.day == day.day or (found + timedelta(days=1)).day == 1
