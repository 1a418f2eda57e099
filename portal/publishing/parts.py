"""Charts and tables that a report's runs make: publications of their own, whose links move with the report's.

    keep     in the transaction that keeps the report's edition: an edition of each part, unless it is unchanged
    follow   whenever a report's link moves, by a run, a release or a roll-back: the parts' links move too

The report's edition remembers in `facts["parts"]` which edition of each part was made with it, by name. A part's
edition remembers in `facts["words"]` what it is called, and lists call it so once that edition is shown.
Locks are taken in one order: the report, its parts by name, the report's variant, the parts' variants by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q

from portal.accounts.models import User
from portal.common.text import label, one_line
from portal.publishing import plugs
from portal.publishing.actions import (
    Rendered,
    SlugTaken,
    SlugUnusable,
    add_edition,
    lock_publication,
    publish,
)
from portal.publishing.audit import record
from portal.publishing.models import (
    DEFAULT_VARIANT,
    Edition,
    Kind,
    Part,
    Publication,
    SlugRedirect,
    Variant,
    Version,
)
from portal.publishing.permissions import part_of
from portal.publishing.trees import tree_digest

LONGEST_SLUG = 80
WORDS = "words"


@dataclass(frozen=True)
class Made:
    """A chart or table that a run made; its bytes are kept already."""

    name: str
    rendered: Rendered
    title: str = ""
    summary: str = ""


@dataclass(frozen=True)
class Origin:
    """The report that makes a part. `is_made`: whether the report as readers see it still does."""

    report: Publication
    variant: Variant | None
    is_made: bool


def register() -> None:
    """Hear of every move of a link."""
    plugs.on_announcement(follow)


def keep(
    made: Sequence[Made],
    *,
    version: Version,
    variant: Variant,
    logical_time: datetime,
    by: User | None,
    at: datetime,
    state: Edition.State,
) -> dict[str, int]:
    """Keep what a run of the report made beside it; returns the numbers of the parts' editions by name.

    Must be called in the transaction that keeps the report's edition; no link moves yet.

    :raises SlugTaken: when the link of a new part belongs to something else.
    :raises SlugUnusable: when it would be too long.
    """
    report = lock_publication(version.publication_id)
    numbers = {}
    for one in sorted(made, key=lambda one: one.name):
        publication = _publication(one, report, by=by, at=at)
        _follow_report(publication, report)
        own_version = _version(publication, version)
        own_variant = _variant(publication, variant)
        current = own_variant.current
        if current is None or _state(current) != _state_of(one, version):
            current = add_edition(
                replace(one.rendered, facts=one.rendered.facts | {WORDS: _words(one)}),
                version=own_version,
                variant=own_variant,
                logical_time=logical_time,
                by=by,
                at=at,
                state=state,
            )
        numbers[one.name] = current.number
    return numbers


def are_shown(made: Sequence[Made], variant: Variant, version: Version) -> bool:
    """Whether readers of the report's variant see exactly these parts, as this version makes them."""
    names = variant.current.facts.get("parts", {}) if variant.current else {}
    variants = Variant.objects.filter(
        publication__part__parent=variant.publication_id,
        publication__part__name__in=names,
        slug=variant.slug,
        current__isnull=False,
    ).select_related("current__version", "publication__part")
    shown = {row.publication.part.name: _state(row.current) for row in variants if row.current}
    made_now = {one.name: _state_of(one, version) for one in made}
    return shown == made_now and set(shown) == set(names)


def follow(announcement: plugs.Announcement) -> None:
    """A report's link moved: the links of what was made with that edition move with it.

    Parts that were held back with the report's edition are good now, as it is. When it moves back, so do parts that
    only later editions made: readers were taken away from those.
    """
    if not isinstance(announcement, plugs.Published):
        return
    report, previous = announcement.edition, announcement.previous
    by, at = announcement.by, announcement.at
    reason = f"With edition {report} of “{report.publication}”"
    for edition in parts_of(report):
        _show(edition, report.variant, reason, by=by, at=at)
    if previous is not None and report.number < previous.number:
        _take_back(report, reason, by=by, at=at)


