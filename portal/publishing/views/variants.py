"""Pages about variants, for those who may change the publication."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.requests import signed_in
from portal.publishing import links, plugs, queries, standing
from portal.publishing import variants as actions
from portal.publishing.actions import MOST_VARIANTS, PublishingError
from portal.publishing.forms import VariantForm
from portal.publishing.models import Publication, Variant
from portal.publishing.permissions import part_of, require_edit
from portal.publishing.views.addresses import follows_links

SEE_OTHER = 303


@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def variants(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """All variants, and a form that saves another one."""
    publication = _editable(request, kind, slug)
    part = part_of(publication)
    if part is not None:
        messages.info(request, f"The variants of “{publication}” are those of this report.")
        return _to_list(part.parent)
    spec = standing.spec_of(standing.wanted_by(publication))
    if request.method != "POST":
        return _list_page(request, publication, VariantForm(spec))
    form = VariantForm(spec, data=request.POST.dict())
    try:
        made = actions.create_variant(
            publication,
            slug=form.slug,
            title=form.title,
            values=form.values,
            by=signed_in(request),
            at=timezone.now(),
        )
    except actions.BadVariant as bad:
        wrong = VariantForm(spec, data=form.data, errors=bad.errors)
        return _list_page(request, publication, wrong)
    except PublishingError as refusal:
        messages.error(request, str(refusal))
        return _to_list(publication)
    messages.success(request, f"Saved “{made}”. Its first run is queued.")
    _warn_of_double(request, made)
    return _to_list(publication)


@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def variant(request: HttpRequest, kind: str, slug: str, variant: str) -> HttpResponse:
    """Change the title and the parameters of one variant."""
    publication = _editable(request, kind, slug)
    found = links.find_variant(publication, variant)
    spec = () if found.is_default else standing.spec_of(found.version)
    initial = {**found.parameters, "title": found.title}
    if request.method != "POST":
        return _form_page(request, found, VariantForm(spec, initial=initial))
    form = VariantForm(spec, data=request.POST.dict())
    try:
        changed = actions.change_variant(
            found,
            title=form.title,
            values=None if found.is_default else form.values,
            by=signed_in(request),
            at=timezone.now(),
        )
    except actions.BadVariant as bad:
        return _form_page(request, found, VariantForm(spec, data=form.data, errors=bad.errors))
    except PublishingError as refusal:
        messages.error(request, str(refusal))
        return _to_list(publication)
    has_run = changed.parameters != found.parameters
    then = " Its run is queued; readers keep what they see until that is done." if has_run else ""
    messages.success(request, f"Saved “{changed}”.{then}")
    _warn_of_double(request, changed)
    return _to_list(publication)


@require_POST
@follows_links
def render_now(request: HttpRequest, kind: str, slug: str, variant: str) -> HttpResponse:
    """Queue a run of the variant with the version that is current."""
    publication = _editable(request, kind, slug)
    found = links.find_variant(publication, variant)
    try:
        actions.render_variant(found, by=signed_in(request), at=timezone.now())
    except PublishingError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"A run of “{found}” is queued.")
    return _to_list(publication)


@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def remove(request: HttpRequest, kind: str, slug: str, variant: str) -> HttpResponse:
    """Ask once more, then take the variant down."""
    publication = _editable(request, kind, slug)
    found = links.find_variant(publication, variant)
    if request.method != "POST":
        context = {
            "publication": publication,
            "variant": found,
            "editions": found.editions.count(),
            "refresh": plugs.list_parts([found]).get("refresh", {}).get(found.pk),
        }
        return render(request, "publishing/remove_variant.html", context)
    try:
        actions.remove_variant(found, by=signed_in(request), at=timezone.now())
    except PublishingError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Removed “{found}”. Its editions stay in the history.")
    return _to_list(publication)


def _editable(request: HttpRequest, kind: str, slug: str) -> Publication:
    publication = links.find_publication(signed_in(request), slug, kind=kind)
    require_edit(signed_in(request), publication)
    return publication


def _to_list(publication: Publication) -> HttpResponse:
    path = reverse("variants", args=[publication.kind, publication.slug])
    return HttpResponseRedirect(path, status=SEE_OTHER)


def _list_page(request: HttpRequest, publication: Publication, form: VariantForm) -> HttpResponse:
    context = {
        "publication": publication,
        "stories": queries.variants_told(publication),
        "form": form,
        "most": MOST_VARIANTS,
    }
    status = 422 if form.errors else 200
    return render(request, "publishing/variants.html", context, status=status)


def _form_page(request: HttpRequest, found: Variant, form: VariantForm) -> HttpResponse:
    context = {
        "publication": found.publication,
        "variant": found,
        "form": form,
        "trouble": standing.trouble_of(found),
        "defaults": standing.in_words(found) if found.is_default else [],
    }
    status = 422 if form.errors else 200
    return render(request, "publishing/variant.html", context, status=status)


def _warn_of_double(request: HttpRequest, variant: Variant) -> None:
    double = actions.with_same_parameters(variant)
    if double is not None:
        messages.warning(
            request, f"“{double}” is given the same parameters. One of them may be one too many."
        )
