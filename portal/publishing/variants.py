"""Making, changing, removing and rendering variants. The publication is locked first, as by whoever publishes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from portal.accounts.models import User
from portal.common.text import one_line, slugify
from portal.publishing import parameters, plugs
from portal.publishing.actions import (
    MOST_VARIANTS,
    PublishingError,
    TooManyVariants,
    VariantGone,
    lock_publication,
    require_no_part,
)
from portal.publishing.audit import record
from portal.publishing.models import DEFAULT_VARIANT, Publication, Variant, Version
from portal.publishing.parameters import BadValues
from portal.publishing.permissions import require_edit
from portal.publishing.plugs import Because
from portal.publishing.standing import spec_of, trouble_of, values_of, wanted_by

LONGEST_SLUG = 80
LONGEST_TITLE = 200


class BadVariant(PublishingError):
    """What was said of a variant does not fit; `errors` has a sentence for each field, parameters by their names."""

    code = "field_invalid"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class NothingToVary(PublishingError):
    """The version declares no parameters, or is not code."""

    code = "nothing_to_vary"
    status = 409


class CannotRender(PublishingError):
    """The version does not take what the variant says."""

    code = "cannot_render"
    status = 409


class OnlyDefaults(PublishingError):
    """The default variant follows the defaults, and stays."""

    code = "only_defaults"
    status = 409


@transaction.atomic
def create_variant(
    publication: Publication,
    *,
    slug: str = "",
    title: str,
    values: Mapping[str, object],
    by: User,
    at: datetime,
) -> Variant:
    """Save a set of parameters under a link of its own, and queue its first run.

    :param slug: the end of its link; made of the title when it is empty.
    :raises BadVariant: when a field does not fit, or the link is taken.
    :raises PublishingError: one of the errors above, or TooManyVariants.
    :raises PermissionDenied: when the person may not change the publication.
    """
    publication = _held(publication, by=by)
    version = wanted_by(publication)
    if version is None or not version.executes or not spec_of(version):
        raise NothingToVary(
            f"The newest version of “{publication}” declares no parameters. Declare them in broadsheet.toml, "
            "below [parameters.name], and upload again."
        )
    if publication.variants.live().count() > MOST_VARIANTS:
        raise TooManyVariants(
            f"“{publication}” has {MOST_VARIANTS} variants, which is the most. Remove one first."
        )
    title, slug = one_line(title, length=LONGEST_TITLE), slug.strip() or slugify(title)
    kept, errors = _read(version, values)
    errors |= _wrong_title(title) | _wrong_slug(publication, slug)
    if errors:
        raise BadVariant(errors)
    variant = Variant.objects.create(
        publication=publication, slug=slug, title=title, parameters=kept, version=version
    )
    _record("create_variant", variant, by=by, at=at, parameters=kept)
    plugs.execute(version, variant=variant, by=by, at=at, because=Because.MANUAL)
    return variant


@transaction.atomic
def change_variant(
    variant: Variant,
    *,
    title: str | None = None,
    values: Mapping[str, object] | None = None,
    by: User,
    at: datetime,
) -> Variant:
    """Rename it, or give it other parameters; those queue a run, and readers keep what they see until that is done.

    :param values: all of its parameters; what is left out follows the default.
    :raises BadVariant: when a field does not fit.
    :raises PublishingError: one of the errors above.
    :raises PermissionDenied: when the person may not change the publication.
    """
    variant = _held_variant(variant, by=by)
    version, former, was = variant.version, variant.parameters, variant.title
    kept, errors = _read(version, values) if values is not None else (former, {})
    if title is not None:
        variant.title = one_line(title, length=LONGEST_TITLE)
        errors |= {} if variant.is_default else _wrong_title(variant.title)
    if errors:
        raise BadVariant(errors)
    if variant.is_default and kept != former:
        raise OnlyDefaults("The default variant follows the defaults. Save another variant.")
    if (variant.title, kept) == (was, former):
        return variant
    variant.parameters = kept
    variant.save(update_fields=["title", "parameters"])
    _record("change_variant", variant, by=by, at=at, parameters=kept, title=variant.title)
    if kept != former and version is not None and not trouble_of(variant):
        plugs.execute(version, variant=variant, by=by, at=at, because=Because.MANUAL)
    return variant


@transaction.atomic
def render_variant(variant: Variant, *, by: User, at: datetime) -> object:
    """Refresh it with the version that the default variant has; returns the run, the one that waits if one does.

    :raises CannotRender: when that version does not take its parameters, or is not code.
    :raises PublishingError: one of the errors above.
    :raises PermissionDenied: when the person may not change the publication.
    """
    variant = _held_variant(variant, by=by)
    version = wanted_by(variant.publication)
    former, variant.version = variant.version, version
    if version is None or not version.executes:
        raise CannotRender(
            f"“{variant.publication}” is finished content, and there is nothing to run."
        )
    if trouble := trouble_of(variant):
        raise CannotRender(trouble)
    if version != former:
        variant.save(update_fields=["version"])
        _record("move_variant", variant, by=by, at=at, version=version.number)
    return plugs.execute(version, variant=variant, by=by, at=at, because=Because.MANUAL)


@transaction.atomic
def remove_variant(variant: Variant, *, by: User, at: datetime) -> None:
    """Take it down: its link says so, its schedules end, and its editions stay at their own links.

    Charts that its runs made go with it.

    :raises PublishingError: one of the errors above.
    :raises PermissionDenied: when the person may not change the publication.
    """
    variant = _held_variant(variant, by=by)
    if variant.is_default:
        raise OnlyDefaults("The default variant stays as long as its publication does.")
    of_charts = Variant.objects.filter(
        publication__part__parent=variant.publication_id, slug=variant.slug
    ).live()
    of_charts.update(removed_at=at, removed_by=by)
    Variant.objects.filter(pk=variant.pk).update(removed_at=at, removed_by=by)
    _record("remove_variant", variant, by=by, at=at)
    plugs.announce(plugs.VariantRemoved(variant, by, at))


def with_same_parameters(variant: Variant) -> Variant | None:
    """Another variant of the publication that is given the same, so that one of them may be one too many."""
    own = values_of(variant, variant.version)
    others = variant.publication.variants.live().exclude(pk=variant.pk)
    return next(
        (one for one in others.order_by("pk") if values_of(one, variant.version) == own), None
    )


def _held(publication: Publication, *, by: User) -> Publication:
    require_edit(by, publication)
    require_no_part(publication, "Its variants are those of that report.")
    locked = lock_publication(publication.pk)
    if locked.is_removed:
        raise VariantGone(f"“{locked}” was removed.")
    return locked


def _held_variant(variant: Variant, *, by: User) -> Variant:
    publication = _held(variant.publication, by=by)
    held = publication.variants.select_related("version", "publication").get(pk=variant.pk)
    if held.is_removed:
        raise VariantGone(f"“{held}” was removed. Save another variant.")
    return held


def _read(
    version: Version | None, values: Mapping[str, object]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What is kept of a person's values, and what is wrong with them."""
    try:
        return parameters.read(spec_of(version), values), {}
    except BadValues as bad:
        return {}, bad.errors


def _wrong_title(title: str) -> dict[str, str]:
    return {} if title else {"title": "Give it a title, such as “Asia and Pacific”."}


def _wrong_slug(publication: Publication, slug: str) -> dict[str, str]:
    if not slug or slug != slugify(slug):
        problem = "The end of its link has lower-case letters, digits and hyphens, at most 80: emea"
        return {"slug": f"{problem}."}
    taken = publication.variants.filter(slug=slug).first()
    if slug == DEFAULT_VARIANT or taken is not None:
        gone = taken is not None and taken.is_removed
        whose = "a variant that was removed, and says so" if gone else "another variant"
        return {"slug": f"The link …/for/{slug}/ is that of {whose}. Choose another."}
    return {}


def _record(action: str, variant: Variant, *, by: User, at: datetime, **detail: Any) -> None:
    publication = variant.publication
    record(action, variant, by=by, at=at, publication=publication, slug=variant.slug, **detail)
