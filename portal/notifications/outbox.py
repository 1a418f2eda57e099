"""Writing messages into the outbox, in the transaction of what happened."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from portal.accounts.models import Role, User
from portal.notifications.letters import Letter
from portal.notifications.models import OutboxMessage
from portal.publishing.models import Publication, Version
from portal.publishing.permissions import can_view, is_gone


def write(
    kind: OutboxMessage.Kind,
    letter: Letter,
    *,
    key: str,
    recipients: Iterable[User],
    at: datetime,
    due_at: datetime | None = None,
    **fields: Any,
) -> int:
    """One row a person, once: writing under the same key again adds nothing. Returns how many there are."""
    messages = [
        OutboxMessage(
            kind=kind,
            recipient=person,
            key=key,
            subject=letter.subject,
            body=letter.body,
            due_at=due_at or at,
            created_at=at,
            **fields,
        )
        for person in recipients
    ]
    OutboxMessage.objects.bulk_create(messages, ignore_conflicts=True)
    return len(messages)


def keepers(publication: Publication, version: Version | None) -> list[User]:
    """Who hears of trouble with it: its owner and who wrote the version; the admins when both have left."""
    people = {publication.owner, *([version.created_by] if version else [])}
    told = [one for one in people if may_be_told(one, publication)]
    return told or ([] if is_gone(publication) else admins())


def admins() -> list[User]:
    may = Q(is_superuser=True) | Q(role=Role.ADMIN)
    return list(User.objects.filter(may, is_active=True).exclude(email=""))


def may_be_told(person: User, publication: Publication | None) -> bool:
    """Active, with an address, and with the right to see a publication that is still there."""
    if not person.is_active or not person.email:
        return False
    return publication is None or (can_view(person, publication) and not is_gone(publication))
