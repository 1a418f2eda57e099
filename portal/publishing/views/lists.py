"""All publications of one kind."""

from typing import cast

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.accounts.requests import signed_in
from portal.common.text import one_line
from portal.publishing import queries
from portal.publishing.links import KIND_PATHS
from portal.publishing.models import Publication, PublicationQuerySet

PER_PAGE = 30


@require_safe
def kind_list(request: HttpRequest, kind: str) -> HttpResponse:
    """Last published first, a page at a time; `?q=` narrows it by title."""
    text = one_line(request.GET.get("q", ""))
    readable = Publication.objects.listed_for(signed_in(request)).filter(kind=kind)
    pages = Paginator(queries.titled(queries.by_freshness(readable), text), PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    context = {
        "kind": kind,
        "plural": KIND_PATHS[kind].capitalize(),
        "text": text,
        "total": pages.count,
        "page": page,
        "stories": queries.told(cast("PublicationQuerySet", page.object_list)),
    }
    return render(request, "publishing/kind_list.html", context)
