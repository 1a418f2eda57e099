"""The record of who did what; written in the transaction of what they did."""

from datetime import datetime
from typing import Any

from django.db import models

from portal.accounts.models import User
from portal.publishing.models import AuditEvent, Publication


def record(
    action: str,
    target: models.Model,
    *,
    by: User | None,
    at: datetime,
    publication: Publication | None = None,
    **detail: Any,
) -> AuditEvent:
    """Add one row. `detail` must be JSON and must never hold a secret."""
    event = event_of(action, target, by=by, at=at, publication=publication, **detail)
    event.save(force_insert=True)
    return event


def event_of(
    action: str,
    target: models.Model,
    *,
    by: User | None,
    at: datetime,
    publication: Publication | None = None,
    **detail: Any,
) -> AuditEvent:
    """The row that `record` adds, not kept yet: for whoever adds many at once."""
    return AuditEvent(
        at=at,
        by=by,
        action=action,
        object_type=target._meta.model_name or "",
        object_id=str(target.pk),
        publication=publication,
        detail=detail,
    )
