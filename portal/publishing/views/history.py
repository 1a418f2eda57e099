"""What was published before: the archive, the log of moves, and the way back."""

import re
from datetime import date

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.requests import signed_in
from portal.publishing import actions, archive, links, parts, plugs, queries
from portal.publishing.forms import ReleaseForm, RollBackForm
from portal.publishing.models import DEFAULT_VARIANT, Edition, Publication, Variant
from portal.publishing.permissions import can_edit, require_edit
from portal.publishing.views.addresses import follows_links


@require_safe
@follows_links
def history(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Versions with their editions and the moves of the link; `?on=` leads to a day's edition.

    Of one variant alone, removed or not, with `?variant=`.
    """
    user = signed_in(request)
    publication = links.find_publication(user, slug, kind=kind)
    variant = _variant(publication, request.GET.get("variant", ""))
    asked = request.GET.get("on", "")
    day = _day(asked)
    if day is not None:
        path = links.path_of(publication, variant=variant.slug if variant else DEFAULT_VARIANT)
        return HttpResponseRedirect(f"{path}as-of/{day.isoformat()}/")
    editable = can_edit(user, publication)
    shown = archive.archive_page(publication, request.GET.get("page"), variant)
    context = {
        "publication": publication,
        "variant": variant,
        "can_edit": editable,
        "archive": shown,
        "columns": 3 + len(shown.metrics) + shown.has_checks + editable,
        "moves": archive.moves(publication, variant),
        "is_no_day": bool(asked),
        "troubles": queries.troubles(publication) if editable else [],
    }
    return render(request, "publishing/history.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def roll_back(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Ask for the reason, then show an archived edition again."""
    user = signed_in(request)
    publication = links.find_publication(user, slug, kind=kind)
    require_edit(user, publication)
    edition = _edition(publication, request.POST.get("edition") or request.GET.get("edition", ""))
    form = RollBackForm(request.POST or None)
    if not form.is_valid():
        context = {"publication": publication, "edition": edition, "form": form}
        status = 422 if request.method == "POST" else 200
        return render(request, "publishing/roll_back.html", context, status=status)
    reason = form.cleaned_data["reason"]
    actions.roll_back(edition, by=user, at=timezone.now(), reason=reason)
    messages.success(request, f"Edition {edition} is current again.")
    return HttpResponseRedirect(links.path_of(publication, variant=edition.variant.slug))


@require_http_methods(["GET", "HEAD", "POST"])
@follows_links
def release(request: HttpRequest, kind: str, slug: str, number: int) -> HttpResponse:
    """Ask for the reason, then show an edition that a failed check keeps from readers."""
    user = signed_in(request)
    publication = links.find_publication(user, slug, kind=kind)
    require_edit(user, publication)
    editions = publication.editions.select_related("publication", "version", "variant__current")
    edition = get_object_or_404(editions, number=number)
    if edition.is_good:
        messages.info(request, f"Edition {edition} is not in quarantine any more.")
        return HttpResponseRedirect(links.path_of(publication, edition=number))
    if edition.variant.is_removed:
        raise links.RemovedVariant(edition.variant)
    held = parts.held_with(edition)
    if held is not None:
        messages.info(request, f"It is released with edition {held} of “{held.publication}”.")
        path = links.path_of(held.publication, edition=held.number)
        return HttpResponseRedirect(f"{path}release/")
    form = ReleaseForm(request.POST or None)
    if not form.is_valid():
        context = {"publication": publication, "edition": edition, "form": form} | {
            "parts": plugs.edition_parts(request, edition)
        }
        status = 422 if request.method == "POST" else 200
        return render(request, "publishing/release.html", context, status=status)
    reason = form.cleaned_data["reason"]
    try:
        actions.release_edition(edition, by=user, at=timezone.now(), reason=reason)
        messages.success(request, f"Edition {edition} is released. Readers see it now.")
    except actions.NotQuarantined as error:  # somebody else was first
        messages.info(request, str(error))
    return HttpResponseRedirect(links.path_of(publication, variant=edition.variant.slug))


def _variant(publication: Publication, slug: str) -> Variant | None:
    """The variant that was asked for, if one was; it need not be there any more."""
    if not slug:
        return None
    found = publication.variants.filter(slug=slug).first()
    if found is None:
        raise links.NoSuchVariant(slug)
    return found


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _edition(publication: Publication, number: str) -> Edition:
    """The good edition of that number, of any variant."""
    editions = publication.editions.select_related("publication", "version", "variant__current")
    is_number = re.fullmatch("[0-9]{1,9}", number)
    found = editions.filter(number=number).first() if is_number else None
    if found is None or not found.is_good:
        raise Http404(f"{publication.slug} edition {number}")
    if found.variant.is_removed:
        raise links.RemovedVariant(found.variant)
    return found
