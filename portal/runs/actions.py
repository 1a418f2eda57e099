"""Asking for runs, and taking it back."""

from datetime import datetime

from django.db import transaction

from portal.accounts.models import User
from portal.publishing import plugs
from portal.publishing.audit import event_of, record
from portal.publishing.models import AuditEvent, Variant, Version
from portal.publishing.permissions import part_of, require_edit
from portal.runs.doorbell import ring_for
from portal.runs.models import ACTIVE, Run, Schedule
from portal.runs.queue import place_in_queue


class NothingToRun(Exception):
    """The version is finished content, not code, or its publication was removed."""


class NotFinished(Exception):
    """The run that is to be repeated is queued or running."""


@transaction.atomic
def request_run(
    version: Version,
    *,
    variant: Variant,
    trigger: Run.Trigger,
    by: User | None,
    at: datetime,
    logical_time: datetime | None = None,
    rerun_of: Run | None = None,
    priority: int = Schedule.Priority.NORMAL,
) -> Run:
    """Queue one execution of the version."""
    run = new_run(
        version, variant=variant, trigger=trigger, by=by, at=at, logical_time=logical_time
    )
    run.rerun_of, run.priority = rerun_of, priority
    run.save(force_insert=True)
    request_event(run, at=at).save(force_insert=True)
    ring_for(run)
    return run


def new_run(
    version: Version,
    *,
    variant: Variant,
    trigger: Run.Trigger,
    by: User | None,
    at: datetime,
    logical_time: datetime | None = None,
    schedule: Schedule | None = None,
) -> Run:
    """A queued run that is not kept yet, with what its version and its schedule say about it."""
    run = Run(
        version=version,
        variant=variant,
        trigger=trigger,
        requested_by=by,
        logical_time=logical_time or at,
        queued_at=at,
        rung_at=at,
        **place_in_queue(version),
    )
    if schedule is not None:
        run.priority = schedule.priority
        run.time_limit_seconds = schedule.time_limit_seconds
    return run


def request_event(run: Run, *, at: datetime) -> AuditEvent:
    """The audit event of a run that was queued, not kept yet."""
    again = {"rerun_of": run.rerun_of_id} if run.rerun_of_id else {}
    return event_of(
        "request_run",
        run,
        by=run.requested_by,
        at=at,
        publication=run.variant.publication,
        trigger=run.trigger,
        **again,
    )


def execute_version(
    version: Version, variant: Variant, by: User, at: datetime, because: plugs.Because
) -> Run:
    """The run that an upload of code starts for a variant, or a change of its parameters.

    One that waits already takes the parameters of when it starts, unless it is of a time in the past: readers would
    not be shown what it makes. The default variant goes before the others.
    """
    of_now = variant.runs.filter(version=version, backfill__isnull=True, rerun_of__isnull=True)
    waiting = of_now.filter(state=Run.State.QUEUED).order_by("pk").first()
    if waiting is not None:
        return _hurry(waiting, by=by, at=at)
    is_other = because == plugs.Because.VERSION
    return request_run(
        version,
        variant=variant,
        trigger=Run.Trigger(because),
        by=by,
        at=at,
        priority=Schedule.Priority.LOW if is_other else Schedule.Priority.NORMAL,
    )


@transaction.atomic
def run_now(variant: Variant, *, by: User, at: datetime) -> Run:
    """The run of the variant's version that is queued or running already, else a new one.

    :raises NothingToRun: when the version is not code, or not to be run any more.
    :raises PermissionDenied: when the person may not refresh it.
    """
    require_edit(by, variant.publication)
    part = part_of(variant.publication)
    if part is not None:
        raise NothingToRun(
            f"“{variant.publication}” is refreshed with the report “{part.parent}”. Run that."
        )
    variant = _lock(variant)
    if variant.version is None or not variant.version.executes:
        raise NothingToRun(
            f"“{variant.publication}” is finished content. Upload a bundle with code to refresh it."
        )
    of_today = variant.runs.filter(version=variant.version, backfill__isnull=True)
    active = of_today.filter(state__in=ACTIVE).order_by("pk").first()
    if active is not None:
        return _hurry(active, by=by, at=at)
    return request_run(variant.version, variant=variant, trigger=Run.Trigger.MANUAL, by=by, at=at)


