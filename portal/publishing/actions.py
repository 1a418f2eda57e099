"""Adding versions and editions, and moving links. Every change here is one transaction with its audit row."""

from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from portal.accounts.models import Team, User
from portal.common.text import clean, one_line, slugify
from portal.publishing import plugs, rerendering
from portal.publishing.audit import record
from portal.publishing.models import (
    Audience,
    Edition,
    Kind,
    Publication,
    PublishEvent,
    SlugRedirect,
    Variant,
    Version,
)
from portal.publishing.permissions import can_view, part_of, require_author, require_edit
from portal.publishing.trees import StoredFile, record_tree

MOST_VARIANTS = 200


class PublishingError(Exception):
    """The action cannot be done; the message says what to do. `code` is for programs, `status` for HTTP."""

    code = "cannot_publish"
    status = 422


class NoteMissing(PublishingError):
    """A major change without a word to its readers."""

    code = "note_missing"


class SlugTaken(PublishingError):
    """The slug belongs, or once belonged, to another publication."""

    code = "slug_taken"
    status = 409


class SlugUnknown(PublishingError):
    """Nothing has this slug, and one that has is very much alike: a typing error would make a second link."""

    code = "slug_unknown"
    status = 404


class SlugUnusable(PublishingError):
    """The slug is empty or has characters that do not belong in a link."""

    code = "slug_unusable"


class VersionMoved(PublishingError):
    """Somebody published another version since the author looked."""

    code = "version_moved"
    status = 409


class Unchanged(PublishingError):
    """The same files are the newest version already."""

    code = "unchanged"
    status = 409

    def __init__(self, version: Version) -> None:
        super().__init__(f"These files are version {version} already; nothing was added.")
        self.version = version


class EditionQuarantined(PublishingError):
    """An edition that failed a blocking check is not shown to readers."""

    code = "edition_quarantined"
    status = 409


class NotQuarantined(PublishingError):
    """There is nothing to release."""

    code = "not_quarantined"
    status = 409


class TooManyVariants(PublishingError):
    """More variants than one publication may have."""

    code = "too_many_variants"


class VariantGone(PublishingError):
    """The variant was removed, or its publication was."""

    code = "removed"
    status = 410


class MadeByReport(PublishingError):
    """A chart or table that the runs of a report make is only changed by way of that report."""

    code = "made_by_report"
    status = 409


@dataclass(frozen=True)
class Rendered:
    """What readers see of a version or a run: files whose bytes are kept already."""

    files: list[StoredFile]
    entry: str
    facts: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    data_as_of: datetime | None = None


@dataclass(frozen=True)
class Bundle:
    """What an author uploaded, checked: files whose bytes are kept already."""

    files: list[StoredFile]
    entry: str
    format: str
    executes: bool
    manifest: dict[str, Any]
    facts: dict[str, Any]
    kind: str
    title: str
    summary: str
    rendered: Rendered | None


@dataclass(frozen=True)
class Wish:
    """What the author asked for beside the files. Empty fields are taken from the manifest or the file."""

    slug: str = ""
    title: str = ""
    summary: str = ""
    kind: str = ""
    change: str = "minor"
    notes: str = ""
    team: Team | None = None
    audience: str = ""
    based_on: str = ""
    create: bool | None = None  # None: create, unless the slug looks like a typing error


@transaction.atomic
def publish_bundle(bundle: Bundle, wish: Wish, *, by: User, at: datetime) -> Version:
    """Make the bundle the next version of its publication, which is created when its slug is new.

    A finished bundle is published at once; code is queued to run, for every variant, and published when that
    succeeds.

    :raises PublishingError: one of the errors above; nothing is changed then.
    :raises PermissionDenied: when the person may not publish there.
    """
    require_author(by)
    publication = _publication_for(bundle, wish, by=by, at=at)
    version = _add_version(publication, bundle, wish, by=by, at=at)
    variant, former = rerendering.move_to(version, by=by, at=at)
    _require_few_variants(publication)
    _apply_schedules(variant, bundle, former, by=by, at=at)
    if bundle.rendered is not None:
        edition = add_edition(
            bundle.rendered, version=version, variant=variant, logical_time=at, by=by, at=at
        )
        publish(edition, by=by, at=at, reason=f"Version {version}")
    else:
        plugs.execute(version, variant=variant, by=by, at=at)
    rerendering.render_others(version, by=by, at=at)
    return version


def add_edition(
    rendered: Rendered,
    *,
    version: Version,
    variant: Variant,
    logical_time: datetime,
    by: User | None,
    at: datetime,
    state: Edition.State = Edition.State.GOOD,
) -> Edition:
    """Keep what a version produced as the publication's next edition. The link does not move yet.

    Must be called inside a transaction: the number is taken under the publication's lock.
    """
    publication = lock_publication(version.publication_id)
    last = publication.editions.aggregate(last=Max("number"))["last"] or 0
    return Edition.objects.create(
        publication=publication,
        number=last + 1,
        variant=variant,
        version=version,
        tree=record_tree(rendered.files, at=at),
        entry=rendered.entry,
        facts=rendered.facts,
        metrics=rendered.metrics,
        state=state,
        logical_time=logical_time,
        data_as_of=rendered.data_as_of,
        created_by=by,
        created_at=at,
    )


