"""How fresh variants are, told in a constant number of queries."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.publishing.actions import Rendered, add_edition, publish
from portal.publishing.models import Variant
from portal.publishing.permissions import can_edit
from portal.runs import backfills, schedules
from portal.runs.models import Promise, Run
from portal.runs.queries import runs_for, state_of, states_of, usual_seconds
from tests.runs.authors import COUNTING, bundle_of, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
SOON = MONDAY + timedelta(minutes=1)


def end(variant: Variant, state: str, *, minutes: int = 1) -> Run:
    run = variant.runs.get(state="queued")
    run.state, run.finished_at = state, MONDAY + timedelta(minutes=minutes)
    run.save()
    return run


def show(variant: Variant, *, minutes: int) -> None:
    at = MONDAY + timedelta(minutes=minutes)
    files = bundle_of({"index.html": f"<p>{minutes}"}, entry="main.py").files
    edition = add_edition(
        Rendered(files=files, entry="index.html"),
        version=variant.version,
        variant=variant,
        logical_time=at,
        by=None,
        at=at,
    )
    publish(edition, by=None, at=at, reason="shown")


def test_waiting_run_is_active_and_not_late(counting: Variant) -> None:
    state = state_of(counting, at=SOON)

    assert state.active_run == counting.runs.get()
    assert (state.last_run, state.failed_run, state.is_late) == (None, None, False)


def test_run_that_nobody_takes_is_late(counting: Variant) -> None:
    assert state_of(counting, at=MONDAY + timedelta(minutes=6)).is_late


def test_stopped_schedule_is_told_as_long_as_no_other_is_active(
    counting: Variant, alice: User
) -> None:
    schedule = schedules.set_schedule(counting, every_minutes=60, by=alice, at=MONDAY)
    schedules.pause(schedule, by=alice, at=MONDAY)
    paused = state_of(counting, at=SOON)

    schedules.set_schedule(counting, name="other", every_minutes=5, by=alice, at=MONDAY)

    assert (paused.schedule, paused.stopped) == (None, schedule)
    assert state_of(counting, at=SOON).stopped is None


def test_promise_that_is_broken_is_late_until_it_is_made_good(
    counting: Variant, alice: User
) -> None:
    end(counting, "unchanged")
    schedule = schedules.set_schedule(counting, every_minutes=600, by=alice, at=MONDAY)
    promise = Promise.objects.create(schedule=schedule, at=SOON, state=Promise.State.BROKEN)

    broken = state_of(counting, at=SOON)
    Promise.objects.update(made_good_at=SOON)
    made_good = state_of(counting, at=SOON)

    assert (broken.broken_promise, broken.is_late) == (promise, True)
    assert (made_good.broken_promise, made_good.is_late) == (None, False)


def test_promise_that_was_broken_before_one_was_kept_is_over(
    counting: Variant, alice: User
) -> None:
    end(counting, "unchanged")
    schedule = schedules.set_schedule(counting, every_minutes=600, by=alice, at=MONDAY)
    Promise.objects.create(schedule=schedule, at=MONDAY, state=Promise.State.BROKEN)
    Promise.objects.create(schedule=schedule, at=SOON, state=Promise.State.KEPT)

    assert not state_of(counting, at=SOON).is_late


def test_slot_that_nobody_makes_is_late(counting: Variant, alice: User) -> None:
    end(counting, "unchanged")
    schedules.set_schedule(counting, every_minutes=10, by=alice, at=MONDAY)

    on_time = state_of(counting, at=MONDAY + timedelta(minutes=14))
    late = state_of(counting, at=MONDAY + timedelta(minutes=16))

    assert (on_time.is_late, late.is_late) == (False, True)
    assert late.in_words == "Every 10 minutes"
    assert late.next_due_at == MONDAY + timedelta(minutes=10)


def test_failed_run_is_told_until_something_newer_is_shown(counting: Variant) -> None:
    failed = end(counting, "failed", minutes=2)
    before = state_of(counting, at=SOON)

    show(counting, minutes=3)

    assert before.failed_run == failed
    assert state_of(counting, at=SOON).failed_run is None


def test_edition_from_before_does_not_hide_a_failure(counting: Variant) -> None:
    show(counting, minutes=1)

    failed = end(counting, "timed_out", minutes=2)

    assert state_of(counting, at=SOON).failed_run == failed


def test_failure_of_a_replaced_version_is_nobodys_business_now(
    counting: Variant, alice: User
) -> None:
    end(counting, "failed")

    variant = publish_script(COUNTING + "\n", by=alice, at=MONDAY)

    assert state_of(variant, at=SOON).failed_run is None


def test_cancelled_run_is_no_failure(counting: Variant) -> None:
    end(counting, "cancelled")

    assert state_of(counting, at=SOON).failed_run is None


def test_states_of_many_need_as_many_queries_as_of_one(
    counting: Variant, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    variants = [counting]
    for slug in ("alpha-report", "beta-chart"):
        variants.append(publish_script(COUNTING, by=alice, at=MONDAY, slug=slug))
        schedules.set_schedule(variants[-1], every_minutes=5, by=alice, at=MONDAY)
    end(counting, "failed")

    with django_assert_num_queries(6):
        states = states_of(variants, at=SOON)

    assert set(states) == {variant.pk for variant in variants}


def test_list_of_runs_agrees_with_the_right_to_each(
    counting: Variant,
    alice: User,
    bob: User,
    charlie: User,
    dora: User,
    ada: User,
) -> None:
    publish_script(COUNTING, by=dora, at=MONDAY, slug="of-another-team")

    for person in (alice, bob, charlie, dora, ada):
        allowed = {run.pk for run in Run.objects.all() if can_edit(person, run.variant.publication)}
        assert set(runs_for(person).values_list("pk", flat=True)) == allowed


def test_usual_time_is_the_median_of_good_runs(counting: Variant) -> None:
    assert usual_seconds([]) is None
    assert usual_seconds(Run.objects.all()) is None


def test_state_tells_the_soonest_due_time_else_what_it_waits_for(
    counting: Variant, alice: User
) -> None:
    schedules.set_schedule(counting, name="data", rule="arrival", by=alice, at=MONDAY)
    waiting = state_of(counting, at=MONDAY)

    for name, minutes in (("slow", 600), ("fast", 5)):
        schedules.set_schedule(counting, name=name, every_minutes=minutes, by=alice, at=MONDAY)
    clocked = state_of(counting, at=MONDAY)

    assert (waiting.in_words, waiting.next_due_at) == ("When data arrive", None)
    assert (clocked.in_words, clocked.next_due_at) == (
        "Every 5 minutes",
        MONDAY + timedelta(minutes=5),
    )


def test_backfill_says_nothing_of_today(counting: Variant, alice: User) -> None:
    last = end(counting, "unchanged")
    daily = schedules.set_schedule(counting, cron="0 7 * * *", by=alice, at=MONDAY)
    span = {"first": MONDAY - timedelta(days=3), "last": MONDAY}
    backfills.start_backfill(daily, **span, by=alice, at=MONDAY)
    Run.objects.filter(pk=Run.objects.latest("pk").pk).update(
        state="failed", finished_at=MONDAY + timedelta(minutes=8)
    )

    state = state_of(counting, at=MONDAY + timedelta(minutes=9))

    assert (state.active_run, state.last_run, state.failed_run) == (None, last, None)
    assert not state.is_late


def test_run_that_is_held_back_is_late_only_after_its_time(counting: Variant) -> None:
    Run.objects.update(not_before=MONDAY + timedelta(minutes=20))

    late = [state_of(counting, at=MONDAY + timedelta(minutes=at)).is_late for at in (10, 26)]

    assert late == [False, True]
