"""Setting, pausing and ending schedules. One is changed in place, and the audit log has what it was."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.publishing.actions import lock_publication
from portal.publishing.audit import record
from portal.publishing.models import Variant
from portal.publishing.permissions import part_of, require_edit
from portal.runs import chains, hooks, vault
from portal.runs.models import Schedule
from portal.runs.promises import next_promise
from portal.runs.rules import BadSchedule, check, due_times
from portal.runs.slots import make_due

DEFAULT_NAME = "default"

# What a person decides about a schedule. Changing one of the first kind plans its due times afresh.
RULE_FIELDS = (
    "rule",
    "cron",
    "every_minutes",
    "workday",
    "period",
    "at_time",
    "needs",
    "timezone",
    "calendar",
    "on_holidays",
)
POLICY_FIELDS = (
    "misfire",
    "deadline_minutes",
    "overlap",
    "retries",
    "retry_wait_seconds",
    "retry_on",
    "time_limit_seconds",
    "priority",
    "jitter_minutes",
    "fresh_by",
    "suspend_after_failures",
    "suspend_unopened_days",
)
FIELDS = RULE_FIELDS + POLICY_FIELDS


def plan(
    variant: Variant,
    *,
    name: str = DEFAULT_NAME,
    starts_at: datetime | None = None,
    by: User,
    at: datetime,
    **wish: Any,
) -> Schedule:
    """A checked schedule that is not kept yet.

    :param wish: values of `FIELDS`; a rule that is not named follows from `cron` or `every_minutes`.
    :param starts_at: from when intervals count and slots are due; now, unless given.
    :raises BadSchedule: when the rule cannot be followed.
    """
    wish = {field: value for field, value in wish.items() if value not in (None, "")}
    wish.setdefault("rule", _rule_of(wish))
    wish.setdefault("timezone", variant.publication.timezone)
    wish["cron"] = " ".join(wish.get("cron", "").split())
    schedule = Schedule(
        variant=variant,
        name=name,
        starts_at=starts_at or at,
        state_at=at,
        created_by=by,
        created_at=at,
        **wish,
    )
    check(schedule)
    schedule.next_due_at = first_due(schedule, after=schedule.starts_at)
    schedule.next_promise_at = next_promise(schedule, after=at)
    return schedule


def first_due(schedule: Schedule, *, after: datetime) -> datetime | None:
    """The first due time later than `after`; None when it is not time that makes it due."""
    return next(due_times(schedule, after=after), None) if schedule.is_clocked else None


@transaction.atomic
def set_schedule(
    variant: Variant,
    *,
    name: str = DEFAULT_NAME,
    upstreams: Sequence[Variant] = (),
    by: User,
    at: datetime,
    **wish: Any,
) -> Schedule:
    """Make what `plan` makes of the wish the variant's schedule of that name, and let it go.

    One with the same values that goes already simply goes on.

    :param upstreams: what it is due after, with their publications.
    :raises BadSchedule: when the rule cannot be followed, schedules would wait for each other, or the variant was
        removed.
    :raises PermissionDenied: when the person may not change the publication.
    """
    require_edit(by, variant.publication)
    _refuse_part(variant)
    _hold(variant)
    wanted = plan(variant, name=name, **wish, by=by, at=at)
    if wanted.rule == Schedule.Rule.AFTER:
        chains.hold_all()
    current = running(variant).select_for_update(of=("self",)).filter(name=name).first()
    waited = _waited_for(current)
    _check_upstreams(wanted, upstreams, current, waited, by=by)
    if current and _goes_on(current, wanted) and waited == {one.pk for one in upstreams}:
        return current
    kept = _kept(current, wanted, at=at)
    _wait_for(kept, upstreams, waited)
    detail: dict[str, Any] = {"rule": str(kept), "timezone": kept.timezone, "name": kept.name}
    detail["upstreams"] = [chains.address_of(one) for one in upstreams]
    record("set_schedule", kept, by=by, at=at, publication=variant.publication, **detail)
    return kept


@transaction.atomic
def renew_key(schedule: Schedule, *, by: User, at: datetime) -> str:
    """Give an arrival schedule another signing key; what the former one signed counts no more. Shown once.

    :raises BadSchedule: when it does not wait for data, or keys cannot be kept.
    :raises PermissionDenied: when the person may not change the publication.
    """
    publication = schedule.variant.publication
    require_edit(by, publication)
    shown, sealed = _make_key()
    renewed = Schedule.objects.filter(
        pk=schedule.pk, rule=Schedule.Rule.ARRIVAL, hook__isnull=False
    ).update(hook_ciphertext=sealed)
    if not renewed:
        raise BadSchedule("It does not wait for data, so it has no key.")
    record("renew_schedule_key", schedule, by=by, at=at, publication=publication)
    return shown


@transaction.atomic
def pause(schedule: Schedule, *, by: User, at: datetime, reason: str = "") -> bool:
    """Make no more slots of it until somebody resumes it or sets it again.

    :returns: False when it was not active any more.
    :raises PermissionDenied: when the person may not change the publication.
    """
    publication = schedule.variant.publication
    require_edit(by, publication)
    settle(schedule, at=at)
    paused = Schedule.objects.filter(pk=schedule.pk, state=Schedule.State.ACTIVE).update(
        **moved_to(Schedule.State.PAUSED, by=by, at=at, reason=reason)
    )
    if paused:
        record("pause_schedule", schedule, by=by, at=at, publication=publication)
    return bool(paused)


@transaction.atomic
def resume(schedule: Schedule, *, by: User, at: datetime) -> bool:
    """Let a paused or suspended schedule go on from now; what was due meanwhile is not made up for.

    :returns: False when it was neither.
    :raises PermissionDenied: when the person may not change the publication.
    """
    publication = schedule.variant.publication
    require_edit(by, publication)
    schedule.state_at = at  # promised from now on
    resumed = Schedule.objects.filter(
        pk=schedule.pk, state__in=[Schedule.State.PAUSED, Schedule.State.SUSPENDED]
    ).update(
        **moved_to(Schedule.State.ACTIVE, by=by, at=at)
        | {
            "next_due_at": first_due(schedule, after=at),
            "next_promise_at": next_promise(schedule, after=at),
            "failures": 0,
        }
    )
    if resumed:
        _forget_news(schedule)
        record("resume_schedule", schedule, by=by, at=at, publication=publication)
    return bool(resumed)


@transaction.atomic
def end(schedule: Schedule, *, by: User, at: datetime) -> bool:
    """Remove it: it makes no more slots, its name is free, and what it did stays in the history.

    :returns: False when it had ended already.
    :raises PermissionDenied: when the person may not change the publication.
    """
    publication = schedule.variant.publication
    require_edit(by, publication)
    settle(schedule, at=at)
    ended = (
        running(schedule.variant)
        .filter(pk=schedule.pk)
        .update(**moved_to(Schedule.State.ENDED, by=by, at=at))
    )
    if ended:
        record("end_schedule", schedule, by=by, at=at, publication=publication)
    return bool(ended)


def settle(schedule: Schedule, *, at: datetime) -> None:
    """Called before every change, pause, resume and end of a kept schedule, in the same transaction.

    What is due by then gets its slot by the rule that it was due by: the change would forget it.
    """
    make_due(schedule, at)


def running(variant: Variant) -> QuerySet[Schedule]:
    """The variant's schedules that have not ended, paused and suspended ones too."""
    schedules: QuerySet[Schedule] = variant.schedules.all()
    return schedules.exclude(state=Schedule.State.ENDED).order_by("name")


