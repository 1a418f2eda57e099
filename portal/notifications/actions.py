"""Following, and writing what people are to be told; `events` writes what programs are.

Messages are written in the transaction of what happened, so that none is lost and none is told of
something that was rolled back. `delivery` sends them afterwards.
"""

from datetime import datetime

from django.db import transaction

from portal.accounts.models import User
from portal.notifications import alarms, outbox, troubles
from portal.notifications.letters import Letter, published_letter
from portal.notifications.models import OutboxMessage, Subscription
from portal.publishing.audit import record
from portal.publishing.models import Variant
from portal.publishing.permissions import is_gone, viewers
from portal.publishing.plugs import (
    Announcement,
    Late,
    Published,
    Quarantined,
    Recovered,
    RunFailed,
    SoonSuspended,
    Suspended,
    VariantRemoved,
)
from portal.runs.models import Schedule


@transaction.atomic
def follow(variant: Variant, *, by: User, at: datetime) -> Subscription:
    """Tell the person of every new edition from now on. Following twice is following once."""
    subscription, created = Subscription.objects.get_or_create(
        variant=variant, user=by, defaults={"created_at": at}
    )
    if created:
        _record("follow", variant, by=by, at=at)
    return subscription


@transaction.atomic
def unfollow(variant: Variant, *, by: User, at: datetime, way: str = "page") -> bool:
    """Tell the person nothing more of it, not even what waits to be sent. `way`: page, or the link in a mail.

    :returns: False when the person did not follow it.
    """
    deleted, _ = Subscription.objects.filter(variant=variant, user=by).delete()
    if deleted:
        _record("unfollow", variant, by=by, at=at, way=way)
    return bool(deleted)


def note(announcement: Announcement) -> int:
    """Write one message for each person that the announcement concerns; returns how many.

    Must be called inside the announcing transaction.
    """
    match announcement:
        case Published():
            return _note_published(announcement)
        case RunFailed():
            return troubles.note_failed(announcement)
        case Quarantined():
            return troubles.note_quarantined(announcement)
        case Recovered():
            return troubles.note_recovered(announcement)
        case Late():
            return _note_late(announcement)
        case Suspended():
            return _note_suspended(announcement)
        case SoonSuspended():
            return _note_soon_suspended(announcement)
        case VariantRemoved():
            return 0  # whoever removed it knows


def _note_published(news: Published) -> int:
    publication = news.edition.publication
    if is_gone(publication):
        return 0
    followers = viewers(publication).filter(subscriptions__variant=news.edition.variant)
    followers = followers.filter(is_active=True).exclude(email="")
    if news.by is not None:
        followers = followers.exclude(pk=news.by.pk)
    recipients = list(followers)
    if not recipients:
        return 0
    return outbox.write(
        OutboxMessage.Kind.PUBLISHED,
        published_letter(news),
        key=f"published/{news.edition.pk}/{news.at:%Y%m%dT%H%M%S%f}",
        recipients=recipients,
        at=news.at,
        publication=publication,
        variant=news.edition.variant,
    )


def _note_late(news: Late) -> int:
    schedule = _schedule(news.schedule_id)
    key = f"late/{schedule.pk}/{news.promised_at:%Y%m%dT%H%M%S}"
    letter = alarms.late_letter(schedule, news)
    return _tell_keepers(OutboxMessage.Kind.LATE, schedule, letter, key=key, at=news.at)


def _note_suspended(news: Suspended) -> int:
    schedule = _schedule(news.schedule_id)
    key = f"suspended/{schedule.pk}/{news.at:%Y%m%dT%H%M%S}"
    letter = alarms.suspended_letter(schedule, news)
    return _tell_keepers(OutboxMessage.Kind.SUSPENDED, schedule, letter, key=key, at=news.at)


def _note_soon_suspended(news: SoonSuspended) -> int:
    schedule = _schedule(news.schedule_id)
    key = f"soon/{schedule.pk}/{news.at:%Y%m%dT%H%M%S}"
    letter = alarms.soon_suspended_letter(schedule, news)
    return _tell_keepers(OutboxMessage.Kind.SOON_SUSPENDED, schedule, letter, key=key, at=news.at)


def _tell_keepers(
    kind: OutboxMessage.Kind, schedule: Schedule, letter: Letter, *, key: str, at: datetime
) -> int:
    """Write to those who hear of failures."""
    variant = schedule.variant
    return outbox.write(
        kind,
        letter,
        key=key,
        recipients=outbox.keepers(variant.publication, variant.version),
        at=at,
        publication=variant.publication,
        variant=variant,
    )


def _schedule(pk: int) -> Schedule:
    return Schedule.objects.select_related(
        "variant__publication__owner", "variant__version__created_by", "variant__current"
    ).get(pk=pk)


def _record(action: str, variant: Variant, *, by: User, at: datetime, **detail: str) -> None:
    record(
        action,
        variant.publication,
        by=by,
        at=at,
        publication=variant.publication,
        variant=variant.slug,
        **detail,
    )
