"""Keys that show a publication on other sites: making, listing and revoking them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.requests import signed_in
from portal.publishing import embeds as keys
from portal.publishing import links
from portal.publishing.actions import PublishingError
from portal.publishing.forms import EmbedForm
from portal.publishing.links import Address, NoEditionYet, Resolved
from portal.publishing.models import DEFAULT_VARIANT, EmbedGrant
from portal.publishing.permissions import require_edit
from portal.publishing.views.addresses import follows_links


@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def embeds(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Every key of the publication with its snippet, and a form that makes another."""
    asked = request.POST if request.method == "POST" else request.GET
    address = Address(
        slug=slug,
        kind=kind,
        variant=asked.get("variant") or DEFAULT_VARIANT,
        edition=_whole(asked.get("edition", "")),
    )
    publication = links.find_publication(signed_in(request), slug, kind=kind)
    require_edit(signed_in(request), publication)
    try:
        resolved = links.resolve_within(publication, address)
    except NoEditionYet:
        messages.warning(request, "There is nothing to embed before the first edition.")
        return HttpResponseRedirect(links.path_of(publication))
    form = EmbedForm(resolved.edition, request.POST if request.method == "POST" else None)
    if form.is_valid() and _made(request, form, resolved):
        return HttpResponseRedirect(f"{links.path_of(publication)}embeds/")
    return _page(request, form, resolved)


@require_POST
@follows_links
def revoke(request: HttpRequest, kind: str, slug: str, pk: int) -> HttpResponse:
    """Switch one key off: the pages that show it go blank at once."""
    user = signed_in(request)
    publication = links.find_publication(user, slug, kind=kind)
    require_edit(user, publication)
    grant = get_object_or_404(EmbedGrant, pk=pk, publication=publication)
    keys.revoke_grant(grant, by=user, at=timezone.now())
    messages.success(request, f"Revoked. Nobody sees “{grant}” any more.")
    return HttpResponseRedirect(f"{links.path_of(publication)}embeds/")


def _made(request: HttpRequest, form: EmbedForm, resolved: Resolved) -> bool:
    """Whether the key could be made; what is wrong stands in the form otherwise."""
    try:
        keys.create_grant(
            resolved.publication,
            variant=resolved.variant,
            follows=form.cleaned_data["follows"],
            major=resolved.edition.version.major,
            edition=resolved.edition,
            label=form.cleaned_data["label"],
            origins=form.cleaned_data["origins"],
            by=signed_in(request),
            at=timezone.now(),
        )
    except PublishingError as error:
        form.add_error("origins", str(error))
        return False
    messages.success(request, "The key works. Copy its snippet into the page that shall show it.")
    return True


def _page(request: HttpRequest, form: EmbedForm, resolved: Resolved) -> HttpResponse:
    grants = keys.grants_of(resolved.publication)
    context = {
        "publication": resolved.publication,
        "variant": resolved.variant,
        "edition": resolved.edition,
        "form": form,
        "grants": [(grant, keys.snippet(grant)) for grant in grants],
    }
    status = 422 if form.is_bound else 200
    return render(request, "publishing/embeds.html", context, status=status)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
