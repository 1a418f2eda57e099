"""Due slots: made once, missed ones by policy, never silently."""

from datetime import datetime, timedelta

import pytest

from portal.accounts.models import User
from portal.publishing.models import Variant
from portal.runs import schedules, slots
from portal.runs.models import Run, Schedule, Slot
from portal.runs.policies import FINISHED_CONTENT, LATER_ONE, REMOVED, TOO_LATE
from portal.runs.slots import make_due_slots
from tests.runs.authors import CONSTANT, COUNTING, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def idle(counting: Variant) -> Variant:
    """The variant after its first run."""
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    return counting


def every_minute(variant: Variant, misfire: str = "latest") -> Schedule:
    owner = variant.publication.owner
    return schedules.set_schedule(variant, every_minutes=1, misfire=misfire, by=owner, at=MONDAY)


def after(minutes: float) -> datetime:
    return MONDAY + timedelta(minutes=minutes)


def made(schedule: Schedule) -> list[tuple[int, str, str]]:
    """Minute, state and reason of every slot."""
    return [
        (int((slot.due_at - MONDAY).total_seconds() // 60), slot.state, slot.reason)
        for slot in schedule.slots.order_by("due_at")
    ]


def test_due_slot_queues_a_run_for_its_logical_time(idle: Variant) -> None:
    schedule = every_minute(idle)

    count = make_due_slots(after(1.2))

    slot = Slot.objects.get()
    assert count == 1
    assert (slot.due_at, slot.run.logical_time) == (after(1), after(1))
    assert (slot.run.trigger, slot.run.requested_by) == (Run.Trigger.SCHEDULE, None)
    schedule.refresh_from_db()
    assert schedule.next_due_at == after(2)


def test_slot_is_made_once_however_often_the_ticker_ticks(idle: Variant) -> None:
    schedule = every_minute(idle)

    counts = [make_due_slots(after(1.2)) for _ in range(3)]

    assert counts == [1, 0, 0]
    assert made(schedule) == [(1, "taken", "")]


def test_nothing_is_made_before_its_time(idle: Variant) -> None:
    every_minute(idle)

    assert make_due_slots(after(0.9)) == 0


def test_latest_runs_the_newest_missed_slot_and_records_the_others(idle: Variant) -> None:
    schedule = every_minute(idle, "latest")

    make_due_slots(after(3.5))

    assert made(schedule) == [
        (1, "skipped", LATER_ONE),
        (2, "skipped", LATER_ONE),
        (3, "taken", ""),
    ]


def test_skip_runs_only_what_is_on_time(idle: Variant) -> None:
    schedule = every_minute(idle, "skip")

    make_due_slots(after(3.5))

    assert made(schedule) == [
        (1, "skipped", TOO_LATE),
        (2, "skipped", TOO_LATE),
        (3, "taken", ""),
    ]


def test_skip_runs_nothing_after_a_long_pause(idle: Variant) -> None:
    schedule = schedules.set_schedule(
        idle, every_minutes=60, misfire="skip", by=idle.publication.owner, at=MONDAY
    )

    make_due_slots(after(90))

    assert made(schedule) == [(60, "skipped", TOO_LATE)]


def test_all_runs_every_missed_slot_in_order(idle: Variant) -> None:
    schedule = every_minute(idle, "all")

    make_due_slots(after(3.5))

    assert made(schedule) == [(1, "taken", ""), (2, "taken", ""), (3, "taken", "")]
    queued = Run.objects.filter(state="queued").order_by("pk")
    assert [run.logical_time for run in queued] == [after(1), after(2), after(3)]


@pytest.mark.parametrize("misfire", ["latest", "all"])
def test_long_pause_is_caught_up_in_batches_without_a_gap(
    idle: Variant, monkeypatch: pytest.MonkeyPatch, misfire: str
) -> None:
    monkeypatch.setattr(slots, "MOST_OF_ONE", 4)
    schedule = every_minute(idle, misfire)

    make_due_slots(after(10.5))

    taken = [minute for minute, state, _ in made(schedule) if state == "taken"]
    assert [minute for minute, _, _ in made(schedule)] == list(range(1, 11))
    assert taken == ([10] if misfire == "latest" else list(range(1, 11)))


def test_slot_is_skipped_with_a_reason_while_a_run_is_going(idle: Variant) -> None:
    schedule = every_minute(idle)
    make_due_slots(after(1.1))
    going = Run.objects.get(state="queued")

    make_due_slots(after(2.1))

    assert made(schedule)[1] == (2, "skipped", f"Run {going.pk} was still queued")


def test_slot_of_finished_content_is_skipped_with_a_reason(idle: Variant) -> None:
    schedule = every_minute(idle)
    idle.version.executes = False
    idle.version.save()

    make_due_slots(after(1.1))

    assert made(schedule) == [(1, "skipped", FINISHED_CONTENT)]


def test_schedule_that_fails_does_not_stop_the_others(
    idle: Variant, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    other = publish_script(CONSTANT, by=alice, at=MONDAY, slug="other-thing")
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    broken, good = every_minute(idle), every_minute(other)
    Schedule.objects.filter(pk=broken.pk).update(rule="cron", cron="61 * * * *", every_minutes=None)

    make_due_slots(after(1.1))

    assert made(good) == [(1, "taken", "")]
    assert made(broken) == []
    assert f"schedule={broken.pk}" in caplog.text


def test_removed_publication_has_its_last_slot_skipped_and_its_schedule_paused(
    idle: Variant, alice: User
) -> None:
    schedule = every_minute(idle)
    publication = idle.publication
    publication.state, publication.removed_by, publication.removed_at = "removed", alice, MONDAY
    publication.save()

    counts = make_due_slots(after(1.1)), make_due_slots(after(9.1))

    schedule.refresh_from_db()
    assert counts == (1, 0)
    assert made(schedule) == [(1, "skipped", REMOVED)]
    assert (schedule.state, schedule.state_reason) == ("paused", REMOVED)


def test_paused_schedule_makes_nothing(idle: Variant, alice: User) -> None:
    schedule = every_minute(idle)
    schedules.pause(schedule, by=alice, at=MONDAY)

    assert make_due_slots(after(5)) == 0


def test_each_variant_has_slots_of_its_own(idle: Variant, alice: User) -> None:
    other = publish_script(COUNTING, by=alice, at=MONDAY, slug="other-thing")
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    first, second = every_minute(idle), every_minute(other)

    make_due_slots(after(1.1))

    assert made(first) == made(second) == [(1, "taken", "")]
