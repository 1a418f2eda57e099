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
    """Whether the person who asks hears of this variant's new editions, and where the button posts to; one query."""
    followed = Subscription.objects.filter(variant=variant, user=signed_in(request))
    return {
        "is_following": followed.exists(),
        "action": reverse("follow", args=[publication.kind, publication.slug]),
        "variant": variant.slug,
    }


def followers_list_part(variants: list[Variant]) -> dict[int, int]:
    """How many people follow each variant of a list, by its key."""
    rows = Subscription.objects.filter(variant__in=variants).values("variant")
    counts = {row["variant"]: row["count"] for row in rows.annotate(count=Count("pk"))}
    return {one.pk: counts.get(one.pk, 0) for one in variants}


def count_followers(publications: Collection[int]) -> dict[int, int]:
    """How many people follow each publication that anybody follows; one query."""
    followed = Subscription.objects.values_list("variant__publication").annotate(count=Count("pk"))
    if len(publications) < MOST_NAMED:  # of more, counting all is quicker than naming them
        followed = followed.filter(variant__publication__in=publications)
    return dict(followed)
