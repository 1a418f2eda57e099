"""The follow button."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from portal.accounts.requests import signed_in
from portal.notifications import actions
from portal.publishing.links import find_publication, path_of
from portal.publishing.views.addresses import follows_links


@require_POST
@follows_links
def follow(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Start or stop hearing of new editions: what the form says, so that pressing twice is pressing once."""
    user, at = signed_in(request), timezone.now()
    publication = find_publication(user, slug, kind=kind)
    if request.POST.get("follow", "") == "no":
        actions.unfollow(publication, by=user, at=at)
        messages.success(request, f"You do not follow “{publication}” any more.")
    else:
        actions.follow(publication, by=user, at=at)
        messages.success(request, _thanks(user.email))
    return HttpResponseRedirect(path_of(publication))


def _thanks(address: str) -> str:
    if not address:
        return "You follow it. Ask an admin to enter your mail address, then we can tell you."
    return f"We will write to {address} when there is a new edition."
