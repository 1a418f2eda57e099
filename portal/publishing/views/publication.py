"""The reader's page: what it is, what one may believe of it, and the content in a frame of its own."""

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.accounts.requests import signed_in
from portal.publishing import archive, content, links, parameters, parts, plugs
from portal.publishing.forms import EmbedForm
from portal.publishing.links import Address, NoEditionYet, Resolved
from portal.publishing.models import DEFAULT_VARIANT, Edition, Publication, Variant
from portal.publishing.openings import note_opening
from portal.publishing.permissions import can_edit
from portal.publishing.standing import Standing, spec_of, standing_of, wanted_by
from portal.publishing.views.addresses import follows_links


@require_safe
@follows_links
def publication(
    request: HttpRequest,
    kind: str,
    slug: str,
    variant: str = DEFAULT_VARIANT,
    major: int | None = None,
    number: int | None = None,
) -> HttpResponse:
    """The current edition, the last one of a major version, or exactly one edition."""
    user = signed_in(request)
    address = Address(slug=slug, kind=kind, variant=variant, major=major, edition=number)
    try:
        resolved = links.resolve(user, address)
    except NoEditionYet as missing:
        return _nothing_yet(request, missing.publication, missing.variant)
    if _is_poll(request):
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = _shared(request, resolved.publication, resolved.variant)
    if number is None and major is None:
        context["standing"] = _standing(resolved, context["origin"])
    context["parts"] |= plugs.edition_parts(request, resolved.edition)
    context |= {
        "address": address,
        "edition": resolved.edition,
        "newer": resolved.newer,
        "reader_url": content.reader_url(resolved.edition, user=user, at=timezone.now()),
        "made_beside": parts.parts_of(resolved.edition),
        "differences": _differences(resolved),
        "given": _given(resolved.edition),
        "last_number": archive.last_number(resolved.publication),
        "variants": archive.variants_with_editions(resolved.publication),
        "share": _share_links(resolved),
        "embed_form": EmbedForm(resolved.edition),
    }
    response = render(request, "publishing/publication.html", context)
    note_opening(resolved.publication, at=timezone.now())
    return response


@require_safe
@follows_links
def choose(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """302 to the variant that a reader chose from the list."""
    publication = links.find_publication(signed_in(request), slug, kind=kind)
    variant = links.find_variant(publication, request.GET.get("variant", DEFAULT_VARIANT))
    return HttpResponseRedirect(links.path_of(publication, variant=variant.slug))


@require_safe
@follows_links
def as_of(
    request: HttpRequest, kind: str, slug: str, day: date, variant: str = DEFAULT_VARIANT
) -> HttpResponse:
    """302 to the edition that was current at the end of that day, in the publication's time zone."""
    address = Address(slug=slug, kind=kind, variant=variant, as_of=day)
    try:
        resolved = links.resolve(signed_in(request), address)
    except NoEditionYet as missing:
        context = {"publication": missing.publication, "day": day}
        return render(request, "publishing/not_then.html", context, status=404)
    path = links.path_of(resolved.publication, edition=resolved.edition.number)
    return HttpResponseRedirect(path)


def _nothing_yet(request: HttpRequest, publication: Publication, variant: Variant) -> HttpResponse:
    context = _shared(request, publication, variant) | {
        "version": publication.versions.select_related("created_by").order_by("-pk").first()
    }
    template = "_waiting.html" if _is_poll(request) else "nothing_yet.html"
    return render(request, f"publishing/{template}", context)


def _is_poll(request: HttpRequest) -> bool:
    """Whether the page that waits for a first edition asks, not a person."""
    return request.headers.get("HX-Request") == "true"


def _shared(request: HttpRequest, publication: Publication, variant: Variant) -> dict[str, Any]:
    return {
        "publication": publication,
        "variant": variant,
        "can_edit": can_edit(signed_in(request), publication),
        "origin": parts.origin_of(publication, variant),
        "parts": plugs.page_parts(request, publication, variant),
    }


def _standing(resolved: Resolved, origin: parts.Origin | None) -> Standing:
    """What a report makes stands as the report does."""
    variant = resolved.variant
    if origin is not None and origin.variant is not None and origin.is_made:
        variant = origin.variant
    wanted = variant.version if variant.is_default else wanted_by(variant.publication)
    return standing_of(variant, wanted)


def _given(edition: Edition) -> list[tuple[str, str]]:
    return parameters.in_words(spec_of(edition.version), edition.facts.get("parameters", {}))


def _differences(resolved: Resolved) -> list[archive.Difference]:
    """How an edition in quarantine differs from what readers see."""
    if resolved.edition.is_good or resolved.newer is None:
        return []
    return archive.differences(resolved.edition, resolved.newer)


def _share_links(resolved: Resolved) -> dict[str, str]:
    publication, variant, edition = resolved.publication, resolved.variant, resolved.edition
    return {
        "stable": links.url_of(publication, variant=variant.slug),
        "major": links.url_of(publication, variant=variant.slug, major=edition.version.major),
        "edition": links.url_of(publication, edition=edition.number),
    }
