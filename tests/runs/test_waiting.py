"""Why runs wait, in a sentence each, and the page that tells."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.publishing.models import AuditEvent
from portal.runs import claims, schedules, waiting
from portal.runs.models import Run, Schedule, Slot, Worker
from tests.runs.conftest import MONDAY
from tests.runs.test_queue import NAMES, another, backfill_of, limit, queued

pytestmark = pytest.mark.django_db
QUEUE = "/operations/queue/"


def hire(
    *, slots: int = 1, queues: tuple[str, ...] = (), age: int = 0, name: str = "w:1"
) -> Worker:
    seen = MONDAY - timedelta(seconds=age)
    return Worker.objects.create(
        name=name, started_at=seen, seen_at=seen, queues=list(queues), facts={"slots": slots}
    )


def why(run: Run) -> str:
    found = Run.objects.select_related("variant__publication__team", "slot__schedule").get(
        pk=run.pk
    )
    return waiting.reason(found, waiting.look(MONDAY))


def test_without_a_worker_it_is_said_since_when(alice: User) -> None:
    (run,) = queued(alice, "alpha-report")

    never = why(run)
    hire(age=60 * 60)

    assert (never, why(run)) == ("No worker is alive", "No worker is alive since 06:00")


def test_place_is_told_by_how_many_workers_are_free(alice: User) -> None:
    hire(slots=2)
    first, second, third, fourth = queued(alice)

    before = [why(run) for run in (first, second, third, fourth)]
    for run in (first, second):
        claims.claim(run.pk, worker="w", at=MONDAY)

    soon = "Next; a worker will take it within seconds"
    behind = "Waits for a free worker; {} are before it"
    assert before == [soon, soon, behind.format(2), behind.format(3)]
    assert [why(third), why(fourth)] == [
        "Next, as soon as a worker is free",
        "Waits for a free worker; 1 is before it",
    ]


def test_run_waits_for_the_one_of_its_version_that_goes_or_is_before_it(alice: User) -> None:
    hire()
    (first,) = queued(alice, "alpha-report")
    second = another(first)

    before = why(second)
    claims.claim(first.pk, worker="w", at=MONDAY)

    assert {before, why(second)} == {f"Waits for run {first.pk} of the same version"}


def test_reached_limits_are_named_with_their_figures(alice: User) -> None:
    hire(slots=9)
    first, second = queued(alice, *NAMES[:2], uses=["warehouse"], queue="heavy")
    claims.claim(first.pk, worker="w", at=MONDAY)

    said = []
    for of, name in (("resource", "warehouse"), ("team", "delivery"), ("queue", "heavy")):
        made = limit(of, name, 1, alice)
        said.append(why(second))
        made.delete()

    assert said == [
        "warehouse: 1 of 1",
        "1 of 1 at once of team Delivery are going",
        "1 of 1 at once of queue heavy are going",
    ]


def test_queue_that_nobody_serves_is_named(alice: User) -> None:
    hire(queues=("default", "night"))
    (run,) = queued(alice, "alpha-report", queue="heavy")

    assert why(run) == "No worker serves queue heavy"


def test_run_that_is_held_back_says_until_when(alice: User) -> None:
    hire()
    (run,) = queued(alice, "alpha-report", not_before=MONDAY + timedelta(minutes=4))

    plain = why(run)
    schedule = schedules.set_schedule(run.variant, every_minutes=60, retries=2, by=alice, at=MONDAY)
    Slot.objects.create(schedule=schedule, due_at=MONDAY, state="taken", run=run, created_at=MONDAY)
    Run.objects.update(tries=[{"at": MONDAY.isoformat()}])

    assert (plain, why(run)) == ("Not before 07:04", "Tries again at 07:04 (2 of 3)")


def test_run_of_a_full_backfill_says_so(alice: User) -> None:
    hire(slots=5)
    (run,) = queued(alice, "alpha-report")
    first, second = backfill_of(run.variant, alice, runs=2, at_once=1).runs.order_by("pk")
    claims.claim(first.pk, worker="w", at=MONDAY)

    assert why(second) == "1 of 1 at once of its backfill are going"


def test_page_tells_what_is_ones_own_and_counts_what_is_not(
    client: Client, alice: User, dora: User
) -> None:
    queued(alice, "alpha-report")
    queued(dora, "doras-thing", "doras-other")
    client.force_login(alice)

    page = client.get(QUEUE).content.decode()

    assert "No worker is alive" in page
    assert "and 2 of others" in page
    assert "doras" not in page


def test_page_changes_what_is_ticked_and_only_ones_own(
    client: Client, alice: User, dora: User
) -> None:
    first, second = queued(alice, *NAMES[:2])
    (foreign,) = queued(dora, "doras-thing")
    client.force_login(alice)
    ticked = {"run": [first.pk, second.pk, foreign.pk]}

    client.post(QUEUE, {**ticked, "action": "high"})
    raised = list(Run.objects.order_by("pk").values_list("priority", flat=True))
    client.post(QUEUE, {"run": [first.pk], "action": "cancel"})

    assert raised == [Schedule.Priority.HIGH, Schedule.Priority.HIGH, Schedule.Priority.NORMAL]
    assert list(Run.objects.order_by("pk").values_list("state", flat=True)) == [
        "cancelled",
        "queued",
        "queued",
    ]
    told = AuditEvent.objects.filter(action="reprioritise_run", by=alice).order_by("pk")
    assert [event.detail for event in told] == 2 * [{"priority": "high", "former": "normal"}]


def test_page_leaves_out_numbers_that_are_no_run(client: Client, alice: User) -> None:
    client.force_login(alice)
    odd = ["9" * 30, "9" * 5000, "²", "-1", ""]

    answer = client.post(QUEUE, {"run": odd, "action": "high"})

    assert answer.status_code == 303


def test_page_filters_by_queue_team_and_state(client: Client, alice: User) -> None:
    queued(alice, "heavy-thing", queue="heavy")
    queued(alice, "held-thing", not_before=timezone.now() + timedelta(days=1))
    client.force_login(alice)

    def shown(**asked: str) -> set[str]:
        rows = client.get(QUEUE, asked).context["rows"]
        return {run.variant.publication.slug for run, _ in rows}

    assert shown(queue="heavy") == {"heavy-thing"}
    assert shown(state="held") == {"held-thing"}
    assert shown(state="ready") == {"heavy-thing"}
    assert shown(team="nobody") == set()
    assert shown(team="delivery") == {"heavy-thing", "held-thing"}


def test_lists_alone_are_what_the_page_asks_for(client: Client, alice: User) -> None:
    queued(alice, "alpha-report")
    client.force_login(alice)

    answer = client.get(f"{QUEUE}live/", {"queue": "default"}).content.decode()

    assert answer.lstrip().startswith("<div")
    assert 'hx-get="/operations/queue/live/?queue=default"' in answer
    assert 'action="/operations/queue/?queue=default"' in answer


def test_page_asks_as_much_for_three_as_for_one(
    client: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    client.force_login(alice)
    first, *_ = queued(alice, *NAMES[:2])
    claims.claim(first.pk, worker="w", at=MONDAY)
    with django_assert_max_num_queries(40) as few:
        client.get(QUEUE)
    third, fourth = queued(alice, *NAMES[2:])
    another(fourth)
    claims.claim(third.pk, worker="w", at=MONDAY)
    with django_assert_max_num_queries(len(few)):
        client.get(QUEUE)
