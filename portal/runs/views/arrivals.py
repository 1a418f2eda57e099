"""Where programs say that data have arrived. They do not sign in; they sign the message."""

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from portal.common.refusals import Refused
from portal.runs import arrivals, vault
from portal.runs.arrivals import Arrived

LARGEST_BODY = 10_000  # bytes
LONGEST_DELIVERY = 100
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Message(NamedTuple):
    """What the body says; all of it may be missing."""

    logical_time: datetime | None
    text: str


@csrf_exempt
@require_POST
def arrive(request: HttpRequest, hook: str) -> JsonResponse:
    """Make the slot of a signed message."""
    now = timezone.now()
    try:
        delivery, timestamp, signatures = _headers(request)
        body = _body(request)
        schedule = arrivals.find_hook(
            hook,
            delivery=delivery,
            timestamp=timestamp,
            signatures=signatures,
            body=body,
            at=now,
        )
        message = read_message(body, at=now)
        arrived = arrivals.arrive(
            schedule,
            delivery=f"hook:{delivery}",
            by=None,
            at=now,
            logical_time=message.logical_time,
            message=message.text,
        )
    except arrivals.NotVerified as unknown:
        return _problem(401, "not_verified", str(unknown))
    except arrivals.NotByArrival as other:
        return _problem(409, "not_by_arrival", str(other))
    except arrivals.TooMany as many:
        return _problem(429, "too_many", str(many))
    except vault.Locked:
        return _problem(503, "locked", "The portal cannot read its keys. Tell an admin.")
    except Refused as refused:
        return _problem(refused.status, refused.code, refused.message)
    return JsonResponse(told(arrived), status=status_of(arrived))


def read_message(body: bytes, *, at: datetime) -> Message:
    """
    :raises Refused: when it is not what the guide says.
    """
    try:
        said = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Refused("body_invalid", "The body must be empty, or JSON.") from None
    if not isinstance(said, dict):
        raise Refused("body_invalid", "The body must be a JSON object.")
    time, text = said.get("logical_time"), said.get("message", "")
    if not isinstance(text, str):
        raise Refused("body_invalid", "message must be a text.")
    return Message(_moment(time, at) if time is not None else None, text)


def told(arrived: Arrived) -> dict[str, object]:
    """What the sender learns."""
    slot = arrived.slot
    page = reverse("run", args=[slot.run_id]) if slot.run_id else ""
    answer: dict[str, object] = {
        "slot": slot.pk,
        "due_at": slot.due_at.isoformat(),
        "state": slot.state,
        "run": slot.run_id,
        "url": f"{settings.PORTAL_ORIGIN}{page}" if page else None,
    }
    return answer | ({"code": "not_run", "message": f"{slot.reason}."} if slot.reason else {})


def status_of(arrived: Arrived) -> int:
    """202 when a run was queued, 409 when it is kept and not run; 200 for a message that was known."""
    if not arrived.is_new:
        return 200
    return 202 if arrived.slot.run_id else 409


def _moment(value: object, at: datetime) -> datetime:
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused(
            "body_invalid",
            "logical_time must be a time with its offset, such as 2026-03-31T06:00:00Z.",
        )
    if moment > at + timedelta(minutes=5):
        raise Refused("body_invalid", "logical_time must not be in the future.")
    return moment


def _headers(request: HttpRequest) -> list[str]:
    given = [request.headers.get(name, "") for name in HEADERS]
    if not all(given):
        raise Refused("not_signed", f"Send the headers {', '.join(HEADERS)}.", 400)
    if len(given[0]) > LONGEST_DELIVERY or "\0" in given[0]:
        raise Refused("not_signed", f"webhook-id has at most {LONGEST_DELIVERY} characters.", 400)
    return given


def _body(request: HttpRequest) -> bytes:
    body = request.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise Refused("body_too_large", f"The body has at most {LARGEST_BODY:,} bytes.", 413)
    return body


def _problem(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"code": code, "message": message}, status=status)
