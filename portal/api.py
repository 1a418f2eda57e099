"""The REST API at /api/v1/: each package brings a router; who asks, and how problems are told, is here."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import APIKeyCookie
from ninja.utils import check_csrf

from portal.accounts.models import User
from portal.common.errors import CSRF_FAILED, FORBIDDEN, NOT_FOUND
from portal.common.refusals import Refused
from portal.common.text import one_line
from portal.publishing.api import router as variants
from portal.runs.api.queue import router as queue
from portal.runs.api.runs import router as runs
from portal.runs.api.schedules import router as schedules

STALE = Refused(
    CSRF_FAILED.code,
    f"With every change, send the cookie {settings.CSRF_COOKIE_NAME} and its value in the header X-CSRFToken.",
    CSRF_FAILED.status,
)


class Session(APIKeyCookie):
    """The session of a browser; changes need its CSRF token too."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> User | None:
        if not isinstance(request.user, User):
            return None
        if check_csrf(request) is not None:
            raise STALE
        return request.user

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        return self(request)


who_asks = Session()  # every endpoint asks this one

api = NinjaAPI(
    title="Broadsheet",
    version="1",
    description="What the pages show, for programs. Every problem is a code and a sentence.",
    urls_namespace="api",
    docs_url=None,  # its page would be loaded from another site
    auth=who_asks,
)
api.add_router("/runs", runs)
api.add_router("/publications", variants)
api.add_router("/schedules", schedules)
api.add_router("", queue)


@api.exception_handler(AuthenticationError)
def not_signed_in(request: HttpRequest, error: object) -> HttpResponse:
    return _problem(request, 401, "not_signed_in", "Sign in first.")


@api.exception_handler(PermissionDenied)
def forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return _problem(request, 403, FORBIDDEN.code, one_line(str(error)) or FORBIDDEN.message)


@api.exception_handler(Http404)
def not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    """Also for what exists and is not for whoever asks: which one, the exception says and we do not."""
    return _problem(request, 404, NOT_FOUND.code, "There is no such thing, or it is not for you.")


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    return _problem(request, 422, "field_invalid", one_line(f"{field}: {first['msg']}", length=500))


@api.exception_handler(Refused)
def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return _problem(request, error.status, error.code, error.message)


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _problem(request, error.status_code, "bad_request", error.message)


@api.exception_handler(Exception)
def broken(request: HttpRequest, error: Exception) -> HttpResponse:
    """Ours: handler500 logs and answers, as for pages."""
    raise error


def _problem(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    return api.create_response(request, {"code": code, "message": message}, status=status)
