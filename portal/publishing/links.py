"""From an address to the edition it shows: one function, named failures.

Page, embed, API and oEmbed all resolve here, so that they cannot disagree. The grammar:

    <slug>                    current edition of the default variant
    <slug>, for <variant>     of another variant
    <slug>, v<major>          last published edition of that major
    <slug>, editions/<n>      that edition, for ever
    <slug>, as-of/<date>      the edition that was current at the end of that day, in the publication's zone

What comes after `for <variant>` may be `v<major>` or `as-of/<date>` too.
"""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.common.time import end_of_day
from portal.publishing.models import (
    DEFAULT_VARIANT,
    Edition,
    Kind,
    Publication,
    PublishEvent,
    SlugRedirect,
    Variant,
)
from portal.publishing.permissions import can_edit, can_view, part_of

KIND_PATHS: dict[str, str] = {
    Kind.REPORT: "reports",
    Kind.VISUALIZATION: "visualizations",
    Kind.DASHBOARD: "dashboards",
    Kind.MODEL: "models",
    Kind.EXTERNAL: "external",
}


@dataclass(frozen=True)
class Address:
    """What a link asks for; at most one of `major`, `edition` and `as_of` is given."""

    slug: str
    kind: str | None = None
    variant: str = DEFAULT_VARIANT
    major: int | None = None
    edition: int | None = None
    as_of: date | None = None


@dataclass(frozen=True)
class Resolved:
    """What the link leads to. `newer` is the current edition when the link shows an older one."""

    publication: Publication
    variant: Variant
    edition: Edition
    newer: Edition | None


class NoSuchPublication(Exception):
    """Nothing there, or nothing that this person may know of: both look the same."""


class NoSuchVariant(NoSuchPublication):
    """The publication has no variant of that name."""


class RemovedVariant(Exception):
    """The variant was here and was taken away: who and when are in `variant`, which comes with its publication."""

    def __init__(self, variant: Variant) -> None:
        super().__init__(f"{variant.publication_id} for {variant.slug}")
        self.variant = variant


class Moved(Exception):
    """The slug was renamed, or the kind in the address is another; `publication` says where to go."""

    def __init__(self, publication: Publication) -> None:
        super().__init__(publication.slug)
        self.publication = publication


class Removed(Exception):
    """It was here and was taken away: who, when, and what replaces it are in `publication`."""

    def __init__(self, publication: Publication) -> None:
        super().__init__(publication.slug)
        self.publication = publication


class NoEditionYet(Exception):
    """The publication is there and has nothing to show at that address yet."""

    def __init__(self, publication: Publication, variant: Variant) -> None:
        super().__init__(publication.slug)
        self.publication = publication
        self.variant = variant


def path_of(
    publication: Publication,
    *,
    variant: str = DEFAULT_VARIANT,
    major: int | None = None,
    edition: int | None = None,
) -> str:
    """The path of the stable link, or of the link to one variant, major or edition."""
    path = f"/{KIND_PATHS[publication.kind]}/{publication.slug}/"
    if edition is not None:
        return f"{path}editions/{edition}/"
    if variant != DEFAULT_VARIANT:
        path += f"for/{variant}/"
    return f"{path}v{major}/" if major is not None else path


def url_of(
    publication: Publication,
    *,
    variant: str = DEFAULT_VARIANT,
    major: int | None = None,
    edition: int | None = None,
) -> str:
    """`path_of` with the portal's origin: what people paste into a mail."""
    return settings.PORTAL_ORIGIN + path_of(
        publication, variant=variant, major=major, edition=edition
    )


def find_publication(user: User, slug: str, *, kind: str | None = None) -> Publication:
    """The publication of that slug, if the person may see it.

    :raises NoSuchPublication: when there is none, or none for this person.
    :raises Moved: when it has another slug or kind now.
    :raises Removed: when it was taken away.
    """
    publication = _by_slug(slug)
    if publication is None or not can_view(user, publication):
        raise NoSuchPublication(slug)
    part = part_of(publication)
    for one in (publication, part.parent) if part else (publication,):
        if one.is_removed:
            raise Removed(one)
    if publication.slug != slug or (kind is not None and publication.kind != kind):
        raise Moved(publication)
    return publication


