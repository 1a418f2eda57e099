"""Constraints on runs, schedules and slots that the database itself holds."""

from datetime import timedelta

import pytest
from django.db.models import F

from portal.accounts.models import Team, User
from portal.publishing.models import Edition, Variant
from portal.runs import schedules, secrets
from portal.runs.models import (
    Arrival,
    Backfill,
    Calendar,
    CheckResult,
    Limit,
    LogChunk,
    Promise,
    Run,
    Schedule,
    Secret,
    SecretGrant,
    Slot,
)
from tests import factories
from tests.rows import breaks, copy_of
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def hourly(counting: Variant, alice: User) -> Schedule:
    return schedules.set_schedule(counting, every_minutes=60, by=alice, at=MONDAY)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("schedule_has_its_rule", {"rule": "cron"}),
        ("schedule_has_its_rule", {"cron": "0 7 * * *"}),
        ("schedule_has_its_rule", {"every_minutes": None}),
        ("schedule_has_its_rule", {"every_minutes": 0}),
        ("schedule_has_its_rule", {"rule": "workday", "every_minutes": None, "workday": 3}),
        ("schedule_has_its_rule", {"rule": "after"}),
        ("schedule_due_only_when_active", {"state": "paused"}),
        ("schedule_suspended_says_why", {"state": "suspended", "next_due_at": None}),
        ("schedule_holidays_need_calendar", {"on_holidays": "skip"}),
        ("schedule_arrival_has_hook", {"hook": "h"}),
        ("schedule_arrival_has_hook", {"rule": "arrival", "every_minutes": None}),
    ],
)
def test_schedule_constraint_holds(hourly: Schedule, name: str, change: dict[str, object]) -> None:
    breaks(name, lambda: Schedule.objects.update(**change))


def test_schedule_name_once_per_variant_holds(hourly: Schedule) -> None:
    breaks("schedule_name_once_per_variant", lambda: copy_of(hourly).save())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("run_running_is_leased", {"state": "running", "token": "t"}),
        ("run_running_is_leased", {"state": "running", "lease_until": MONDAY}),
        ("run_finished_has_time", {"finished_at": MONDAY}),
        ("run_finished_has_time", {"state": "failed"}),
        ("run_succeeded_has_edition", {"state": "succeeded", "finished_at": MONDAY}),
        ("run_again_names_its_run", {"trigger": "rerun"}),
        ("run_of_a_backfill_names_it", {"trigger": "backfill"}),
        ("run_again_names_its_run", {"rerun_of": F("pk")}),
        ("run_cancelled_by_and_at", {"cancel_requested": True, "cancelled_at": MONDAY}),
        ("run_cancelled_by_and_at", {"cancelled_by": F("requested_by"), "cancelled_at": MONDAY}),
        ("run_cancelled_by_and_at", {"cancel_requested": True, "cancelled_by": F("requested_by")}),
    ],
)
def test_run_constraint_holds(counting: Variant, name: str, change: dict[str, object]) -> None:
    breaks(name, lambda: Run.objects.update(**change))


def test_run_edition_only_when_made_holds(counting: Variant, alice: User) -> None:
    factories.publication(by=alice)

    breaks("run_edition_only_when_made", lambda: Run.objects.update(edition=Edition.objects.get()))


def test_run_one_at_a_time_holds(counting: Variant) -> None:
    Run.objects.update(state="running", token="t", lease_until=MONDAY)

    breaks("run_one_at_a_time", lambda: copy_of(Run.objects.get()).save())


@pytest.mark.parametrize(
    "change", [{"state": "skipped", "reason": ""}, {"state": "taken", "reason": "Late"}]
)
def test_slot_taken_or_skipped_with_reason_holds(
    hourly: Schedule, change: dict[str, object]
) -> None:
    slot = Slot(schedule=hourly, due_at=MONDAY, created_at=MONDAY, **change)

    breaks("slot_taken_or_skipped_with_reason", slot.save)


def test_slot_once_holds(hourly: Schedule) -> None:
    slot = Slot.objects.create(
        schedule=hourly, due_at=MONDAY, created_at=MONDAY, state="skipped", reason="Late"
    )

    breaks("slot_once", lambda: copy_of(slot).save())


