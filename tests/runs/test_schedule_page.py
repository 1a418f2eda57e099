"""The page of a variant's schedules: presets, the next ten times, and every button."""

from datetime import time
from itertools import islice

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.publishing.models import Audience, Publication, Variant
from portal.runs import hooks, outlook, presets, schedules
from portal.runs.models import Schedule
from tests import factories
from tests.runs.clockwork import calendar, cron, schedule, utc, workday
from tests.runs.conftest import MONDAY

PAGE = "/reports/counting/schedule/"
WISH = {"timezone": "Europe/Berlin", "action": "save"}


@pytest.fixture(autouse=True)
def portal_host(settings: LazySettings, client: Client) -> None:
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]


@pytest.mark.parametrize(
    "one",
    [
        cron("0 7 * * 1-5"),
        cron("30 6 * * *"),
        cron("15 8 * * 0"),
        cron("0 7 1 * *"),
        cron("0 7 L * *"),
        cron("*/5 * * * *"),
        workday(-1, period="quarter", at_time=time(6, 30)),
        schedule("interval", every_minutes=90),
        schedule("interval", every_minutes=2880),
        schedule("after", needs="any"),
        schedule("arrival"),
    ],
)
def test_preset_leads_back_to_the_rule(one: Schedule) -> None:
    made = presets.rule_of(presets.preset_of(one))

    assert {field: getattr(one, field) for field in made} == made


@pytest.mark.parametrize(
    ("one", "after", "remarks"),
    [
        (
            cron("30 2 * * *"),
            "2026-03-28T00:00",
            ["", "The set time does not exist", ""],
        ),
        (cron("0 3 * * *"), "2026-03-28T00:00", ["", "Clocks went forward", ""]),
        (cron("30 2 * * *"), "2026-10-24T00:00", ["", "comes twice", "Clocks went back"]),
        (cron("*/30 2 * * *"), "2026-10-24T23:30", ["", "", "Clocks went back", ""]),
        (
            cron("0 7 * * *", calendar=calendar(country="DE"), on_holidays="skip"),
            "2026-12-23T12:00",
            ["", "Left out before: Fri 25 Dec, Christmas Day and Sat 26 Dec", ""],
        ),
        (
            cron("0 7 1 * *", calendar=calendar(country="DE"), on_holidays="next"),
            "2026-12-02T12:00",
            ["Moved from Fri 1 Jan, New Year's Day", "", ""],
        ),
        (
            cron("0 7 1 * *", calendar=calendar(), on_holidays="next"),
            "2026-07-02T12:00",
            ["Moved from Sat 1 Aug, Saturday", "", ""],
        ),
    ],
)
def test_next_times_tell_what_clocks_and_days_off_do(
    one: Schedule, after: str, remarks: list[str]
) -> None:
    times = islice(outlook.next_ten(one, after=utc(after)), len(remarks))

    for upcoming, remark in zip(times, remarks, strict=True):
        said = "; ".join(upcoming.remarks)
        assert remark in said if remark else not said, (upcoming, remark)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"preset": "weekdays", "at_time": "07:00"}, "At 07:00 on Monday through Friday"),
        ({"preset": "last", "at_time": "06:30"}, "At 06:30 on the last day of"),
        ({"preset": "workday", "at_time": "07:00", "nth": "3"}, "3rd working day of the month"),
        ({"preset": "interval", "every": "6", "unit": "60"}, "Every 6 hours"),
        ({"preset": "after", "upstream": ["claims"]}, "After “Weekly sales” has a new edition"),
    ],
)
def test_preset_is_shown_and_saved(
    client: Client, counting: Variant, alice: User, fields: dict[str, str], says: str
) -> None:
    factories.publication(by=alice, slug="claims")
    client.force_login(alice)

    shown = client.post(PAGE, WISH | fields | {"action": "preview"}).content.decode()
    before = Schedule.objects.count()
    client.post(PAGE, WISH | fields)

    again = client.get(PAGE).content.decode()
    assert says in shown
    assert before == 0
    assert says in again
    assert f'value="{fields["preset"]}" checked' in again


@pytest.mark.django_db
def test_one_of_several_schedules_is_changed_paused_resumed_and_removed(
    client: Client, counting: Variant, alice: User
) -> None:
    client.force_login(alice)
    client.post(PAGE, WISH | {"preset": "daily", "at_time": "07:00"})
    client.post(PAGE, WISH | {"name": "hourly", "preset": "interval", "every": "1", "unit": "60"})
    states = []

    for action in ("pause", "resume", "remove"):
        client.post(PAGE, {"name": "hourly", "action": action})
        states.append(Schedule.objects.get(name="hourly").state)

    assert states == ["paused", "active", "ended"]
    assert Schedule.objects.get(name="default").state == "active"
    page = client.get(PAGE, {"name": "default"}).content.decode()
    assert "hourly" not in page


@pytest.mark.django_db
def test_policies_are_kept(client: Client, counting: Variant, alice: User) -> None:
    client.force_login(alice)
    policies = {"overlap": "cancel", "retries": "3", "priority": "1", "fresh_by": "08:00"}

    client.post(
        PAGE,
        WISH | {"preset": "daily", "at_time": "07:00", "suspend_after_failures": "0"} | policies,
    )

    kept = Schedule.objects.get()
    assert (kept.overlap, kept.retries, kept.priority) == ("cancel", 3, 1)
    assert (kept.fresh_by, kept.suspend_after_failures) == (time(8), 0)


@pytest.mark.django_db
def test_signing_key_is_shown_once(client: Client, counting: Variant, alice: User) -> None:
    client.force_login(alice)

    saved = client.post(PAGE, WISH | {"preset": "arrival"}).content.decode()
    kept = Schedule.objects.get()
    again = client.post(PAGE, WISH | {"preset": "arrival"}, follow=True).content.decode()
    renewed = client.post(PAGE, {"action": "key"}).content.decode()

    key = hooks.shown_key(kept)
    assert key in saved
    assert f"/hooks/arrivals/{kept.hook}/" in saved
    assert key not in again + client.get(PAGE).content.decode()
    kept.refresh_from_db()
    assert hooks.shown_key(kept) in renewed


@pytest.mark.django_db
def test_page_names_no_upstream_that_one_may_not_see_and_keeps_it(
    client: Client, counting: Variant, alice: User, ada: User
) -> None:
    hidden = factories.publication(by=ada, slug="takeover", audience="owner").variants.get()
    schedules.set_schedule(
        counting, rule="after", upstreams=[hidden], by=ada, at=MONDAY, timezone="UTC"
    )
    Publication.objects.filter(slug="takeover").update(audience=Audience.OWNER)
    client.force_login(alice)

    page = client.get(PAGE).content.decode()
    client.post(PAGE, WISH | {"preset": "after", "keep_hidden": "1", "overlap": "queue"})

    assert "takeover" not in page
    assert "1 publication that you may not see" in page.replace("\xa0", " ")
    kept = Schedule.objects.get()
    assert (kept.overlap, [one.variant for one in kept.upstreams.all()]) == ("queue", [hidden])


@pytest.mark.django_db
def test_number_of_queries_does_not_grow_with_schedules(
    client: Client, counting: Variant, alice: User
) -> None:
    others = [factories.publication(by=alice, slug=f"up-{n}").variants.get() for n in range(3)]
    client.force_login(alice)
    counts = []

    for n in (1, 3):
        for name in range(n):
            schedules.set_schedule(
                counting, name=f"s{name}", rule="after", upstreams=others, by=alice, at=MONDAY
            )
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(PAGE)
        counts.append(len(queries))

    assert counts[0] == counts[1]
