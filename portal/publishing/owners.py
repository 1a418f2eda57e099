"""Who owns what: moving it, and what has nobody any more."""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction

from portal.accounts.models import User
from portal.publishing.actions import PublishingError, lock_publication, require_no_part
from portal.publishing.audit import record
from portal.publishing.models import Publication, PublicationQuerySet


class CannotOwn(PublishingError):
    """The person is not there any more, or only reads."""

    code = "cannot_own"


@transaction.atomic
def move_owner(publication: Publication, *, to: User, by: User, at: datetime) -> bool:
    """Make somebody else its owner; nothing stops, and what its runs make beside it goes along.

    :returns: False when it was theirs already.
    :raises CannotOwn: when the person is not active or may not publish.
    :raises portal.publishing.actions.MadeByReport: for a chart that a report makes: move the report.
    :raises PermissionDenied: to anybody but the owner and admins.
    """
    if not by.is_admin and publication.owner_id != by.pk:
        raise PermissionDenied(
            f"Only {publication.owner} and admins can give “{publication}” away."
        )
    require_no_part(publication, "Move that instead.")
    require_can_own(to)
    locked = lock_publication(publication.pk)
    if locked.owner_id == to.pk:
        return False
    former = locked.owner.username
    Publication.objects.filter(pk=locked.pk).update(owner=to)
    Publication.objects.filter(part__parent=locked.pk).update(owner=to)
    record(
        "move_owner",
        locked,
        by=by,
        at=at,
        publication=locked,
        former=former,
        owner=to.username,
    )
    publication.owner = to
    return True


def require_can_own(person: User) -> None:
    """
    :raises CannotOwn: when the person is not active or may not publish.
    """
    if not person.is_active:
        raise CannotOwn(f"{person} has no active account. Choose somebody who has.")
    if not person.may_publish:
        raise CannotOwn(f"{person} is a reader. Make them an author first, or choose another.")


def owned_by(person: User) -> PublicationQuerySet:
    """What the person owns and is not removed; what its runs make beside it goes with it."""
    return Publication.objects.filter(owner=person).listed().by_people().order_by("title", "pk")


def without_active_owner() -> PublicationQuerySet:
    """What keeps running although its owner has left."""
    left = Publication.objects.filter(owner__is_active=False).listed().by_people()
    return left.select_related("owner", "team").order_by("owner__username", "title", "pk")
