"""Schedules as code: what a manifest says of them becomes the publication's schedules."""

from collections.abc import Callable
from datetime import datetime, time
from typing import Any

from portal.accounts.models import User
from portal.publishing.models import DEFAULT_VARIANT, Variant
from portal.runs import chains, schedules
from portal.runs.models import Calendar, Schedule
from portal.runs.rules import BadSchedule
from portal.runs.schedules import DEFAULT_NAME

Wish = dict[str, Any]
PRIORITIES = {
    "high": Schedule.Priority.HIGH,
    "normal": Schedule.Priority.NORMAL,
    "low": Schedule.Priority.LOW,
}
NOT_FIELDS = {"name", "variant", "after", "arrival", "paused"}
OTHER_NAMES = {"at": "at_time"}


def apply_manifest(
    variant: Variant, wishes: list[Wish], former: list[Wish], by: User, at: datetime
) -> None:
    """Set the schedules that are new or changed in the manifest, and end those that it does not declare any more.

    One that stands there as before keeps what people changed since; so do those that only people have set.

    :param former: the wishes of the version before.
    :raises BadSchedule: when a rule cannot be followed, or names what is not there.
    """
    before = {_key(wish): wish for wish in former}
    now = {_key(wish): wish for wish in wishes}
    for key in before.keys() - now.keys():
        _end(variant, *key, by=by, at=at)
    for key, wish in now.items():
        if before.get(key) != wish:
            _set(_variant(variant, key[0]), key[1], wish, by=by, at=at)


def _key(wish: Wish) -> tuple[str, str]:
    return wish.get("variant", DEFAULT_VARIANT), wish.get("name", DEFAULT_NAME)


def _set(variant: Variant, name: str, wish: Wish, *, by: User, at: datetime) -> None:
    upstreams = chains.find_upstreams(wish.get("after", []), by=by)
    kept = schedules.set_schedule(
        variant, name=name, upstreams=upstreams, **_fields(wish), by=by, at=at
    )
    Schedule.objects.filter(pk=kept.pk).update(is_declared=True)
    if wish.get("paused"):
        schedules.pause(kept, by=by, at=at, reason="broadsheet.toml says paused")


def _end(variant: Variant, slug: str, name: str, *, by: User, at: datetime) -> None:
    found = variant.publication.variants.filter(slug=slug).first()
    declared = schedules.running(found).filter(name=name, is_declared=True) if found else []
    for schedule in declared:
        schedules.end(schedule, by=by, at=at)


def _variant(variant: Variant, slug: str) -> Variant:
    if variant.slug == slug:
        return variant
    found: Variant | None = variant.publication.variants.live().filter(slug=slug).first()
    if found is None:
        raise BadSchedule(f"“{variant.publication}” has no variant “{slug}”.")
    return found


def _fields(wish: Wish) -> Wish:
    """The wish as `schedules.set_schedule` takes it."""
    fields = {
        OTHER_NAMES.get(key, key): _READ[key](value) if key in _READ else value
        for key, value in wish.items()
        if key not in NOT_FIELDS
    }
    if "after" in wish:
        fields["rule"] = Schedule.Rule.AFTER
    elif "arrival" in wish:
        fields["rule"] = Schedule.Rule.ARRIVAL
    return fields


def _calendar(slug: str) -> Calendar:
    found = Calendar.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(Calendar.objects.order_by("slug").values_list("slug", flat=True))
        raise BadSchedule(f"There is no calendar “{slug}”; known are {known or 'none yet'}.")
    return found


_READ: dict[str, Callable[[Any], Any]] = {
    "at": time.fromisoformat,
    "fresh_by": time.fromisoformat,
    "priority": lambda name: PRIORITIES[name],
    "calendar": _calendar,
}
