"""What this room adds to a publication's page."""

from collections.abc import Collection
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse

from portal.accounts.requests import signed_in
from portal.notifications.models import Subscription
from portal.publishing.models import Publication, Variant

MOST_NAMED = 500


def follow_part(request: HttpRequest, publication: Publication, variant: Variant) -> dict[str, Any]:
    """Whether the person who asks hears of new editions, and where the button posts to; one query."""
    followed = Subscription.objects.filter(publication=publication, user=signed_in(request))
    return {
        "is_following": followed.exists(),
        "action": reverse("follow", args=[publication.kind, publication.slug]),
    }


def count_followers(publications: Collection[int]) -> dict[int, int]:
    """How many people follow each publication that anybody follows; one query."""
    followed = Subscription.objects.values_list("publication").annotate(count=Count("pk"))
    if len(publications) < MOST_NAMED:  # of more, counting all is quicker than naming them
        followed = followed.filter(publication__in=publications)
    return dict(followed)
