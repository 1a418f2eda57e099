"""Schedules as code: what an upload makes of `[[schedules]]`, and what it leaves to people."""

from datetime import time
from typing import Any

import pytest

from portal.accounts.models import User
from portal.publishing import actions
from portal.publishing.actions import Wish
from portal.publishing.models import Variant
from portal.runs import calendars, schedules
from portal.runs.models import Calendar, Schedule
from portal.runs.rules import BadSchedule
from tests import factories
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
DAILY = {"name": "daily", "variant": "default", "cron": "0 7 * * *"}
HOURLY = {"name": "hourly", "variant": "default", "every_minutes": 60}


@pytest.fixture
def germany(ada: User) -> Calendar:
    return calendars.create_calendar(name="Germany", country="DE", by=ada, at=MONDAY)


def upload(text: str, *wishes: dict[str, Any], by: User) -> Variant:
    made = factories.code(text, manifest={"schedules": list(wishes)} if wishes else {})
    version = actions.publish_bundle(made, Wish(slug="sales"), by=by, at=MONDAY)
    return version.publication.variants.get()


def standing() -> dict[str, str]:
    return dict(Schedule.objects.order_by("pk").values_list("name", "state"))


def test_upload_sets_what_is_declared(alice: User, germany: Calendar) -> None:
    upstream = factories.publication(by=alice, slug="claims").variants.get()
    closing = {"name": "closing", "variant": "default", "workday": 3, "at": "06:30"}
    policies = {"fresh_by": "08:00", "priority": "high", "calendar": "germany", "retries": 2}
    follow = {"name": "follow", "variant": "default", "after": ["claims"], "paused": True}

    upload("1", closing | policies, follow, by=alice)

    kept, waiting = Schedule.objects.order_by("name")
    assert (kept.rule, kept.at_time, kept.fresh_by) == ("workday", time(6, 30), time(8))
    assert (kept.priority, kept.calendar, kept.retries, kept.is_declared) == (1, germany, 2, True)
    assert (waiting.rule, waiting.state) == ("after", "paused")
    assert [one.variant for one in waiting.upstreams.all()] == [upstream]


def test_what_is_not_declared_any_more_is_ended_and_what_people_set_stays(alice: User) -> None:
    variant = upload("1", DAILY, HOURLY, by=alice)
    schedules.set_schedule(variant, name="mine", every_minutes=5, by=alice, at=MONDAY)

    upload("2", HOURLY, by=alice)

    assert standing() == {"daily": "ended", "hourly": "active", "mine": "active"}


def test_what_stands_there_as_before_keeps_what_people_changed(alice: User) -> None:
    upload("1", DAILY, HOURLY, by=alice)
    schedules.pause(Schedule.objects.get(name="hourly"), by=alice, at=MONDAY)
    schedules.end(Schedule.objects.get(name="daily"), by=alice, at=MONDAY)

    upload("2", DAILY, HOURLY, by=alice)
    upload("3", DAILY, HOURLY, HOURLY | {"name": "third"}, by=alice)

    assert standing() == {"daily": "ended", "hourly": "paused", "third": "active"}


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"calendar": "mars"}, "no calendar “mars”"),
        ({"variant": "emea"}, "no variant “emea”"),
        ({"after": ["nothing"]}, "no “nothing” that you could wait for"),
    ],
)
def test_upload_that_names_what_is_not_there_is_refused(
    alice: User, wish: dict[str, Any], says: str
) -> None:
    base = {} if "after" in wish else {"cron": "0 7 * * *"}

    with pytest.raises(BadSchedule, match=says):
        upload("1", {"name": "a", "variant": "default"} | base | wish, by=alice)

    assert not Schedule.objects.exists()
