"""What every request passes through: its id, its host, the headers that hold the walls."""

import re
import secrets
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

Handler = Callable[[HttpRequest], HttpResponse]
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
CONTENT_HOST = urlsplit(settings.CONTENT_ORIGIN).netloc
_REQUEST_ID = re.compile(r"^[\w-]{8,64}$")


def is_content_host(request: HttpRequest) -> bool:
    """Whether the request came to the origin that serves files that we did not write."""
    return request.get_host() == CONTENT_HOST


def request_id(get_response: Handler) -> Handler:
    """Give every request an id, or keep the proxy's, and send it back: a person can quote it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response

    return middleware


def route_by_host(get_response: Handler) -> Handler:
    """The content origin has its own addresses and none of the portal's, and the other way round."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_content_host(request):
            request.urlconf = settings.CONTENT_URLCONF
        return get_response(request)

    return middleware


def security_headers(get_response: Handler) -> Handler:
    """Strict policy for the portal's own pages; what the content origin sends, its views decide."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.csp_nonce = secrets.token_urlsafe(16)  # type: ignore[attr-defined]
        response = get_response(request)
        if not is_content_host(request):
            response.headers.setdefault("Content-Security-Policy", portal_policy())
            response.headers.setdefault("Cache-Control", "private, no-cache")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response

    return middleware


PERMISSIONS_POLICY = (
    "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()"
)


def portal_policy() -> str:
    """No inline script or style, nothing from elsewhere, frames only from the content origin."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            f"frame-src {settings.CONTENT_ORIGIN}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def refuse_odd_requests(get_response: Handler) -> Handler:
    """Turn away what no browser or client of ours sends, before anything parses it.

    - a change asked for by another site: the second net under the session cookie's SameSite;
    - a compressed body: nothing here reads one, and it can unfold without end.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if (
            request.method not in SAFE_METHODS
            and request.headers.get("Sec-Fetch-Site") == "cross-site"
        ):
            return _refuse(
                403,
                "cross_site",
                "Another site asked for this change. Open Broadsheet and do it there.",
            )
        if request.headers.get("Content-Encoding", "identity") != "identity":
            return _refuse(
                415, "encoding_not_allowed", "Send the body as it is, without Content-Encoding."
            )
        return get_response(request)

    return middleware


def _refuse(status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse({"error": code, "message": message}, status=status)
