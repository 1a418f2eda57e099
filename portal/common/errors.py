"""Answers when something does not work: a page for people, JSON for programs; both say what to do.

Every answer has a status, a code for programs and a sentence. Pages of 5xx ask neither session nor
database: these may be what is broken.
"""

import sys
from dataclasses import dataclass

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from portal.common.text import one_line


@dataclass(frozen=True)
class Problem:
    """What the page says: `title` as its headline, `message` in a sentence or two."""

    status: int
    code: str
    title: str
    message: str


BAD_REQUEST = Problem(
    400,
    "bad_request",
    "We could not read that request",
    "Something in it is not as a browser sends it. Go back, reload the page and try again.",
)
FORBIDDEN = Problem(
    403, "not_allowed", "Not for you to do", "Your role or team does not allow this."
)
CSRF_FAILED = Problem(
    403,
    "csrf_failed",
    "This form has gone stale",
    "You signed in or out since it was opened, or cookies are off. Go back, reload it and send it again.",
)
NOT_FOUND = Problem(
    404,
    "not_found",
    "No such page, or not for you",
    "We cannot tell you which. If a colleague sent you the link, ask them to give you access.",
)
TOO_LARGE = Problem(
    413, "too_large", "That is too large", "Send less at once, or ask an admin to raise the limit."
)
OUR_FAULT = Problem(
    500,
    "our_fault",
    "That did not work, and it is our fault",
    "Nothing that you published is affected. Try again; if it happens twice, tell the data science team.",
)
TOO_BUSY = Problem(
    503,
    "too_busy",
    "Too much is going on just now",
    "The database did not answer in time. Look whether what you asked for is done; if not, try again in a minute.",
)
OUT_OF_SPACE = Problem(
    507,
    "out_of_space",
    "There is no room left",
    "The store is full, so nothing was kept; what is published stays as it is. Tell an admin.",
)


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def problem_key(request: HttpRequest) -> str:
    """Under which name a problem's code is told: the API promises `code`."""
    return "code" if is_api(request) else "error"


def wants_json(request: HttpRequest) -> bool:
    """Whether a program asks: on an address of the API, or it names JSON and does not name HTML."""
    if is_api(request):
        return True
    accept = request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept


def answer(request: HttpRequest, problem: Problem, *, message: str = "") -> HttpResponse:
    """The problem as a page or as `{"error": code, "message": sentence}`; the API says `code` for `error`."""
    sentence = one_line(message, length=500) or problem.message
    if wants_json(request):
        told = {problem_key(request): problem.code, "message": sentence}
        return JsonResponse(told, status=problem.status)
    template = "errors/fault.html" if problem.status >= 500 else "errors/problem.html"
    context = {"problem": problem, "message": sentence, "request_id": _request_id(request)}
    return render(request, template, context, status=problem.status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: what arrived cannot be read, or comes from nowhere that we know."""
    return answer(request, BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: the exception says who could do it."""
    return answer(request, FORBIDDEN, message=str(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: also for what exists and is not for this person."""
    return answer(request, NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: the log has the traceback, the page has the id to quote. 503 where the database was locked or away."""
    if not isinstance(sys.exception(), OperationalError):
        return answer(request, OUR_FAULT)
    response = answer(request, TOO_BUSY)
    response.headers["Retry-After"] = "60"
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: a form without the token of this session."""
    return answer(request, CSRF_FAILED)


def _request_id(request: HttpRequest) -> str:
    return getattr(request, "request_id", "")
