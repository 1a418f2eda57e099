"""Every address of the grammar, and every way in which it can fail."""

from datetime import UTC, date, datetime

import pytest

from portal.accounts.models import User
from portal.publishing import links
from portal.publishing.links import Address
from portal.publishing.models import Edition, Publication, SlugRedirect, Variant
from tests import factories
from tests.factories import MONDAY, WEEK


@pytest.fixture
def sales(alice: User) -> Publication:
    """Editions 1 (version 1.0), 2 (its refresh) and 3 (version 2.0), a week apart."""
    publication = factories.publication(by=alice)
    factories.refresh(publication, "second", at=MONDAY + WEEK)
    factories.version("third", by=alice, change="major", at=MONDAY + 2 * WEEK)
    return publication


def shown(user: User, **address: object) -> int:
    return links.resolve(user, Address(**({"slug": "weekly-sales"} | address))).edition.number


def test_resolve_stable_link_shows_the_current_edition(sales: Publication, charlie: User) -> None:
    resolved = links.resolve(charlie, Address(slug="weekly-sales", kind="report"))

    assert (resolved.edition.number, resolved.newer) == (3, None)
    assert resolved.variant.is_default


def test_resolve_major_shows_its_last_published_edition(sales: Publication, charlie: User) -> None:
    resolved = links.resolve(charlie, Address(slug="weekly-sales", major=1))

    assert resolved.edition.number == 2
    assert resolved.newer is not None
    assert resolved.newer.number == 3


def test_resolve_edition_shows_it_for_ever(sales: Publication, charlie: User) -> None:
    assert [shown(charlie, edition=number) for number in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("day", "number"),
    [
        (date(2026, 11, 16), 1),
        (date(2026, 11, 22), 1),
        (date(2026, 11, 23), 2),
        (date(2027, 1, 1), 3),
    ],
)
def test_resolve_as_of_shows_what_was_current_at_the_end_of_the_day(
    sales: Publication, charlie: User, day: date, number: int
) -> None:
    assert shown(charlie, as_of=day) == number


def test_resolve_as_of_ends_the_day_in_the_zone_of_the_publication(alice: User) -> None:
    publication = factories.publication(by=alice, at=datetime(2026, 11, 16, 9, tzinfo=UTC))
    factories.refresh(publication, "late", at=datetime(2026, 11, 16, 23, 30, tzinfo=UTC))

    in_berlin = shown(alice, as_of=date(2026, 11, 16))
    Publication.objects.update(timezone="America/New_York")
    in_new_york = shown(alice, as_of=date(2026, 11, 16))

    assert (in_berlin, in_new_york) == (1, 2)


def test_resolve_as_of_before_the_first_edition_has_nothing(sales: Publication) -> None:
    with pytest.raises(links.NoEditionYet):
        shown(sales.owner, as_of=date(2026, 11, 15))


def test_resolve_variant_shows_its_own_edition_and_its_own_newer_one(sales: Publication) -> None:
    emea = Variant.objects.create(publication=sales, slug="emea", title="EMEA")
    edition = Edition.objects.get(number=1)
    Edition.objects.filter(pk=edition.pk).update(variant=emea)
    Variant.objects.filter(pk=emea.pk).update(current=edition)

    resolved = links.resolve(sales.owner, Address(slug="weekly-sales", edition=1))

    assert shown(sales.owner, variant="emea") == 1
    assert (resolved.variant, resolved.newer) == (emea, None)


@pytest.mark.parametrize(
    "address",
    [
        {"slug": "nothing"},
        {"variant": "nothing"},
        {"major": 9},
        {"edition": 4},
        {"edition": 10**30},
    ],
    ids=str,
)
def test_resolve_what_does_not_exist_is_no_such_publication(
    sales: Publication, charlie: User, address: dict[str, object]
) -> None:
    with pytest.raises(links.NoSuchPublication):
        shown(charlie, **address)


def test_resolve_quarantined_edition_is_for_those_who_may_release_it(
    sales: Publication, charlie: User
) -> None:
    Edition.objects.filter(number=1).update(state=Edition.State.QUARANTINED)

    assert shown(sales.owner, edition=1) == 1
    with pytest.raises(links.NoSuchPublication):
        shown(charlie, edition=1)
    with pytest.raises(links.NoSuchPublication):
        links.resolve_within(sales, links.Address(slug=sales.slug, edition=1))


def test_resolve_hides_what_the_person_may_not_see(sales: Publication, charlie: User) -> None:
    factories.private(sales)

    with pytest.raises(links.NoSuchPublication):
        shown(charlie)


def test_resolve_hides_what_was_removed_from_who_may_not_see_it(
    sales: Publication, charlie: User
) -> None:
    factories.private(sales)
    Publication.objects.update(state="removed", removed_at=MONDAY, removed_by=sales.owner)

    with pytest.raises(links.NoSuchPublication):
        shown(charlie)


def test_resolve_removed_says_who_and_when(sales: Publication, charlie: User) -> None:
    Publication.objects.update(state="removed", removed_at=MONDAY, removed_by=sales.owner)

    with pytest.raises(links.Removed) as removed:
        shown(charlie)

    assert removed.value.publication.removed_by == sales.owner


def test_resolve_former_slug_has_moved(sales: Publication, charlie: User) -> None:
    SlugRedirect.objects.create(slug="sales", publication=sales, created_at=MONDAY)

    with pytest.raises(links.Moved) as moved:
        shown(charlie, slug="sales")

    assert moved.value.publication == sales


def test_resolve_other_kind_has_moved(sales: Publication, charlie: User) -> None:
    with pytest.raises(links.Moved):
        shown(charlie, kind="model")


def test_resolve_without_an_edition_is_not_yet(alice: User) -> None:
    publication = factories.publication(by=alice)
    Variant.objects.create(publication=publication, slug="emea")

    with pytest.raises(links.NoEditionYet) as missing:
        shown(alice, variant="emea")

    assert missing.value.variant.slug == "emea"


def test_path_of_writes_the_grammar_that_resolve_reads(sales: Publication) -> None:
    assert links.path_of(sales) == "/reports/weekly-sales/"
    assert links.path_of(sales, major=2) == "/reports/weekly-sales/v2/"
    assert links.path_of(sales, variant="emea", major=2) == "/reports/weekly-sales/for/emea/v2/"
    assert links.path_of(sales, variant="emea", edition=17) == "/reports/weekly-sales/editions/17/"
    assert links.url_of(sales) == "http://localhost:8000/reports/weekly-sales/"
