"""Who may see and change one publication. `visible_to` and `editable_by` say the same of lists, and a test holds
them equal. A part of a report is asked of the report: it can never be more visible than that is."""

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from portal.accounts.models import Membership, Role, User
from portal.publishing.models import Audience, Kind, Part, Publication


def part_of(publication: Publication) -> Part | None:
    """What ties the publication to the report whose runs make it; None for what was published by itself."""
    if publication.kind != Kind.VISUALIZATION:
        return None
    part: Part | None = getattr(publication, "part", None)
    return part


def is_gone(publication: Publication) -> bool:
    """Whether it was removed, by itself or with its report."""
    return publication.is_removed or _asked(publication).is_removed


def can_view(user: User, publication: Publication) -> bool:
    """Read its page, its editions, its history."""
    publication = _asked(publication)
    if user.is_admin or publication.audience == Audience.COMPANY or publication.owner_id == user.pk:
        return True
    return publication.audience == Audience.TEAM and _is_member(user, publication)


def viewers(publication: Publication) -> QuerySet[User]:
    """Everybody whom `can_view` lets see it, in one query."""
    publication = _asked(publication)
    if publication.audience == Audience.COMPANY:
        return User.objects.all()
    admins = Q(is_active=True) & (Q(is_superuser=True) | Q(role=Role.ADMIN))
    may = Q(pk=publication.owner_id) | admins
    if publication.audience == Audience.TEAM:
        team = Membership.objects.filter(team=publication.team_id)
        may |= Q(pk__in=team.values("user"))
    return User.objects.filter(may)


def can_edit(user: User, publication: Publication) -> bool:
    """Publish, refresh, schedule, roll back and embed it: its owner, authors of its team, admins.

    What is for the owner alone is not the team's either: nobody may change what they may not see.
    """
    publication = _asked(publication)
    if user.is_admin:
        return True
    if not user.may_publish:
        return False
    if publication.owner_id == user.pk:
        return True
    return publication.audience != Audience.OWNER and _is_member(user, publication)


def can_embed(user: User, publication: Publication) -> bool:
    """Make a key that shows it to people who do not sign in: whoever may change it."""
    return can_edit(user, publication)


def require_edit(user: User, publication: Publication) -> None:
    """
    :raises PermissionDenied: with a sentence that says who could.
    """
    if not can_edit(user, publication):
        raise PermissionDenied(
            f"Only {publication.owner}, authors of the same team and admins can change “{publication}”."
        )


def require_author(user: User) -> None:
    """
    :raises PermissionDenied: when the person's role does not publish.
    """
    if not user.may_publish:
        raise PermissionDenied(
            "Your role is reader. Ask an admin to make you an author, then you can publish."
        )


def _asked(publication: Publication) -> Publication:
    """The publication whose audience counts: for a part, its report."""
    part = part_of(publication)
    return part.parent if part else publication


def _is_member(user: User, publication: Publication) -> bool:
    return (
        publication.team_id is not None
        and Membership.objects.filter(user=user, team_id=publication.team_id).exists()
    )
