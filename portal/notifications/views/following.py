"""The follow button, the list of what a person follows, and the link in mails that stops it."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.requests import signed_in
from portal.notifications import actions, subscriptions
from portal.publishing.links import find_publication, path_of
from portal.publishing.models import DEFAULT_VARIANT
from portal.publishing.permissions import can_view
from portal.publishing.views.addresses import follows_links
from portal.runs.queries import find_variant

PER_PAGE = 50


@require_POST
@follows_links
def follow(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Start or stop hearing of new editions: what the form says, so that pressing twice is pressing once."""
    user, at = signed_in(request), timezone.now()
    publication = find_publication(user, slug, kind=kind)
    variant = find_variant(publication, request.POST.get("variant", "") or DEFAULT_VARIANT)
    if request.POST.get("follow", "") == "no":
        actions.unfollow(variant, by=user, at=at)
        messages.success(request, f"You do not follow “{publication}” any more.")
    else:
        actions.follow(variant, by=user, at=at)
        messages.success(request, _thanks(user.email))
    if request.POST.get("back") == "following":
        return HttpResponseRedirect(reverse("following"))
    return HttpResponseRedirect(path_of(publication, variant=variant.slug))


@require_safe
def following(request: HttpRequest) -> HttpResponse:
    """What the person follows, by title, with a button each to stop."""
    followed = subscriptions.of(signed_in(request))
    page = Paginator(followed, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "notifications/following.html", {"page": page})


@never_cache
@csrf_exempt  # mail programs post here by themselves (RFC 8058); the signed token says for whom
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A page with a button, which needs no sign-in and does one thing; looking at it changes nothing."""
    try:
        person, variant = subscriptions.read_token(token)
    except subscriptions.NoSuchSubscription as unknown:
        raise Http404(str(unknown)) from unknown
    if request.method == "POST":
        actions.unfollow(variant, by=person, at=timezone.now(), way="mail")
    context = {
        "is_done": request.method == "POST",
        "variant": variant,
        "may_know": can_view(person, variant.publication),
    }
    return render(request, "notifications/unsubscribe.html", context)


def _thanks(address: str) -> str:
    if not address:
        return "You follow it. Ask an admin to enter your mail address, then we can tell you."
    return f"We will write to {address} when there is a new edition."
