"""What a tick does, and that one failing part does not keep the others from being done."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import DatabaseError
from django.utils import timezone

from portal.common import health
from portal.publishing.models import Variant
from portal.runs import claims, pulse, schedules, ticker
from portal.runs.models import Heartbeat, Run, Slot
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AFTER = MONDAY + timedelta(hours=1)


def test_tick_makes_slots_and_beats(counting: Variant) -> None:
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    schedules.set_schedule(counting, every_minutes=1, by=counting.publication.owner, at=MONDAY)

    ticker.tick(MONDAY + timedelta(seconds=70))

    assert Slot.objects.get().state == "taken"
    assert Heartbeat.objects.get(name="ticker").at == MONDAY + timedelta(seconds=70)


def test_tick_queues_lapsed_runs_again(counting: Variant) -> None:
    run = counting.runs.get()
    claims.claim(run.pk, worker="w", at=MONDAY)

    ticker.tick(LONG_AFTER)

    run.refresh_from_db()
    assert (run.state, run.rung_at) == ("queued", LONG_AFTER)


def test_tick_goes_on_after_a_part_that_fails(
    counting: Variant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def make_due_slots(at: object) -> None:
        raise DatabaseError("locked")

    monkeypatch.setattr(ticker, "make_due_slots", make_due_slots)

    ticker.tick(MONDAY)

    assert "part=make_due_slots" in caplog.text
    assert Heartbeat.objects.filter(name="ticker").exists()


def test_ringing_again_waits_its_time(counting: Variant, settings: LazySettings) -> None:
    soon = MONDAY + timedelta(seconds=settings.RUN_RING_AGAIN_SECONDS - 1)

    assert ticker.ring_again(soon) == 0
    assert ticker.ring_again(LONG_AFTER) == 1
    assert ticker.ring_again(LONG_AFTER) == 0


def test_bell_rung_before_the_clock_was_set_back_is_rung_again(counting: Variant) -> None:
    Run.objects.update(rung_at=LONG_AFTER)

    assert ticker.ring_again(LONG_AFTER - timedelta(minutes=30)) == 1


def test_run_that_is_not_its_turn_is_not_rung(counting: Variant) -> None:
    claims.claim(counting.runs.get().pk, worker="w", at=LONG_AFTER)
    Run.objects.create(
        version=counting.version,
        variant=counting,
        trigger=Run.Trigger.MANUAL,
        logical_time=MONDAY,
        queued_at=MONDAY,
    )

    assert ticker.ring_again(LONG_AFTER) == 0


def test_ticker_that_never_ran_or_stopped_is_unhealthy() -> None:
    with pytest.raises(health.Unhealthy, match="ever run"):
        pulse.check_ticker()

    ticker.tick(timezone.now() - timedelta(hours=1))
    with pytest.raises(health.Unhealthy, match="No ticker since"):
        pulse.check_ticker()

    ticker.tick(timezone.now())
    assert pulse.check_ticker().endswith("s ago")


def test_part_that_breaks_by_a_fault_of_ours_keeps_the_others_from_nothing(
    counting: Variant, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.RUN_RING_AGAIN_SECONDS = "often"  # no number, so that ringing again breaks

    ticker.tick(MONDAY)

    assert "tick_failed part=ring_again" in caplog.text
    assert Heartbeat.objects.get(name="ticker").at == MONDAY
