"""What policies make of a due time: deadline, overlap, jitter, and what a run takes over from its schedule."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portal.accounts.models import User
from portal.publishing.models import AuditEvent, Variant
from portal.runs import claims, policies, schedules, slots
from portal.runs.models import Run, Schedule, Slot
from portal.runs.slots import make_due_slots
from tests.runs.authors import CONSTANT, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def idle(counting: Variant) -> Variant:
    """The variant after its first run."""
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    return counting


def minutes(count: float) -> datetime:
    return MONDAY + timedelta(minutes=count)


def scheduled(variant: Variant, every: int = 1, **wish: Any) -> Schedule:
    owner = variant.publication.owner
    schedule = schedules.set_schedule(
        variant, every_minutes=every, name=wish.pop("name", "default"), by=owner, at=MONDAY
    )
    Schedule.objects.filter(pk=schedule.pk).update(**wish)
    return schedule


def newest(schedule: Schedule) -> Slot:
    return schedule.slots.select_related("run").latest("due_at")


@pytest.mark.parametrize("misfire", ["latest", "all", "skip"])
def test_slot_past_its_deadline_is_not_run_and_says_so(idle: Variant, misfire: str) -> None:
    schedule = scheduled(idle, 60, misfire=misfire, deadline_minutes=30)

    make_due_slots(minutes(91))

    slot = newest(schedule)
    assert (slot.state, slot.reason) == ("skipped", "Missed: it could not start within 30 minutes")


def test_slot_within_its_deadline_is_run(idle: Variant) -> None:
    schedule = scheduled(idle, 60, deadline_minutes=30)

    make_due_slots(minutes(90))

    assert newest(schedule).state == "taken"


def test_overlap_queue_lets_the_new_run_wait(idle: Variant) -> None:
    schedule = scheduled(idle, overlap="queue")

    make_due_slots(minutes(1))
    make_due_slots(minutes(2))

    assert [slot.state for slot in schedule.slots.all()] == ["taken", "taken"]


def test_overlap_cancel_stops_a_waiting_run_and_asks_a_going_one(idle: Variant) -> None:
    schedule = scheduled(idle, overlap="cancel")
    make_due_slots(minutes(1))
    going = newest(schedule).run
    claims.claim(going.pk, worker="w", at=minutes(1))

    make_due_slots(minutes(2))
    waiting = newest(schedule).run
    make_due_slots(minutes(3))

    going.refresh_from_db()
    waiting.refresh_from_db()
    assert (going.state, going.cancel_requested, going.cancelled_by) == ("running", True, None)
    assert going.remark.startswith("Cancelled: Its schedule was due again")
    assert (waiting.state, waiting.finished_at) == ("cancelled", minutes(3))
    assert "Its schedule was due again" in waiting.error
    assert newest(schedule).run.state == "queued"
    assert AuditEvent.objects.filter(action="cancel_run", object_id=waiting.pk, by=None).exists()


def test_run_of_a_backfill_is_in_nobodys_way(idle: Variant, alice: User) -> None:
    schedule = scheduled(idle)
    backfill = schedule.backfills.create(first_at=MONDAY, last_at=MONDAY, by=alice, at=MONDAY)
    Run.objects.create(
        version=idle.version,
        variant=idle,
        trigger="backfill",
        backfill=backfill,
        logical_time=MONDAY,
        queued_at=MONDAY,
    )

    make_due_slots(minutes(1))

    assert newest(schedule).state == "taken"


def test_second_schedule_due_at_the_same_time_names_the_first(idle: Variant) -> None:
    scheduled(idle, name="often")
    second = scheduled(idle, name="seldom")

    make_due_slots(minutes(1))

    assert newest(second).reason == "Schedule “often” had it run already"


def test_jitter_moves_the_start_and_not_the_logical_time(idle: Variant) -> None:
    schedule = scheduled(idle, 60, jitter_minutes=30)
    schedule.refresh_from_db()

    make_due_slots(minutes(60))

    run = newest(schedule).run
    assert run.logical_time == minutes(60)
    assert run.not_before == policies.not_before(schedule, minutes(60), at=minutes(60))
    assert run.rung_at is None


@given(jitter=st.integers(1, 600), hour=st.integers(0, 100_000), key=st.integers(1, 10**9))
def test_jitter_is_stable_and_stays_within_its_window(jitter: int, hour: int, key: int) -> None:
    schedule = Schedule(pk=key, jitter_minutes=jitter)
    due = MONDAY + timedelta(hours=hour)

    starts = {policies.not_before(schedule, due, at=due - timedelta(days=1)) for _ in range(2)}

    assert len(starts) == 1
    assert due <= starts.pop() <= due + timedelta(minutes=jitter)


def test_run_takes_over_what_schedule_and_manifest_say(alice: User) -> None:
    manifest = {"run": {"queue": "heavy", "resources": ["warehouse"]}}
    variant = publish_script(CONSTANT, by=alice, at=MONDAY, manifest=manifest)
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    schedule = scheduled(variant, priority=1, time_limit_seconds=90)

    make_due_slots(minutes(1))

    run = newest(schedule).run
    assert (run.priority, run.time_limit_seconds) == (1, 90)
    assert (run.queue, run.uses) == ("heavy", ["warehouse"])


@pytest.mark.parametrize("change", ["pause", "set", "end"])
def test_what_is_due_is_made_before_a_schedule_changes(
    idle: Variant, alice: User, change: str
) -> None:
    schedule = scheduled(idle, 60)

    match change:
        case "pause":
            schedules.pause(schedule, by=alice, at=minutes(61))
        case "set":
            schedules.set_schedule(idle, every_minutes=10, by=alice, at=minutes(61))
        case "end":
            schedules.end(schedule, by=alice, at=minutes(61))

    assert [(slot.due_at, slot.state) for slot in schedule.slots.all()] == [(minutes(60), "taken")]


def test_slot_that_is_there_already_is_not_made_again(idle: Variant) -> None:
    schedule = scheduled(idle)
    make_due_slots(minutes(3))
    Schedule.objects.update(next_due_at=minutes(2))

    make_due_slots(minutes(4))

    assert [slot.due_at for slot in schedule.slots.order_by("due_at")] == [
        minutes(count) for count in (1, 2, 3, 4)
    ]


def test_long_pauses_give_others_their_turn(idle: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "MOST_OF_ONE", 3)
    monkeypatch.setattr(slots, "MOST_SLOTS", 4)
    first, second = scheduled(idle, name="a"), scheduled(idle, name="b")

    count = make_due_slots(minutes(10))

    assert count == 20
    assert first.slots.count() == second.slots.count() == 10


def test_tick_needs_as_many_queries_for_many_schedules(alice: User) -> None:
    variants = [
        publish_script(CONSTANT, by=alice, at=MONDAY, slug=slug)
        for slug in ("north", "sea", "mountains", "desert")
    ]
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    scheduled(variants[0], 2)
    for variant in variants[1:]:
        scheduled(variant, 3)

    with CaptureQueriesContext(connection) as one:
        assert make_due_slots(minutes(2)) == 1
    with CaptureQueriesContext(connection) as three:
        assert make_due_slots(minutes(3)) == 3
    with CaptureQueriesContext(connection) as none:
        assert make_due_slots(minutes(3)) == 0

    assert len(one) == len(three) <= 12
    assert len(none) == 1


@pytest.mark.parametrize("misfire", ["latest", "skip", "all"])
@hypothesis_settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(ticks=st.lists(st.floats(0, 300), min_size=1, max_size=6))
def test_every_due_time_has_exactly_one_slot_whenever_ticks_come(
    idle: Variant, misfire: str, ticks: list[float]
) -> None:
    Slot.objects.all().delete()
    Run.objects.all().delete()
    Schedule.objects.all().delete()
    schedule = scheduled(idle, 7, misfire=misfire)

    for tick in ticks:  # in any order: clocks are set back, tickers differ
        make_due_slots(minutes(tick))

    latest = int(max(ticks) // 7)
    due = list(schedule.slots.order_by("due_at").values_list("due_at", flat=True))
    assert due == [minutes(7 * count) for count in range(1, latest + 1)]