@transaction.atomic
def publish(edition: Edition, *, by: User | None, at: datetime, reason: str) -> PublishEvent | None:
    """Move the variant's link to the edition; what it showed before stays in the archive.

    :returns: the event, or None when the link is there already.
    :raises EditionQuarantined: when the edition failed a blocking check.
    """
    if not edition.is_good:
        raise EditionQuarantined(
            f"Edition {edition} failed a blocking check. Fix the data and refresh, or release it with "
            "a reason."
        )
    variant = (
        Variant.objects.select_for_update(of=("self",), no_key=True)
        .select_related("current")
        .get(pk=edition.variant_id)
    )
    if variant.current_id == edition.pk:
        return None
    previous = variant.current
    Variant.objects.filter(pk=variant.pk).update(current=edition)
    event = PublishEvent.objects.create(
        variant=variant,
        previous=previous,
        edition=edition,
        by=by,
        at=at,
        reason=one_line(reason, length=300),
    )
    record("publish", edition, by=by, at=at, publication=edition.publication, reason=event.reason)
    plugs.announce(plugs.Published(edition=edition, previous=previous, by=by, at=at))
    return event


@transaction.atomic
def roll_back(edition: Edition, *, by: User, at: datetime, reason: str) -> PublishEvent | None:
    """Show an archived edition again, and refresh its version from now on.

    :raises NoteMissing: without a reason.
    :raises VariantGone: when its variant was removed.
    :raises PermissionDenied: when the person may not publish there.
    """
    require_edit(by, edition.publication)
    if not reason.strip():
        raise NoteMissing("Say why readers should see this edition again.")
    lock_publication(edition.publication_id)  # before its variants, as whoever publishes does
    live = Variant.objects.filter(pk=edition.variant_id).live()
    if live.update(version=edition.version_id) != 1:
        raise VariantGone(f"The variant of edition {edition} was removed.")
    return publish(edition, by=by, at=at, reason=reason)


@transaction.atomic
def release_edition(
    edition: Edition, *, by: User, at: datetime, reason: str
) -> PublishEvent | None:
    """Show an edition that failed a blocking check, because a person has looked and knows better.

    :raises NoteMissing: without a reason.
    :raises MadeByReport: when it is of a chart or table that a report makes.
    :raises NotQuarantined: when it is good already, or somebody else was first.
    :raises PermissionDenied: when the person may not publish there.
    """
    require_edit(by, edition.publication)
    require_no_part(edition.publication, "It is released with an edition of that.")
    if not reason.strip():
        raise NoteMissing("Say why readers may see this edition although a check failed.")
    held = Edition.objects.filter(pk=edition.pk, state=Edition.State.QUARANTINED)
    if held.update(state=Edition.State.GOOD) != 1:
        raise NotQuarantined(f"Edition {edition} is not in quarantine any more.")
    edition.refresh_from_db(fields=["state"])
    said = one_line(reason, length=300)
    record("release_edition", edition, by=by, at=at, publication=edition.publication, reason=said)
    return roll_back(edition, by=by, at=at, reason=said)


def require_no_part(publication: Publication, advice: str) -> None:
    """
    :raises MadeByReport: when a report makes the publication, with its name and the advice.
    """
    part = part_of(publication)
    if part is not None:
        report = f"“{part.parent}” ({part.parent.slug})"
        raise MadeByReport(f"“{publication}” is made by the report {report}. {advice}")


def lock_publication(pk: int) -> Publication:
    """Hold the publication until the transaction ends; on SQLite every writing transaction holds all.

    `no_key`: rows that only point at it may be added meanwhile. A lock against those too would meet the locks
    of runs and roll-backs, which add such rows while they hold the variant, in a deadlock.
    """
    return Publication.objects.select_for_update(no_key=True).get(pk=pk)


def _require_few_variants(publication: Publication) -> None:
    if publication.variants.live().count() > MOST_VARIANTS + 1:  # the default one is not counted
        raise TooManyVariants(
            f"“{publication}” would have more than {MOST_VARIANTS} variants. Remove some first."
        )


