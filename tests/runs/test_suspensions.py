"""Schedules that the portal stops by itself, warns of before, and reminds of afterwards."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.publishing import embeds, openings, plugs
from portal.publishing.models import AuditEvent, Publication, Variant
from portal.runs import claims, endings, schedules
from portal.runs.endings import Report
from portal.runs.errors import BundleError, Cancelled
from portal.runs.models import Run, Schedule
from portal.runs.slots import make_due_slots
from portal.runs.suspensions import watch
from tests import factories
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
REPORT = Report(steps=[], resources={}, exit_code=1)
DAY = timedelta(days=1)


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    """What is announced of schedules."""
    news: list[Any] = []

    def listen(one: plugs.Announcement) -> None:
        if isinstance(one, (plugs.Recovered, plugs.Suspended, plugs.SoonSuspended)):
            news.append(one)

    plugs.on_announcement(listen)
    yield news
    plugs._listeners.remove(listen)


@pytest.fixture
def hourly(counting: Variant, alice: User) -> Schedule:
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    return schedules.set_schedule(
        counting, every_minutes=60, suspend_after_failures=2, by=alice, at=MONDAY
    )


def hours(count: float) -> datetime:
    return MONDAY + timedelta(hours=count)


def due(hour: int) -> claims.Claim:
    """The run of that hour, claimed."""
    make_due_slots(hours(hour))
    claim = claims.claim(Run.objects.get(state="queued").pk, worker="w", at=hours(hour))
    assert claim is not None
    return claim


def fail(hour: int) -> None:
    endings.fail(due(hour), BundleError("No rows."), REPORT, at=hours(hour + 0.5))


def succeed(claim: claims.Claim, hour: float) -> None:
    endings.succeed(claim, factories.rendered(f"at {hour}"), REPORT, at=hours(hour))


def test_failures_in_a_row_suspend_it_and_say_why(hourly: Schedule, heard: list[Any]) -> None:
    fail(1)
    fail(2)

    hourly.refresh_from_db()
    assert (hourly.state, hourly.next_due_at) == ("suspended", None)
    assert hourly.state_reason == "It failed 2 times in a row."
    assert [(type(one), one.is_reminder) for one in heard] == [(plugs.Suspended, False)]
    assert AuditEvent.objects.get(action="suspend_schedule").by is None


def test_success_between_begins_the_count_anew_and_is_told(
    hourly: Schedule, heard: list[Any]
) -> None:
    fail(1)
    succeed(due(2), 2.5)
    fail(3)

    hourly.refresh_from_db()
    assert (hourly.state, hourly.failures) == ("active", 1)
    assert [(type(one), one.failures) for one in heard] == [(plugs.Recovered, 1)]


def test_run_by_hand_that_ends_well_counts_as_recovery(hourly: Schedule, alice: User) -> None:
    fail(1)
    run = Run.objects.create(
        version=hourly.variant.version,
        variant=hourly.variant,
        trigger="manual",
        logical_time=hours(1.6),
        queued_at=hours(1.6),
    )
    claim = claims.claim(run.pk, worker="w", at=hours(1.6))

    succeed(claim, 1.8)

    hourly.refresh_from_db()
    assert hourly.failures == 0


def test_cancelled_run_does_not_count(hourly: Schedule) -> None:
    endings.fail(due(1), Cancelled("The run was cancelled."), REPORT, at=hours(1.5))

    hourly.refresh_from_db()
    assert hourly.failures == 0


def test_lost_run_counts(hourly: Schedule, settings: Any) -> None:
    settings.RUN_MAX_ATTEMPTS = 1
    due(1)

    claims.sweep_lapsed(hours(5))

    hourly.refresh_from_db()
    assert hourly.failures == 1


def test_zero_never_suspends(hourly: Schedule) -> None:
    Schedule.objects.update(suspend_after_failures=0)

    for hour in (1, 2, 3):
        fail(hour)

    hourly.refresh_from_db()
    assert (hourly.state, hourly.failures) == ("active", 3)


def test_what_is_due_already_is_made_before_it_is_suspended(hourly: Schedule) -> None:
    fail(1)
    claim = due(2)

    endings.fail(claim, BundleError("No rows."), REPORT, at=hours(3.2))

    states = list(hourly.slots.order_by("due_at").values_list("state", flat=True))
    assert states == ["taken", "taken", "taken"]


def test_suspended_one_is_reminded_of_weekly(hourly: Schedule, heard: list[Any]) -> None:
    fail(1)
    fail(2)
    suspended = hours(2.5)
    heard.clear()

    for days in (6, 7, 8, 13, 14):
        watch(suspended + days * DAY)

    assert [(one.is_reminder, one.at - suspended) for one in heard] == [
        (True, 7 * DAY),
        (True, 14 * DAY),
    ]


def test_resuming_ends_the_reminders_and_the_count(
    hourly: Schedule, alice: User, heard: list[Any]
) -> None:
    fail(1)
    fail(2)
    schedules.resume(hourly, by=alice, at=hours(3))
    heard.clear()

    watch(hours(3) + 8 * DAY)

    hourly.refresh_from_db()
    assert (hourly.state, hourly.failures, heard) == ("active", 0, [])


def unopened(schedule: Schedule, days: int = 30) -> None:
    Schedule.objects.filter(pk=schedule.pk).update(suspend_unopened_days=days)


def test_unopened_one_is_warned_of_and_then_suspended(hourly: Schedule, heard: list[Any]) -> None:
    unopened(hourly)

    states = []
    for days in (26.9, 27, 29.9, 30, 31):
        watch(MONDAY + days * DAY)
        hourly.refresh_from_db()
        states.append((hourly.state, hourly.warned_at is not None))

    assert states == [
        ("active", False),
        ("active", True),
        ("active", True),
        ("suspended", False),
        ("suspended", False),
    ]
    assert [type(one) for one in heard] == [plugs.SoonSuspended, plugs.Suspended]
    assert hourly.state_reason == "Nobody opened it for 30 days."


def test_warning_comes_three_days_before_however_late(hourly: Schedule) -> None:
    unopened(hourly)

    watch(MONDAY + 90 * DAY)
    watch(MONDAY + 92.9 * DAY)
    hourly.refresh_from_db()
    before = hourly.state
    watch(MONDAY + 93 * DAY)

    hourly.refresh_from_db()
    assert (before, hourly.state) == ("active", "suspended")


def test_opening_clears_the_warning(hourly: Schedule) -> None:
    unopened(hourly)
    watch(MONDAY + 28 * DAY)

    openings.note_opening(hourly.variant.publication, at=MONDAY + 29 * DAY)
    for days in (30, 31, 55):
        watch(MONDAY + days * DAY)

    hourly.refresh_from_db()
    assert (hourly.state, hourly.warned_at) == ("active", None)


def test_opening_is_written_once_an_hour(hourly: Schedule) -> None:
    publication = hourly.variant.publication

    kept = []
    for minutes in (0, 59, 60):
        openings.note_opening(publication, at=MONDAY + timedelta(minutes=minutes))
        publication = Publication.objects.get(pk=publication.pk)
        kept.append(publication.last_opened_at)

    assert kept == [MONDAY, MONDAY, MONDAY + timedelta(hours=1)]


def test_page_edition_and_embed_are_openings(client: Client, alice: User) -> None:
    publication = factories.publication(by=alice)
    edition = publication.editions.select_related("variant").get()
    grant = embeds.create_grant(
        publication,
        variant=edition.variant,
        follows="latest",
        label="",
        origins=["https://wiki.example.com"],
        by=alice,
        at=MONDAY,
    )
    client.force_login(alice)
    seen = []
    for path, host in (
        ("/reports/weekly-sales/", "localhost:8000"),
        ("/reports/weekly-sales/editions/1/", "localhost:8000"),
        (embeds.embed_url(grant), "127.0.0.1:8000"),
    ):
        Publication.objects.update(last_opened_at=None)
        client.get(path, headers={"host": host})
        seen.append(Publication.objects.get().last_opened_at is not None)

    assert seen == [True, True, True]
