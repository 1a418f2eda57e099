"""What this room adds to a publication's page."""

from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse

from portal.accounts.requests import signed_in
from portal.notifications.models import Subscription
from portal.publishing.models import Publication, Variant


def follow_part(request: HttpRequest, publication: Publication, variant: Variant) -> dict[str, Any]:
    """Whether the person who asks hears of new editions, and where the button posts to; one query."""
    followed = Subscription.objects.filter(publication=publication, user=signed_in(request))
    return {
        "is_following": followed.exists(),
        "action": reverse("follow", args=[publication.kind, publication.slug]),
    }


def followers_list_part(variants: list[Variant]) -> dict[int, int]:
    """How many people follow, by the keys of default variants: whoever follows a publication follows that."""
    defaults = {one.publication_id: one.pk for one in variants if one.is_default}
    rows = Subscription.objects.filter(publication__in=defaults).values("publication")
    counts = {row["publication"]: row["count"] for row in rows.annotate(count=Count("pk"))}
    return {pk: counts.get(publication, 0) for publication, pk in defaults.items()}