@transaction.atomic
def run_again(run: Run, *, by: User, at: datetime) -> Run:
    """The same version, variant and logical time once more; a run of the same that waits or goes already is it.

    Whether readers see what it makes is decided as for every run: not when their version is another by
    now, and not when they see a later logical time.

    :raises NotFinished: when the run itself has not ended.
    :raises NothingToRun: when its version is not code, or not to be run any more.
    :raises PermissionDenied: when the person may not refresh it.
    """
    require_edit(by, run.variant.publication)
    variant = _lock(run.variant)
    if not run.version.executes:
        raise NothingToRun(
            f"Version {run.version} is finished content, and there is nothing to run."
        )
    if not run.is_finished:
        raise NotFinished(f"Run {run.pk} has not ended yet. Wait for it, or cancel it first.")
    same = variant.runs.filter(version=run.version, logical_time=run.logical_time)
    active = same.filter(state__in=ACTIVE).order_by("pk").first()
    return active or request_run(
        run.version,
        variant=variant,
        trigger=Run.Trigger.RERUN,
        by=by,
        at=at,
        logical_time=run.logical_time,
        rerun_of=run,
    )


@transaction.atomic
def reprioritise_run(run: Run, priority: Schedule.Priority, *, by: User, at: datetime) -> bool:
    """Let a run that waits go before or after others.

    :returns: False when it does not wait any more, or has this priority already.
    :raises PermissionDenied: when the person may not refresh the publication.
    """
    publication = run.variant.publication
    require_edit(by, publication)
    queued = Run.objects.filter(pk=run.pk, state=Run.State.QUEUED).exclude(priority=priority)
    if queued.update(priority=priority) != 1:
        return False
    former = Schedule.Priority(run.priority).name.lower()
    record(
        "reprioritise_run",
        run,
        by=by,
        at=at,
        publication=publication,
        priority=priority.name.lower(),
        former=former,
    )
    return True


@transaction.atomic
def cancel_run(run: Run, *, by: User, at: datetime) -> bool:
    """Stop the run: at once when it is queued, within two seconds when it is running.

    :returns: False when it had finished, or somebody had asked for it, already.
    :raises PermissionDenied: when the person may not refresh the publication.
    """
    publication = run.variant.publication
    require_edit(by, publication)
    asked = {"cancel_requested": True, "cancelled_by": by, "cancelled_at": at}
    meanwhile = "while it waited to be tried again" if run.tries else "before it started"
    queued = Run.objects.filter(pk=run.pk, state=Run.State.QUEUED).update(
        state=Run.State.CANCELLED,
        finished_at=at,
        error=f"Cancelled by {by} {meanwhile}.",
        doing="",
        **asked,
    )
    stopped = queued or Run.objects.filter(
        pk=run.pk, state=Run.State.RUNNING, cancelled_by__isnull=True
    ).update(**asked)
    if stopped:
        record("cancel_run", run, by=by, at=at, publication=publication)
    return bool(stopped)


def _hurry(run: Run, *, by: User, at: datetime) -> Run:
    """A run that waits for its time need not do so any longer, now that a person waits for it."""
    held_back = Run.objects.filter(pk=run.pk, state=Run.State.QUEUED, not_before__gt=at)
    if held_back.update(not_before=None, rung_at=at):
        record("hurry_run", run, by=by, at=at, publication=run.variant.publication)
        ring_for(run)
    return run


def _lock(variant: Variant) -> Variant:
    """The variant as it is now; whoever else wants to queue a run of it waits.

    :raises NothingToRun: when it, or its publication, was removed.
    """
    locked = (
        Variant.objects.select_for_update(of=("self",), no_key=True)
        .select_related("version", "publication")
        .get(pk=variant.pk)
    )
    if locked.publication.is_removed or locked.is_removed:
        gone = locked.publication if locked.publication.is_removed else locked
        raise NothingToRun(f"“{gone}” was removed. It is not refreshed any more.")
    return locked