def test_log_chunk_once_holds(counting: Variant) -> None:
    chunk = LogChunk.objects.create(run=Run.objects.get(), sequence=1, at=MONDAY, text="one\n")

    breaks("log_chunk_once", lambda: copy_of(chunk).save())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("check_result_stage_known", {"stage": "later"}),
        ("check_result_severity_known", {"severity": "fatal"}),
        ("check_result_failing_within_total", {"failing": 3, "total": 2}),
        ("check_result_failing_within_total", {"failing": 3, "total": None}),
    ],
)
def test_check_result_constraint_holds(
    counting: Variant, name: str, change: dict[str, object]
) -> None:
    CheckResult.objects.create(
        run=Run.objects.get(), name="rows", stage="output", severity="block", passed=True
    )

    breaks(name, lambda: CheckResult.objects.update(**change))


@pytest.fixture
def secret(ada: User, team: Team) -> Secret:
    return secrets.create_secret("TOKEN", "hush-hush", by=ada, at=MONDAY, teams=[team])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("secret_has_name_and_ciphertext", {"name": ""}),
        ("secret_has_name_and_ciphertext", {"ciphertext": ""}),
        ("secret_set_since_created", {"set_at": MONDAY - timedelta(seconds=1)}),
    ],
)
def test_secret_constraint_holds(secret: Secret, name: str, change: dict[str, object]) -> None:
    breaks(name, lambda: Secret.objects.update(**change))


def test_secret_name_once_holds(secret: Secret) -> None:
    breaks("secret_name_once", lambda: copy_of(secret).save())


def test_secret_grant_once_holds(secret: Secret) -> None:
    breaks("secret_grant_once", lambda: copy_of(SecretGrant.objects.get()).save())


@pytest.fixture
def calendar(alice: User) -> Calendar:
    return Calendar.objects.create(slug="de", name="Germany", created_by=alice, created_at=MONDAY)


def test_calendar_fiscal_month_of_twelve_holds(calendar: Calendar) -> None:
    breaks(
        "calendar_fiscal_month_of_twelve", lambda: Calendar.objects.update(fiscal_first_month=13)
    )


def test_schedule_upstream_once_holds(hourly: Schedule) -> None:
    upstream = hourly.upstreams.create(variant=hourly.variant)

    breaks("schedule_upstream_once", lambda: copy_of(upstream).save())


def test_limit_holds(alice: User) -> None:
    limit = Limit.objects.create(
        of="resource", name="warehouse", most=3, set_by=alice, set_at=MONDAY
    )

    breaks("limit_lets_one_through", lambda: Limit.objects.update(most=0))
    breaks("limit_once", lambda: copy_of(limit).save())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("backfill_first_before_last", {"first_at": MONDAY + timedelta(days=1)}),
        ("backfill_at_least_one", {"at_once": 0}),
    ],
)
def test_backfill_constraint_holds(hourly: Schedule, name: str, change: dict[str, object]) -> None:
    Backfill.objects.create(
        schedule=hourly, first_at=MONDAY, last_at=MONDAY, by=hourly.created_by, at=MONDAY
    )

    breaks(name, lambda: Backfill.objects.update(**change))


def test_promise_holds(hourly: Schedule) -> None:
    promise = Promise.objects.create(schedule=hourly, at=MONDAY, state="kept")

    breaks("promise_made_good_was_broken", lambda: Promise.objects.update(made_good_at=MONDAY))
    breaks("promise_judged_once", lambda: copy_of(promise).save())


def test_arrival_once_holds(hourly: Schedule) -> None:
    slot = Slot.objects.create(
        schedule=hourly, due_at=MONDAY, created_at=MONDAY, state="skipped", reason="Paused"
    )
    arrival = Arrival.objects.create(schedule=hourly, delivery="msg_1", at=MONDAY, slot=slot)
    other = copy_of(slot, due_at=MONDAY + timedelta(minutes=1))
    other.save()

    breaks("arrival_once", lambda: copy_of(arrival, slot=other).save())
