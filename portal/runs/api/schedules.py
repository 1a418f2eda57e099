"""Schedules, for programs: the same as the pages tell, and the same actions."""

import secrets
from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from ninja import Field, Header, Query, Router, Schema, Status

from portal.accounts.requests import signed_in
from portal.common.problems import CHANGING, READING
from portal.common.refusals import Refused
from portal.runs import actions, arrivals, backfills, promises, queries, rules, schedules
from portal.runs.api.runs import LARGEST_PAGE, PAGE_SIZE, SLUG
from portal.runs.api.schemas import PublicationOut, RunOut, publication_of, summary_of
from portal.runs.models import Run, Schedule, Slot

router = Router(tags=["schedules"])


class ScheduleOut(Schema):
    """When a variant is refreshed."""

    id: int
    publication: PublicationOut
    variant: str
    name: str
    rule: Schedule.Rule
    in_words: str
    cron: str
    every_minutes: int | None
    timezone: str
    state: Schedule.State
    state_at: datetime
    state_reason: str
    next_due_at: datetime | None
    next_promise_at: datetime | None
    misfire: Schedule.Misfire
    overlap: Schedule.Overlap
    deadline_minutes: int | None
    jitter_minutes: int
    failures: int = Field(description="In a row, by now")
    on_time: list[int] = Field(description="How many of the last 30 were on time, and of how many")


class SchedulesOut(Schema):
    items: list[ScheduleOut]
    next: int | None = Field(description="`cursor` of the next page; null on the last")


class SlotOut(Schema):
    """A due time and what became of it."""

    id: int
    due_at: datetime
    state: Slot.State
    reason: str = Field(description="Why it was not run, if so")
    run: int | None
    run_state: Run.State | None


class SlotsOut(Schema):
    items: list[SlotOut] = Field(description="Newest first")
    next: datetime | None = Field(description="`before` of the next page; null on the last")


class TimesOut(Schema):
    times: list[datetime] = Field(description="With the offset of the schedule's time zone")


class ArrivalIn(Schema):
    logical_time: datetime | None = Field(None, description="The time that the run is for")
    message: str = Field("", max_length=1000)


class ArrivedOut(Schema):
    slot: int
    due_at: datetime
    state: Slot.State
    reason: str
    run: int | None
    url: str | None = Field(description="The page of the run")


class BackfillIn(Schema):
    first: datetime
    last: datetime
    at_once: int = Field(1, ge=1, le=backfills.MOST_AT_ONCE)
    only_missing: bool = True


class PastTimeOut(Schema):
    due_at: datetime
    is_missing: bool
    there: str = Field(description="What there is, in words")
    edition: int | None
    run: int | None


class BackfillOut(Schema):
    id: int
    runs: int
    first_at: datetime
    last_at: datetime
    at_once: int


@router.get("/", response={200: SchedulesOut, **READING}, url_name="schedules")
def list_schedules(
    request: HttpRequest,
    publication: Annotated[str | None, Query(description="Slug", pattern=SLUG)] = None,
    state: Schedule.State | None = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE_SIZE,
    cursor: Annotated[int | None, Query(ge=1, description="`next` of the page before")] = None,
) -> dict[str, Any]:
    """The schedules of what you may change, newest first."""
    user = signed_in(request)
    if not user.may_publish:
        raise PermissionDenied("Schedules are for authors and admins.")
    wanted = {"variant__publication__slug": publication, "state": state, "pk__lt": cursor}
    asked = {name: value for name, value in wanted.items() if value is not None}
    found = list(
        _with_all(queries.schedules_for(user)).filter(**asked).order_by("-pk")[: limit + 1]
    )
    more = found[limit - 1].pk if len(found) > limit else None
    return {"items": _told(found[:limit]), "next": more}


@router.get("/{int:pk}/", response={200: ScheduleOut, **READING}, url_name="schedule")
def read_schedule(request: HttpRequest, pk: int) -> dict[str, Any]:
    """One schedule."""
    return _told([queries.find_schedule(signed_in(request), pk)])[0]


@router.get("/{int:pk}/times/", response={200: TimesOut, **READING}, url_name="schedule-times")
def next_times(
    request: HttpRequest, pk: int, count: Annotated[int, Query(ge=1, le=100)] = 10
) -> dict[str, Any]:
    """When it is due next; nothing for one that waits for news or data, or does not go."""
    schedule = queries.find_schedule(signed_in(request), pk)
    goes = schedule.is_active and schedule.is_clocked
    return {"times": rules.next_times(schedule, timezone.now(), count) if goes else []}


@router.get("/{int:pk}/slots/", response={200: SlotsOut, **READING}, url_name="schedule-slots")
def list_slots(
    request: HttpRequest,
    pk: int,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE_SIZE,
    before: Annotated[datetime | None, Query(description="`next` of the page before")] = None,
) -> dict[str, Any]:
    """Its due times, and what became of each."""
    slots = queries.find_schedule(signed_in(request), pk).slots.select_related("run")
    if before is not None:
        slots = slots.filter(due_at__lt=before)
    found = list(slots.order_by("-due_at")[: limit + 1])
    more = found[limit - 1].due_at if len(found) > limit else None
    return {"items": [_slot(slot) for slot in found[:limit]], "next": more}