def parts_of(edition: Edition) -> list[Edition]:
    """The editions of charts and tables that were made with this edition of a report, by name."""
    numbers = edition.facts.get("parts")
    if not numbers:
        return []
    made = reduce(or_, (Q(publication__part__name=name, number=n) for name, n in numbers.items()))
    return list(
        Edition.objects.filter(made, publication__part__parent=edition.publication_id)
        .select_related("publication__part", "version", "variant")
        .order_by("publication__part__name")
    )


def origin_of(publication: Publication, variant: Variant) -> Origin | None:
    """The report whose runs make this variant of the publication; None for what was published by itself."""
    part = part_of(publication)
    if part is None:
        return None
    variants = Variant.objects.filter(publication=part.parent, slug=variant.slug)
    of_report = variants.select_related("publication", "current__version", "version").first()
    return Origin(part.parent, of_report, of_report is not None and _still_makes(of_report, part))


def refreshed_by(variants: Sequence[Variant]) -> dict[int, Variant]:
    """By the keys of those that a report still makes: the report's variants, in a constant number of queries."""
    of_parts = Part.objects.filter(publication__in=[one.publication_id for one in variants])
    parts = {part.publication_id: part for part in of_parts}
    if not parts:
        return {}
    reports = Variant.objects.filter(publication__in=[part.parent_id for part in parts.values()])
    known = {(one.publication_id, one.slug): one for one in reports.select_related("current")}
    found = {}
    for variant in variants:
        part = parts.get(variant.publication_id)
        report = known.get((part.parent_id, variant.slug)) if part else None
        if part and report and _still_makes(report, part):
            found[variant.pk] = report
    return found


def held_with(edition: Edition) -> Edition | None:
    """The report's edition in quarantine with which this edition of a part is held back."""
    part = part_of(edition.publication)
    if part is None:
        return None
    held = part.parent.editions.filter(state=Edition.State.QUARANTINED).order_by("-number")
    return next(
        (one for one in held if one.facts.get("parts", {}).get(part.name) == edition.number), None
    )


def _still_makes(report: Variant, part: Part) -> bool:
    made = report.current is None or part.name in report.current.facts.get("parts", {})
    return made and not report.is_removed


def _show(edition: Edition, of: Variant, reason: str, *, by: User | None, at: datetime) -> None:
    if not edition.is_good:
        _release(edition, reason, by=by, at=at)
    _call_as(edition)
    Variant.objects.filter(pk=edition.variant_id).update(
        version=edition.version_id,
        title=of.title,
        parameters=of.parameters,
        removed_at=of.removed_at,
        removed_by=of.removed_by_id,
    )
    publish(edition, by=by, at=at, reason=reason)


def _take_back(report: Edition, reason: str, *, by: User | None, at: datetime) -> None:
    """Parts that were not made with this edition show what they showed beside it, or nothing."""
    showing = Variant.objects.filter(
        publication__part__parent=report.publication_id,
        slug=report.variant.slug,
        current__isnull=False,
    ).exclude(publication__part__name__in=report.facts.get("parts", {}))
    by_name = showing.order_by("publication__part__name")
    for variant in by_name.select_related("publication__part", "current"):
        before = _last_before(report, variant.publication.part.name)
        if before is None:
            _hide(variant, reason, by=by, at=at)
        elif variant.current and before.number < variant.current.number:
            _show(before, report.variant, reason, by=by, at=at)


def _last_before(report: Edition, name: str) -> Edition | None:
    """The part's edition of the last edition before this one of the report that made it and was shown."""
    shown = report.variant.editions.filter(
        number__lt=report.number, publish_events__isnull=False, facts__parts__has_key=name
    )
    last = shown.order_by("-number").first()
    made = parts_of(last) if last else []
    return next((one for one in made if one.publication.part.name == name), None)


