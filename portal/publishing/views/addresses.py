"""The named failures of a link, as answers: 404, a redirect, a tombstone."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from portal.accounts.requests import signed_in
from portal.common.errors import wants_json
from portal.publishing.links import Moved, NoSuchPublication, Removed, RemovedVariant, path_of
from portal.publishing.models import Publication, Variant
from portal.publishing.permissions import can_view

View = Callable[..., HttpResponseBase]
SAFE_METHODS = {"GET", "HEAD"}


def follows_links(view: View) -> View:
    """For views that find a publication by its address: what `links` raises becomes the right answer."""

    @wraps(view)
    def answering(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NoSuchPublication as missing:
            raise Http404(str(missing)) from missing
        except Moved as moved:
            return HttpResponseRedirect(_moved_path(request, moved.publication))
        except Removed as removed:
            return tombstone(request, removed.publication)
        except RemovedVariant as removed:
            return variant_tombstone(request, removed.variant)

    return answering


def tombstone(request: HttpRequest, publication: Publication) -> HttpResponse:
    """410: who took it away, when, and what replaces it for those who may see that."""
    successor = publication.successor
    if successor is not None and not can_view(signed_in(request), successor):
        successor = None
    if wants_json(request):
        message = f"“{publication}” was removed by {publication.removed_by}."
        body = {
            "error": "removed",
            "message": message,
            "successor": successor and path_of(successor),
        }
        return JsonResponse(body, status=410)
    context = {"publication": publication, "successor": successor}
    return render(request, "publishing/removed.html", context, status=410)


def variant_tombstone(request: HttpRequest, variant: Variant) -> HttpResponse:
    """410: who took the variant away, when, and the publication, which is still there."""
    publication = variant.publication
    if wants_json(request):
        message = f"The variant “{variant}” was removed by {variant.removed_by}."
        body = {"error": "removed", "message": message, "publication": path_of(publication)}
        return JsonResponse(body, status=410)
    context = {"publication": publication, "variant": variant}
    return render(request, "publishing/removed_variant.html", context, status=410)


def _moved_path(request: HttpRequest, publication: Publication) -> str:
    """The same page of the publication at its address of today, for those who only look."""
    if request.method not in SAFE_METHODS:
        return path_of(publication)
    _, _, _, page = request.path.split("/", 3)
    query = request.META.get("QUERY_STRING", "")
    return path_of(publication) + page + (f"?{query}" if query else "")
