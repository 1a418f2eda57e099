"""Past due times, run as editions of their time: what would be, what is started, and taking it back."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.publishing.models import AuditEvent, Variant
from portal.publishing.plugs import Because
from portal.runs import backfills, schedules
from portal.runs.actions import NothingToRun, execute_version
from portal.runs.backfills import BadRange, cancel_backfill, preview, start_backfill
from portal.runs.models import Backfill, Run, Schedule, Slot
from portal.runs.views.backfills import days_of
from tests import factories
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
PAGE = "/reports/counting/schedule/backfill/"
WEEK = {
    "first": datetime(2026, 11, 9, tzinfo=UTC),
    "last": datetime(2026, 11, 15, 23, 59, tzinfo=UTC),
}


@pytest.fixture
def daily(counting: Variant, alice: User) -> Schedule:
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    return schedules.set_schedule(counting, cron="0 7 * * *", timezone="UTC", by=alice, at=MONDAY)


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def at(day: int) -> datetime:
    return datetime(2026, 11, day, 7, tzinfo=UTC)


def run_of(schedule: Schedule, when: datetime, state: str) -> Run:
    return Run.objects.create(
        version=schedule.variant.version,
        variant=schedule.variant,
        trigger="schedule",
        logical_time=when,
        queued_at=when,
        state=state,
        finished_at=None if state == "queued" else when,
    )


def test_preview_tells_what_there_is_of_each_due_time(daily: Schedule) -> None:
    factories.refresh(daily.variant.publication, "old", at=at(9))
    failed = run_of(daily, at(10), "failed")
    run_of(daily, at(11), "unchanged")
    run_of(daily, at(12), "queued")
    Slot.objects.create(
        schedule=daily, due_at=at(13), state="skipped", reason="Missed", created_at=MONDAY
    )

    found = preview(daily, **WEEK, at=MONDAY)

    assert [one.due_at for one in found] == [at(day) for day in range(9, 16)]
    assert [one.is_missing for one in found] == [False, True, False, False, True, True, True]
    assert [one.in_words for one in found][1] == f"Run {failed.pk}: failed"
    assert [one.in_words for one in found][4:6] == ["Skipped. Missed", "Nothing"]


def test_backfill_queues_what_is_missing_behind_everything_else(
    daily: Schedule, alice: User
) -> None:
    factories.refresh(daily.variant.publication, "old", at=at(9))

    backfill = start_backfill(daily, **WEEK, at_once=2, by=alice, at=MONDAY)

    runs = backfill.runs.order_by("pk")
    assert [run.logical_time for run in runs] == [at(day) for day in range(10, 16)]
    assert {(run.trigger, run.priority, run.requested_by) for run in runs} == {
        ("backfill", 3, alice)
    }
    assert (backfill.first_at, backfill.last_at, backfill.at_once) == (at(10), at(15), 2)
    assert AuditEvent.objects.get(action="start_backfill").detail == {"runs": 6, "at_once": 2}


def test_second_click_finds_nothing_missing(daily: Schedule, alice: User) -> None:
    start_backfill(daily, **WEEK, by=alice, at=MONDAY)

    with pytest.raises(BadRange, match="Nothing is missing"):
        start_backfill(daily, **WEEK, by=alice, at=MONDAY)


def test_all_of_them_are_run_when_asked_for(daily: Schedule, alice: User) -> None:
    factories.refresh(daily.variant.publication, "old", at=at(9))

    backfill = start_backfill(daily, **WEEK, only_missing=False, by=alice, at=MONDAY)

    assert backfill.runs.count() == 7


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"last": WEEK["first"] - timedelta(days=1)}, "comes after"),
        ({"first": MONDAY + timedelta(days=1), "last": MONDAY + timedelta(days=2)}, "to come"),
        ({"first": MONDAY - timedelta(days=600)}, "more than 500"),
    ],
)
def test_range_that_makes_no_sense_is_refused(
    daily: Schedule, change: dict[str, datetime], sentence: str
) -> None:
    with pytest.raises(BadRange, match=sentence):
        preview(daily, **(WEEK | change), at=MONDAY)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (datetime.min.replace(tzinfo=UTC), MONDAY),
        (datetime(1999, 12, 30, tzinfo=UTC), MONDAY),
        (WEEK["first"], datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_range_of_other_centuries_is_refused_or_cut(
    daily: Schedule, first: datetime, last: datetime
) -> None:
    if last == MONDAY:
        with pytest.raises(BadRange, match="2000"):
            preview(daily, first=first, last=last, at=MONDAY)
    else:
        assert len(preview(daily, first=first, last=last, at=MONDAY)) == 7


def test_finished_content_has_nothing_to_run(daily: Schedule, alice: User) -> None:
    daily.variant.version.executes = False
    daily.variant.version.save()

    with pytest.raises(NothingToRun):
        start_backfill(daily, **WEEK, by=alice, at=MONDAY)


def test_cancelling_takes_back_what_waits_and_leaves_what_goes(
    daily: Schedule, alice: User
) -> None:
    backfill = start_backfill(daily, **WEEK, by=alice, at=MONDAY)
    going = backfill.runs.order_by("pk").first()
    Run.objects.filter(pk=going.pk).update(state="running", token="t", lease_until=MONDAY)

    counts = [cancel_backfill(backfill, by=alice, at=MONDAY) for _ in range(2)]

    assert counts == [6, 0]
    states = backfill.runs.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["running"] + ["cancelled"] * 6


def test_run_of_today_is_queued_although_a_backfill_waits(daily: Schedule, alice: User) -> None:
    variant = daily.variant
    assert variant.version is not None
    start_backfill(daily, **WEEK, by=alice, at=MONDAY)

    asked = [
        execute_version(variant.version, variant, alice, MONDAY, Because.MANUAL) for _ in range(2)
    ]

    assert [(run.trigger, run.backfill_id) for run in asked] == [("manual", None)] * 2
    assert asked[0] == asked[1]


def test_preview_needs_three_queries_however_many_times(daily: Schedule) -> None:
    with CaptureQueriesContext(connection) as queries:
        preview(daily, **WEEK, at=MONDAY)

    assert len(queries) == 3


def test_page_shows_starts_and_follows_a_backfill(browser: Client, daily: Schedule) -> None:
    days = {"first": "2026-11-09", "last": "2026-11-15"}

    shown = browser.get(PAGE, days).content.decode()
    started = browser.post(PAGE, days | {"what": "missing", "at_once": "2"})
    followed = browser.get(started["Location"]).content.decode()
    browser.post(f"{started['Location']}cancel/")

    assert "7 due times, 7 missing" in shown
    assert started["Location"] == f"/operations/backfills/{Backfill.objects.get().pk}/"
    assert "0 of 7 ended; 7 wait, 2 may run at once" in followed
    assert not Run.objects.filter(state="queued").exists()


def test_page_says_what_is_wrong_with_the_days(browser: Client, daily: Schedule) -> None:
    empty = browser.get(PAGE, {"first": "", "last": "2026-11-15"})
    turned = browser.get(PAGE, {"first": "2026-11-15", "last": "2026-11-09"})
    odd = browser.post(PAGE, {"first": "0001-01-01", "last": "9999-12-31"})

    assert "Choose the first day." in empty.content.decode()
    assert "The first day comes after the last." in turned.content.decode()
    assert {answer.status_code for answer in (empty, turned, odd)} == {422}


def test_page_without_a_schedule_leads_to_making_one(browser: Client, counting: Variant) -> None:
    answer = browser.get(PAGE)

    assert answer["Location"] == "/reports/counting/schedule/?variant=default"


def test_days_are_those_of_the_time_zone(daily: Schedule) -> None:
    daily.timezone = "Europe/Berlin"

    days = days_of(daily, date(2026, 10, 25), date(2026, 10, 25))

    assert days["last"] - days["first"] == timedelta(hours=25, microseconds=-1)
    assert len(backfills.preview(daily, **days, at=MONDAY)) == 1
