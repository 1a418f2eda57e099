"""Asking for runs."""

from datetime import datetime

from django.db import transaction

from portal.accounts.models import User
from portal.publishing.audit import record
from portal.publishing.models import Variant, Version
from portal.runs.models import Run


@transaction.atomic
def request_run(
    version: Version,
    *,
    variant: Variant,
    trigger: Run.Trigger,
    by: User | None,
    at: datetime,
    logical_time: datetime | None = None,
) -> Run:
    """Queue one execution of the version."""
    run = Run.objects.create(
        version=version,
        variant=variant,
        trigger=trigger,
        requested_by=by,
        logical_time=logical_time or at,
        queued_at=at,
    )
    record("request_run", run, by=by, at=at, publication=variant.publication, trigger=trigger)
    return run


def request_first_run(version: Version, variant: Variant, by: User, at: datetime) -> Run:
    """The run that an upload of code starts."""
    return request_run(version, variant=variant, trigger=Run.Trigger.UPLOAD, by=by, at=at)
