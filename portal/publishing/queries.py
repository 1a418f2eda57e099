"""Reads that lists need: publications told with their current edition, in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Max, Prefetch, Q

from portal.accounts.models import User
from portal.publishing import plugs
from portal.publishing.models import (
    DEFAULT_VARIANT,
    Edition,
    Publication,
    PublicationQuerySet,
    Variant,
)
from portal.publishing.standing import Standing, in_words, standing_of, trouble_of


@dataclass(frozen=True)
class Story:
    """One publication as lists tell it. `parts` holds what the rooms above say of its default variant."""

    publication: Publication
    variant: Variant | None
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def edition(self) -> Edition | None:
        return self.variant.current if self.variant else None


def published_lately(user: User) -> PublicationQuerySet:
    """What the person may see and what has something to show, last published first; charts only by their report."""
    readable = Publication.objects.visible_to(user).listed().by_people()
    return by_freshness(readable.filter(variants__current__isnull=False))


def yours(user: User) -> PublicationQuerySet:
    """What the person owns or their teams keep, last published first."""
    mine = Q(owner=user) | Q(team__in=user.teams.all())
    return by_freshness(Publication.objects.visible_to(user).listed().by_people().filter(mine))


def by_freshness(publications: PublicationQuerySet) -> PublicationQuerySet:
    """Annotated with `published_at`, the last time a link moved; what never did comes by creation."""
    return publications.annotate(published_at=Max("variants__publish_events__at")).order_by(
        "-published_at", "-created_at", "-pk"
    )


def titled(publications: PublicationQuerySet, text: str) -> PublicationQuerySet:
    """Those whose title has every word of the text, in any order and case."""
    for word in text.split():
        publications = publications.filter(title__icontains=word)
    return publications


def count_by_kind(user: User) -> dict[str, int]:
    """How many publications of each kind the lists tell the person of."""
    rows = Publication.objects.listed_for(user).values("kind").annotate(count=Count("pk"))
    return {row["kind"]: row["count"] for row in rows}


def told(publications: PublicationQuerySet) -> list[Story]:
    """The publications of a slice with their default variant, current edition and parts."""
    rows = list(
        publications.select_related("owner", "team").prefetch_related(
            Prefetch("variants", queryset=_default_variants(), to_attr="default_variants")
        )
    )
    variants = [variant for row in rows for variant in _default_of(row)]
    parts = plugs.list_parts(variants)
    return [_story(row, parts) for row in rows]


def _default_variants() -> Any:
    return Variant.objects.filter(slug=DEFAULT_VARIANT).select_related("current__version")


def _default_of(publication: Publication) -> Sequence[Variant]:
    found: Sequence[Variant] = publication.default_variants  # type: ignore[attr-defined]  # prefetched by told()
    return found


def _story(publication: Publication, parts: dict[str, dict[int, Any]]) -> Story:
    variant = next(iter(_default_of(publication)), None)
    if variant is None:
        return Story(publication=publication, variant=None)
    return Story(
        publication=publication,
        variant=variant,
        parts={name: answers.get(variant.pk) for name, answers in parts.items()},
    )


@dataclass(frozen=True)
class VariantStory:
    """One variant as the page of all variants tells it. `parts` holds what the rooms above say of it."""

    variant: Variant
    words: list[tuple[str, str]]
    standing: Standing
    is_undeclared: bool
    parts: dict[str, Any]


def variants_told(publication: Publication) -> list[VariantStory]:
    """The variants that were not removed, the default one first, in a constant number of queries."""
    rows = publication.variants.live().select_related("publication", "version", "current__version")
    variants = sorted(rows, key=lambda one: (not one.is_default, one.title.casefold(), one.slug))
    wanted = next((one.version for one in variants if one.is_default), None)
    parts = plugs.list_parts(variants)
    declared = {one["slug"] for one in wanted.manifest.get("variants", [])} if wanted else set()
    return [
        VariantStory(
            variant=one,
            words=in_words(one),
            standing=standing_of(one, wanted),
            is_undeclared=one.is_declared and one.slug not in declared,
            parts={name: answers.get(one.pk) for name, answers in parts.items()},
        )
        for one in variants
    ]


def troubles(publication: Publication) -> list[tuple[Variant, str]]:
    """The variants that their version cannot be run for, and why; one query."""
    rows = publication.variants.live().select_related("version").order_by("slug")
    found = [(one, trouble_of(one)) for one in rows]
    return [(one, trouble) for one, trouble in found if trouble]
