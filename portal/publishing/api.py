"""Variants, for programs: the same as the pages tell, and the same actions."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from ninja import Field, Router, Schema, Status

from portal.accounts.models import User
from portal.accounts.requests import signed_in
from portal.common import problems
from portal.common.refusals import Refused
from portal.publishing import links, queries, variants
from portal.publishing.actions import PublishingError
from portal.publishing.links import url_of
from portal.publishing.models import Publication, Variant
from portal.publishing.permissions import require_edit
from portal.publishing.queries import VariantStory

GONE: dict[Any, Any] = {410: problems.Problem}
READING, CHANGING = problems.READING | GONE, problems.CHANGING | GONE
router = Router(tags=["variants"])


class VariantIn(Schema):
    """A variant to save."""

    slug: str = Field("", description="End of its link; made of the title when it is empty")
    title: str = ""
    parameters: dict[str, Any] = Field(
        {}, description="By name; what is left out follows the default. Dates may be relative"
    )


class VariantChange(Schema):
    """What is left out stays."""

    title: str | None = None
    parameters: dict[str, Any] | None = Field(
        None, description="All of them: what is left out here follows the default from now on"
    )


class EditionOut(Schema):
    number: int
    version: str
    url: str
    parameters: dict[str, Any] = Field(description="What its code was given")
    created_at: datetime


class VariantOut(Schema):
    slug: str
    title: str
    url: str = Field(description="Its stable link")
    parameters: dict[str, Any] = Field(description="As saved; relative dates are words")
    version: str | None = Field(description="What its runs execute")
    edition: EditionOut | None = Field(description="What readers see")
    is_done: bool = Field(
        description="Whether readers see what they should: of the version that is current, of these parameters"
    )
    trouble: str = Field(description="Why it cannot be rendered, in a sentence; else empty")
    schedule: str = Field(description="In words")
    next_due_at: datetime | None
    active_run: int | None = Field(description="Its run that is queued or going")
    run: str = Field(description="POST: render it with the version that is current")


@router.get(
    "/{slug}/variants/", response={200: list[VariantOut], **READING}, url_name="list-variants"
)
def list_variants(request: HttpRequest, slug: str) -> list[dict[str, Any]]:
    """Every variant that was not removed, the default one first."""
    publication = _editable(signed_in(request), slug)
    return [_told(story) for story in queries.variants_told(publication)]


@router.post("/{slug}/variants/", response={201: VariantOut, **CHANGING}, url_name="list-variants")
def create_variant(request: HttpRequest, slug: str, wish: VariantIn) -> Status[dict[str, Any]]:
    """Save a set of parameters under a link of its own, and queue its first run."""
    user = signed_in(request)
    publication = _editable(user, slug)
    try:
        made = variants.create_variant(
            publication,
            slug=wish.slug,
            title=wish.title,
            values=wish.parameters,
            by=user,
            at=timezone.now(),
        )
    except PublishingError as refusal:
        raise _refused(refusal) from refusal
    return Status(201, _one(publication, made))


@router.get(
    "/{slug}/variants/{variant}/", response={200: VariantOut, **READING}, url_name="one-variant"
)
def read_variant(request: HttpRequest, slug: str, variant: str) -> dict[str, Any]:
    """One variant."""
    return _one(*_found(signed_in(request), slug, variant))


@router.patch(
    "/{slug}/variants/{variant}/", response={200: VariantOut, **CHANGING}, url_name="one-variant"
)
def change_variant(
    request: HttpRequest, slug: str, variant: str, wish: VariantChange
) -> dict[str, Any]:
    """Rename it, or give it other parameters; those queue a run."""
    user = signed_in(request)
    publication, found = _found(user, slug, variant)
    try:
        changed = variants.change_variant(
            found, title=wish.title, values=wish.parameters, by=user, at=timezone.now()
        )
    except PublishingError as refusal:
        raise _refused(refusal) from refusal
    return _one(publication, changed)


@router.delete(
    "/{slug}/variants/{variant}/", response={204: None, **CHANGING}, url_name="one-variant"
)
def remove_variant(request: HttpRequest, slug: str, variant: str) -> Status[None]:
    """Take it down: its schedules end, its link says so, its editions stay."""
    user = signed_in(request)
    _, found = _found(user, slug, variant)
    try:
        variants.remove_variant(found, by=user, at=timezone.now())
    except PublishingError as refusal:
        raise _refused(refusal) from refusal
    return Status(204, None)


@router.post(
    "/{slug}/variants/{variant}/run/",
    response={200: VariantOut, **CHANGING},
    url_name="run-variant",
)
def run_variant(request: HttpRequest, slug: str, variant: str) -> dict[str, Any]:
    """Queue a run with the version that is current; `active_run` is that run, or the one that waits."""
    user = signed_in(request)
    publication, found = _found(user, slug, variant)
    try:
        variants.render_variant(found, by=user, at=timezone.now())
    except PublishingError as refusal:
        raise _refused(refusal) from refusal
    return _one(publication, found)


def _editable(user: User, slug: str) -> Publication:
    try:
        publication = links.find_publication(user, slug)
    except links.NoSuchPublication as missing:
        raise Refused(
            "not_found", "There is no such thing, or it is not for you.", 404
        ) from missing
    except links.Moved as moved:
        publication = moved.publication
    except links.Removed as removed:
        raise Refused("removed", f"“{removed.publication}” was removed.", 410) from removed
    require_edit(user, publication)
    return publication


def _found(user: User, slug: str, variant: str) -> tuple[Publication, Variant]:
    publication = _editable(user, slug)
    try:
        return publication, links.find_variant(publication, variant)
    except links.NoSuchVariant as missing:
        raise Refused(
            "not_found", "There is no such thing, or it is not for you.", 404
        ) from missing
    except links.RemovedVariant as removed:
        raise Refused("removed", f"“{removed.variant}” was removed.", 410) from removed


def _refused(refusal: PublishingError) -> Refused:
    return Refused(refusal.code, str(refusal), refusal.status)


def _one(publication: Publication, variant: Variant) -> dict[str, Any]:
    return next(
        _told(one) for one in queries.variants_told(publication) if one.variant.pk == variant.pk
    )


def _told(story: VariantStory) -> dict[str, Any]:
    variant, edition = story.variant, story.variant.current
    publication, refresh = variant.publication, story.parts.get("refresh")
    run = reverse("api:run-variant", args=[publication.slug, variant.slug])
    return {
        "slug": variant.slug,
        "title": variant.title,
        "url": url_of(publication, variant=variant.slug),
        "parameters": variant.parameters,
        "version": variant.version.number if variant.version else None,
        "edition": edition
        and {
            "number": edition.number,
            "version": edition.version.number,
            "url": url_of(publication, edition=edition.number),
            "parameters": edition.facts.get("parameters", {}),
            "created_at": edition.created_at,
        },
        "is_done": edition is not None and story.standing.is_done,
        "trouble": story.standing.trouble,
        "schedule": refresh.in_words if refresh else "",
        "next_due_at": refresh.next_due_at if refresh else None,
        "active_run": refresh.active_run.pk if refresh and refresh.active_run else None,
        "run": f"{settings.PORTAL_ORIGIN}{run}",
    }
