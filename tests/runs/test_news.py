"""Schedules after other publications: due once all that they wait for have news, once each time."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from portal.accounts.models import User
from portal.publishing import actions
from portal.publishing.models import Edition, Variant
from portal.runs import news as noted
from portal.runs import schedules
from portal.runs.models import Run, Schedule
from tests import factories
from tests.runs.authors import CONSTANT, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


def minutes(count: float) -> datetime:
    return MONDAY + timedelta(minutes=count)


@pytest.fixture
def sales(alice: User) -> Variant:
    return factories.publication(by=alice, slug="sales").variants.get()


@pytest.fixture
def stock(alice: User) -> Variant:
    return factories.publication(by=alice, slug="stock").variants.get()


@pytest.fixture
def summary(alice: User) -> Variant:
    variant = publish_script(CONSTANT, by=alice, at=MONDAY, slug="overview")
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    return variant


def after(downstream: Variant, *upstreams: Variant, needs: str = "all") -> Schedule:
    schedule = Schedule.objects.create(
        variant=downstream,
        rule="after",
        needs=needs,
        timezone="UTC",
        state_at=MONDAY,
        starts_at=MONDAY,
        created_by=downstream.publication.owner,
        created_at=MONDAY,
    )
    for upstream in upstreams:
        schedule.upstreams.create(variant=upstream)
    return schedule


def news(variant: Variant, count: float) -> Edition:
    return factories.refresh(variant.publication, f"news of {count}", at=minutes(count))


def made(schedule: Schedule) -> list[tuple[datetime, str, str]]:
    slots = schedule.slots.order_by("due_at")
    return [(slot.due_at, slot.state, slot.reason) for slot in slots]


def test_new_edition_makes_the_next_due(sales: Variant, summary: Variant) -> None:
    schedule = after(summary, sales)

    news(sales, 5)

    assert made(schedule) == [(minutes(5), "taken", "")]
    run = schedule.slots.get().run
    assert (run.trigger, run.logical_time, run.requested_by) == ("after", minutes(5), None)


def test_all_waits_for_every_one_and_then_starts_afresh(
    sales: Variant, stock: Variant, summary: Variant
) -> None:
    schedule = after(summary, sales, stock)

    news(sales, 5)
    news(sales, 6)
    waiting = made(schedule)
    news(stock, 7)
    news(stock, 8)

    assert waiting == []
    assert made(schedule) == [(minutes(7), "taken", "")]


def test_any_is_due_with_each(sales: Variant, stock: Variant, summary: Variant) -> None:
    schedule = after(summary, sales, stock, needs="any")
    Schedule.objects.update(overlap="queue")

    news(sales, 5)
    news(stock, 6)

    assert [slot[0] for slot in made(schedule)] == [minutes(5), minutes(6)]


def test_two_at_the_same_moment_make_one_slot(
    sales: Variant, stock: Variant, summary: Variant
) -> None:
    schedule = after(summary, sales, stock, needs="any")

    news(sales, 5)
    news(stock, 5)

    assert made(schedule) == [(minutes(5), "taken", "")]


def test_roll_back_and_the_way_forward_again_are_no_news(
    sales: Variant, summary: Variant, alice: User
) -> None:
    first, second = sales.publication.editions.get(), news(sales, 1)
    schedule = after(summary, sales)

    actions.roll_back(first, by=alice, at=minutes(5), reason="Wrong")
    actions.roll_back(second, by=alice, at=minutes(6), reason="Right after all")

    assert made(schedule) == []


def test_news_while_paused_does_not_count_later(
    sales: Variant, stock: Variant, summary: Variant, alice: User
) -> None:
    schedule = after(summary, sales, stock)
    news(sales, 1)
    schedules.pause(schedule, by=alice, at=minutes(2))
    news(sales, 3)
    schedules.resume(schedule, by=alice, at=minutes(4))

    news(stock, 5)
    early = made(schedule)
    news(sales, 6)

    assert early == []
    assert made(schedule) == [(minutes(6), "taken", "")]


def test_news_still_counts_when_a_policy_is_changed(
    sales: Variant, stock: Variant, summary: Variant, alice: User
) -> None:
    schedule = after(summary, sales, stock)
    news(sales, 1)
    wish = {"rule": "after", "timezone": "UTC", "retries": 2, "upstreams": [sales, stock]}
    schedules.set_schedule(summary, **wish, by=alice, at=minutes(2))

    news(stock, 3)

    assert made(schedule) == [(minutes(3), "taken", "")]


def test_news_before_a_pause_does_not_count_when_it_is_set_again(
    sales: Variant, stock: Variant, summary: Variant, alice: User
) -> None:
    schedule = after(summary, sales, stock)
    news(sales, 1)
    schedules.pause(schedule, by=alice, at=minutes(2))
    wish = {"rule": "after", "timezone": "UTC", "upstreams": [sales, stock]}
    schedules.set_schedule(summary, **wish, by=alice, at=minutes(3))

    news(stock, 4)

    assert made(schedule) == []


def test_run_that_still_waits_is_named(sales: Variant, summary: Variant) -> None:
    schedule = after(summary, sales)

    news(sales, 5)
    news(sales, 6)

    first = schedule.slots.get(due_at=minutes(5)).run
    assert made(schedule)[1] == (minutes(6), "skipped", f"Run {first.pk} was still queued")


def test_publication_that_the_owner_may_not_see_any_more_starts_nothing(
    summary: Variant, dora: User
) -> None:
    secret = factories.publication(by=dora, slug="salaries")
    schedule = after(summary, secret.variants.get())
    factories.private(secret)

    news(secret.variants.get(), 5)

    assert made(schedule) == [(minutes(5), "skipped", noted.HIDDEN)]


def test_circle_ends_itself(sales: Variant, summary: Variant) -> None:
    schedule = after(summary, sales)
    after(sales, summary)

    news(sales, 5)

    assert made(schedule) == [(minutes(5), "skipped", noted.CIRCLE)]


def test_publishing_that_is_rolled_back_was_never_heard(sales: Variant, summary: Variant) -> None:
    schedule = after(summary, sales)

    with transaction.atomic():
        news(sales, 5)
        transaction.set_rollback(True)

    assert made(schedule) == []
    assert schedule.upstreams.get().arrived_at is None