def _hide(variant: Variant, reason: str, *, by: User | None, at: datetime) -> None:
    """The link shows nothing, as before its first edition; what it showed stays in the archive."""
    chart = variant.publication
    others = chart.variants.live().filter(current__isnull=False).exclude(pk=variant.pk)
    other = others.select_related("current").order_by("slug").first()
    words = other.current.facts.get(WORDS) if other and other.current else None
    neutral = {"title": _name_as_title(chart.part.name), "summary": ""}
    Publication.objects.filter(pk=chart.pk).update(**(words or neutral))
    Variant.objects.filter(pk=variant.pk).update(current=None)
    record(
        "hide", variant, by=by, at=at, publication=chart, reason=reason, was=str(variant.current)
    )


def _release(edition: Edition, reason: str, *, by: User | None, at: datetime) -> None:
    Edition.objects.filter(pk=edition.pk).update(state=Edition.State.GOOD)
    edition.state = Edition.State.GOOD
    chart = edition.publication
    record("release_edition", edition, by=by, at=at, publication=chart, reason=reason)


def _call_as(edition: Edition) -> None:
    """A part is called as its default variant says, or as the only one says that is shown."""
    chart, words = edition.publication, edition.facts.get(WORDS)
    others = chart.variants.live().filter(current__isnull=False).exclude(pk=edition.variant_id)
    if words and (edition.variant.is_default or not others.exists()):
        Publication.objects.filter(pk=chart.pk).update(**words)
        chart.title, chart.summary = words["title"], words["summary"]  # mail is about to tell them


def _state(edition: Edition) -> tuple[str, str, dict[str, str]]:
    return edition.version.number, edition.tree_id, edition.facts.get(WORDS, {})


def _state_of(one: Made, version: Version) -> tuple[str, str, dict[str, str]]:
    """What `_state` would say of it, were it an edition of this version."""
    return version.number, tree_digest(one.rendered.files), _words(one)


def _publication(one: Made, report: Publication, *, by: User | None, at: datetime) -> Publication:
    part = Part.objects.filter(parent=report, name=one.name).select_related("publication").first()
    if part is not None:
        return part.publication
    slug = f"{report.slug}-{one.name}"
    if len(slug) > LONGEST_SLUG:
        raise SlugUnusable(
            f"“{one.name}” cannot be published: its link would end in {slug}, which is longer than "
            f"{LONGEST_SLUG} characters. Choose a shorter name."
        )
    publication, created = Publication.objects.get_or_create(
        slug=slug,
        defaults={
            "kind": Kind.VISUALIZATION,
            "title": _name_as_title(one.name),  # its own words may say what is held back
            "owner": report.owner,
            "timezone": report.timezone,
            "created_at": at,
        },
    )
    if not created or SlugRedirect.objects.filter(slug=slug).exists():
        raise SlugTaken(
            f"“{one.name}” cannot be published: its link would end in {slug}, and that belongs to "
            "something else. Choose another name."
        )
    Part.objects.create(parent=report, name=one.name, publication=publication, created_at=at)
    Variant.objects.create(publication=publication, slug=DEFAULT_VARIANT)
    record("create", publication, by=by, at=at, publication=publication, slug=slug, of=report.slug)
    return publication


def _follow_report(publication: Publication, report: Publication) -> None:
    """Lists show owner, team and audience of the report."""
    Publication.objects.filter(pk=publication.pk).update(
        owner=report.owner_id,
        team=report.team_id,
        audience=report.audience,
        timezone=report.timezone,
    )


def _words(one: Made) -> dict[str, str]:
    return {"title": one_line(one.title) or _name_as_title(one.name), "summary": one.summary}


def _name_as_title(name: str) -> str:
    return label(name.replace("-", "_"))


def _version(publication: Publication, version: Version) -> Version:
    """The part's version is the report's: the same number, files and author. Only the report's is executed."""
    return Version.objects.get_or_create(
        publication=publication,
        major=version.major,
        minor=version.minor,
        defaults={
            "bundle_id": version.bundle_id,
            "entry": version.entry,
            "format": version.format,
            "notes": version.notes,
            "reason": version.reason,
            "created_by_id": version.created_by_id,
            "created_at": version.created_at,
        },
    )[0]


def _variant(publication: Publication, variant: Variant) -> Variant:
    own, _ = Variant.objects.select_related("current__version").get_or_create(
        publication=publication,
        slug=variant.slug,
        defaults={"title": variant.title, "parameters": variant.parameters},
    )
    return own
