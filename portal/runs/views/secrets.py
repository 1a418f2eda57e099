"""Pages where admins set secrets and say which teams may have them. No page shows a value."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.accounts.models import Team, User
from portal.accounts.requests import signed_in
from portal.publishing.models import Publication
from portal.runs import queries, secrets, vault
from portal.runs.forms import SecretForm, as_typed
from portal.runs.models import Secret
from portal.runs.secrets import BadSecret

SEE_OTHER = 303
Named = list[tuple[Publication, bool]]  # and whether its team may have the secret


@never_cache  # or going back would show what was typed
@sensitive_post_parameters("value")
@require_http_methods(["GET", "HEAD", "POST"])
def secrets_page(request: HttpRequest) -> HttpResponse:
    """Every secret, and a form for another."""
    user = signed_in(request)
    secrets.require_admin(user)
    form = SecretForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and (made := _made(form, by=user, at=timezone.now())):
        messages.success(request, f"{made} is kept. Nobody can read its value here again.")
        return HttpResponseRedirect(reverse("secret", args=[made.pk]), status=SEE_OTHER)
    named = queries.publications_by_secret()
    found = list(queries.secrets())
    known = {secret.name for secret in found}
    context = {
        "form": form,
        "rows": [(secret, *_row(secret, named)) for secret in found],
        "unknown": [
            (name, [(one, True) for one in named[name]]) for name in sorted(named.keys() - known)
        ],
        "teams": Team.objects.order_by("name"),
        "chosen": request.POST.getlist("teams"),
        "has_key": vault.has_key(),
    }
    return render(request, "runs/secrets.html", context, status=422 if form.is_bound else 200)


@never_cache  # or going back would show what was typed
@sensitive_post_parameters("value")
@require_http_methods(["GET", "HEAD", "POST"])
def secret_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One secret: who may have it, and every change but reading it."""
    user = signed_in(request)
    secrets.require_admin(user)
    found = get_object_or_404(queries.secrets(), pk=pk)
    change = CHANGES.get(request.POST.get("action", ""))
    if request.method != "POST":
        return _page(request, found)
    if change is None:
        return _page(request, found, error="Nothing was changed: the form did not say what to do.")
    try:
        said = change(found, request.POST, user, timezone.now())
    except BadSecret as bad:
        return _page(request, found, error=str(bad))
    messages.success(request, said)
    there = reverse("secret", args=[pk]) if found.pk else reverse("secrets")
    return HttpResponseRedirect(there, status=SEE_OTHER)


def _replace(secret: Secret, asked: QueryDict, by: User, at: datetime) -> str:
    secrets.replace_secret(secret, as_typed(asked.get("value", "")), by=by, at=at)
    return "Replaced. Runs that start from now on get the new value."


def _describe(secret: Secret, asked: QueryDict, by: User, at: datetime) -> str:
    secrets.describe_secret(secret, asked.get("description", ""), by=by, at=at)
    return "Described."


def _grant(secret: Secret, asked: QueryDict, by: User, at: datetime) -> str:
    team = _team(asked)
    secrets.grant_secret(secret, team, by=by, at=at)
    return f"Granted. Runs of the team {team} get {secret} when their broadsheet.toml names it."


def _revoke(secret: Secret, asked: QueryDict, by: User, at: datetime) -> str:
    team = _team(asked)
    secrets.revoke_secret(secret, team, by=by, at=at)
    return f"Revoked. No further run of the team {team} gets {secret}."


def _delete(secret: Secret, asked: QueryDict, by: User, at: datetime) -> str:
    name = secret.name
    secrets.delete_secret(secret, by=by, at=at)
    return f"{name} is deleted. Runs that name it fail until there is one again."


CHANGES: dict[str, Callable[[Secret, QueryDict, User, datetime], str]] = {
    "replace": _replace,
    "describe": _describe,
    "grant": _grant,
    "revoke": _revoke,
    "delete": _delete,
}


def _team(asked: QueryDict) -> Team:
    return get_object_or_404(Team, slug=asked.get("team", ""))


def _made(form: SecretForm, *, by: User, at: datetime) -> Secret | None:
    """The new secret; when it cannot be, what is wrong stands in the form."""
    try:
        return secrets.create_secret(**form.cleaned_data, by=by, at=at)
    except BadSecret as bad:
        form.add_error(bad.field, str(bad))
        return None


def _page(request: HttpRequest, secret: Secret, *, error: str = "") -> HttpResponse:
    named, is_readable = _row(secret, queries.publications_by_secret())
    granted = {grant.team_id for grant in secret.grants.all()}
    context: dict[str, Any] = {
        "secret": secret,
        "named": named,
        "is_readable": is_readable,
        "others": [team for team in Team.objects.order_by("name") if team.pk not in granted],
        "has_key": vault.has_key(),
        "error": error,
    }
    return render(request, "runs/secret.html", context, status=422 if error else 200)


def _row(secret: Secret, named: dict[str, list[Publication]]) -> tuple[Named, bool]:
    """Which publications name the secret, and whether a key of ours opens it."""
    granted = {grant.team_id for grant in secret.grants.all()}
    naming = [(one, one.team_id in granted) for one in named.get(secret.name, [])]
    return naming, vault.opens(secret.ciphertext)
