"""What every request passes through: its id, its host, the headers that hold the walls."""

import re
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from portal.common.errors import problem_key

Handler = Callable[[HttpRequest], HttpResponse]
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_REQUEST_ID = re.compile(r"^[\w-]{8,64}$")


def is_content_host(request: HttpRequest) -> bool:
    """Whether the request came to the origin that serves files that we did not write.

    Case and the dot at the end of a full host name do not make another host: they pass ALLOWED_HOSTS, and
    must not lead from the content origin into the portal.
    """
    asked = urlsplit(f"//{request.get_host()}")
    ours = urlsplit(settings.CONTENT_ORIGIN)
    return asked.port == ours.port and (asked.hostname or "").rstrip(".") == ours.hostname


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
    """The content origin has its own addresses and none of the portal's, and the other way round.

    It knows no cookies either: those that reach it are not read, and none is ever set.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not is_content_host(request):
            return get_response(request)
        request.urlconf = settings.CONTENT_URLCONF
        request.META.pop("HTTP_COOKIE", None)
        response = get_response(request)
        response.cookies.clear()
        return response

    return middleware


def security_headers(get_response: Handler) -> Handler:
    """Strict policy for the portal's own pages; the content origin's views say more than its sandbox."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if is_content_host(request):
            response.headers.setdefault("Content-Security-Policy", "sandbox; default-src 'none'")
            response.headers.setdefault("Cache-Control", "no-store")
        else:
            response.headers.setdefault("Content-Security-Policy", portal_policy())
            response.headers.setdefault("Cache-Control", "private, no-cache")
            response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response

    return middleware


PERMISSIONS_POLICY = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"


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
                request,
                403,
                "cross_site",
                "Another site asked for this change. Open Broadsheet and do it there.",
            )
        if request.headers.get("Content-Encoding", "identity") != "identity":
            return _refuse(
                request,
                415,
                "encoding_not_allowed",
                "Send the body as it is, without Content-Encoding.",
            )
        return get_response(request)

    return middleware


def _refuse(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse({problem_key(request): code, "message": message}, status=status)
