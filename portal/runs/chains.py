"""What waits for what: finding upstreams, and refusing circles."""

from collections.abc import Iterable, Sequence

from django.db import connection

from portal.accounts.models import User
from portal.publishing.links import Moved, NoSuchPublication, Removed, find_publication
from portal.publishing.models import DEFAULT_VARIANT, Publication, Variant
from portal.publishing.permissions import can_view, part_of
from portal.runs.models import Schedule, ScheduleUpstream
from portal.runs.phrases import name_of
from portal.runs.rules import BadSchedule

MOST_UPSTREAMS = 10
ADVISORY_LOCK = 4_207_001  # of our choice; nothing else in the database may use it
HIDDEN = "a publication that you may not see"


def find_upstreams(names: Iterable[str], *, by: User) -> list[Variant]:
    """The variants behind `slug` or `slug:variant`.

    :raises BadSchedule: for one that is not there; one that the person may not see is told no differently.
    """
    return [_find(name.strip(), by) for name in names if name.strip()]


def address_of(variant: Variant) -> str:
    """How `find_upstreams` is asked for it."""
    slug = variant.publication.slug
    return slug if variant.is_default else f"{slug}:{variant.slug}"


def check_upstreams(
    variant: Variant, upstreams: Sequence[Variant], *, known: Iterable[int] = (), by: User
) -> None:
    """
    :param known: variants, by key, that it waits for already: a colleague who sees more may have named them.
    :raises BadSchedule: when there is none, too many, or one that the person may not name.
    """
    if not upstreams:
        raise BadSchedule("Name at least one publication that it waits for.")
    if len(upstreams) > MOST_UPSTREAMS:
        raise BadSchedule(f"It can wait for at most {MOST_UPSTREAMS} publications.")
    held = set(known)
    for one in upstreams:
        if one.pk not in held and not can_view(by, one.publication):
            raise _no_such(one.publication.slug)
        part = part_of(one.publication)
        if part is not None:
            raise BadSchedule(f"“{one.publication}” is made by “{part.parent}”. Wait for that.")
        if one.pk == variant.pk:
            raise BadSchedule(f"{name_of(variant)} cannot wait for itself.")


def hold_all() -> None:
    """Let nobody else add to what waits for what until the transaction ends, so that two cannot close a circle.

    On SQLite every writing transaction holds the whole database already.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


def check_no_circle(
    variant: Variant, upstreams: Sequence[Variant], *, but: int | None, by: User
) -> None:
    """Follow what the upstreams wait for, by schedules that have not ended. `hold_all` must have been called.

    :param but: the schedule, by key, that is about to be changed.
    :raises BadSchedule: when that leads back to the variant; the message names the circle.
    """
    came_from: dict[int, int] = {one.pk: variant.pk for one in upstreams}
    edge = set(came_from)
    while edge and variant.pk not in edge:
        found = ScheduleUpstream.objects.filter(schedule__variant__in=edge).exclude(schedule=but)
        found = found.exclude(schedule__state=Schedule.State.ENDED)
        pairs = list(found.values_list("schedule__variant_id", "variant_id"))
        edge = {waited for _, waited in pairs} - came_from.keys()
        came_from |= {waited: waiting for waiting, waited in pairs if waited in edge}
    if variant.pk in edge:
        raise BadSchedule(_circle(variant, came_from, by))


def _circle(variant: Variant, came_from: dict[int, int], by: User) -> str:
    """`“A” waits for “B”, which waits for “A”`"""
    way = [variant.pk, came_from[variant.pk]]
    while way[-1] != variant.pk:
        way.append(came_from[way[-1]])
    names = _names(way, by)
    first, second, *others = [names[pk] for pk in reversed(way)]
    rest = "".join(f", which waits for {name}" for name in others)
    return f"They would wait for each other: {first} waits for {second}{rest}."


def _names(keys: Iterable[int], by: User) -> dict[int, str]:
    variants = list(Variant.objects.select_related("publication").filter(pk__in=keys))
    visible = set(
        Publication.objects.visible_to(by)
        .filter(variants__in=variants)
        .values_list("pk", flat=True)
    )
    return {one.pk: name_of(one) if one.publication_id in visible else HIDDEN for one in variants}


def _find(name: str, by: User) -> Variant:
    slug, _, asked = name.partition(":")
    try:
        publication = _publication(by, slug)
        return publication.variants.select_related("publication").get(slug=asked or DEFAULT_VARIANT)
    except (NoSuchPublication, Removed, Variant.DoesNotExist):
        raise _no_such(name) from None


def _publication(by: User, slug: str) -> Publication:
    try:
        return find_publication(by, slug)
    except Moved as moved:
        return moved.publication


def _no_such(name: str) -> BadSchedule:
    return BadSchedule(f"There is no “{name[:100]}” that you could wait for.")