def moved_to(
    state: Schedule.State, *, by: User | None, at: datetime, reason: str = ""
) -> dict[str, Any]:
    """The fields that change when a schedule goes to another state."""
    return {
        "state": state,
        "state_by": by,
        "state_at": at,
        "state_reason": reason,
        "next_due_at": None,
        "next_promise_at": None,
        "reminded_at": None,
        "warned_at": None,
    }


def values_of(schedule: Schedule) -> dict[str, Any]:
    """What a person decided about it, by field."""
    return {field: getattr(schedule, field) for field in FIELDS}


def _refuse_part(variant: Variant) -> None:
    part = part_of(variant.publication)
    if part is not None:
        raise BadSchedule(f"It is refreshed with the report “{part.parent}”. Schedule that.")


def _hold(variant: Variant) -> None:
    """Let two who save at once, and whoever removes the variant, take turns: by the lock of whoever publishes."""
    publication = lock_publication(variant.publication_id)
    kept = Variant.objects.filter(pk=variant.pk).live()
    if publication.is_removed or not kept.exists():
        gone = publication if publication.is_removed else variant
        raise BadSchedule(f"“{gone}” was removed. It is not refreshed any more.")


def _goes_on(current: Schedule, wanted: Schedule) -> bool:
    return current.is_active and values_of(current) == values_of(wanted)


