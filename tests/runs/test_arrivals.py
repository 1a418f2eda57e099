"""Data arrive: signed messages make slots, the same one once, and strangers learn nothing."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.publishing.models import AuditEvent, Variant
from portal.runs import arrivals, hooks, schedules
from portal.runs.models import Run, Schedule
from tests.rows import breaks, copy_of
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook(counting: Variant) -> tuple[Schedule, bytes]:
    """A schedule that waits for data, and its key."""
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    shown, ciphertext = hooks.make_key()
    schedule = Schedule.objects.create(
        variant=counting,
        rule="arrival",
        hook="0a1b2c",
        hook_ciphertext=ciphertext,
        timezone="UTC",
        overlap="queue",
        state_at=MONDAY,
        starts_at=MONDAY,
        created_by=counting.publication.owner,
        created_at=MONDAY,
    )
    return schedule, base64.b64decode(shown.removeprefix("whsec_"))


def signed(key: bytes, body: bytes = b"", *, delivery: str = "m-1", ago: int = 0) -> dict[str, Any]:
    stamp = str(int(timezone.now().timestamp()) - ago)
    code = hmac.digest(key, f"{delivery}.{stamp}.".encode() + body, hashlib.sha256)
    return {
        "data": body,
        "content_type": "application/json",
        "headers": {
            "webhook-id": delivery,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(code).decode()}",
        },
    }


def post(message: dict[str, Any], hook: str = "0a1b2c") -> tuple[int, dict[str, Any]]:
    answer = Client().post(f"/hooks/arrivals/{hook}/", **message)
    return answer.status_code, answer.json()


def test_signed_message_queues_a_run(hook: tuple[Schedule, bytes]) -> None:
    schedule, key = hook

    status, told = post(signed(key))

    slot = schedule.slots.get()
    assert status == 202
    assert told["slot"] == slot.pk
    assert told["run"] == slot.run_id
    assert told["url"].endswith(f"/operations/runs/{slot.run_id}/")
    assert (slot.run.trigger, slot.run.logical_time) == ("arrival", slot.due_at)


def test_message_says_what_time_the_data_are_of(hook: tuple[Schedule, bytes]) -> None:
    schedule, key = hook
    body = json.dumps({"logical_time": "2026-03-31T06:00:00+02:00", "message": "412 rows"})

    post(signed(key, body.encode()))

    assert schedule.slots.get().run.logical_time == datetime.fromisoformat(
        "2026-03-31T04:00:00+00:00"
    )
    assert AuditEvent.objects.get(action="data_arrived").detail["message"] == "412 rows"


def test_same_message_again_is_the_same_slot(hook: tuple[Schedule, bytes]) -> None:
    schedule, key = hook

    first, again = post(signed(key)), post(signed(key, ago=10))

    assert (first[0], again[0]) == (202, 200)
    assert first[1] == again[1]
    assert schedule.slots.count() == 1


def test_stranger_does_not_learn_whether_there_is_a_hook(hook: tuple[Schedule, bytes]) -> None:
    _, key = hook

    answers = [
        post(signed(key), hook="unknown"),
        post(signed(b"another key")),
        post(signed(key, ago=301)),
        post(signed(key, ago=-301)),
        post({**signed(key), "data": b'{"message": "changed"}'}),
        post({**signed(key), "headers": signed(key)["headers"] | {"webhook-signature": "v1,%%"}}),
    ]

    assert {status for status, _ in answers} == {401}
    assert len({json.dumps(told) for _, told in answers}) == 1


def test_one_of_several_signatures_is_enough(hook: tuple[Schedule, bytes]) -> None:
    _, key = hook
    message, other = signed(key), signed(b"the next key")
    both = [one["headers"]["webhook-signature"] for one in (other, message)]
    message["headers"]["webhook-signature"] = " ".join(both)

    assert post(message)[0] == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[1]", 422),
        (b"{", 422),
        (b'{"logical_time": "yesterday"}', 422),
        (b'{"logical_time": "2026-03-31T06:00:00"}', 422),
        (b'{"logical_time": "2126-03-31T06:00:00Z"}', 422),
        (b'{"message": 5}', 422),
        (b" " * 10_001, 413),
    ],
)
def test_odd_body_is_refused(hook: tuple[Schedule, bytes], body: bytes, status: int) -> None:
    schedule, key = hook

    assert post(signed(key, body))[0] == status
    assert not schedule.slots.exists()


def test_unsigned_message_is_told_what_to_send() -> None:
    status, told = post({"data": b"", "content_type": "application/json"})

    assert status == 400
    assert "webhook-signature" in told["message"]


def test_data_for_a_paused_schedule_are_kept_and_not_run(
    hook: tuple[Schedule, bytes], alice: User
) -> None:
    schedule, key = hook
    schedules.pause(schedule, by=alice, at=MONDAY)

    status, told = post(signed(key))

    assert status == 409
    assert told["message"] == "Data arrived while the schedule was paused."
    assert schedule.slots.get().state == "skipped"


def test_ended_schedule_has_no_hook(hook: tuple[Schedule, bytes], alice: User) -> None:
    schedule, key = hook
    schedules.end(schedule, by=alice, at=MONDAY)

    assert post(signed(key))[0] == 401


def test_messages_are_bounded(
    hook: tuple[Schedule, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = hook
    monkeypatch.setattr(arrivals, "MOST_AN_HOUR", 2)

    statuses = [post(signed(key, delivery=f"m-{number}"))[0] for number in range(3)]

    assert statuses == [202, 202, 429]


def test_two_messages_at_one_moment_are_two_slots(hook: tuple[Schedule, bytes]) -> None:
    schedule, _ = hook

    for delivery in ("a", "b"):
        arrivals.arrive(schedule, delivery=delivery, by=None, at=MONDAY)

    assert [slot.due_at - MONDAY for slot in schedule.slots.order_by("due_at")] == [
        timedelta(0),
        timedelta(microseconds=1),
    ]


def test_arrival_once_holds(hook: tuple[Schedule, bytes]) -> None:
    schedule, _ = hook
    first = arrivals.arrive(schedule, delivery="a", by=None, at=MONDAY).slot
    other = copy_of(first, due_at=MONDAY - timedelta(hours=1), state="skipped", reason="Late")
    other.run = None
    other.save()

    breaks("arrival_once", lambda: copy_of(schedule.arrivals.get(), slot=other).save())