def usable_slug(text: str) -> str:
    """A slug that is free now: the text as a slug, with a number when that is taken."""
    base = slugify(text) or "untitled"
    taken = set(Publication.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    taken |= set(SlugRedirect.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    number = 2
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"


def _publication_for(bundle: Bundle, wish: Wish, *, by: User, at: datetime) -> Publication:
    slug = wish.slug or bundle.manifest.get("slug", "")
    existing = Publication.objects.filter(slug=slug).first() if slug else None
    if existing is None:
        return _create_publication(slug, bundle, wish, by=by, at=at)
    if not can_view(by, existing):
        raise SlugTaken(f"The slug {slug} is taken. Choose another.")
    require_edit(by, existing)
    require_no_part(existing, "Publish a new version of that instead.")
    if wish.create:
        raise SlugTaken(
            f"“{existing}” has the slug {slug} already. Leave out “new” to add a version to it."
        )
    if existing.is_removed:
        raise SlugTaken(
            f"“{existing}” was removed; its link is never given away. Choose another slug."
        )
    return lock_publication(existing.pk)


def _create_publication(
    slug: str, bundle: Bundle, wish: Wish, *, by: User, at: datetime
) -> Publication:
    _check_new_slug(slug, wish, by=by)
    title = one_line(wish.title or bundle.manifest.get("title", "") or bundle.title)
    team = wish.team or by.teams.order_by("name").first()
    audience = wish.audience or bundle.manifest.get("audience", Audience.COMPANY)
    if audience == Audience.TEAM and team is None:
        raise PublishingError(
            "You are in no team, so the audience cannot be the team. Choose another audience."
        )
    summary = wish.summary or bundle.manifest.get("summary", "") or bundle.summary
    publication, created = Publication.objects.get_or_create(
        slug=slug or usable_slug(title),
        defaults={
            "kind": _kind(wish, bundle),
            "title": title or "Untitled",
            "summary": clean(summary, length=2000),
            "owner": by,
            "team": team,
            "audience": audience,
            "timezone": bundle.manifest.get("timezone", settings.DISPLAY_TIME_ZONE),
            "created_at": at,
        },
    )
    if not created:  # somebody took the slug since we looked: go on as if we had come later
        return _publication_for(bundle, wish, by=by, at=at)
    record("create", publication, by=by, at=at, publication=publication, slug=publication.slug)
    return publication


def _kind(wish: Wish, bundle: Bundle) -> str:
    kind = wish.kind or bundle.manifest.get("kind", "") or bundle.kind
    return kind if kind in Kind.values else Kind.REPORT


def _check_new_slug(slug: str, wish: Wish, *, by: User) -> None:
    """Names and slugs of what the person may not see are not told."""
    if not slug:
        return
    if slug != slugify(slug):
        raise SlugUnusable(
            f"A slug has only lower-case letters, digits and hyphens, such as {slugify(slug) or 'weekly-sales'!r}."
        )
    redirect = SlugRedirect.objects.filter(slug=slug).select_related("publication").first()
    if redirect is not None:
        whose = f"“{redirect.publication}”" if can_view(by, redirect.publication) else "another"
        raise SlugTaken(
            f"{slug} was the slug of {whose}, and links to it still work. Choose another."
        )
    if wish.create:
        return
    known = Publication.objects.visible_to(by).values_list("slug", flat=True)
    near = get_close_matches(slug, known, n=1, cutoff=0.85)
    if near or wish.create is False:
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SlugUnknown(f"No publication has the slug {slug}.{hint} Say “new” to create it.")


def _add_version(
    publication: Publication, bundle: Bundle, wish: Wish, *, by: User, at: datetime
) -> Version:
    latest = publication.versions.order_by("-major", "-minor").first()
    tree = record_tree(bundle.files, at=at)
    _check_change(latest, tree.digest, wish)
    major, minor = _next_number(latest, wish.change)
    version = Version.objects.create(
        publication=publication,
        major=major,
        minor=minor,
        bundle=tree,
        entry=bundle.entry,
        format=bundle.format,
        executes=bundle.executes,
        manifest=bundle.manifest,
        facts=bundle.facts,
        notes=clean(wish.notes, length=2000),
        created_by=by,
        created_at=at,
    )
    record(
        "add_version",
        version,
        by=by,
        at=at,
        publication=publication,
        number=version.number,
        bundle=tree.digest,
    )
    return version


def _check_change(latest: Version | None, digest: str, wish: Wish) -> None:
    if latest is None:
        return
    if wish.based_on and wish.based_on != latest.number:
        raise VersionMoved(
            f"{latest.created_by} published version {latest} while you were at it. "
            "Look at what changed, then upload again."
        )
    if latest.bundle_id == digest:
        raise Unchanged(latest)
    if wish.change == "major" and not wish.notes.strip():
        raise NoteMissing("A major version needs a note: say what changes for a reader.")


def _next_number(latest: Version | None, change: str) -> tuple[int, int]:
    if latest is None:
        return 1, 0
    return (latest.major + 1, 0) if change == "major" else (latest.major, latest.minor + 1)


def _apply_schedules(
    variant: Variant, bundle: Bundle, former: Version | None, *, by: User, at: datetime
) -> None:
    """A manifest's schedules count when they are new there: what was set or paused since stays otherwise."""
    wishes = _schedules_of(bundle.manifest)
    before = _schedules_of(former.manifest) if former else []
    if wishes != before:
        plugs.schedule(variant, wishes, former=before, by=by, at=at)


def _schedules_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Every schedule that a manifest declares; `[schedule]` is the default one."""
    plain = manifest.get("schedule")
    return [*([plain] if plain else []), *manifest.get("schedules", [])]
