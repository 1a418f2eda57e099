"""When somebody leaves: their account is closed, what they own goes to a successor, and nothing stops meanwhile.

The rooms above register what else a person may own. Nothing that runs asks who made it, so an account can be
closed at any time. Locks are taken in one order: publications, then people, each by key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q, QuerySet

from portal.accounts.models import Membership, Role, User
from portal.publishing import owners
from portal.publishing.audit import record
from portal.publishing.links import path_of
from portal.publishing.models import Publication, Version

SHOWN = 20  # of each sort
LATELY = timedelta(days=180)


class CannotLeave(Exception):
    """The account cannot be closed or opened; the message says why."""


@dataclass(frozen=True)
class Held:
    """How many there are, and the first of them: words and path, which may be empty."""

    total: int
    first: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Holding:
    """One sort of thing that people own or have set. `after` says what becomes of it when they leave."""

    title: str
    after: str
    held_by: Callable[[User], Held]
    move: Callable[[User, User, User, datetime], int] | None = None  # from, to, by, at


def _publications(person: User) -> Held:
    owned = owners.owned_by(person)
    return Held(owned.count(), [(one.title, path_of(one)) for one in owned[:SHOWN]])


def _move_publications(person: User, to: User, by: User, at: datetime) -> int:
    keys = list(owners.owned_by(person).order_by("pk").values_list("pk", flat=True))
    publications = Publication.objects.filter(pk__in=keys).order_by("pk")
    return sum(owners.move_owner(one, to=to, by=by, at=at) for one in publications)


_holdings: dict[str, Holding] = {
    "publications": Holding(
        "Publications",
        "Go to the successor, with their schedules.",
        _publications,
        _move_publications,
    )
}


def register_holding(name: str, holding: Holding) -> None:
    """Ask this too when somebody leaves."""
    _holdings[name] = holding


def holdings_of(person: User) -> list[tuple[Holding, Held]]:
    """What the person owns or has set, by sort."""
    return [(holding, holding.held_by(person)) for holding in _holdings.values()]


@transaction.atomic
def deactivate(person: User, *, successor: User | None, by: User, at: datetime) -> int:
    """Close the account: its sessions end and its mails stop, and what it owns goes to the successor.

    Without one everything goes on under the name of who left, and is listed as without an active owner.

    :returns: how many things moved.
    :raises CannotLeave: for oneself, the last admin, or whose account is closed already.
    :raises portal.publishing.owners.CannotOwn: when the successor cannot own.
    :raises PermissionDenied: when the person who asks is no admin, or not any more.
    """
    people = _locked(person, successor, by)
    _require_admin(people.get(by.pk, by))
    if person.pk == by.pk:
        raise CannotLeave("You cannot close your own account. Ask another admin.")
    if not people[person.pk].is_active:
        raise CannotLeave(f"The account of {person} is closed already.")
    if not any(one.is_admin for one in people.values() if one.pk != person.pk):
        raise CannotLeave(f"{person} is the last admin. Make somebody else one first.")
    moved = _hand_over(person, people[successor.pk], by, at) if successor else 0
    User.objects.filter(pk=person.pk).update(is_active=False)
    _end_sessions(person, at=at)
    to = successor.username if successor else None
    record("deactivate", person, by=by, at=at, successor=to, moved=moved)
    return moved


@transaction.atomic
def reactivate(person: User, *, by: User, at: datetime) -> bool:
    """Open the account again, as it was; what was moved stays moved. False when it was open.

    :raises PermissionDenied: when the person who asks is no admin.
    """
    _require_admin(by)
    opened = User.objects.filter(pk=person.pk, is_active=False).update(is_active=True)
    if opened:
        record("reactivate", person, by=by, at=at)
    return bool(opened)


@transaction.atomic
def hand_over(person: User, *, to: User, by: User, at: datetime) -> int:
    """Move all that somebody owns who has left; returns how many things moved.

    :raises portal.publishing.owners.CannotOwn: when the successor cannot own.
    :raises PermissionDenied: when the person who asks is no admin.
    """
    people = _locked(person, to, by)
    _require_admin(people.get(by.pk, by))
    moved = _hand_over(person, people[to.pk], by, at)
    record("hand_over", person, by=by, at=at, successor=to.username, moved=moved)
    return moved


def everybody(text: str) -> QuerySet[User]:
    """People by name, with how much they own; `text` narrows it."""
    people = User.objects.prefetch_related("teams").order_by("-is_active", "username")
    for word in text.split():
        people = people.filter(
            Q(username__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
        )
    kept = ~Q(publications__state=Publication.State.REMOVED) & Q(publications__part__isnull=True)
    return people.annotate(owns=Count("publications", filter=kept))


def successors(person: User, *, at: datetime) -> list[User]:
    """Who could own it: authors of the person's teams first, who published most lately at the top."""
    teams = Membership.objects.filter(user=person).values("team")
    mates = set(Membership.objects.filter(team__in=teams).values_list("user", flat=True))
    may = User.objects.filter(is_active=True).filter(~Q(role=Role.READER) | Q(is_superuser=True))
    counts = Version.objects.filter(created_at__gt=at - LATELY).values_list("created_by")
    lately = dict(counts.annotate(count=Count("pk")).order_by())
    people = may.exclude(pk=person.pk)
    return sorted(
        people, key=lambda one: (one.pk not in mates, -lately.get(one.pk, 0), one.username)
    )


def _hand_over(person: User, to: User, by: User, at: datetime) -> int:
    if to.pk == person.pk:
        raise owners.CannotOwn(f"{person} cannot be the successor of {person}.")
    owners.require_can_own(to)
    movers = [holding.move for holding in _holdings.values() if holding.move is not None]
    return sum(move(person, to, by, at) for move in movers)


def _locked(person: User, *others: User | None) -> dict[int, User]:
    """These people and all admins as they are now, by key: held with what the first owns until the end."""
    owned = Publication.objects.filter(owner=person).select_for_update(no_key=True)
    list(owned.order_by("pk").values_list("pk"))
    keys = [one.pk for one in (person, *others) if one is not None]
    wanted = Q(pk__in=keys) | Q(role=Role.ADMIN) | Q(is_superuser=True)
    locked = User.objects.select_for_update(no_key=True).filter(wanted).order_by("pk")
    return {one.pk: one for one in locked}


def _require_admin(person: User) -> None:
    if not person.is_admin:
        raise PermissionDenied("Only admins can close and open accounts.")


def _end_sessions(person: User, *, at: datetime) -> None:
    """Else they would go on when the account is opened again."""
    for session in Session.objects.filter(expire_date__gt=at).iterator():
        if session.get_decoded().get("_auth_user_id") == str(person.pk):
            session.delete()
