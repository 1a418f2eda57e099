"""Pages where admins say which programs are told of what, and see what became of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.accounts.models import Team, User
from portal.accounts.requests import signed_in
from portal.notifications import webhooks
from portal.notifications.events import EVENTS
from portal.notifications.forms import WebhookForm
from portal.notifications.models import Webhook
from portal.notifications.webhooks import BadWebhook

SEE_OTHER = 303
LAST_DELIVERIES = 30


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks_page(request: HttpRequest) -> HttpResponse:
    """Every webhook, and a form for another."""
    user = signed_in(request)
    webhooks.require_admin(user)
    form = WebhookForm(request.POST if request.method == "POST" else None)
    made = _made(form, by=user, at=timezone.now()) if form.is_valid() else None
    if made is not None:
        webhook, key = made
        return _page(request, _found(webhook.pk), key=key)  # the one time that it is shown
    context = {
        "form": form,
        "webhooks": _webhooks(),
        "events": EVENTS,
        "chosen": request.POST.getlist("events") if form.is_bound else list(EVENTS),
        "teams": Team.objects.order_by("name"),
        "allowed_hosts": settings.WEBHOOK_ALLOWED_HOSTS,
    }
    status = 422 if form.is_bound else 200
    return render(request, "notifications/webhooks.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One webhook: its last deliveries, and every change."""
    user = signed_in(request)
    webhooks.require_admin(user)
    webhook = _found(pk)
    if request.method != "POST":
        return _page(request, webhook)
    action, at = request.POST.get("action", ""), timezone.now()
    if action == "replace":
        return _replaced(request, webhook, by=user, at=at)
    change = CHANGES.get(action)
    if change is None:
        return _page(request, webhook, error="Nothing was changed: the form did not say what.")
    messages.success(request, change(webhook, user, at))
    there = reverse("webhooks") if action == "remove" else reverse("webhook", args=[pk])
    return HttpResponseRedirect(there, status=SEE_OTHER)


def _test(webhook: Webhook, by: User, at: datetime) -> str:
    webhooks.send_test(webhook, by=by, at=at)
    return "A test is on its way. Look at the deliveries below in a moment."


def _disable(webhook: Webhook, by: User, at: datetime) -> str:
    webhooks.disable_webhook(webhook, by=by, at=at)
    return f"{webhook} is disabled. It is told nothing until it is enabled again."


def _enable(webhook: Webhook, by: User, at: datetime) -> str:
    webhooks.enable_webhook(webhook, by=by, at=at)
    return f"{webhook} is told of what happens from now on."


def _remove(webhook: Webhook, by: User, at: datetime) -> str:
    webhooks.remove_webhook(webhook, by=by, at=at)
    return f"{webhook} is removed."


CHANGES: dict[str, Callable[[Webhook, User, datetime], str]] = {
    "test": _test,
    "disable": _disable,
    "enable": _enable,
    "remove": _remove,
}


def _replaced(request: HttpRequest, webhook: Webhook, *, by: User, at: datetime) -> HttpResponse:
    try:
        return _page(request, webhook, key=webhooks.replace_key(webhook, by=by, at=at))
    except BadWebhook as bad:
        return _page(request, webhook, error=str(bad))


def _made(form: WebhookForm, *, by: User, at: datetime) -> tuple[Webhook, str] | None:
    """The new webhook with its key; when it cannot be, what is wrong stands in the form."""
    asked = dict(form.cleaned_data)
    try:
        return webhooks.create_webhook(
            asked["name"],
            asked["url"],
            told=asked["events"],
            team=asked["team"],
            publication=asked["publication"],
            by=by,
            at=at,
        )
    except BadWebhook as bad:
        form.add_error(bad.field, str(bad))
        return None


def _webhooks() -> QuerySet[Webhook]:
    live = Webhook.objects.filter(removed_at__isnull=True)
    return live.select_related("team", "publication", "owner").order_by("name")


def _found(pk: int) -> Webhook:
    return get_object_or_404(_webhooks(), pk=pk)


def _page(
    request: HttpRequest, webhook: Webhook, *, key: str = "", error: str = ""
) -> HttpResponse:
    context: dict[str, Any] = {
        "webhook": webhook,
        "deliveries": webhook.messages.order_by("-pk")[:LAST_DELIVERIES],
        "told": [words for event, words in EVENTS.items() if event in webhook.events],
        "key": key,
        "error": error,
    }
    return render(request, "notifications/webhook.html", context, status=422 if error else 200)
