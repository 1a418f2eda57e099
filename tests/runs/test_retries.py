"""Trying again: when, how often, and what nobody is told meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts.models import User
from portal.publishing import plugs
from portal.publishing.models import AuditEvent, Variant
from portal.runs import actions, claims, director, endings, programs, retries, schedules
from portal.runs.errors import BundleError, Cancelled, Fenced, PlatformError, RunError, TooSlow
from portal.runs.models import Run, Schedule, Slot
from tests.runs.authors import publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
REPORT = endings.Report(steps=[], resources={"seconds": 2.5}, exit_code=1)


@pytest.fixture
def news() -> Iterator[list[plugs.Announcement]]:
    heard: list[plugs.Announcement] = []
    plugs.on_announcement(heard.append)
    yield heard
    plugs._listeners.remove(heard.append)


def of_slot(variant: Variant, **policy: Any) -> Run:
    """The variant's queued run, as one of a schedule with such retries."""
    run = variant.runs.get()
    schedule = schedules.set_schedule(
        variant, every_minutes=60, by=variant.publication.owner, at=MONDAY, **policy
    )
    Slot.objects.create(
        schedule=schedule, due_at=MONDAY, state=Slot.State.TAKEN, run=run, created_at=MONDAY
    )
    return run


def fail(run: Run, error: RunError, *, minutes: int = 0) -> Run:
    at = MONDAY + minutes * MINUTE
    mine = claims.claim(run.pk, worker="w", at=at)
    assert mine is not None
    endings.fail(mine, error, REPORT, at=at)
    return Run.objects.get(pk=run.pk)


def test_run_is_tried_again_later_and_later_and_only_the_last_failure_is_told(
    counting: Variant, news: list[plugs.Announcement]
) -> None:
    run = of_slot(counting, retries=2, retry_wait_seconds=120)

    first = fail(run, PlatformError("No room."))
    too_early = claims.claim(run.pk, worker="w", at=MONDAY + MINUTE)
    second = fail(run, PlatformError("No room still."), minutes=2)
    told = len(news)
    third = fail(run, PlatformError("No room at all."), minutes=6)

    assert (first.state, first.not_before) == ("queued", MONDAY + 2 * MINUTE)
    assert too_early is None
    assert (second.state, second.not_before) == ("queued", MONDAY + 6 * MINUTE)
    assert (third.state, third.error, third.attempts) == ("failed", "No room at all.", 1)
    assert [
        (one.number, one.error, one.worker, one.seconds) for one in retries.tries_of(third)
    ] == [
        (1, "No room.", "w", 2.5),
        (2, "No room still.", "w", 2.5),
    ]
    assert (told, [type(one) for one in news]) == (0, [plugs.RunFailed])
    log = "".join(run.log_chunks.order_by("sequence").values_list("text", flat=True))
    assert "try 1 of 3. The next is in 0:02:00" in log


@pytest.mark.parametrize(
    ("retry_on", "error", "state"),
    [
        ("platform", PlatformError("Ours."), "queued"),
        ("platform", BundleError("Theirs."), "failed"),
        ("platform", TooSlow("Slow."), "timed_out"),
        ("all", BundleError("Theirs."), "queued"),
        ("all", TooSlow("Slow."), "queued"),
        ("all", Cancelled("Stopped."), "cancelled"),
    ],
)
def test_schedule_says_which_errors_are_tried_again(
    counting: Variant, retry_on: str, error: RunError, state: str
) -> None:
    run = of_slot(counting, retries=1, retry_on=retry_on)

    assert fail(run, error).state == state


def test_run_that_a_person_asked_for_is_not_tried_again(counting: Variant) -> None:
    schedules.set_schedule(
        counting, every_minutes=60, retries=3, by=counting.publication.owner, at=MONDAY
    )

    assert fail(counting.runs.get(), PlatformError("Ours.")).state == "failed"


def test_worker_of_a_former_try_is_fenced_out(counting: Variant) -> None:
    run = of_slot(counting, retries=1, retry_wait_seconds=60)
    old = claims.claim(run.pk, worker="old", at=MONDAY)
    assert old is not None
    endings.fail(old, PlatformError("Ours."), REPORT, at=MONDAY)

    waiting = [_fenced(old)]
    claims.claim(run.pk, worker="new", at=MONDAY + MINUTE)
    waiting.append(_fenced(old))

    assert waiting == [True, True]
    assert Run.objects.get(pk=run.pk).state == "running"


