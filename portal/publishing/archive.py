"""The archive of a publication: its versions, the editions each made, and every move of its links."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.core.paginator import Page, Paginator
from django.db.models import F, Max, Q, QuerySet

from portal.common.text import label
from portal.publishing.models import Edition, Publication, PublishEvent, Variant, Version
from portal.publishing.sparks import Spark, spark

EDITIONS_A_PAGE = 50
MOVES = 25
METRICS = 3


@dataclass(frozen=True)
class ArchivedEdition:
    """One edition, whether a link shows it, and the roll-backs that took readers away from it."""

    edition: Edition
    is_current: bool
    rolled_back: list[PublishEvent]
    metrics: list[tuple[str, float | None]]

    @property
    def can_return(self) -> bool:
        is_there = not self.edition.variant.is_removed
        return self.edition.is_good and is_there and not self.is_current

    @property
    def is_later(self) -> bool:
        """Whether readers of its link see an older edition."""
        current = self.edition.variant.current_id
        return current is not None and self.edition.pk > current


@dataclass(frozen=True)
class ArchivedVersion:
    """One version with those of its editions that are on the page."""

    version: Version
    editions: list[ArchivedEdition] = field(default_factory=list)


@dataclass(frozen=True)
class ArchivePage:
    """Newest first. `metrics` heads the columns; every edition has a value, or None, for each.

    `units`: of the metrics that have one, as the newest edition on the page says.
    """

    versions: list[ArchivedVersion]
    metrics: list[str]
    units: dict[str, str]
    has_checks: bool
    sparks: list[Spark]
    page: Page[Edition]


@dataclass(frozen=True)
class Difference:
    """A metric of one edition beside that of another; None where one of them did not report it."""

    name: str
    unit: str
    here: float | None
    there: float | None

    @property
    def change(self) -> float | None:
        return None if self.here is None or self.there is None else self.here - self.there


def differences(edition: Edition, other: Edition) -> list[Difference]:
    """Every metric of either edition, in the order in which they were reported."""
    about = other.facts.get("metrics", {}) | edition.facts.get("metrics", {})
    return [
        Difference(
            name=name,
            unit=about.get(name, {}).get("unit", ""),
            here=edition.metrics.get(name),
            there=other.metrics.get(name),
        )
        for name in edition.metrics | other.metrics
    ]


def last_number(publication: Publication) -> int:
    """The number of the newest edition; 0 when there is none."""
    return publication.editions.aggregate(last=Max("number"))["last"] or 0


def variants_with_editions(publication: Publication) -> list[Variant]:
    """The variants that have something to show, the default one first."""
    variants = publication.variants.live().filter(current__isnull=False).order_by("title", "slug")
    return sorted(variants, key=lambda variant: not variant.is_default)


def archive_page(
    publication: Publication, number: str | None, variant: Variant | None = None
) -> ArchivePage:
    """One page of the archive: 50 editions under their versions, in a constant number of queries.

    :param variant: the only one whose editions count
    """
    editions = publication.editions.select_related("version", "variant").order_by("-number")
    if variant is not None:
        editions = editions.filter(variant=variant)
    page = Paginator(editions, EDITIONS_A_PAGE).get_page(number)
    shown = list(page.object_list)
    metrics, about = _metric_names(shown), _about_metrics(shown)
    rolled_back = _roll_backs(shown)
    by_version: dict[int, list[ArchivedEdition]] = defaultdict(list)
    for edition in shown:
        by_version[edition.version_id].append(
            ArchivedEdition(
                edition=edition,
                is_current=edition.variant.current_id == edition.pk
                and not edition.variant.is_removed,
                rolled_back=rolled_back.get(edition.pk, []),
                metrics=[(label(name), edition.metrics.get(name)) for name in metrics],
            )
        )
    versions = _versions(publication, by_version, is_first=page.number == 1)
    return ArchivePage(
        versions=[ArchivedVersion(version, by_version.get(version.pk, [])) for version in versions],
        metrics=[label(name) for name in metrics],
        units={label(name): told["unit"] for name, told in about.items() if told["unit"]},
        has_checks=any(edition.facts.get("checks") for edition in shown),
        sparks=_sparks(shown, metrics, about, variant),
        page=page,
    )


def moves(publication: Publication, variant: Variant | None = None) -> QuerySet[PublishEvent]:
    """The latest moves of the publication's links, or of one variant's, newest first."""
    events = PublishEvent.objects.filter(variant__publication=publication)
    if variant is not None:
        events = events.filter(variant=variant)
    return events.select_related("edition", "previous", "variant", "by").order_by("-at", "-pk")[
        :MOVES
    ]


def _versions(
    publication: Publication, by_version: Iterable[int], *, is_first: bool
) -> QuerySet[Version]:
    """Those of the editions shown; the first page also has those that made no edition yet."""
    wanted = Q(pk__in=list(by_version))
    if is_first:
        wanted |= Q(editions__isnull=True)
    versions = publication.versions.filter(wanted).select_related("created_by")
    return versions.order_by("-major", "-minor").distinct()


def _roll_backs(editions: list[Edition]) -> dict[int | None, list[PublishEvent]]:
    """By the edition that readers were taken away from: moves to an older one."""
    events = PublishEvent.objects.filter(
        previous__in=editions, edition__number__lt=F("previous__number")
    ).select_related("edition", "by")
    found: dict[int | None, list[PublishEvent]] = defaultdict(list)
    for event in events.order_by("-at"):
        found[event.previous_id].append(event)
    return found


def _about_metrics(editions: list[Edition]) -> dict[str, dict[str, str]]:
    """What the newest edition that says anything says of its metrics: `{"unit", "better"}` by name."""
    told = (edition.facts.get("metrics") for edition in editions)
    return next(filter(None, told), {})


def _sparks(
    editions: list[Edition],
    metrics: list[str],
    about: dict[str, dict[str, str]],
    variant: Variant | None,
) -> list[Spark]:
    """One for each metric that two good editions of one variant report, else the default one; oldest first."""
    reported = [
        edition.metrics
        for edition in reversed(editions)
        if (variant is not None or edition.variant.is_default) and edition.is_good
    ]
    series = {name: [row[name] for row in reported if name in row] for name in metrics}
    return [
        spark(label(name), values, **about.get(name, {}))
        for name, values in series.items()
        if len(values) > 1
    ]


def _metric_names(editions: list[Edition]) -> list[str]:
    """The first metrics of the newest edition that reports any."""
    return next((list(edition.metrics)[:METRICS] for edition in editions if edition.metrics), [])
