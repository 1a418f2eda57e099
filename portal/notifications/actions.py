"""Following, and writing what people are to be told.

Messages are written in the transaction of what happened, so that none is lost and none is told of
something that was rolled back. `delivery` sends them afterwards.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from portal.accounts.models import User
from portal.notifications.letters import (
    Letter,
    failed_letter,
    published_letter,
    quarantined_letter,
)
from portal.notifications.models import OutboxMessage, Subscription
from portal.publishing.audit import record
from portal.publishing.models import Publication, Variant
from portal.publishing.permissions import can_view, viewers
from portal.publishing.plugs import Announcement, Published, Quarantined, RunFailed
from portal.runs.models import Run

FAILURES_AT_MOST_EVERY = timedelta(hours=1)


@transaction.atomic
def follow(publication: Publication, *, by: User, at: datetime) -> Subscription:
    """Tell the person of every new edition from now on. Following twice is following once."""
    subscription, created = Subscription.objects.get_or_create(
        publication=publication, user=by, defaults={"created_at": at}
    )
    if created:
        record("follow", publication, by=by, at=at, publication=publication)
    return subscription


@transaction.atomic
def unfollow(publication: Publication, *, by: User, at: datetime) -> None:
    """Tell the person nothing more of it; what waits to be sent is still sent."""
    deleted, _ = Subscription.objects.filter(publication=publication, user=by).delete()
    if deleted:
        record("unfollow", publication, by=by, at=at, publication=publication)


def note(announcement: Announcement) -> int:
    """Write one message for each person that the announcement concerns; returns how many.

    Must be called inside the announcing transaction.
    """
    match announcement:
        case Published():
            return _note_published(announcement)
        case RunFailed():
            return _note_failed(announcement)
        case Quarantined():
            return _note_quarantined(announcement)
        case _:
            return 0  # nobody is told of it


def _note_published(news: Published) -> int:
    publication = news.edition.publication
    followers = viewers(publication).filter(subscriptions__publication=publication)
    followers = followers.filter(is_active=True).exclude(email="")
    if news.by is not None:
        followers = followers.exclude(pk=news.by.pk)
    return _write(
        OutboxMessage.Kind.PUBLISHED,
        key=f"published/{news.edition.pk}/{news.at:%Y%m%dT%H%M%S%f}",
        letter=published_letter(news),
        publication=publication,
        recipients=followers,
        at=news.at,
    )


def _note_failed(news: RunFailed) -> int:
    run = _run(news.run_id)
    letter = failed_letter(run, sentence=news.sentence, at=news.at)
    return _tell_repairers(run, f"failed/{run.variant_id}/", letter, at=news.at)


def _note_quarantined(news: Quarantined) -> int:
    run = _run(news.run_id)
    letter = quarantined_letter(run, news.edition, sentence=news.sentence, at=news.at)
    return _tell_repairers(run, f"quarantined/{run.variant_id}/", letter, at=news.at)


def _run(pk: int) -> Run:
    return Run.objects.select_related(
        "version__created_by", "variant__publication__owner", "variant__current"
    ).get(pk=pk)


def _tell_repairers(run: Run, prefix: str, letter: Letter, *, at: datetime) -> int:
    """Write to those who can repair it, unless they heard of the same kind of trouble within the hour."""
    if _told_lately(run.variant, prefix, before=at):
        return 0
    people = {run.variant.publication.owner, run.version.created_by}
    return _write(
        OutboxMessage.Kind.FAILED,
        key=f"{prefix}{run.pk}",
        letter=letter,
        publication=run.variant.publication,
        recipients=[person for person in people if may_be_told(person, run.variant.publication)],
        at=at,
    )


def _told_lately(variant: Variant, prefix: str, *, before: datetime) -> bool:
    """Whether such trouble of this variant was told within the hour; the lock makes two at once take turns."""
    Variant.objects.select_for_update(no_key=True).get(pk=variant.pk)
    return OutboxMessage.objects.filter(
        kind=OutboxMessage.Kind.FAILED,
        publication_id=variant.publication_id,
        key__startswith=prefix,
        created_at__gt=before - FAILURES_AT_MOST_EVERY,
    ).exists()


def _write(
    kind: OutboxMessage.Kind,
    *,
    key: str,
    letter: Letter,
    publication: Publication,
    recipients: Iterable[User],
    at: datetime,
) -> int:
    """One row a person, once: noting the same announcement again adds nothing."""
    messages = [
        OutboxMessage(
            kind=kind,
            recipient=person,
            publication=publication,
            key=key,
            subject=letter.subject,
            body=letter.body,
            due_at=at,
            created_at=at,
        )
        for person in recipients
    ]
    OutboxMessage.objects.bulk_create(messages, ignore_conflicts=True)
    return len(messages)


def may_be_told(person: User, publication: Publication) -> bool:
    """Active, with an address, and with the right to see it."""
    return person.is_active and bool(person.email) and can_view(person, publication)