@router.post("/{int:pk}/pause/", response={200: ScheduleOut, **CHANGING}, url_name="pause-schedule")
def pause(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Make no more slots of it until somebody resumes it."""
    user = signed_in(request)
    if not schedules.pause(queries.find_schedule(user, pk), by=user, at=timezone.now()):
        raise Refused("not_active", "The schedule is not active.", 409)
    return _told([queries.find_schedule(user, pk)])[0]


@router.post(
    "/{int:pk}/resume/", response={200: ScheduleOut, **CHANGING}, url_name="resume-schedule"
)
def resume(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Let a paused or suspended one go on from now."""
    user = signed_in(request)
    if not schedules.resume(queries.find_schedule(user, pk), by=user, at=timezone.now()):
        raise Refused("not_paused", "The schedule is neither paused nor suspended.", 409)
    return _told([queries.find_schedule(user, pk)])[0]


@router.post("/{int:pk}/run/", response={202: RunOut, **CHANGING}, url_name="run-schedule")
def run_now(request: HttpRequest, pk: int) -> Status[dict[str, Any]]:
    """Refresh its variant now; a run that waits or goes already is it."""
    user, now = signed_in(request), timezone.now()
    try:
        run = actions.run_now(queries.find_schedule(user, pk).variant, by=user, at=now)
    except actions.NothingToRun as nothing:
        raise Refused("nothing_to_run", str(nothing), 409) from nothing
    return Status(202, summary_of(queries.find_run(user, run.pk), at=now))


@router.post(
    "/{int:pk}/arrivals/",
    response={200: ArrivedOut, 202: ArrivedOut, **CHANGING},
    url_name="schedule-arrivals",
)
def data_arrived(
    request: HttpRequest,
    pk: int,
    said: ArrivalIn | None = None,
    idempotency_key: Annotated[str, Header(max_length=80, pattern=r"^[!-~]*$")] = "",
) -> Status[dict[str, Any]]:
    """Say that data have arrived. The same Idempotency-Key again answers 200 with the same slot."""
    user, now, said = (
        signed_in(request),
        timezone.now(),
        said or ArrivalIn(logical_time=None, message=""),
    )
    schedule = queries.find_schedule(user, pk)
    if said.logical_time is not None and _aware(said.logical_time) > now:
        raise Refused("body_invalid", "logical_time must not be in the future.")
    try:
        arrived = arrivals.arrive(
            schedule,
            delivery=f"api:{user.pk}:{idempotency_key or secrets.token_hex(8)}",
            by=user,
            at=now,
            logical_time=said.logical_time,
            message=said.message,
        )
    except arrivals.NotByArrival as other:
        raise Refused("not_by_arrival", str(other), 409) from other
    except arrivals.TooMany as many:
        raise Refused("too_many", str(many), 429) from many
    slot = arrived.slot
    if arrived.is_new and slot.run_id is None:
        raise Refused("not_run", f"{slot.reason}.", 409)
    return Status(202 if arrived.is_new else 200, _arrived(slot))


@router.get(
    "/{int:pk}/backfill/",
    response={200: list[PastTimeOut], **READING},
    url_name="schedule-backfill",
)
def preview_backfill(
    request: HttpRequest, pk: int, first: datetime, last: datetime
) -> list[dict[str, Any]]:
    """The due times of a range in the past, and what there is of each already."""
    schedule = queries.find_schedule(signed_in(request), pk)
    try:
        times = backfills.preview(
            schedule, first=_aware(first), last=_aware(last), at=timezone.now()
        )
    except backfills.BadRange as bad:
        raise Refused("range_invalid", str(bad)) from bad
    return [
        {
            "due_at": one.due_at,
            "is_missing": one.is_missing,
            "there": one.in_words,
            "edition": one.edition.number if one.edition else None,
            "run": one.run.pk if one.run else None,
        }
        for one in times
    ]


@router.post(
    "/{int:pk}/backfill/", response={202: BackfillOut, **CHANGING}, url_name="start-backfill"
)
def start_backfill(request: HttpRequest, pk: int, asked: BackfillIn) -> Status[dict[str, Any]]:
    """Run the due times of a range as editions of their time, at most 500 of them."""
    user = signed_in(request)
    schedule = queries.find_schedule(user, pk)
    try:
        backfill = backfills.start_backfill(
            schedule,
            first=_aware(asked.first),
            last=_aware(asked.last),
            at_once=asked.at_once,
            only_missing=asked.only_missing,
            by=user,
            at=timezone.now(),
        )
    except backfills.BadRange as bad:
        raise Refused("range_invalid", str(bad)) from bad
    except actions.NothingToRun as nothing:
        raise Refused("nothing_to_run", str(nothing), 409) from nothing
    plain = {name: getattr(backfill, name) for name in ("id", "first_at", "last_at", "at_once")}
    return Status(202, plain | {"runs": backfill.runs.count()})


def _with_all(schedules: QuerySet[Schedule]) -> QuerySet[Schedule]:
    """With what is told of each."""
    return queries.with_words(schedules).select_related("variant__publication", "state_by")


def _told(found: list[Schedule]) -> list[dict[str, Any]]:
    rates = promises.on_time_rate(found)
    plain = [name for name in ScheduleOut.model_fields if hasattr(Schedule, name)]
    return [
        {name: getattr(one, name) for name in plain}
        | {
            "publication": publication_of(one.variant.publication),
            "variant": one.variant.slug,
            "in_words": rules.explain(one),
            "on_time": list(rates[one.pk]),
        }
        for one in found
    ]


def _slot(slot: Slot) -> dict[str, Any]:
    plain = {name: getattr(slot, name) for name in ("id", "due_at", "state", "reason")}
    return plain | {"run": slot.run_id, "run_state": slot.run.state if slot.run else None}


def _arrived(slot: Slot) -> dict[str, Any]:
    url = f"{settings.PORTAL_ORIGIN}{reverse('run', args=[slot.run_id])}" if slot.run_id else None
    plain = {name: getattr(slot, name) for name in ("due_at", "state", "reason")}
    return plain | {"slot": slot.pk, "run": slot.run_id, "url": url}


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise Refused(
            "range_invalid", "Give times with their offset, such as 2026-03-31T06:00:00Z."
        )
    return moment
