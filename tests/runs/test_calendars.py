"""Business calendars: who keeps them, what schedules make of a change, and their pages."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.test import Client

from portal.accounts.models import User
from portal.publishing.models import AuditEvent, Variant
from portal.runs import calendars, fiscal, schedules
from portal.runs.calendars import BadCalendar
from portal.runs.models import Calendar, Schedule
from tests.runs import clockwork
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def portal_host(settings: LazySettings, client: Client) -> None:
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]


@pytest.fixture
def bavaria(ada: User) -> Calendar:
    return calendars.create_calendar(
        name="Bavaria", country="DE", subdivision="BY", by=ada, at=MONDAY
    )


@pytest.fixture
def daily(counting: Variant, alice: User, bavaria: Calendar) -> Schedule:
    wish = {"cron": "0 7 * * *", "calendar": bavaria, "on_holidays": "skip", "timezone": "UTC"}
    return schedules.set_schedule(counting, **wish, by=alice, at=MONDAY)


def test_calendar_is_kept_by_admins_alone(bavaria: Calendar, alice: User) -> None:
    for change in (
        lambda: calendars.create_calendar(name="Mine", by=alice, at=MONDAY),
        lambda: calendars.change_calendar(bavaria, name="Mine", by=alice, at=MONDAY),
        lambda: calendars.remove_calendar(bavaria, by=alice, at=MONDAY),
    ):
        with pytest.raises(PermissionDenied):
            change()

    assert [one.name for one in Calendar.objects.all()] == ["Bavaria"]


def test_every_change_of_a_calendar_is_recorded(bavaria: Calendar, ada: User) -> None:
    calendars.change_calendar(bavaria, closed=[["2026-12-24", "Eve"]], by=ada, at=MONDAY)
    calendars.change_calendar(bavaria, closed=[["2026-12-24", "Eve"]], by=ada, at=MONDAY)
    calendars.remove_calendar(bavaria, by=ada, at=MONDAY)

    events = AuditEvent.objects.filter(object_type="calendar", by=ada).order_by("pk")
    assert [(one.action, one.detail["closed"]) for one in events] == [
        ("create_calendar", []),
        ("change_calendar", [["2026-12-24", "Eve"]]),
        ("remove_calendar", [["2026-12-24", "Eve"]]),
    ]


@pytest.mark.parametrize(
    ("field", "wish"),
    [
        ("name", {"name": "Bavaria"}),
        ("country", {"country": "XX"}),
        ("subdivision", {"country": "DE", "subdivision": "XX"}),
        ("subdivision", {"subdivision": "BY"}),
        ("weekend", {"weekend": [0, 1, 2, 3, 4, 5, 6]}),
        ("weekend", {"weekend": [7]}),
        ("closed", {"closed": [["24.12.2026", "Eve"]]}),
        ("opened", {"opened": [["2026-12-26", ""]]}),
        ("fiscal_years", {"fiscal_pattern": "4-4-5"}),
        ("fiscal_years", {"fiscal_pattern": "4-4-5", "fiscal_years": ["2026-02-30"]}),
        ("fiscal_years", {"fiscal_pattern": "4-4-5", "fiscal_years": ["2026-02-02", "2028-01-31"]}),
        ("fiscal_first_month", {"fiscal_first_month": 13}),
    ],
)
def test_calendar_that_cannot_be_followed_is_refused(
    bavaria: Calendar, ada: User, field: str, wish: dict[str, Any]
) -> None:
    with pytest.raises(BadCalendar) as bad:
        calendars.create_calendar(**({"name": "Other"} | wish), by=ada, at=MONDAY)

    assert bad.value.field == field


def test_change_plans_schedules_afresh(daily: Schedule, bavaria: Calendar, ada: User) -> None:
    calendars.change_calendar(bavaria, closed=[["2026-11-16", "Move"]], by=ada, at=MONDAY)

    daily.refresh_from_db()
    assert daily.next_due_at == datetime(2026, 11, 17, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "wish", [{"cron": "0 7 * * *", "on_holidays": "skip"}, {"rule": "arrival"}]
)
def test_nothing_is_promised_for_a_day_that_became_one_off(
    counting: Variant, alice: User, bavaria: Calendar, ada: User, wish: dict[str, Any]
) -> None:
    schedule = schedules.set_schedule(
        counting, **wish, calendar=bavaria, fresh_by=time(9), timezone="UTC", by=alice, at=MONDAY
    )
    before = schedule.next_promise_at

    calendars.change_calendar(bavaria, closed=[["2026-11-16", "Move"]], by=ada, at=MONDAY)

    schedule.refresh_from_db()
    assert before == datetime(2026, 11, 16, 9, tzinfo=UTC)
    assert schedule.next_promise_at == datetime(2026, 11, 17, 9, tzinfo=UTC)


def test_change_leaves_what_is_due_already(daily: Schedule, bavaria: Calendar, ada: User) -> None:
    later = MONDAY + timedelta(hours=2)

    calendars.change_calendar(bavaria, closed=[["2026-11-16", "Move"]], by=ada, at=later)

    daily.refresh_from_db()
    assert daily.next_due_at == datetime(2026, 11, 16, 7, tzinfo=UTC)


@pytest.mark.parametrize("is_paused", [False, True])
def test_change_that_would_end_a_schedule_is_refused(
    counting: Variant, alice: User, bavaria: Calendar, ada: User, is_paused: bool
) -> None:
    wish = {"cron": "0 7 * * 1", "calendar": bavaria, "on_holidays": "skip"}
    schedule = schedules.set_schedule(counting, **wish, by=alice, at=MONDAY)
    if is_paused:
        schedules.pause(schedule, by=alice, at=MONDAY)

    with pytest.raises(BadCalendar, match="“Counting” would never be refreshed"):
        calendars.change_calendar(bavaria, weekend=[0], by=ada, at=MONDAY)

    bavaria.refresh_from_db()
    assert bavaria.weekend == [5, 6]


def test_calendar_that_is_followed_is_not_removed(
    daily: Schedule, bavaria: Calendar, ada: User, alice: User
) -> None:
    with pytest.raises(BadCalendar, match="followed by “Counting”"):
        calendars.remove_calendar(bavaria, by=ada, at=MONDAY)

    schedules.end(daily, by=alice, at=MONDAY)
    calendars.remove_calendar(bavaria, by=ada, at=MONDAY)

    assert not Calendar.objects.exists()
    assert Schedule.objects.get().state == "ended"


def test_fiscal_years_that_are_not_listed_are_assumed_to_have_52_weeks() -> None:
    works = clockwork.calendar(fiscal_pattern="4-4-5", fiscal_years=["2026-02-02"])

    years = islice(fiscal.periods(works, "year", since=date(2025, 6, 1)), 3)

    assert [(str(one.first), str(one.last), one.is_assumed) for one in years] == [
        ("2025-02-03", "2026-02-01", True),
        ("2026-02-02", "2027-01-31", False),
        ("2027-02-01", "2028-01-30", True),
    ]


def test_fiscal_periods_follow_each_other_without_a_gap() -> None:
    works = clockwork.calendar(fiscal_pattern="5-4-4", fiscal_years=["2023-01-30", "2024-02-05"])

    months = list(islice(fiscal.periods(works, "month", since=date(2022, 3, 1)), 60))

    assert all((following.first - one.last).days == 1 for one, following in pairwise(months))
    assert months[23].first == date(2024, 1, 1)
    assert {(one.last - one.first).days + 1 for one in months} == {28, 35}


def test_pages_show_days_off_and_let_admins_change_them(
    client: Client, daily: Schedule, bavaria: Calendar, ada: User
) -> None:
    client.force_login(ada)
    wish = {"name": "Bavaria", "country": "DE", "subdivision": "BY", "weekend": ["5", "6"]}
    fiscal_wish = {"fiscal_pattern": "months", "fiscal_first_month": "4"}

    saved = client.post(
        f"/operations/calendars/{bavaria.pk}/change/",
        wish | fiscal_wish | {"closed": "2027-02-08 Carnival", "opened": "", "fiscal_years": ""},
        follow=True,
    ).content.decode()
    listed = client.get("/operations/calendars/").content.decode()
    form = client.get(f"/operations/calendars/{bavaria.pk}/change/").content.decode()

    bavaria.refresh_from_db()
    assert (bavaria.closed, bavaria.fiscal_first_month) == ([["2027-02-08", "Carnival"]], 4)
    assert "Counting" in saved
    assert "Christmas Day" in saved
    assert "Public holidays of Germany, BY" in listed
    assert form.count("checked") == 2


def test_form_says_what_is_wrong_and_page_what_follows(
    client: Client, daily: Schedule, bavaria: Calendar, ada: User, alice: User
) -> None:
    client.force_login(ada)
    wish = {"name": "Other", "fiscal_pattern": "4-4-5", "fiscal_first_month": "1"}

    refused = client.post("/operations/calendars/new/", wish)
    kept = client.post(
        f"/operations/calendars/{bavaria.pk}/change/", {"action": "remove"}, follow=True
    )

    assert refused.status_code == 422
    assert "at least one fiscal year" in refused.content.decode()
    assert "is not removed" in kept.content.decode()
    client.force_login(alice)
    assert "Change</a>" not in client.get(f"/operations/calendars/{bavaria.pk}/").content.decode()
