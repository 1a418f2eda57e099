"""Every named constraint of the publishing models is one that the database itself holds."""

import pytest

from portal.accounts.models import User
from portal.publishing.models import (
    Edition,
    EmbedGrant,
    Part,
    Publication,
    PublishEvent,
    TreeEntry,
    Variant,
    Version,
)
from tests import factories
from tests.factories import MONDAY
from tests.rows import breaks, copy_of


@pytest.fixture
def sales(alice: User) -> Publication:
    return factories.publication(by=alice)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("publication_kind_known", {"kind": "poem"}),
        ("publication_audience_known", {"audience": "world"}),
        ("publication_removed_has_who_and_when", {"state": "removed"}),
        ("publication_removed_has_who_and_when", {"removed_at": MONDAY}),
        ("publication_team_audience_has_team", {"audience": "team", "team": None}),
    ],
)
def test_publication_constraint_holds(
    sales: Publication, name: str, change: dict[str, object]
) -> None:
    breaks(name, lambda: Publication.objects.update(**change))


def test_publication_not_own_successor_holds(sales: Publication) -> None:
    breaks("publication_not_own_successor", lambda: Publication.objects.update(successor=sales))


def test_publication_slug_is_unique(sales: Publication) -> None:
    breaks("publication_slug", lambda: copy_of(sales).save())


@pytest.fixture
def part(sales: Publication, alice: User) -> Part:
    chart = factories.publication(by=alice, slug="weekly-sales-by-week", kind="visualization")
    return Part.objects.create(parent=sales, name="by-week", publication=chart, created_at=MONDAY)


def test_part_name_once_holds(part: Part, alice: User) -> None:
    other = factories.publication(by=alice, slug="other", kind="visualization")

    breaks("part_name_once", lambda: copy_of(part, publication=other).save())


def test_part_publication_is_unique(part: Part) -> None:
    breaks("part_publication", lambda: copy_of(part, name="other").save())


def test_part_not_of_itself_holds(part: Part) -> None:
    breaks("part_not_of_itself", lambda: Part.objects.update(parent=part.publication))


def test_tree_path_once_holds(sales: Publication) -> None:
    breaks("tree_path_once", lambda: copy_of(TreeEntry.objects.all()[0]).save())


def test_version_number_once_holds(sales: Publication) -> None:
    breaks("version_number_once", lambda: copy_of(Version.objects.get()).save())


def test_version_major_from_one_holds(sales: Publication) -> None:
    breaks("version_major_from_one", lambda: Version.objects.update(major=0))


def test_variant_slug_once_holds(sales: Publication) -> None:
    breaks("variant_slug_once", lambda: copy_of(Variant.objects.get()).save())


def test_edition_number_once_holds(sales: Publication) -> None:
    breaks("edition_number_once", lambda: copy_of(Edition.objects.get()).save())


def test_edition_number_from_one_holds(sales: Publication) -> None:
    breaks("edition_number_from_one", lambda: Edition.objects.update(number=0))


def test_publish_event_moves_holds(sales: Publication) -> None:
    edition = Edition.objects.get()

    breaks("publish_event_moves", lambda: PublishEvent.objects.update(previous=edition))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("embed_grant_follows_one_thing", {"major": 1}),
        ("embed_grant_follows_one_thing", {"follows": "major"}),
        ("embed_grant_follows_one_thing", {"follows": "edition"}),
        ("embed_grant_follows_one_thing", {"follows": "moon"}),
        ("embed_grant_revoked_has_who_and_when", {"revoked_at": MONDAY}),
    ],
)
def test_embed_grant_constraint_holds(
    sales: Publication, name: str, change: dict[str, object]
) -> None:
    EmbedGrant.objects.create(
        publication=sales,
        variant=Variant.objects.get(),
        origins=["https://wiki.example.com"],
        created_by=sales.owner,
        created_at=MONDAY,
    )

    breaks(name, lambda: EmbedGrant.objects.update(**change))


@pytest.mark.parametrize(("slug", "by"), [("emea", False), ("default", True)])
def test_variant_removed_has_who_and_when_holds(
    sales: Publication, alice: User, slug: str, by: bool
) -> None:
    """And the default variant is never removed."""
    Variant.objects.get_or_create(publication=sales, slug=slug)
    change = {"removed_at": MONDAY} | ({"removed_by": alice} if by else {})

    breaks(
        "variant_removed_has_who_and_when",
        lambda: sales.variants.filter(slug=slug).update(**change),
    )
