"""What the content origin answers: stored files, embed pages, and plain words when there is nothing.

No view here knows who is signed in. Whoever has the address may have what it points at, so every answer
runs in a sandbox with an origin of its own, also when it is opened directly.
"""

import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from portal.common.errors import OUR_FAULT, Problem
from portal.publishing import content, content_files, embeds, links, plugs
from portal.publishing.models import EmbedGrant, TreeEntry
from portal.publishing.openings import note_opening
from portal.publishing.permissions import is_gone

logger = logging.getLogger(__name__)

NOT_THERE = Problem(
    404,
    "not_there",
    "Nothing is shown here",
    "The address is not known, is too old, or was withdrawn. Open the page that led you here again.",
)
LOST = Problem(
    410,
    "lost",
    "This file was lost",
    "It was published, but its bytes are missing from the store. Tell an admin, who can restore them.",
)
REVOKED = Problem(
    410,
    "revoked",
    "No longer shown here",
    "The owner has switched this embed off. If you still need it, ask whoever looks after this page.",
)
NOTHING_YET = Problem(
    404,
    "nothing_yet",
    "Nothing to show yet",
    "What belongs here is not published at the moment. It appears by itself as soon as it is.",
)
FRAMES = {"iframe", "frame", "embed", "object"}


@csrf_exempt
@require_safe
def content_file(request: HttpRequest, token: str, path: str) -> HttpResponseBase:
    """One file of the edition that the token opens; without a path, the way to its entry."""
    try:
        opened = content.open_token(token, at=timezone.now())
        if not path:
            return _protect(_to_entry(opened), token)
        entry = content.find_file(opened.edition, path)
    except content.NotThere:
        return problem_page(NOT_THERE)
    try:
        response = content_files.respond(request, entry, seconds=content.KEPT_SECONDS)
    except FileNotFoundError:
        logger.exception("blob_lost digest=%s edition=%s", entry.blob_id, opened.edition.pk)
        return problem_page(LOST)
    return _protect(response, token, framed_by=_framed_by(opened, entry))


@csrf_exempt
@require_safe
def embed_page(request: HttpRequest, token: str) -> HttpResponse:
    """What a grant shows now, inside of a page of ours that fits its height and says how old it is."""
    grant = embeds.find_grant(token)
    if grant is None:
        return problem_page(NOT_THERE)
    if not grant.is_live or is_gone(grant.publication):
        return problem_page(REVOKED)
    host = _framing_origin(request)
    if host and not embeds.may_show(grant, host):
        return problem_page(_not_allowed(host))
    try:
        resolved = embeds.resolve_grant(grant)
    except links.RemovedVariant:
        return problem_page(REVOKED)
    except (links.NoSuchPublication, links.NoEditionYet):
        return problem_page(NOTHING_YET)
    body = render_to_string("content/embed.html", _embed_context(grant, resolved))
    note_opening(grant.publication, at=timezone.now())
    response = HttpResponse(body, headers={"Cache-Control": "no-store"})
    return _seal(response, _embed_policy(grant.origins))


@csrf_exempt
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Every address that this origin does not know, the portal's included."""
    return problem_page(NOT_THERE)


@csrf_exempt
def server_error(request: HttpRequest) -> HttpResponse:
    return problem_page(OUR_FAULT)


def problem_page(problem: Problem) -> HttpResponse:
    """A page without data that any site may frame, so that people read why there is nothing."""
    context = {"problem": problem, "portal_origin": settings.PORTAL_ORIGIN}
    response = HttpResponse(
        render_to_string("content/problem.html", context),
        status=problem.status,
        headers={"Cache-Control": "no-store"},
    )
    return _seal(response, _problem_policy())


def _to_entry(opened: content.Opened) -> HttpResponse:
    return HttpResponse(status=HTTPStatus.FOUND, headers={"Location": quote(opened.edition.entry)})


def _framed_by(opened: content.Opened, entry: TreeEntry) -> str:
    """Only the entry says who may frame it: it in turn frames the edition's other pages, and as it has an
    opaque origin, no `frame-ancestors` would ever allow that."""
    return opened.framed_by if entry.path == opened.edition.entry else ""


