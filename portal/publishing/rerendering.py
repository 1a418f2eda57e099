"""What a new version does to the variants: those that its manifest declares are made, and all are rendered with it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.accounts.models import User
from portal.publishing import plugs
from portal.publishing.audit import record
from portal.publishing.models import DEFAULT_VARIANT, Variant, VariantQuerySet, Version
from portal.publishing.plugs import Because
from portal.publishing.standing import trouble_of


def move_to(version: Version, *, by: User, at: datetime) -> tuple[Variant, Version | None]:
    """Let every variant be refreshed with the version from now on; returns the default one, and what it had.

    Must be called, like all of this module, in a transaction that holds the publication.
    """
    default, _ = Variant.objects.get_or_create(
        publication=version.publication, slug=DEFAULT_VARIANT
    )
    former = default.version
    _declare(version, former, by=by, at=at)
    _live(version).update(version=version)
    default.version = version
    return default, former


def render_others(version: Version, *, by: User, at: datetime) -> None:
    """Queue a run of each variant but the default one; those that the version cannot be run for keep what they show."""
    if not version.executes:
        return
    others = _live(version).exclude(slug=DEFAULT_VARIANT).select_related("version", "publication")
    for variant in others.order_by("slug"):
        if not trouble_of(variant):
            plugs.execute(version, variant=variant, by=by, at=at, because=Because.VERSION)


def _live(version: Version) -> VariantQuerySet:
    return Variant.objects.filter(publication=version.publication_id).live()


def _declare(version: Version, former: Version | None, *, by: User, at: datetime) -> None:
    """What a manifest says counts when it is new there: what a person changed or removed since stays otherwise."""
    before = {one["slug"]: one for one in _declared(former)}
    for wish in _declared(version):
        if before.get(wish["slug"]) != wish:
            _apply(version, wish, by=by, at=at)


def _declared(version: Version | None) -> list[dict[str, Any]]:
    declared: list[dict[str, Any]] = version.manifest.get("variants", []) if version else []
    return declared


def _apply(version: Version, wish: Mapping[str, Any], *, by: User, at: datetime) -> None:
    values = {"title": wish["title"], "parameters": wish["parameters"], "is_declared": True}
    variant, created = Variant.objects.update_or_create(
        publication=version.publication,
        slug=wish["slug"],
        defaults=values | {"removed_at": None, "removed_by": None},
    )
    record(
        "create_variant" if created else "change_variant",
        variant,
        by=by,
        at=at,
        publication=version.publication,
        slug=variant.slug,
        parameters=variant.parameters,
        declared_by=version.number,
    )
