"""Fresh by a time: each promise is judged once, and whoever can act is told what is known of the cause."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.publishing import plugs
from portal.publishing.models import Variant
from portal.runs import promises, schedules
from portal.runs.models import Promise, Run, Schedule, Slot
from portal.runs.promises import judge_promises, next_promise, on_time_rate
from portal.runs.slots import make_due_slots
from tests.runs.authors import CONSTANT, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
A_LETTER = 3  # queries that telling of one broken promise takes


@pytest.fixture
def late() -> Iterator[list[plugs.Late]]:
    """What is announced of broken promises."""
    heard: list[plugs.Late] = []

    def listen(news: plugs.Announcement) -> None:
        if isinstance(news, plugs.Late):
            heard.append(news)

    plugs.on_announcement(listen)
    yield heard
    plugs._listeners.remove(listen)


@pytest.fixture
def idle(counting: Variant) -> Variant:
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY - timedelta(days=9))
    Run.objects.update(logical_time=MONDAY - timedelta(days=9))
    return counting


def promised(variant: Variant, **wish: Any) -> Schedule:
    """Due at 07:00 on working days, fresh by 08:00, since Monday at 06:00."""
    wish = {"cron": "0 7 * * 1-5", "timezone": "UTC", "fresh_by": time(8)} | wish
    owner = variant.publication.owner
    return schedules.set_schedule(variant, **wish, by=owner, at=MONDAY)


def at(hour: int, minute: int = 0, day: int = 16) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def ended(run: Run, when: datetime, state: str = "unchanged", **fields: Any) -> None:
    Run.objects.filter(pk=run.pk).update(state=state, finished_at=when, **fields)


def test_promise_is_kept_by_a_run_that_ended_in_time(idle: Variant, late: list[plugs.Late]) -> None:
    schedule = promised(idle)
    make_due_slots(at(7))
    ended(Slot.objects.get().run, at(7, 30))

    count = judge_promises(at(8)), judge_promises(at(8, 1))

    assert count == (1, 0)
    assert [(one.at, one.state) for one in schedule.promises.all()] == [(at(8), "kept")]
    assert late == []
    schedule.refresh_from_db()
    assert schedule.next_promise_at == at(8, day=17)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"state": "failed", "finished_at": at(7, 10), "error": "No rows."},
            "ended as failed. No rows.",
        ),
        ({"state": "running", "token": "t", "lease_until": at(9)}, "is still running."),
        ({}, "still waits in the queue."),
        ({"state": "unchanged", "finished_at": at(8, 5)}, "ended well, but too late."),
    ],
)
def test_broken_promise_is_told_once_with_its_cause(
    idle: Variant, late: list[plugs.Late], change: dict[str, Any], sentence: str
) -> None:
    schedule = promised(idle)
    make_due_slots(at(7))
    Run.objects.filter(slot__isnull=False).update(**change)

    judge_promises(at(8, 6))
    judge_promises(at(8, 7))

    assert [one.sentence for one in late] == [f"Run {Slot.objects.get().run_id} {sentence}"]
    assert (late[0].schedule_id, late[0].promised_at) == (schedule.pk, at(8))
    assert Promise.objects.get().state == "broken"


def test_promise_while_the_ticker_was_down_says_so(idle: Variant, late: list[plugs.Late]) -> None:
    promised(idle)

    make_due_slots(at(9, 30))
    judge_promises(at(9, 30))

    assert "its ticker was down" in late[0].sentence


def test_skipped_slot_gives_its_reason(idle: Variant, late: list[plugs.Late]) -> None:
    promised(idle, deadline_minutes=5)

    make_due_slots(at(7, 30))
    judge_promises(at(8))

    assert late[0].sentence == "It was not run: Missed: it could not start within 5 minutes."


def test_rerun_by_hand_keeps_the_promise(idle: Variant, alice: User) -> None:
    promised(idle)
    make_due_slots(at(7))
    first = Slot.objects.get().run
    ended(first, at(7, 5), "failed")
    again = Run.objects.create(
        version=idle.version,
        variant=idle,
        trigger="rerun",
        rerun_of=first,
        logical_time=first.logical_time,
        queued_at=at(7, 10),
    )
    ended(again, at(7, 50))

    judge_promises(at(8))

    assert Promise.objects.get().state == "kept"


def test_edition_of_another_time_keeps_no_promise(idle: Variant) -> None:
    promised(idle)
    Run.objects.create(
        version=idle.version,
        variant=idle,
        trigger="manual",
        logical_time=at(6, 30),
        queued_at=at(6, 30),
        state="unchanged",
        finished_at=at(6, 40),
    )

    judge_promises(at(8))

    assert Promise.objects.get().state == "broken"


def test_every_moment_is_judged_after_a_long_pause(idle: Variant) -> None:
    schedule = promised(idle)

    judge_promises(at(12, day=19))

    moments = schedule.promises.order_by("at").values_list("at", flat=True)
    assert list(moments) == [at(8, day=day) for day in (16, 17, 18, 19)]


def test_late_one_is_made_good(idle: Variant) -> None:
    promised(idle)
    make_due_slots(at(7))
    judge_promises(at(8))
    ended(Slot.objects.get().run, at(8, 40))

    judge_promises(at(8, 41))

    assert Promise.objects.get().made_good_at == at(8, 40)


def test_promises_are_made_on_days_with_a_due_time_alone(idle: Variant) -> None:
    schedule = promised(idle, cron="0 22 * * 5")  # Friday night, by Saturday morning

    assert schedule.next_promise_at == at(8, day=21)
    assert next_promise(schedule, after=at(8, day=21)) == at(8, day=28)


def test_rule_that_is_due_once_a_year_promises_once_a_year(idle: Variant) -> None:
    schedule = promised(idle, cron="0 7 1 3 *")

    assert schedule.next_promise_at == datetime(2027, 3, 1, 8, tzinfo=UTC)


def test_promise_keeps_the_local_time_when_the_clocks_change(idle: Variant) -> None:
    schedule = promised(idle, timezone="Europe/Berlin", cron="0 7 * * *")

    winter = next_promise(schedule, after=datetime(2027, 3, 26, 20, tzinfo=UTC))
    summer = next_promise(schedule, after=datetime(2027, 3, 28, 20, tzinfo=UTC))

    assert winter == datetime(2027, 3, 27, 7, tzinfo=UTC)
    assert summer == datetime(2027, 3, 29, 6, tzinfo=UTC)


@pytest.mark.parametrize(("rule", "sentence"), [("arrival", "No data"), ("after", "What it waits")])
def test_rule_without_a_clock_promises_on_working_days(rule: str, sentence: str) -> None:
    schedule = Schedule(
        rule=rule, timezone="UTC", fresh_by=time(8), state_at=MONDAY, starts_at=MONDAY
    )

    friday = next_promise(schedule, after=at(9, day=19))

    assert friday == at(8, day=20)
    assert next_promise(schedule, after=friday) == at(8, day=23)
    assert promises.why_late(schedule, friday, None).startswith(sentence)


def test_pausing_takes_the_promise_back_and_resuming_gives_it(idle: Variant, alice: User) -> None:
    schedule = promised(idle)

    schedules.pause(schedule, by=alice, at=at(6, 30))
    paused = judge_promises(at(12, day=17))
    schedules.resume(schedule, by=alice, at=at(7, 30, day=18))

    schedule.refresh_from_db()
    assert paused == 0
    assert schedule.next_promise_at == at(8, day=19)  # what was due today, it was not asked to do


def test_rate_is_of_promises_or_else_of_slots(idle: Variant) -> None:
    with_promise, without = promised(idle, name="a"), promised(idle, name="b", fresh_by=None)
    for number in range(35):
        moment = MONDAY + timedelta(days=number)
        state = "kept" if number > 9 else "broken"
        Promise.objects.create(schedule=with_promise, at=moment, state=state)
    for number, state in enumerate(["unchanged", "failed", "queued", "unchanged"]):
        moment = MONDAY + timedelta(days=number)
        run = Run.objects.create(
            version=idle.version,
            variant=idle,
            trigger="schedule",
            logical_time=moment,
            queued_at=moment,
            state=state,
            finished_at=None if state == "queued" else moment,
        )
        Slot.objects.create(
            schedule=without, due_at=moment, state="taken", run=run, created_at=moment
        )

    with CaptureQueriesContext(connection) as queries:
        rates = on_time_rate([with_promise, without])

    assert rates == {with_promise.pk: (25, 30), without.pk: (2, 3)}
    assert len(queries) == 4
    assert not any("OVER" in query["sql"] for query in queries)  # would read all that ever was


def test_judging_needs_as_many_queries_for_many(alice: User, idle: Variant) -> None:
    others = [
        publish_script(CONSTANT, by=alice, at=MONDAY, slug=slug) for slug in ("sea", "mountains")
    ]
    for variant in others:
        promised(variant)

    with CaptureQueriesContext(connection) as two:
        judge_promises(at(8))
    promised(idle)
    Schedule.objects.update(next_promise_at=at(8, day=17))
    with CaptureQueriesContext(connection) as three:
        judge_promises(at(8, day=17))

    assert (
        len(three) - len(two) == A_LETTER
    )  # each broken one is told, and judging them costs no more


def test_rule_that_breaks_keeps_nobody_from_being_judged(
    alice: User, idle: Variant, caplog: pytest.LogCaptureFixture
) -> None:
    broken = promised(idle)
    good = promised(publish_script(CONSTANT, by=alice, at=MONDAY, slug="sea"))
    Schedule.objects.filter(pk=broken.pk).update(cron="61 * * * *")

    judge_promises(at(8))

    assert [one.schedule_id for one in Promise.objects.all()] == [good.pk]
    assert f"promise_failed schedule={broken.pk}" in caplog.text