def _embed_context(grant: EmbedGrant, resolved: links.Resolved) -> dict[str, Any]:
    edition = resolved.edition
    return {
        "publication": grant.publication,
        "edition": edition,
        "newer": resolved.newer,
        "refresh": plugs.list_parts([resolved.variant]).get("refresh", {}).get(edition.variant_id),
        "sandbox": embeds.SANDBOX,
        "content_url": content.grant_url(grant, edition),
        "portal_url": links.url_of(
            grant.publication,
            variant=grant.variant.slug,
            major=grant.major,
            edition=grant.edition.number if grant.edition else None,
        ),
    }


def _framing_origin(request: HttpRequest) -> str:
    """The site that frames us, where the browser says so; it enforces the allow-list, this only explains it."""
    if request.headers.get("Sec-Fetch-Dest") not in FRAMES:
        return ""
    parts = urlsplit(request.headers.get("Referer", ""))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _not_allowed(host: str) -> Problem:
    return Problem(
        403,
        "not_allowed_here",
        "Not allowed on this site",
        f"Whoever made this embed did not name {host} as a site that may show it. Ask them to make one "
        "for this site: in Broadsheet, “Embed” on the page of what should be here.",
    )


def _protect(response: HttpResponseBase, token: str, *, framed_by: str = "") -> HttpResponseBase:
    """The walls around an author's file; every part of them stands alone as well."""
    response.headers["Content-Security-Policy"] = content_policy(token, framed_by=framed_by)
    # The page's own scripts come from an opaque origin, so they read their files as strangers do. That is safe:
    # there are no cookies here, and whoever knows the address may have the file anyway.
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = (
        "Accept-Ranges, Content-Range, Content-Length, ETag"
    )
    return _isolate(response)


def content_policy(token: str, *, framed_by: str) -> str:
    """Scripts may do what they like, in an origin of their own, with the edition's files and our libraries."""
    tree, static = f"{settings.CONTENT_ORIGIN}/c/{token}/", f"{settings.CONTENT_ORIGIN}/static/"
    directives = [
        f"sandbox {embeds.SANDBOX}",
        "default-src 'none'",
        f"script-src 'unsafe-inline' 'unsafe-eval' blob: data: {tree} {static}",
        f"style-src 'unsafe-inline' {tree} {static}",
        f"img-src data: blob: {tree} {static}",
        f"font-src data: {tree} {static}",
        f"connect-src data: blob: {tree} {static}",
        f"media-src data: blob: {tree}",
        "worker-src blob: data:",
        f"frame-src data: blob: {tree}",
        f"child-src data: blob: {tree}",
        "form-action 'none'",
        "base-uri 'none'",
    ]
    if framed_by:
        directives.append(f"frame-ancestors {framed_by}")
    return "; ".join(directives)


def _embed_policy(origins: list[str]) -> str:
    static = f"{settings.CONTENT_ORIGIN}/static/"
    return "; ".join(
        [
            f"sandbox {embeds.SANDBOX}",
            "default-src 'none'",
            f"script-src {static}",
            f"style-src {static}",
            f"font-src {static}",
            f"frame-src {settings.CONTENT_ORIGIN}/c/",
            "form-action 'none'",
            "base-uri 'none'",
            f"frame-ancestors {' '.join(origins)}",
        ]
    )


def _problem_policy() -> str:
    static = f"{settings.CONTENT_ORIGIN}/static/"
    return (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
        f"style-src {static}; font-src {static}; form-action 'none'; base-uri 'none'"
    )


def _seal(response: HttpResponse, policy: str) -> HttpResponse:
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Robots-Tag"] = "noindex"
    _isolate(response)
    return response


def _isolate(response: HttpResponseBase) -> HttpResponseBase:
    """Never guess a type, never say where we come from, and fit into pages that isolate themselves."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cross-Origin-Embedder-Policy"] = "credentialless"
    # A pop-up that inherits a sandbox may not load a page with any other value (HTML, section 7.1.3.2).
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response
