"""When refreshes are due: Debian's daylight-saving rules, elapsed intervals, words, and refusals."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from django.core.exceptions import PermissionDenied
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts.models import User
from portal.publishing.models import AuditEvent, Variant
from portal.runs import declared, schedules
from portal.runs.models import Schedule
from portal.runs.rules import BadSchedule, due_times, explain, next_times
from tests.runs.conftest import MONDAY

BERLIN = "Europe/Berlin"


def cron(rule: str, *, timezone: str = BERLIN) -> Schedule:
    return Schedule(rule="cron", cron=rule, timezone=timezone, starts_at=MONDAY, created_at=MONDAY)


def interval(minutes: int, *, starts_at: datetime = MONDAY) -> Schedule:
    return Schedule(rule="interval", every_minutes=minutes, timezone=BERLIN, starts_at=starts_at)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def between(schedule: Schedule, start: str, end: str) -> list[str]:
    times = islice(due_times(schedule, after=utc(start)), 100)
    return [f"{time:%d %H:%M}" for time in times if time <= utc(end)]


def test_daily_time_swallowed_in_spring_is_due_when_the_gap_ends() -> None:
    times = between(cron("30 2 * * *"), "2026-03-28T00:00", "2026-03-30T12:00")

    assert times == ["28 01:30", "29 01:00", "30 00:30"]


def test_daily_time_that_comes_twice_in_autumn_is_due_once() -> None:
    times = between(cron("30 2 * * *"), "2026-10-24T00:00", "2026-10-26T12:00")

    assert times == ["24 00:30", "25 00:30", "26 01:30"]


def test_hourly_rule_loses_no_hour_in_autumn() -> None:
    times = between(cron("15 * * * *"), "2026-10-24T23:00", "2026-10-25T03:20")

    assert times == ["24 23:15", "25 00:15", "25 01:15", "25 02:15", "25 03:15"]


def test_half_hourly_rule_goes_on_through_the_autumn_night() -> None:
    times = between(cron("*/30 * * * *"), "2026-10-24T23:59", "2026-10-25T03:00")

    assert times == [
        "25 00:00",
        "25 00:30",
        "25 01:00",
        "25 01:30",
        "25 02:00",
        "25 02:30",
        "25 03:00",
    ]


def test_rule_in_lord_howe_keeps_its_half_hour_shift() -> None:
    times = between(
        cron("15 2 * * *", timezone="Australia/Lord_Howe"), "2026-04-03T12:00", "2026-04-06T12:00"
    )

    assert times == ["03 15:15", "04 15:45", "05 15:45"]


def test_interval_is_elapsed_time_through_both_changes() -> None:
    every_six_hours = interval(360, starts_at=utc("2026-03-28T20:00"))

    assert between(every_six_hours, "2026-03-28T20:00", "2026-03-29T14:00") == [
        "29 02:00",
        "29 08:00",
        "29 14:00",
    ]


@given(st.integers(1, 100_000), st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_interval_times_lie_on_its_grid_and_follow_at_once(minutes: int, passed: timedelta) -> None:
    after = MONDAY + passed

    first, second = islice(due_times(interval(minutes), after=after), 2)

    step = timedelta(minutes=minutes)
    assert (first - MONDAY) % step == timedelta(0)
    assert timedelta(0) < first - after <= step
    assert second - first == step


def test_next_times_are_told_in_the_schedules_own_zone() -> None:
    times = next_times(cron("0 7 * * 1-5"), utc("2026-11-20T12:00"), 2)

    assert [time.isoformat() for time in times] == [
        "2026-11-23T07:00:00+01:00",
        "2026-11-24T07:00:00+01:00",
    ]


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (cron("0 7 * * 1-5"), "At 07:00 on Monday through Friday, Europe/Berlin"),
        (interval(1), "Every minute"),
        (interval(2), "Every 2 minutes"),
        (interval(60), "Every hour"),
        (interval(48 * 60), "Every 2 days"),
        (interval(90), "Every 90 minutes"),
    ],
)
def test_explain_says_it_in_words(schedule: Schedule, words: str) -> None:
    assert explain(schedule) == words


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"cron": "0 7 * *"}, "write five fields"),
        ({"cron": "0 25 * * *"}, "Bad hour"),
        ({"cron": "0 0 30 2 *"}, "not a cron rule"),
        ({"cron": "@daily"}, "write five fields"),
        ({"cron": "0 7 * * *", "timezone": "Mars/Olympus"}, "not a time zone"),
        ({"every_minutes": 0}, "between 1 and"),
        ({"every_minutes": 10**7}, "between 1 and"),
        ({}, "Give either"),
        ({"cron": "0 7 * * *", "every_minutes": 5}, "Give either"),
    ],
)
@pytest.mark.django_db
def test_rule_that_cannot_be_followed_is_refused(
    counting: Variant, alice: User, rule: dict[str, object], says: str
) -> None:
    with pytest.raises(BadSchedule, match=says):
        schedules.set_schedule(counting, **rule, by=alice, at=MONDAY)

    assert not Schedule.objects.exists()


@pytest.mark.django_db
def test_manifest_makes_a_schedule_in_the_publications_zone(counting: Variant, alice: User) -> None:
    declared.apply_manifest(counting, [{"cron": "0 7 * * *"}], [], alice, MONDAY)

    schedule = Schedule.objects.get()
    assert schedule.timezone == counting.publication.timezone
    assert schedule.next_due_at == utc("2026-11-17T06:00")


@pytest.mark.django_db
def test_manifest_with_the_same_rule_leaves_the_schedule_alone(
    counting: Variant, alice: User
) -> None:
    later = MONDAY + timedelta(minutes=1)
    declared.apply_manifest(counting, [{"every_minutes": 2}], [], alice, MONDAY)

    declared.apply_manifest(counting, [{"every_minutes": 2}], [], alice, later)

    assert Schedule.objects.get().starts_at == MONDAY


@pytest.mark.django_db
def test_another_rule_takes_the_place_of_the_former(counting: Variant, alice: User) -> None:
    former = schedules.set_schedule(counting, every_minutes=2, by=alice, at=MONDAY)

    newer = schedules.set_schedule(counting, cron="0 7 * * *", by=alice, at=MONDAY)

    assert Schedule.objects.get() == newer == former
    assert (newer.rule, newer.every_minutes, newer.next_due_at) == (
        Schedule.Rule.CRON,
        None,
        utc("2026-11-17T06:00"),
    )
    assert AuditEvent.objects.filter(action="set_schedule").count() == 2


@pytest.mark.django_db
def test_pause_makes_nothing_due(counting: Variant, alice: User) -> None:
    schedule = schedules.set_schedule(counting, every_minutes=2, by=alice, at=MONDAY)

    schedules.pause(schedule, by=alice, at=MONDAY)

    schedule.refresh_from_db()
    assert (schedule.state, schedule.next_due_at) == (Schedule.State.PAUSED, None)
    assert AuditEvent.objects.filter(action="pause_schedule", by=alice).exists()


@pytest.mark.django_db
def test_resume_goes_on_from_now(counting: Variant, alice: User) -> None:
    schedule = schedules.set_schedule(counting, every_minutes=2, by=alice, at=MONDAY)
    schedules.pause(schedule, by=alice, at=MONDAY)

    schedules.resume(schedule, by=alice, at=MONDAY + timedelta(minutes=11))

    schedule.refresh_from_db()
    assert schedule.is_active
    assert schedule.next_due_at == MONDAY + timedelta(minutes=12)


@pytest.mark.django_db
def test_end_frees_the_name_and_keeps_the_row(counting: Variant, alice: User) -> None:
    former = schedules.set_schedule(counting, every_minutes=2, by=alice, at=MONDAY)

    schedules.end(former, by=alice, at=MONDAY)
    schedules.set_schedule(counting, every_minutes=3, by=alice, at=MONDAY)

    assert list(Schedule.objects.order_by("pk").values_list("state", flat=True)) == [
        "ended",
        "active",
    ]


@pytest.mark.django_db
def test_schedule_is_for_editors(counting: Variant, alice: User, charlie: User, dora: User) -> None:
    schedule = schedules.set_schedule(counting, every_minutes=5, by=alice, at=MONDAY)

    for stranger in (charlie, dora):
        with pytest.raises(PermissionDenied):
            schedules.set_schedule(counting, every_minutes=2, by=stranger, at=MONDAY)
        for change in (schedules.pause, schedules.resume, schedules.end):
            with pytest.raises(PermissionDenied):
                change(schedule, by=stranger, at=MONDAY)

    schedule.refresh_from_db()
    assert (schedule.every_minutes, schedule.state) == (5, Schedule.State.ACTIVE)
