"""Who answers for a publication, and handing that on."""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction

from portal.accounts.models import User
from portal.publishing.actions import PublishingError
from portal.publishing.audit import record
from portal.publishing.models import Publication
from portal.publishing.permissions import part_of


class CannotOwn(PublishingError):
    """The person cannot publish, or the publication belongs to whoever owns its report."""

    code = "cannot_own"


@transaction.atomic
def move_owner(publication: Publication, *, to: User, by: User, at: datetime) -> bool:
    """Make another person the owner; what a report makes goes with it.

    :returns: False when it was theirs already, or somebody else's by now.
    :raises CannotOwn: when the person's role does not publish, or it is a part of a report.
    :raises PermissionDenied: to anybody but the owner and admins.
    """
    former = publication.owner_id
    if not (by.is_admin or former == by.pk):
        raise PermissionDenied(
            f"Only {publication.owner} and admins can give “{publication}” away."
        )
    if not to.may_publish:
        raise CannotOwn(f"{to} cannot publish, so cannot own “{publication}”.")
    if part_of(publication) is not None:
        raise CannotOwn(f"“{publication}” belongs to whoever owns its report.")
    mine = Publication.objects.filter(pk=publication.pk, owner=former).exclude(owner=to)
    if mine.update(owner=to) != 1:
        return False
    Publication.objects.filter(part__parent=publication).update(owner=to)
    record("move_owner", publication, by=by, at=at, publication=publication, was=former, now=to.pk)
    return True
