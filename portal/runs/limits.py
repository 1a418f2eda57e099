"""How many runs may go at once, of a queue, a team, or a named resource. Admins say so; claims keep to it."""

import re
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction

from portal.accounts.models import Team, User
from portal.publishing.audit import record
from portal.runs.doorbell import ring_for
from portal.runs.models import Limit
from portal.runs.queue import possible

MOST = 1000
NAME = re.compile(
    r"(?=.{1,40}$)[a-z0-9]+(?:-[a-z0-9]+)*"
)  # as a manifest names queues and resources
RINGS = 10  # more become possible when a limit rises, and the ticker rings for these


class BadLimit(Exception):
    """The limit cannot be kept; the message says why."""


@transaction.atomic
def set_limit(of: str, name: str, most: int, *, by: User, at: datetime) -> Limit:
    """Let so many through at once from now on. Runs that go already are left alone.

    :raises BadLimit: when there can be no such limit.
    :raises PermissionDenied: when the person is no admin.
    """
    require_admin(by)
    _check(of, name, most)
    former = Limit.objects.select_for_update(no_key=True).filter(of=of, name=name).first()
    limit, _ = Limit.objects.update_or_create(
        of=of, name=name, defaults={"most": most, "set_by": by, "set_at": at}
    )
    before = former.most if former else None
    record("set_limit", limit, by=by, at=at, of=of, name=name, most=most, former=before)
    _ring(at)
    return limit


@transaction.atomic
def remove_limit(limit: Limit, *, by: User, at: datetime) -> None:
    """Let through whatever comes.

    :raises PermissionDenied: when the person is no admin.
    """
    require_admin(by)
    if Limit.objects.filter(pk=limit.pk).delete()[0]:
        record("remove_limit", limit, by=by, at=at, of=limit.of, name=limit.name, most=limit.most)
        _ring(at)


def require_admin(user: User) -> None:
    """
    :raises PermissionDenied: when the person is no admin.
    """
    if not user.is_admin:
        raise PermissionDenied("Only admins see the workers and limit how many runs go at once.")


def _check(of: str, name: str, most: int) -> None:
    if of not in Limit.Of:
        raise BadLimit("Say what is limited: a queue, a team or a resource.")
    if of != Limit.Of.TEAM and not NAME.fullmatch(name):
        raise BadLimit(
            f"“{name}” is no name: lower-case letters, digits and single hyphens, at most 40."
        )
    if of == Limit.Of.TEAM and not Team.objects.filter(slug=name).exists():
        raise BadLimit(f"There is no team “{name}”.")
    if not 1 <= most <= MOST:
        raise BadLimit(f"From 1 to {MOST} runs may go at once.")


def _ring(at: datetime) -> None:
    for run in possible(at)[:RINGS]:
        ring_for(run)
