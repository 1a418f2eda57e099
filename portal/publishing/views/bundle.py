"""What an author uploaded, as they uploaded it."""

from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from portal.accounts.requests import signed_in
from portal.publishing.links import find_publication
from portal.publishing.views.addresses import follows_links
from portal.publishing.zips import zip_of


@require_safe
@follows_links
def bundle(request: HttpRequest, kind: str, slug: str, major: int, minor: int) -> HttpResponseBase:
    """One version's bundle, to keep: it is never shown on the portal's own origin."""
    publication = find_publication(signed_in(request), slug, kind=kind)
    version = publication.versions.filter(major=major, minor=minor).select_related("bundle").first()
    if version is None:
        raise Http404(f"{publication} has no version {major}.{minor}.")
    return StreamingHttpResponse(
        zip_of(version.bundle),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{publication.slug}-{version}.zip"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        },
    )