def resolve(user: User, address: Address) -> Resolved:
    """Find the edition that the address shows to this person.

    :raises NoSuchPublication: also for an edition, variant or major that does not exist.
    :raises Moved: when the publication has another slug or kind now.
    :raises Removed: when it was taken away.
    :raises RemovedVariant: when the variant was; its editions are still at their own links.
    :raises NoEditionYet: when there is nothing published there.
    """
    publication = find_publication(user, address.slug, kind=address.kind)
    resolved = resolve_within(publication, address, with_quarantined=True)
    if not resolved.edition.is_good and not can_edit(user, publication):
        raise NoSuchPublication(f"{publication.slug} edition {resolved.edition.number}")
    return resolved


def resolve_within(
    publication: Publication, address: Address, *, with_quarantined: bool = False
) -> Resolved:
    """`resolve` for callers that hold a right of their own to the publication, such as an embed's key."""
    edition: Edition | None
    if address.edition is not None:
        edition = numbered = _numbered(publication, address.edition)
        variant = numbered.variant  # an edition outlives its variant
    else:
        variant = find_variant(publication, address.variant)
        edition = _moved_to(variant, address)
    if edition is not None and not edition.is_good and not with_quarantined:
        raise NoSuchPublication(f"{publication.slug} edition {edition.number}")
    if edition is None:
        raise NoEditionYet(publication, variant)
    current = None if variant.is_removed else edition.variant.current
    newer = current if current is not None and current.pk != edition.pk else None
    return Resolved(publication=publication, variant=edition.variant, edition=edition, newer=newer)


def find_variant(publication: Publication, slug: str) -> Variant:
    """The variant of that slug, with its version and current edition.

    :raises NoSuchVariant: when the publication never had one.
    :raises RemovedVariant: when it was taken away.
    """
    variants = publication.variants.select_related(
        "publication", "version", "current__version", "removed_by"
    )
    variant = variants.filter(slug=slug).first()
    if variant is None:
        raise NoSuchVariant(slug)
    if variant.is_removed:
        raise RemovedVariant(variant)
    return variant


def _by_slug(slug: str) -> Publication | None:
    publications = Publication.objects.select_related(
        "owner", "team", "removed_by", "successor", "part__parent"
    )
    publication = publications.filter(slug=slug).first()
    if publication is not None:
        return publication
    redirect = SlugRedirect.objects.filter(slug=slug).first()
    return publications.get(pk=redirect.publication_id) if redirect else None


def _moved_to(variant: Variant, address: Address) -> Edition | None:
    """The edition that the variant's link shows, or last showed of that major or on that day."""
    if address.major is not None:
        return _last_of(_events(variant).filter(edition__version__major=address.major), address)
    if address.as_of is not None:
        before = end_of_day(address.as_of, variant.publication.timezone)
        return _last_of(_events(variant).filter(at__lt=before), address)
    return _editions().get(pk=variant.current_id) if variant.current_id else None


def _numbered(publication: Publication, number: int) -> Edition:
    edition = _editions().filter(publication=publication, number=number).first()
    if edition is None:
        raise NoSuchPublication(f"{publication.slug} edition {number}")
    return edition


def _editions() -> QuerySet[Edition]:
    return Edition.objects.select_related(
        "version__created_by",
        "variant__current__version",
        "variant__version",
        "variant__removed_by",
        "publication",
        "created_by",
    )


def _events(variant: Variant) -> QuerySet[PublishEvent]:
    """The moves of its link; none while that shows nothing, because readers were taken away from all of them."""
    return PublishEvent.objects.filter(variant=variant, variant__current__isnull=False)


def _last_of(events: QuerySet[PublishEvent], address: Address) -> Edition | None:
    event = events.order_by("-at", "-pk").values("edition_id").first()
    if event is None and address.major is not None:
        raise NoSuchPublication(f"{address.slug} v{address.major}")
    return _editions().get(pk=event["edition_id"]) if event else None
