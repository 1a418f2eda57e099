"""Who follows what, and the link by which a mail lets one stop."""

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.urls import reverse

from portal.accounts.models import User
from portal.common import tokens
from portal.notifications.models import OutboxMessage, Subscription
from portal.publishing.models import Publication, Variant

PURPOSE = "unsubscribe"


class NoSuchSubscription(Exception):
    """The link is not one of ours, or what it was for is not there any more."""


def follows(message: OutboxMessage) -> bool:
    """Whether the person still follows what the message tells of."""
    return Subscription.objects.filter(
        variant=message.variant_id, user=message.recipient_id
    ).exists()


def of(person: User) -> QuerySet[Subscription]:
    """What the person follows and may still see."""
    readable = Publication.objects.visible_to(person).listed()
    return (
        Subscription.objects.filter(user=person, variant__publication__in=readable)
        .select_related("variant__publication__owner", "variant__current")
        .order_by("variant__publication__title", "variant__slug", "pk")
    )


def unsubscribe_url(person: User, variant: Variant) -> str:
    """The link that stops exactly this, without signing in; it works for as long as the mail is kept."""
    token = tokens.sign([person.pk, variant.pk], purpose=PURPOSE)
    path = reverse("unsubscribe", urlconf=settings.ROOT_URLCONF, args=[token])
    return settings.PORTAL_ORIGIN + path


def read_token(token: str) -> tuple[User, Variant]:
    """
    :raises NoSuchSubscription: when it is not one of ours.
    """
    try:
        person, variant = tokens.read(token, purpose=PURPOSE)
        variants = Variant.objects.select_related("publication")
        return User.objects.get(pk=person), variants.get(pk=variant)
    except (tokens.BadToken, ObjectDoesNotExist, ValueError, TypeError) as error:
        raise NoSuchSubscription("This link is not one of ours.") from error
