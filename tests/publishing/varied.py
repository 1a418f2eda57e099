"""A report with parameters, and what tests do with its variants."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.test import Client

from portal.accounts.models import User
from portal.publishing import actions, queries, standing, variants
from portal.publishing.actions import Bundle, Wish
from portal.publishing.models import Edition, Publication, Variant
from tests import factories
from tests.factories import MONDAY

Reading = Callable[[User], Client]
PAGE = "/reports/weekly-sales/"
REGION = {
    "name": "region",
    "type": "choice",
    "label": "Region",
    "help": "",
    "choices": ["EMEA", "APAC"],
    "default": "EMEA",
}
MONTH = {
    "name": "month",
    "type": "date",
    "granularity": "month",
    "label": "Month",
    "help": "Of the orders.",
    "default": "previous month",
}
NET = {"name": "net", "type": "boolean", "label": "Net", "help": "", "default": True}
MANIFEST = {"parameters": [REGION, MONTH, NET]}


def bundle(text: str = "1", manifest: dict[str, Any] = MANIFEST) -> Bundle:
    return factories.code(f"print({text})", manifest=manifest)


def upload(uploaded: Bundle, *, by: User, slug: str = "weekly-sales") -> Any:
    return actions.publish_bundle(uploaded, Wish(slug=slug), by=by, at=MONDAY)


def save(sales: Publication, title: str = "Asia", **values: object) -> Variant:
    wish = {"region": "APAC"} | values
    return variants.create_variant(sales, title=title, values=wish, by=sales.owner, at=MONDAY)


def render(variant: Variant, text: str = "made", *, minute: int = 0, **facts: Any) -> Edition:
    """End the variant's runs, with an edition of what it is given."""
    variant = Variant.objects.select_related("version", "publication").get(pk=variant.pk)
    at = MONDAY + timedelta(minutes=minute)
    given = standing.given_at(variant, variant.version, at)
    with transaction.atomic():
        edition = actions.add_edition(
            factories.rendered(text, facts={"parameters": given} | facts),
            version=variant.version,
            variant=variant,
            logical_time=at,
            by=None,
            at=at,
        )
        actions.publish(edition, by=None, at=at, reason="Schedule")
    variant.runs.exclude(state="cancelled").update(state="unchanged", finished_at=at)
    return edition


def default_of(sales: Publication) -> Variant:
    return sales.variants.get(slug="default")


def standing_of(variant: Variant) -> standing.Standing:
    told = queries.variants_told(variant.publication)
    return next(one.standing for one in told if one.variant.pk == variant.pk)
