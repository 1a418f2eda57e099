"""Data have arrived: a program says so, and the schedule that waits for them is due.

The message is signed as Standard Webhooks has it (github.com/standard-webhooks/standard-webhooks, spec). Each message
has an id, and the same one again is the same slot: senders may repeat until they are answered.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from portal.accounts.models import User
from portal.common.text import one_line
from portal.publishing.audit import record
from portal.publishing.permissions import require_edit
from portal.runs import hooks, policies
from portal.runs.models import Arrival, Run, Schedule, Slot
from portal.runs.takings import Due, Takings

TOLERANCE = timedelta(minutes=5)  # between the sender's clock and ours
MOST_AN_HOUR = 120
HOUR = timedelta(hours=1)


class NotVerified(Exception):
    """Nobody who has the key signed this; or there is no such hook. Which one is not told."""


class TooMany(Exception):
    """More messages than a schedule takes in an hour."""


class NotByArrival(Exception):
    """The schedule does not wait for data."""


class Arrived(NamedTuple):
    """The slot of a message, and whether this message made it."""

    slot: Slot
    is_new: bool


def find_hook(
    hook: str, *, delivery: str, timestamp: str, signatures: str, body: bytes, at: datetime
) -> Schedule:
    """The schedule that a signed message is for.

    :raises NotVerified: when there is none, or the signature is not by its key or not of this time.
    """
    schedule = (
        Schedule.objects.filter(hook=hook)
        .exclude(state=Schedule.State.ENDED)
        .select_related("variant__publication")
        .first()
    )
    key = hooks.open_key(schedule) if schedule is not None else b"nobody's"
    signed = f"{delivery}.{timestamp}.".encode() + body
    is_genuine = _is_signed(signatures, hmac.digest(key, signed, hashlib.sha256))
    if schedule is None or not is_genuine or not _is_of_now(timestamp, at):
        raise NotVerified("No hook of this address takes a message with this signature.")
    return schedule


@transaction.atomic
def arrive(
    schedule: Schedule,
    *,
    delivery: str,
    by: User | None,
    at: datetime,
    logical_time: datetime | None = None,
    message: str = "",
) -> Arrived:
    """Make the slot of a message, whose run is for `logical_time`; a message that is known has its slot already.

    :param by: who says so; None when the key does, which `find_hook` has checked.
    :raises NotByArrival: when the schedule goes by something else, or has ended.
    :raises PermissionDenied: when the person may not change the publication.
    :raises TooMany: when it had `MOST_AN_HOUR` within the hour.
    """
    if by is not None:
        require_edit(by, schedule.variant.publication)
    schedule = (
        Schedule.objects.select_for_update(of=("self",), no_key=True)
        .select_related("variant__version", "variant__publication")
        .get(pk=schedule.pk)
    )
    if schedule.rule != Schedule.Rule.ARRIVAL or schedule.state == Schedule.State.ENDED:
        raise NotByArrival("This schedule does not wait for data.")
    known = schedule.arrivals.select_related("slot").filter(delivery=delivery).first()
    if known is not None:
        return Arrived(known.slot, is_new=False)
    _require_room(schedule, at)
    slot = _make(schedule, logical_time, at)
    Arrival.objects.create(schedule=schedule, delivery=delivery, at=at, slot=slot)
    record(
        "data_arrived",
        schedule,
        by=by,
        at=at,
        publication=schedule.variant.publication,
        delivery=delivery,
        message=one_line(message, length=300),
    )
    return Arrived(slot, is_new=True)


def _require_room(schedule: Schedule, at: datetime) -> None:
    if schedule.arrivals.filter(at__gt=at - HOUR).count() >= MOST_AN_HOUR:
        raise TooMany(
            f"Data arrived {MOST_AN_HOUR} times within the hour. Say so once, when all of it is there."
        )


def _make(schedule: Schedule, logical_time: datetime | None, at: datetime) -> Slot:
    due_at = at
    while schedule.slots.filter(due_at=due_at).exists():  # another message at this very moment
        due_at += timedelta(microseconds=1)
    reason = policies.reason_to_skip(schedule, due_at, at=at, is_last=True)
    if not schedule.is_active:
        reason = f"Data arrived while the schedule was {schedule.get_state_display().lower()}"
    takings = Takings([schedule.variant_id], at=at)
    takings.add(
        Due(schedule, due_at, Run.Trigger.ARRIVAL, reason=reason, logical_time=logical_time)
    )
    return takings.keep()[0]


def _is_signed(signatures: str, wanted: bytes) -> bool:
    """Whether one of them is it; there are several while a sender changes its key."""
    found = False
    for signature in signatures.split(" ")[:10]:
        version, _, code = signature.partition(",")
        try:
            given = base64.b64decode(code, validate=True)
        except (binascii.Error, ValueError):
            continue
        found |= version == "v1" and hmac.compare_digest(given, wanted)
    return found


def _is_of_now(timestamp: str, at: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        return False
    return abs(at.timestamp() - int(timestamp)) <= TOLERANCE.total_seconds()
