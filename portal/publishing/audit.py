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
    return AuditEvent.objects.create(
        at=at,
        by=by,
        action=action,
        object_type=target._meta.model_name or "",
        object_id=str(target.pk),
        publication=publication,
        detail=detail,
    )
