"""How schedules stand, what is foreseen, and how a day is drawn."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.publishing.models import Publication
from portal.runs import schedules
from portal.runs.models import Promise, Run, Schedule
from portal.runs.operations import listing, timeline, today
from portal.runs.operations.days import day_of
from portal.runs.operations.forecast import Forecast, forecast, next_due
from portal.runs.operations.standing import Standing, counts_of, stands_of
from portal.runs.operations.week import week_of
from portal.runs.queries import schedules_for
from tests.runs.conftest import MONDAY
from tests.runs.timetable import ended, scheduled, skipped, slot

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
SOON = MONDAY + timedelta(minutes=30)


@pytest.fixture(autouse=True)
def forgets() -> None:
    cache.clear()


def standing(schedule: Schedule, *, at=SOON) -> Standing:
    return stands_of(Schedule.objects.filter(pk=schedule.pk), at=at)[0].standing


def test_schedule_is_healthy_until_its_last_run_went_wrong(alice: User) -> None:
    schedule = scheduled("weekly-sales", by=alice, at=MONDAY)
    before = standing(schedule)

    ended(schedule.variant, "failed", at=MONDAY)
    after = standing(schedule)
    ended(schedule.variant, "unchanged", at=MONDAY + timedelta(minutes=5))

    assert (before, after, standing(schedule)) == (
        Standing.HEALTHY,
        Standing.FAILING,
        Standing.HEALTHY,
    )


def test_cancelled_run_hides_no_failure(alice: User) -> None:
    schedule = scheduled("weekly-sales", by=alice, at=MONDAY)
    ended(schedule.variant, "failed", at=MONDAY)

    ended(schedule.variant, "cancelled", at=MONDAY + timedelta(minutes=5))

    assert standing(schedule) == Standing.FAILING


def test_schedule_is_late_while_its_broken_promise_is_not_made_good(alice: User) -> None:
    schedule = scheduled("weekly-sales", by=alice, at=MONDAY)
    promise = Promise.objects.create(schedule=schedule, at=MONDAY, state="broken")
    broken = standing(schedule)

    promise.made_good_at = SOON
    promise.save()

    assert (broken, standing(schedule)) == (Standing.LATE, Standing.HEALTHY)


def test_old_broken_promise_is_forgotten_when_the_next_was_kept(alice: User) -> None:
    schedule = scheduled("weekly-sales", by=alice, at=MONDAY)
    Promise.objects.create(schedule=schedule, at=MONDAY - HOUR, state="broken")

    Schedule.objects.update(fresh_by="08:00")
    Promise.objects.create(schedule=schedule, at=MONDAY, state="kept")

    assert standing(schedule) == Standing.HEALTHY


def test_slot_that_nobody_makes_is_late(alice: User) -> None:
    schedule = scheduled("weekly-sales", by=alice, at=MONDAY)

    assert standing(schedule, at=MONDAY + HOUR + timedelta(minutes=4)) == Standing.HEALTHY
    assert standing(schedule, at=MONDAY + HOUR + timedelta(minutes=6)) == Standing.LATE


def test_stands_are_worst_first_in_one_query(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    paused, fine, failing = (
        scheduled(slug, by=alice, at=MONDAY) for slug in ("a-paused", "b-fine", "c-failing")
    )
    schedules.pause(paused, by=alice, at=MONDAY)
    ended(failing.variant, "timed_out", at=MONDAY)

    with django_assert_num_queries(1):
        stands = stands_of(schedules_for(alice), at=SOON)

    assert [stand.pk for stand in stands] == [failing.pk, fine.pk, paused.pk]
    assert counts_of(stands) == {Standing.FAILING: 1, Standing.HEALTHY: 1, Standing.PAUSED: 1}


def test_schedules_are_those_of_what_one_may_change(alice: User, dora: User, ada: User) -> None:
    hers = scheduled("weekly-sales", by=alice, at=MONDAY)
    gone = scheduled("ended-one", by=alice, at=MONDAY)
    schedules.end(gone, by=alice, at=MONDAY)

    assert list(schedules_for(alice)) == [hers]
    assert list(schedules_for(ada)) == [hers]
    assert list(schedules_for(dora)) == []


def test_forecast_follows_equal_rules_once_and_counts_each_schedule(alice: User) -> None:
    for slug in ("first-one", "second-one", "third-one"):
        scheduled(slug, by=alice, at=MONDAY, cron="0 8 * * 1-5", timezone="Europe/Berlin")

    seen = forecast(Schedule.objects.all(), at=MONDAY)
    week = week_of(seen)

    assert week.total == 15
    assert week.peak is not None
    assert (week.peak.hour, week.peak.count) == (8, 3)
    assert [row[2][8].count for row in week.rows] == [3, 3, 3, 3, 3, 0, 0]


def test_forecast_of_today_ends_at_midnight_there(alice: User) -> None:
    scheduled("weekly-sales", by=alice, at=MONDAY, every_minutes=60)
    day = day_of("", at=MONDAY)  # 07:00 in Berlin

    seen = forecast(Schedule.objects.all(), at=SOON)

    assert seen.until(day, at=SOON) == 16
    assert seen.hours(day, at=SOON)[23] == 1


def test_next_due_names_each_schedule_once_in_order(alice: User) -> None:
    rare = scheduled("rare-one", by=alice, at=MONDAY, every_minutes=25)
    often = scheduled("often-one", by=alice, at=MONDAY, every_minutes=10)

    coming = next_due(Schedule.objects.all())

    assert [((time - MONDAY).seconds // 60, schedule) for time, schedule in coming] == [
        (10, often),
        (25, rare),
    ]


def test_week_shows_no_schedule_that_is_due_every_hour_beside_others(alice: User) -> None:
    scheduled("often-one", by=alice, at=MONDAY, every_minutes=30)
    alone = week_of(forecast(Schedule.objects.all(), at=MONDAY))

    scheduled("rare-one", by=alice, at=MONDAY, every_minutes=24 * 60)
    both = week_of(forecast(Schedule.objects.all(), at=MONDAY))

    assert (alone.total, alone.steady) == (335, 0)
    assert (both.total, both.steady) == (341, 335)
    assert both.peak is not None
    assert both.peak.count == 1


@pytest.mark.parametrize("asked", ["", "tomorrow", "2026-13-40", "0001-01-01", "9999-12-31"])
def test_odd_day_is_today(asked: str) -> None:
    assert day_of(asked, at=MONDAY).is_today


def test_day_has_the_hours_that_its_clock_gives_it() -> None:
    spring, autumn = day_of("2026-03-29", at=MONDAY), day_of("2026-10-25", at=MONDAY)

    assert spring.end.timestamp() - spring.start.timestamp() == 23 * 3600
    assert autumn.end.timestamp() - autumn.start.timestamp() == 25 * 3600


def test_timeline_draws_each_run_in_its_lane(alice: User) -> None:
    schedule = scheduled("weekly-sales", by=alice, at=MONDAY)
    ended(schedule.variant, at=MONDAY, worker="calc-01", seconds=3600)
    failed = ended(schedule.variant, "failed", at=SOON, worker="calc-02")
    day = day_of("", at=SOON)

    drawn = timeline.timeline_of(
        Run.objects.all(), Forecast({}, is_cut=False), day, by="worker", at=SOON
    )

    assert [lane.name for lane in drawn.lanes] == ["calc-01", "calc-02"]
    assert (drawn.done, drawn.fail, drawn.total) == (1, 1, 2)
    mark = drawn.lanes[1].marks[0]
    assert (mark.kind, mark.run) == ("is-fail", failed.pk)
    assert mark.height > drawn.lanes[0].marks[0].height


def test_timeline_of_many_runs_is_no_larger_than_its_bins(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MOST_MARKS", 10)
    schedule = scheduled("weekly-sales", by=alice, at=MONDAY)
    for number in range(12):
        state = "failed" if number == 7 else "unchanged"
        ended(schedule.variant, state, at=MONDAY + timedelta(seconds=number), worker="calc-01")

    drawn = timeline.timeline_of(
        Run.objects.all(), Forecast({}, is_cut=False), day_of("", at=SOON), by="worker", at=SOON
    )

    (mark,) = drawn.lanes[0].marks
    assert drawn.is_binned
    assert (mark.kind, mark.title) == ("is-fail", "From 07:00: 12 started, 1 went wrong")


def test_needs_begin_with_what_most_people_follow(alice: User, bob: User) -> None:
    lonely, followed = (scheduled(slug, by=alice, at=MONDAY) for slug in ("a-lonely", "b-followed"))
    for schedule in (lonely, followed):
        ended(schedule.variant, "failed", at=MONDAY, error="no data")
    followed.variant.subscriptions.create(user=bob, created_at=MONDAY)

    needs = today.needs_of(alice, stands_of(schedules_for(alice), at=SOON))

    assert [(need.schedule, need.followers) for need in needs] == [(followed, 1), (lonely, 0)]
    assert needs[0].run is not None
    assert needs[0].run.error == "no data"


def test_figures_count_the_slots_of_the_day(alice: User, dora: User) -> None:
    schedule = scheduled("weekly-sales", by=alice, at=MONDAY)
    slot(schedule, MONDAY)
    slot(schedule, MONDAY + HOUR, "failed")
    skipped(schedule, MONDAY + 2 * HOUR, "was running")
    slot(schedule, MONDAY - 24 * HOUR)
    day = day_of("", at=SOON)

    mine = today.figures_of(alice, day, [], to_come=4)

    assert (mine.due, mine.done, mine.wrong, mine.skipped, mine.total) == (3, 1, 1, 1, 7)
    assert today.figures_of(dora, day, [], to_come=0).due == 0


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({}, "Nothing is due today. Nothing needs a person."),
        ({"due": 3, "done": 3}, "Everything that was due is in. Nothing needs a person."),
        (
            {"due": 3, "failing": 1},
            "One needs a person. Everything else that was due is in. "
            "Readers of that one see its last good edition.",
        ),
        (
            {"due": 9, "failing": 2, "late": 1},
            "Two need a person and one is late. Everything else that was due is in. "
            "Readers of the three see their last good edition.",
        ),
        (
            {"due": 9, "waiting": 1, "failing": 12, "late": 1, "suspended": 1},
            "12 need a person, 1 is late and 1 is suspended. Everything else that was due is in or "
            "under way. Readers of the 14 see their last good edition.",
        ),
    ],
)
def test_sentence_says_how_things_stand(numbers: dict[str, int], says: str) -> None:
    names = ("due", "done", "wrong", "skipped", "to_come", "running", "waiting")
    zero = dict.fromkeys((*names, "failing", "late", "suspended"), 0)

    figures = today.Figures(**(zero | numbers), waiting_since=None)

    assert today.sentence(figures, day_of("", at=SOON), scheduled=1) == says


def test_rows_tell_the_last_ten_due_times_also_the_skipped(alice: User) -> None:
    schedule = scheduled("weekly-sales", by=alice, at=MONDAY)
    for number in range(12):
        slot(schedule, MONDAY + number * HOUR)
    skipped(schedule, MONDAY + 12 * HOUR, "Run 3 was still running")
    Schedule.objects.update(fresh_by="08:00")
    Promise.objects.create(schedule=schedule, at=MONDAY, state="kept")
    Promise.objects.create(schedule=schedule, at=MONDAY + HOUR, state="broken")
    at = MONDAY + 13 * HOUR

    (row,) = listing.rows_of(schedules_for(alice), stands_of(schedules_for(alice), at=at), at=at)

    assert [dot.kind for dot in row.dots] == ["idle"] * 10
    assert row.dots[-1].title == "16 Nov 19:00, skipped: Run 3 was still running"
    assert row.on_time == (1, 2)
    assert row.in_words == "Every hour"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("q=weekly", ["weekly-sales"]),
        ("q=alice", ["monthly-costs", "weekly-sales"]),
        ("q=delivery+weekly", []),
        ("rule=cron", ["monthly-costs"]),
        ("rule=nonsense", ["monthly-costs", "weekly-sales"]),
        ("team=delivery", []),
    ],
)
def test_list_of_schedules_is_narrowed(alice: User, asked: str, found: list[str]) -> None:
    scheduled("weekly-sales", by=alice, at=MONDAY)
    scheduled("monthly-costs", by=alice, at=MONDAY, cron="0 7 1 * *")
    Publication.objects.update(team=None)

    wish = listing.wanted(RequestFactory().get(f"/?{asked}").GET)
    matching = listing.narrowed(schedules_for(alice), wish)

    assert sorted(one.variant.publication.slug for one in matching) == found
