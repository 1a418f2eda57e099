"""Pages where admins see who is here and who has left, and close accounts so that nothing stops."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.models import User
from portal.accounts.requests import signed_in
from portal.common.text import one_line
from portal.publishing import owners, people
from portal.publishing.owners import CannotOwn
from portal.publishing.people import CannotLeave

PER_PAGE = 50
SEE_OTHER = 303
NOBODY = "-"
OWNERLESS = 20


@require_safe
def people_page(request: HttpRequest) -> HttpResponse:
    """Everybody, a page at a time; `?q=` narrows it by name. What nobody owns any more stands above."""
    _require_admin(signed_in(request))
    text = one_line(request.GET.get("q", ""))
    left = owners.without_active_owner()
    context = {
        "text": text,
        "page": Paginator(people.everybody(text), PER_PAGE).get_page(request.GET.get("page")),
        "ownerless": left[:OWNERLESS],
        "ownerless_count": left.count(),
    }
    return render(request, "publishing/people.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def person_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One person: what they own, and closing, opening or handing over their account."""
    by, at = signed_in(request), timezone.now()
    _require_admin(by)
    person = get_object_or_404(User.objects.prefetch_related("teams"), pk=pk)
    if request.method != "POST":
        return _page(request, person, at=at)
    change = CHANGES.get(request.POST.get("action", ""))
    if change is None:
        return _page(request, person, at=at, error="Nothing was changed: the form said nothing.")
    try:
        said = change(person, request.POST.get("successor", ""), by, at)
    except (CannotLeave, CannotOwn) as refusal:
        return _page(request, person, at=at, error=str(refusal))
    messages.success(request, said)
    return HttpResponseRedirect(reverse("person", args=[pk]), status=SEE_OTHER)


def _deactivate(person: User, chosen: str, by: User, at: datetime) -> str:
    successor = None if chosen == NOBODY else _named(chosen)
    moved = people.deactivate(person, successor=successor, by=by, at=at)
    if successor is None:
        return f"The account of {person} is closed. What they own goes on without an active owner."
    return f"The account of {person} is closed. {successor} owns what was theirs: {moved}."


def _hand_over(person: User, chosen: str, by: User, at: datetime) -> str:
    successor = _named(chosen)
    moved = people.hand_over(person, to=successor, by=by, at=at)
    return f"{successor} owns what was {person}’s: {moved}."


def _reactivate(person: User, chosen: str, by: User, at: datetime) -> str:
    people.reactivate(person, by=by, at=at)
    return f"{person} can sign in again. What was handed over stays with its new owner."


CHANGES: dict[str, Callable[[User, str, User, datetime], str]] = {
    "deactivate": _deactivate,
    "hand-over": _hand_over,
    "reactivate": _reactivate,
}


def _named(username: str) -> User:
    found = User.objects.filter(username=username).first()
    if found is None:
        raise CannotOwn("Choose a successor, or say that nobody takes over.")
    return found


def _require_admin(user: User) -> None:
    """
    :raises PermissionDenied: for everybody else.
    """
    if not user.is_admin:
        raise PermissionDenied("Only admins see who is here.")


def _page(request: HttpRequest, person: User, *, at: datetime, error: str = "") -> HttpResponse:
    held = people.holdings_of(person)
    context = {
        "person": person,
        "held": [(holding, one) for holding, one in held if one.total],
        "owns": sum(one.total for holding, one in held if holding.move is not None),
        "successors": people.successors(person, at=at),
        "chosen": request.POST.get("successor", ""),
        "nobody": NOBODY,
        "error": error,
    }
    return render(request, "publishing/person.html", context, status=422 if error else 200)
