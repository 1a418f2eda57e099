"""Due times against times written by hand, and against slow references."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.runs.models import Calendar, Schedule
from portal.runs.rules import BadSchedule, check, due_times, explain
from tests.runs.clockwork import (
    DAY,
    calendar,
    cron,
    schedule,
    slow_cron,
    slow_workdays,
    utc,
    workday,
)

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
KATHMANDU, LORD_HOWE = "Asia/Kathmandu", "Australia/Lord_Howe"
SAO_PAULO, APIA = "America/Sao_Paulo", "Pacific/Apia"


def due(one: Schedule, after: str, n: int) -> list[str]:
    return [f"{time:%Y-%m-%d %H:%M}" for time in islice(due_times(one, after=utc(after)), n)]


@pytest.mark.parametrize(
    ("zone", "rule", "after", "expected"),
    [
        # 29 March 2026, 02:00 becomes 03:00; 25 October, 03:00 becomes 02:00
        (BERLIN, "30 2 * * *", "2026-03-28", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        (BERLIN, "15,45 2 * * *", "2026-03-29", ["03-29 01:00", "03-30 00:15", "03-30 00:45"]),
        (BERLIN, "0 2,3 * * *", "2026-03-29", ["03-29 01:00", "03-30 00:00", "03-30 01:00"]),
        (BERLIN, "30 2 * * *", "2026-10-24", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
        (BERLIN, "*/30 2 * * *", "2026-03-28", ["03-28 01:00", "03-28 01:30", "03-30 00:00"]),
        (
            BERLIN,
            "*/30 2 * * *",
            "2026-10-25",
            ["10-25 00:00", "10-25 00:30", "10-25 01:00", "10-25 01:30", "10-26 01:00"],
        ),
        (BERLIN, "0 7 L * *", "2026-01-30", ["01-31 06:00", "02-28 06:00", "03-31 05:00"]),
        (BERLIN, "0 7 29 2 *", "2026-01-01", ["2028-02-29 06:00", "2032-02-29 06:00"]),
        # 8 March 2026, 02:00 becomes 03:00; 1 November, 02:00 becomes 01:00
        (NEW_YORK, "30 2 * * *", "2026-03-07", ["03-07 07:30", "03-08 07:00", "03-09 06:30"]),
        (NEW_YORK, "30 1 * * *", "2026-10-31", ["10-31 05:30", "11-01 05:30", "11-02 06:30"]),
        (NEW_YORK, "0 9 31 * *", "2026-01-01", ["01-31 14:00", "03-31 13:00", "05-31 13:00"]),
        # no daylight saving, 5 hours 45 minutes ahead
        (KATHMANDU, "0 7 L * *", "2026-02-01", ["02-28 01:15", "03-31 01:15", "04-30 01:15"]),
        (KATHMANDU, "0 7 L 2 *", "2028-01-01", ["2028-02-29 01:15", "2029-02-28 01:15"]),
        (KATHMANDU, "0 */6 * * *", "2026-03-28", ["03-28 00:15", "03-28 06:15", "03-28 12:15"]),
        # 4 October 2026, 02:00 becomes 02:30; 5 April, 02:00 becomes 01:30
        (LORD_HOWE, "15 2 * * *", "2026-10-02", ["10-02 15:45", "10-03 15:30", "10-04 15:15"]),
        (LORD_HOWE, "45 1 * * *", "2026-04-03", ["04-03 14:45", "04-04 14:45", "04-05 15:15"]),
        (LORD_HOWE, "*/20 3 * * *", "2026-10-03", ["10-03 16:00", "10-03 16:20", "10-03 16:40"]),
        (LORD_HOWE, "0 7 L * *", "2026-03-01", ["03-30 20:00", "04-29 20:30", "05-30 20:30"]),
        # 4 November 2018, 00:00 becomes 01:00; 17 February 2019, 00:00 becomes 23:00 of the day before
        (SAO_PAULO, "30 0 * * *", "2018-11-03", ["11-03 03:30", "11-04 03:00", "11-05 02:30"]),
        (SAO_PAULO, "30 23 * * *", "2019-02-17", ["02-17 01:30", "02-18 02:30", "02-19 02:30"]),
        (SAO_PAULO, "0 0 1 * *", "2018-10-15", ["11-01 03:00", "12-01 02:00", "2019-01-01 02:00"]),
        # 30 December 2011 does not exist
        (APIA, "0 7 * * *", "2011-12-29", ["12-29 17:00", "12-30 10:00", "12-30 17:00"]),
        (APIA, "0 7 L * *", "2011-11-30", ["11-30 17:00", "12-30 17:00", "2012-01-30 17:00"]),
        (APIA, "0 */12 * * *", "2011-12-29", ["12-29 10:00", "12-29 22:00", "12-30 10:00"]),
    ],
)
def test_cron_is_due_by_debians_rules(
    zone: str, rule: str, after: str, expected: list[str]
) -> None:
    just_before = f"{date.fromisoformat(after) - DAY}T23:59:59"

    times = due(cron(rule, timezone=zone), just_before, len(expected))

    assert times == [time if time[4] == "-" else f"{after[:4]}-{time}" for time in expected]


@pytest.mark.parametrize(
    ("one", "after", "expected"),
    [
        (workday(1), "2026-01-01", ["2026-01-01 06:00", "2026-02-02 06:00", "2026-03-02 06:00"]),
        (workday(-1), "2026-01-01", ["2026-01-30 06:00", "2026-02-27 06:00", "2026-03-31 05:00"]),
        (workday(3, period="quarter"), "2026-01-01", ["2026-01-05 06:00", "2026-04-03 05:00"]),
        (workday(-2, period="year"), "2026-01-01", ["2026-12-30 06:00", "2027-12-30 06:00"]),
        # fewer than 23 working days: left out
        (workday(23), "2026-01-01", ["2026-07-31 05:00", "2026-12-31 06:00"]),
        # Sunday 1 March 2020 at 02:30 in New York is no working day; the gap is on 8 March
        (
            workday(1, at_time=time(2, 30), timezone=NEW_YORK, calendar=calendar(weekend=[0])),
            "2026-03-01",
            ["2026-03-01 07:30", "2026-04-01 06:30"],
        ),
        # 1 June 2026 is the first day of a fiscal year; its second month begins on 29 June
        (
            workday(1, calendar=calendar(fiscal_pattern="4-4-5", fiscal_years=["2026-06-01"])),
            "2026-05-31",
            ["2026-06-01 05:00", "2026-06-29 05:00", "2026-07-27 05:00", "2026-08-31 05:00"],
        ),
        (
            workday(-1, period="year", calendar=calendar(fiscal_first_month=4)),
            "2026-01-01",
            ["2026-03-31 05:00", "2027-03-31 05:00"],
        ),
    ],
)
def test_working_day_is_due_in_its_period(one: Schedule, after: str, expected: list[str]) -> None:
    assert due(one, f"{date.fromisoformat(after) - DAY}T23:59:59", len(expected)) == expected


def test_working_day_in_the_gap_is_due_when_it_ends() -> None:
    on_sundays = calendar(weekend=[0, 1, 2, 3, 4, 5])

    times = due(workday(-1, at_time=time(2, 30), calendar=on_sundays), "2026-03-01T00:00", 1)

    assert times == ["2026-03-29 01:00"]


def test_working_day_at_a_time_that_comes_twice_is_due_the_first_time() -> None:
    on_sundays = calendar(weekend=[0, 1, 2, 3, 4, 5])

    times = due(workday(-1, at_time=time(2, 30), calendar=on_sundays), "2026-10-01T00:00", 2)

    assert times == ["2026-10-25 00:30", "2026-11-29 01:30"]


GERMAN = calendar(
    country="DE",
    subdivision="BY",
    closed=[["2026-12-24", "Christmas Eve"], ["2026-12-31", "New Year's Eve"]],
    opened=[["2026-12-26", "Stocktaking"]],
)


@pytest.mark.parametrize(
    ("rule", "on_holidays", "after", "expected"),
    [
        # Christmas Eve and Christmas are off, Saturday 26 is open, Sunday is off
        ("0 7 * * *", "run", "2026-12-23T23:00", ["24", "25", "26"]),
        ("0 7 * * *", "skip", "2026-12-23T23:00", ["26", "28", "29"]),
        ("0 7 * * *", "next", "2026-12-23T23:00", ["26", "28", "29"]),
        ("0 7 24,25 12 *", "next", "2026-12-23T23:00", ["26"]),
        ("0 7 24,25 12 *", "next", "2026-12-26T05:59", ["26"]),
        ("0 7 1 * *", "next", "2026-10-01T12:00", ["02", "01", "04"]),  # 1 November: Sunday
        ("0 7 1 * *", "skip", "2026-10-01T12:00", ["01", "01", "01"]),  # December, February, March
    ],
)
def test_days_off_are_kept_left_out_or_moved(
    rule: str, on_holidays: str, after: str, expected: list[str]
) -> None:
    one = cron(rule, calendar=GERMAN, on_holidays=on_holidays)

    assert [time[8:10] for time in due(one, after, len(expected))] == expected


def test_what_moves_to_one_day_is_due_once_there_at_its_earliest_time() -> None:
    weekend = cron("0 20 * * 6", calendar=GERMAN, on_holidays="next")
    all_weekend = cron("0 9,20 * * 6,0", calendar=GERMAN, on_holidays="next")

    assert due(weekend, "2026-11-20T12:00", 2) == ["2026-11-23 19:00", "2026-11-30 19:00"]
    assert due(all_weekend, "2026-11-20T12:00", 2) == ["2026-11-23 08:00", "2026-11-30 08:00"]


def test_moved_time_that_meets_a_due_time_is_due_once() -> None:
    one = cron("0 7 * * *", calendar=GERMAN, on_holidays="next")

    times = due(one, "2026-11-20T12:00", 3)

    assert times == ["2026-11-23 06:00", "2026-11-24 06:00", "2026-11-25 06:00"]


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (workday(24), "never due"),
        (workday(70, period="quarter"), "never due"),
        (workday(1, calendar=calendar(weekend=list(range(7)))), "never due"),
        (cron("0 7 25 12 *", calendar=GERMAN, on_holidays="skip"), "never due"),
        (cron("*/5 * * * 0", calendar=GERMAN, on_holidays="skip"), "never due"),
        (
            cron("* * * * *", calendar=calendar(weekend=list(range(7))), on_holidays="next"),
            "never due",
        ),
        (cron("0 7 * * *", on_holidays="skip"), "Choose the calendar"),
        (workday(0), "which working day"),
        (workday(1, at_time=None), "at what time"),
        (schedule("after", cron="0 7 * * *"), "no times"),
    ],
)
def test_rule_that_is_never_due_is_refused(one: Schedule, says: str) -> None:
    with pytest.raises(BadSchedule, match=says):
        check(one)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (workday(3), "At 07:00 on the 3rd working day of the month, Europe/Berlin"),
        (
            workday(-1, period="quarter", calendar=calendar(fiscal_first_month=2)),
            "At 07:00 on the last working day of the fiscal quarter by “Works”, Europe/Berlin",
        ),
        (workday(-2), "At 07:00 on the 2nd working day from the end of the month, Europe/Berlin"),
        (
            cron("0 7 1 * *", calendar=GERMAN, on_holidays="skip"),
            "At 07:00 on the first day of every month, Europe/Berlin, not on days off by “Works”",
        ),
        (schedule("arrival"), "When data arrive"),
    ],
)
def test_explain_says_modifiers_in_words(one: Schedule, words: str) -> None:
    assert explain(one) == words


CHANGES = [
    (BERLIN, "2026-03-29"),
    (BERLIN, "2026-10-25"),
    (NEW_YORK, "2026-11-01"),
    (LORD_HOWE, "2026-04-05"),
    (LORD_HOWE, "2026-10-04"),
    (SAO_PAULO, "2018-11-04"),
    (SAO_PAULO, "2019-02-17"),
    (APIA, "2011-12-30"),
    (KATHMANDU, "2026-03-29"),
]


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(CHANGES),
    st.sets(st.integers(0, 59), min_size=1, max_size=4),
    st.one_of(st.none(), st.sets(st.integers(0, 23), min_size=1, max_size=6)),
    st.integers(0, 24 * 60),
)
def test_cron_matches_a_look_at_the_clock_every_minute(
    change: tuple[str, str], minutes: set[int], hours: set[int] | None, later: int
) -> None:
    zone, start = ZoneInfo(change[0]), utc(f"{change[1]}T00:00") - DAY + timedelta(minutes=later)
    end = start + DAY
    fields = ",".join(map(str, minutes)), ",".join(map(str, hours)) if hours else "*"

    times = due_times(cron(f"{fields[0]} {fields[1]} * * *", timezone=zone.key), after=start)

    assert list(takewhile(lambda time: time <= end, times)) == slow_cron(
        minutes, hours or range(24), by_real_time=not hours, zone=zone, start=start, end=end
    )


@settings(deadline=None, max_examples=30)
@given(
    st.integers(-6, 6).filter(bool),
    st.sampled_from([("month", 1), ("quarter", 3), ("year", 12)]),
    st.sets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=40),
    st.dates(date(2026, 1, 1), date(2027, 6, 30)),
)
def test_working_days_match_a_list_of_all(
    n: int, period: tuple[str, int], closed: set[date], after: date
) -> None:
    works = calendar(closed=[[str(day), "Closed"] for day in closed])
    one = workday(n, period=period[0], calendar=works, timezone="UTC")

    times = due_times(one, after=datetime.combine(after, time(8), tzinfo=UTC))

    expected = slow_workdays(n, period[1], closed, first=after + DAY, last=date(2028, 12, 31))
    assert [time.date() for time in islice(times, len(expected))] == expected


@settings(deadline=None, max_examples=30)
@given(
    st.sets(st.integers(1, 31), min_size=1, max_size=6),
    st.sets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=60),
    st.sampled_from(["skip", "next"]),
    st.dates(date(2025, 12, 1), date(2026, 12, 31)),
)
def test_days_off_match_a_list_of_all(
    days: set[int], closed: set[date], on_holidays: str, after: date
) -> None:
    works = calendar(closed=[[str(day), "Closed"] for day in closed])
    one = cron(f"0 7 {','.join(map(str, days))} * *", timezone="UTC", calendar=works)
    one.on_holidays = on_holidays
    until = date(2027, 3, 1)
    expected = set()
    for count in range((until - date(2025, 11, 1)).days):
        day = date(2025, 11, 1) + count * DAY
        if day.day in days:
            while day in closed or day.weekday() > 4:
                day = day + DAY if on_holidays == "next" else date.min + 4 * DAY
            expected.add(day)

    found = due_times(one, after=datetime.combine(after, time(7), tzinfo=UTC))

    found_days = [time.date() for time in takewhile(lambda time: time.date() < until, found)]
    assert found_days == sorted(day for day in expected if after < day < until)


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 9,20 * * 5-7", "15 */5 1-20 * *"]),
    st.sampled_from(list(Schedule.Holidays)),
    st.sampled_from([zone for zone, _ in CHANGES]),
    st.timedeltas(timedelta(0), timedelta(days=700)),
)
def test_due_times_are_later_rise_and_do_not_depend_on_where_one_starts(
    rule: str, on_holidays: str, zone: str, later: timedelta
) -> None:
    after = utc("2026-01-01T00:00") + later
    one = cron(rule, timezone=zone, calendar=GERMAN, on_holidays=on_holidays)

    times = list(islice(due_times(one, after=after), 6))

    assert after < times[0]
    assert times == sorted(set(times))
    assert times == [next(due_times(one, after=earlier)) for earlier in [after, *times[:-1]]]


def test_fiscal_weeks_that_are_left_go_to_the_last_month() -> None:
    works: Calendar = calendar(fiscal_pattern="4-5-4", fiscal_years=["2023-01-30", "2024-02-05"])

    times = due(workday(-1, calendar=works), "2023-11-27T12:00", 4)

    assert [time[:10] for time in times] == ["2023-12-29", "2024-02-02", "2024-03-01", "2024-04-05"]
