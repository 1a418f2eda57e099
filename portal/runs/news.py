"""Schedules that are due after others: a new edition of one variant makes the refresh of another due.

Everything happens in the transaction that publishes, so the news is neither lost nor heard of what was rolled back.
The lock on each waiting schedule makes two that publish at the same moment take turns.
"""

from collections import defaultdict
from datetime import datetime

from django.db.models import QuerySet

from portal.publishing import plugs
from portal.publishing.models import Edition, PublishEvent
from portal.publishing.permissions import can_view
from portal.runs import policies
from portal.runs.models import Run, Schedule, ScheduleUpstream, Slot
from portal.runs.takings import Due, Takings

CIRCLE = "It would go round in a circle: what it waits for waits for this publication"
HIDDEN = "The owner may not see the publication any more that it waits for"


def hear(announcement: plugs.Announcement) -> None:
    """Note the news with every active schedule that waits for it, and make slots of those that have all they need."""
    if not isinstance(announcement, plugs.Published):
        return
    edition, at = announcement.edition, announcement.at
    waiting = list(_waiting_for(edition))
    if not waiting or not _is_news(edition):
        return
    upstreams = ScheduleUpstream.objects.filter(schedule__in=[one.pk for one in waiting])
    upstreams.filter(variant=edition.variant_id).update(arrived_at=at)
    ready = _ready(waiting, upstreams)
    upstreams.filter(schedule__in=[one.pk for one in ready]).update(arrived_at=None)
    _make(ready, edition, at)


def _waiting_for(edition: Edition) -> QuerySet[Schedule]:
    return (
        Schedule.objects.filter(
            rule=Schedule.Rule.AFTER,
            state=Schedule.State.ACTIVE,
            upstreams__variant=edition.variant_id,
        )
        .select_related("variant__version", "variant__publication__owner")
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )


def _is_news(edition: Edition) -> bool:
    """Whether readers never saw this or a later one: a roll-back is no news. The event of this move is kept already."""
    moves = PublishEvent.objects.filter(
        variant=edition.variant_id, edition__number__gte=edition.number
    )
    earlier = PublishEvent.objects.filter(
        variant=edition.variant_id, previous__number__gte=edition.number
    )
    return moves.count() == 1 and not earlier.exists()


def _ready(waiting: list[Schedule], upstreams: QuerySet[ScheduleUpstream]) -> list[Schedule]:
    """Those that have all (or any) of what they need; whoever lets one go again has forgotten what came before."""
    known: dict[int, list[ScheduleUpstream]] = defaultdict(list)
    for upstream in upstreams:
        known[upstream.schedule_id].append(upstream)
    return [one for one in waiting if _has_what_it_needs(one, known[one.pk])]


def _has_what_it_needs(schedule: Schedule, upstreams: list[ScheduleUpstream]) -> bool:
    arrived = [one.arrived_at is not None for one in upstreams]
    return any(arrived) if schedule.needs == Schedule.Needs.ANY else all(arrived)


def _make(ready: list[Schedule], edition: Edition, at: datetime) -> None:
    if not ready:
        return
    there = set(
        Slot.objects.filter(schedule__in=ready, due_at=at).values_list("schedule_id", flat=True)
    )
    downstream = _downstream_of_all()
    takings = Takings({one.variant_id for one in ready}, at=at)
    for schedule in ready:
        if schedule.pk not in there:  # another arrived at this very moment
            reason = _reason(schedule, edition, downstream, at)
            takings.add(Due(schedule, at, Run.Trigger.AFTER, reason=reason))
    takings.keep()


def _reason(
    schedule: Schedule, edition: Edition, downstream: dict[int, set[int]], at: datetime
) -> str:
    if _leads_to(schedule.variant_id, edition.variant_id, downstream):
        return CIRCLE
    if not can_view(schedule.variant.publication.owner, edition.publication):
        return HIDDEN
    return policies.reason_to_skip(schedule, at, at=at, is_last=True)


def _downstream_of_all() -> dict[int, set[int]]:
    """Which variants are refreshed after which, by active schedules."""
    edges = ScheduleUpstream.objects.filter(
        schedule__rule=Schedule.Rule.AFTER, schedule__state=Schedule.State.ACTIVE
    ).values_list("variant_id", "schedule__variant_id")
    downstream: dict[int, set[int]] = defaultdict(set)
    for upper, lower in edges:
        downstream[upper].add(lower)
    return downstream


def _leads_to(start: int, goal: int, downstream: dict[int, set[int]]) -> bool:
    """Whether news of one variant would come to the other. Circles are refused when schedules are saved; two people
    who save at once could still close one."""
    seen: set[int] = set()
    reached = {start}
    while reached - seen:
        if goal in reached:
            return True
        fresh = reached - seen
        seen |= fresh
        reached = set().union(*(downstream.get(one, set()) for one in fresh))
    return False