def _kept(current: Schedule | None, wanted: Schedule, *, at: datetime) -> Schedule:
    if current is not None:
        settle(current, at=at)
        if not current.is_active:
            _forget_news(current)
        return _changed(current, wanted, at=at)
    _give_hook(wanted)
    wanted.save()
    return wanted


def _rule_of(wish: dict[str, Any]) -> Schedule.Rule:
    """The rule that a wish means which does not name one."""
    if wish.get("cron"):
        return Schedule.Rule.CRON
    return Schedule.Rule.WORKDAY if wish.get("workday") else Schedule.Rule.INTERVAL


def _waited_for(schedule: Schedule | None) -> set[int]:
    """The variants, by key, that a kept schedule is due after."""
    if schedule is None:
        return set()
    return set(schedule.upstreams.values_list("variant_id", flat=True))


def _check_upstreams(
    wanted: Schedule,
    upstreams: Sequence[Variant],
    current: Schedule | None,
    waited: set[int],
    *,
    by: User,
) -> None:
    if wanted.rule != Schedule.Rule.AFTER:
        if upstreams:
            raise BadSchedule("Only a schedule after other publications waits for them.")
        return
    chains.check_upstreams(wanted.variant, upstreams, known=waited, by=by)
    but = current.pk if current else None
    chains.check_no_circle(wanted.variant, upstreams, but=but, by=by)


def _wait_for(schedule: Schedule, upstreams: Sequence[Variant], waited: set[int]) -> None:
    """Keep which variants it is due after; of those that stay, what has arrived already still counts."""
    wanted = {one.pk for one in upstreams}
    schedule.upstreams.exclude(variant__in=wanted).delete()
    for pk in sorted(wanted - waited):
        schedule.upstreams.create(variant_id=pk)


def _forget_news(schedule: Schedule) -> None:
    """What came before it goes again does not count."""
    schedule.upstreams.update(arrived_at=None)


def _give_hook(schedule: Schedule) -> None:
    """An address and a key for a schedule that waits for data; none for others."""
    if schedule.rule != Schedule.Rule.ARRIVAL:
        schedule.hook, schedule.hook_ciphertext = None, ""
    elif not schedule.hook:
        schedule.hook = hooks.make_address()
        _, schedule.hook_ciphertext = _make_key()


def _make_key() -> tuple[str, str]:
    try:
        return hooks.make_key()
    except vault.Locked as locked:
        raise BadSchedule(f"Its signing key cannot be kept: {locked}. Ask an admin.") from locked


def _changed(current: Schedule, wanted: Schedule, *, at: datetime) -> Schedule:
    """The kept row with the wanted values; a rule that stays keeps its count of elapsed time."""
    same_rule = all(getattr(current, one) == getattr(wanted, one) for one in RULE_FIELDS)
    for field, value in values_of(wanted).items():
        setattr(current, field, value)
    _give_hook(current)
    if not same_rule:
        current.starts_at = wanted.starts_at
    for field, value in moved_to(Schedule.State.ACTIVE, by=wanted.created_by, at=at).items():
        setattr(current, field, value)
    current.failures = 0
    current.next_due_at = first_due(current, after=at)
    current.next_promise_at = next_promise(current, after=at)
    current.save()
    return current
