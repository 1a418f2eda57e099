"""Whose turn it is: the order, what holds others up, and who is told when a run has ended."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from portal.accounts.models import User
from portal.publishing.models import Variant
from portal.runs import actions, claims, doorbell, queue, schedules, ticker
from portal.runs.models import Backfill, Limit, Run, Schedule, Worker
from tests.runs.authors import CONSTANT, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
NAMES = ("alpha-report", "beta-chart", "gamma-list", "delta-thing")


def queued(by: User, *names: str, **fields: Any) -> list[Run]:
    """The first run of a publication each."""
    found = []
    for name in names or NAMES:
        run = publish_script(CONSTANT, by=by, at=MONDAY, slug=name).runs.get()
        Run.objects.filter(pk=run.pk).update(**fields)
        found.append(Run.objects.get(pk=run.pk))
    return found


def take(minutes: int = 0) -> int | None:
    """The run that a worker takes now."""
    mine = claims.claim_next(worker="w", at=MONDAY + timedelta(minutes=minutes))
    return mine.run_id if mine else None


def end(run: Run) -> Run:
    Run.objects.filter(pk=run.pk).update(
        state=Run.State.UNCHANGED, finished_at=MONDAY, lease_until=None
    )
    return run


def limit(of: str, name: str, most: int, by: User) -> Limit:
    return Limit.objects.create(of=of, name=name, most=most, set_by=by, set_at=MONDAY)


def another(run: Run, **fields: Any) -> Run:
    again = actions.request_run(
        run.version, variant=run.variant, trigger=Run.Trigger.MANUAL, by=None, at=MONDAY
    )
    Run.objects.filter(pk=again.pk).update(**fields)
    return again


def backfill_of(variant: Variant, by: User, *, runs: int, at_once: int) -> Backfill:
    schedule = schedules.set_schedule(variant, every_minutes=60, by=by, at=MONDAY)
    backfill = Backfill.objects.create(
        schedule=schedule, first_at=MONDAY, last_at=MONDAY, at_once=at_once, by=by, at=MONDAY
    )
    for hour in range(runs):
        Run.objects.create(
            version=variant.version,
            variant=variant,
            trigger=Run.Trigger.BACKFILL,
            backfill=backfill,
            logical_time=MONDAY - timedelta(hours=hour),
            queued_at=MONDAY,
        )
    return backfill


def test_order_is_priority_then_people_then_time(alice: User) -> None:
    low, backfilled, scheduled, manual = queued(alice)
    late = publish_script(CONSTANT, by=alice, at=MONDAY, slug="late").runs.get()
    high = publish_script(CONSTANT, by=alice, at=MONDAY, slug="urgent").runs.get()
    backfill = backfill_of(backfilled.variant, alice, runs=1, at_once=1)
    end(backfilled)
    Run.objects.filter(pk=low.pk).update(priority=Schedule.Priority.LOW)
    Run.objects.filter(pk=high.pk).update(priority=Schedule.Priority.HIGH)
    Run.objects.filter(pk=scheduled.pk).update(trigger=Run.Trigger.SCHEDULE)
    Run.objects.filter(pk=late.pk).update(queued_at=MONDAY + timedelta(seconds=1))

    taken = [take() for _ in range(7)]

    ordered = [high.pk, manual.pk, late.pk, scheduled.pk, backfill.runs.get().pk, low.pk, None]
    assert taken == ordered


def test_run_is_not_taken_before_its_time(alice: User) -> None:
    (run,) = queued(alice, "alpha-report", not_before=MONDAY + timedelta(minutes=5))

    assert [take(4), take(5)] == [None, run.pk]


def test_next_run_of_a_version_waits_and_does_not_hold_up_others(alice: User) -> None:
    first, other = queued(alice, "alpha-report", "beta-chart")
    Run.objects.filter(pk=first.pk).update(priority=Schedule.Priority.HIGH)
    following = another(first, priority=Schedule.Priority.HIGH)

    taken = [take(), take(), take()]
    end(first)

    assert taken == [first.pk, other.pk, None]
    assert take() == following.pk


def test_run_of_a_version_that_is_more_urgent_goes_before_an_older_one(alice: User) -> None:
    (older,) = queued(alice, "alpha-report")
    urgent = another(older, priority=Schedule.Priority.HIGH)

    assert claims.claim(older.pk, worker="w", at=MONDAY) is None
    assert claims.claim(urgent.pk, worker="w", at=MONDAY) is not None


@pytest.mark.parametrize(
    ("of", "name"), [("queue", "default"), ("team", "delivery"), ("resource", "ware_house")]
)
def test_limit_lets_so_many_through_and_no_more(alice: User, of: str, name: str) -> None:
    runs = queued(alice, uses=["lake", "ware_house"])
    (free,) = queued(alice, "epsilon-free", queue="other", uses=["warexhouse"])
    Run.objects.filter(pk=free.pk).update(queued_at=MONDAY + timedelta(hours=1))
    free.variant.publication.__class__.objects.filter(pk=free.variant.publication_id).update(
        team=None
    )
    limit(of, name, 2, alice)

    taken = [take() for _ in range(4)]
    end(runs[0])

    assert taken == [runs[0].pk, runs[1].pk, free.pk, None]
    assert [take(), take()] == [runs[2].pk, None]


def test_backfill_goes_beside_other_runs_so_many_at_once_as_it_says(
    counting: Variant, alice: User
) -> None:
    backfill = backfill_of(counting, alice, runs=3, at_once=2)
    first, second, third = backfill.runs.order_by("pk")

    taken = [take() for _ in range(4)]
    end(first)

    assert taken == [counting.runs.order_by("pk")[0].pk, first.pk, second.pk, None]
    assert [take(), take()] == [third.pk, None]


def test_worker_takes_only_of_the_queues_that_it_serves(
    alice: User, settings: LazySettings
) -> None:
    settings.RUN_QUEUES = ["heavy", "night"]
    _light, heavy = queued(alice, "alpha-report", "beta-chart")
    Run.objects.filter(pk=heavy.pk).update(queue="heavy")

    assert [take(), take()] == [heavy.pk, None]


def test_manifest_says_queue_and_resources_of_every_run(alice: User) -> None:
    manifest = {"run": {"queue": "heavy", "resources": ["warehouse"]}}

    run = publish_script(CONSTANT, by=alice, at=MONDAY, manifest=manifest).runs.get()

    assert (run.queue, run.uses) == ("heavy", ["warehouse"])


def test_end_frees_the_next_of_the_version_of_each_limit_and_of_all(alice: User) -> None:
    ended, of_team, uses, _any_other = queued(alice)
    Run.objects.filter(pk__in=[ended.pk, uses.pk]).update(uses=["warehouse"])
    same = another(ended, queued_at=MONDAY + timedelta(hours=1))
    limit("team", "delivery", 1, alice)
    limit("resource", "warehouse", 1, alice)
    take()

    freed = queue.freed_by(end(Run.objects.get(pk=ended.pk)), at=MONDAY)

    assert [run.pk for run in freed] == [of_team.pk, same.pk, uses.pk]


def test_ticker_rings_when_a_run_may_go_and_not_before(alice: User) -> None:
    queued(alice, "alpha-report", not_before=MONDAY + timedelta(minutes=5))

    rung = [ticker.ring_again(MONDAY + timedelta(minutes=minute)) for minute in (4, 5, 5)]

    assert rung == [0, 1, 0]


def test_bell_of_a_named_queue_rings_where_its_workers_listen() -> None:
    usual, own, now = "broadsheet", "broadsheet.heavy", timezone.now()

    def hired(name: str, queues: list[str], *, age: int = 0) -> list[str]:
        seen = now - timedelta(seconds=age)
        Worker.objects.create(name=name, started_at=seen, seen_at=seen, queues=queues)
        return doorbell.doors_of("heavy")

    doors = [doorbell.doors_of("heavy")]
    doors.append(hired("dead:1", ["heavy"], age=60))
    doors.append(hired("here:1", ["heavy", "default"]))
    doors.append(hired("here:2", []))

    assert doors == [[usual], [usual], [own], [usual, own]]
    assert doorbell.doors_of("default") == [usual]


def test_claim_asks_as_much_with_many_waiting_as_with_few(
    alice: User, django_assert_num_queries: Any
) -> None:
    queued(alice, "alpha-report")
    limit("team", "delivery", 10, alice)
    with django_assert_num_queries(7):  # two of them savepoints
        take()
    queued(alice, *NAMES[1:])
    with django_assert_num_queries(7):
        take()
