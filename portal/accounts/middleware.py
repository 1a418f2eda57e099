"""Nobody sees anything before signing in, save the few addresses that must be open."""

from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url

from portal.common.errors import wants_json
from portal.common.middleware import is_content_host

# The API asks who it is by itself; hooks are signed, and the links in mails say it by their token.
OPEN_PREFIXES = ("/sign-in/", "/health/", "/static/", "/api/", "/hooks/", "/unsubscribe/")


def require_sign_in(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Ask for sign-in on every portal address: a view that forgets to cannot leak."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if (
            is_content_host(request)
            or request.path.startswith(OPEN_PREFIXES)
            or request.user.is_authenticated
        ):
            return get_response(request)
        if wants_json(request):
            return JsonResponse({"error": "not_signed_in", "message": "Sign in first."}, status=401)
        query = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?{query}")

    return middleware
