"""Schedules over the API: the same as the pages tell, the same actions, the same rights."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.publishing.models import Variant
from portal.runs import hooks, schedules
from portal.runs.models import Run, Schedule
from portal.runs.slots import make_due_slots
from tests.runs.authors import CONSTANT, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
HERE = "/api/v1/schedules/"


@pytest.fixture
def hourly(counting: Variant, alice: User) -> Schedule:
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    return schedules.set_schedule(counting, every_minutes=60, by=alice, at=MONDAY)


@pytest.fixture
def program(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def post(program: Client, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    answer = program.post(
        f"{HERE}{path}", body or {}, content_type="application/json", headers=headers
    )
    return answer.status_code, answer.json()


def test_list_tells_of_each_schedule(program: Client, hourly: Schedule) -> None:
    told = program.get(HERE, {"publication": "counting", "state": "active"}).json()

    (one,) = told["items"]
    assert (one["id"], one["name"], one["in_words"]) == (hourly.pk, "default", "Every hour")
    assert one["on_time"] == [0, 0]
    assert told["next"] is None
    assert program.get(HERE, {"state": "paused"}).json()["items"] == []


def test_list_pages_and_needs_as_many_queries_for_many(
    program: Client, alice: User, hourly: Schedule
) -> None:
    with CaptureQueriesContext(connection) as one:
        program.get(HERE)
    for slug in ("sea", "mountains"):
        variant = publish_script(CONSTANT, by=alice, at=MONDAY, slug=slug)
        schedules.set_schedule(variant, every_minutes=60, by=alice, at=MONDAY)
    with CaptureQueriesContext(connection) as three:
        program.get(HERE)

    first = program.get(HERE, {"limit": 2}).json()
    second = program.get(HERE, {"limit": 2, "cursor": first["next"]}).json()

    assert len(one) == len(three)
    assert [len(page["items"]) for page in (first, second)] == [2, 1]


def test_pause_and_resume_do_so_once(program: Client, hourly: Schedule) -> None:
    answers = [post(program, f"{hourly.pk}/{do}/") for do in ("pause", "pause", "resume", "resume")]

    assert [status for status, _ in answers] == [200, 409, 200, 409]
    assert (answers[0][1]["state"], answers[2][1]["state"]) == ("paused", "active")


def test_next_times_come_with_their_offset(program: Client, hourly: Schedule) -> None:
    told = program.get(f"{HERE}{hourly.pk}/times/", {"count": 3}).json()

    assert len(told["times"]) == 3


def test_slots_come_with_their_reasons(program: Client, hourly: Schedule) -> None:
    make_due_slots(MONDAY + timedelta(hours=3))

    told = program.get(f"{HERE}{hourly.pk}/slots/", {"limit": 2}).json()
    rest = program.get(f"{HERE}{hourly.pk}/slots/", {"before": told["next"]}).json()

    assert [slot["state"] for slot in told["items"]] == ["taken", "skipped"]
    assert told["items"][0]["run_state"] == "queued"
    assert "Missed" in told["items"][1]["reason"]
    assert len(rest["items"]) == 1


def test_run_now_answers_with_the_run(program: Client, hourly: Schedule) -> None:
    status, told = post(program, f"{hourly.pk}/run/")

    assert (status, told["state"], told["trigger"]) == (202, "queued", "manual")


def test_arrival_is_taken_once_for_one_key(program: Client, hourly: Schedule) -> None:
    wrong = post(program, f"{hourly.pk}/arrivals/")
    Schedule.objects.update(
        rule="arrival",
        every_minutes=None,
        next_due_at=None,
        hook="h",
        hook_ciphertext=hooks.make_key()[1],
    )
    body = {"logical_time": "2026-03-31T06:00:00Z", "message": "412 rows"}

    first = post(program, f"{hourly.pk}/arrivals/", body, **{"Idempotency-Key": "march"})
    again = post(program, f"{hourly.pk}/arrivals/", body, **{"Idempotency-Key": "march"})
    other = post(program, f"{hourly.pk}/arrivals/")

    assert (wrong[0], wrong[1]["code"]) == (409, "not_by_arrival")
    assert (first[0], again[0]) == (202, 200)
    assert first[1] == again[1]
    assert first[1]["url"].endswith(f"/operations/runs/{first[1]['run']}/")
    assert (other[0], other[1]["code"]) == (409, "not_run")  # the first still waits


def test_backfill_is_shown_and_started(program: Client, hourly: Schedule) -> None:
    first = timezone.now() - timedelta(hours=3)
    Schedule.objects.update(starts_at=first)
    span = {
        "first": first.isoformat(),
        "last": (first + timedelta(hours=2, minutes=1)).isoformat(),
    }

    shown = program.get(f"{HERE}{hourly.pk}/backfill/", span).json()
    started = post(program, f"{hourly.pk}/backfill/", span | {"at_once": 2})
    again = post(program, f"{hourly.pk}/backfill/", span)
    naive = post(program, f"{hourly.pk}/backfill/", span | {"first": "2026-03-31T06:00:00"})

    assert [(one["is_missing"], one["there"]) for one in shown] == [(True, "Nothing")] * 2
    assert (started[0], started[1]["runs"], started[1]["at_once"]) == (202, 2, 2)
    assert [(status, told["code"]) for status, told in (again, naive)] == [
        (422, "range_invalid")
    ] * 2


def test_reader_and_other_author_change_nothing(
    client: Client, hourly: Schedule, charlie: User, dora: User
) -> None:
    for person in (charlie, dora):
        client.force_login(person)
        for do in ("pause", "run", "arrivals"):
            assert post(client, f"{hourly.pk}/{do}/")[0] == 403

    client.force_login(dora)
    assert client.get(HERE).json()["items"] == []