def _fenced(mine: claims.Claim) -> bool:
    rendered = endings.Rendered(files=[], entry="index.html")
    for end in (
        lambda: endings.succeed(mine, rendered, REPORT, at=MONDAY),
        lambda: endings.fail(mine, PlatformError("Late."), REPORT, at=MONDAY),
    ):
        with pytest.raises(Fenced):
            end()
    return True


def test_cancel_works_while_a_run_waits_to_be_tried_again(counting: Variant, alice: User) -> None:
    run = fail(of_slot(counting, retries=1), PlatformError("Ours."))

    stopped = actions.cancel_run(run, by=alice, at=MONDAY)

    run.refresh_from_db()
    assert stopped
    assert (run.state, run.error) == (
        "cancelled",
        f"Cancelled by {alice} while it waited to be tried again.",
    )
    assert claims.claim(run.pk, worker="w", at=MONDAY + timedelta(days=1)) is None


def test_person_who_asks_for_it_need_not_wait_for_the_next_try(
    counting: Variant, alice: User
) -> None:
    run = fail(of_slot(counting, retries=1), PlatformError("Ours."))

    same = actions.run_now(counting, by=alice, at=MONDAY)

    assert same == run
    assert claims.claim(run.pk, worker="w", at=MONDAY) is not None
    assert AuditEvent.objects.filter(action="hurry_run", by=alice).count() == 1


def test_worker_that_dies_of_a_retried_run_three_times_ends_it(counting: Variant) -> None:
    run = fail(of_slot(counting, retries=5, retry_wait_seconds=1), PlatformError("Ours."))

    for minute in (1, 11, 21):
        claims.claim(run.pk, worker="w", at=MONDAY + minute * MINUTE)
        claims.sweep_lapsed(MONDAY + (minute + 5) * MINUTE)

    run.refresh_from_db()
    assert (run.state, run.attempts, len(run.tries)) == ("lost", 3, 1)


@given(wait=st.integers(1, 10**6), tries=st.integers(1, 60))
def test_wait_doubles_up_to_six_hours(wait: int, tries: int) -> None:
    schedule = Schedule(retry_wait_seconds=wait)

    now, following = (retries.wait_before(schedule, number) for number in (tries, tries + 1))

    assert following == min(2 * now, retries.LONGEST_WAIT)
    assert retries.wait_before(schedule, 1) == min(timedelta(seconds=wait), retries.LONGEST_WAIT)


def test_page_tells_of_the_tries_and_when_the_next_is(
    client: Client, counting: Variant, alice: User
) -> None:
    run = of_slot(counting, retries=2)
    fail(run, PlatformError("No room."))
    Run.objects.update(not_before=MONDAY + timedelta(days=10_000))
    client.force_login(alice)

    page = client.get(f"/operations/runs/{run.pk}/").content.decode()

    assert "is tried again at" in page
    assert "(2 of 3)" in page
    assert "No room." in page


def test_schedules_time_limit_goes_before_the_manifests_and_below_ours(
    alice: User, settings: LazySettings
) -> None:
    variant = publish_script(
        "pass", by=alice, at=MONDAY, manifest={"run": {"time_limit_seconds": 50}}
    )
    run = variant.runs.get()

    limits = [programs.time_limit_of(run)]
    for seconds in (20, 10**6):
        run.time_limit_seconds = seconds
        limits.append(programs.time_limit_of(run))

    assert limits == [50, 20, settings.RUN_TIME_LIMIT_MOST_SECONDS]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_code_that_fails_once_is_tried_again_and_published(counting: Variant) -> None:
    run = of_slot(counting, retries=1, retry_on="all", retry_wait_seconds=0)
    fail(run, BundleError("It raised."))

    ended = director.direct(run.pk, worker="w")

    run.refresh_from_db()
    assert (ended, run.attempts, len(run.tries), run.not_before) == ("succeeded", 1, 1, None)
