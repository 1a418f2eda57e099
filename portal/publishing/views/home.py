"""The front page: what is new, what is yours, and search by title."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.accounts.requests import signed_in
from portal.common.text import one_line
from portal.publishing import queries
from portal.publishing.links import KIND_PATHS
from portal.publishing.models import Publication

NEW = 9
YOURS = 6
FOUND = 50


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """New and yours, or what a search by title finds."""
    text = one_line(request.GET.get("q", ""))
    if text:
        return _found(request, text)
    user = signed_in(request)
    counts = queries.count_by_kind(user)
    context = {
        "new": queries.told(queries.published_lately(user)[:NEW]),
        "yours": queries.told(queries.yours(user)[:YOURS]),
        "kinds": [(path, counts.get(kind, 0)) for kind, path in KIND_PATHS.items()],
    }
    return render(request, "publishing/home.html", context)


def _found(request: HttpRequest, text: str) -> HttpResponse:
    readable = Publication.objects.listed_for(signed_in(request))
    matches = queries.titled(queries.by_freshness(readable), text)
    stories = queries.told(matches[: FOUND + 1])
    context = {"text": text, "stories": stories[:FOUND], "has_more": len(stories) > FOUND}
    return render(request, "publishing/found.html", context)
