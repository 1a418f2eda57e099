"""The pages that readers and authors open, and who may not."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.publishing.models import (
    Edition,
    EmbedGrant,
    Publication,
    PublishEvent,
    SlugRedirect,
    Variant,
)
from tests import factories
from tests.factories import MONDAY, WEEK

Reading = Callable[[User], Client]
JSON = {"accept": "application/json"}


@pytest.fixture
def sales(alice: User) -> Publication:
    """Editions 1 (version 1.0), 2 (its refresh) and 3 (version 2.0), a week apart."""
    publication = factories.publication(by=alice)
    factories.refresh(publication, "second", at=MONDAY + WEEK, metrics={"Revenue": 41.8})
    factories.version("third", by=alice, change="major", at=MONDAY + 2 * WEEK)
    return publication


def remove(publication: Publication, *, successor: Publication | None = None) -> None:
    Publication.objects.filter(pk=publication.pk).update(
        state="removed",
        removed_at=MONDAY,
        removed_by=publication.owner,
        successor=successor,
    )


# The reader's page ---------------------------------------------------------------------------------


def test_publication_shows_its_title_its_people_and_the_content_in_a_sandbox(
    sales: Publication, charlie: User, reading: Reading
) -> None:
    page = reading(charlie).get("/reports/weekly-sales/").content.decode()

    assert "<h1>Weekly sales</h1>" in page
    assert "Report in Delivery, owned by Alice" in page
    assert (
        'sandbox="allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox"'
        in page
    )
    assert 'src="http://127.0.0.1:8000/c/' in page
    assert "Archived" not in page


@pytest.mark.parametrize(
    "path",
    ["", "history/", "editions/1/", "v1/", "as-of/2026-11-30/", "upload/", "embeds/", "roll-back/"],
)
def test_publication_that_is_not_for_you_looks_like_one_that_does_not_exist(
    sales: Publication, charlie: User, reading: Reading, path: str
) -> None:
    factories.private(sales)
    User.objects.filter(pk=charlie.pk).update(role="author")
    charlie.refresh_from_db()
    hidden = reading(charlie).get(f"/reports/weekly-sales/{path}")
    missing = reading(charlie).get(f"/reports/nothing-here/{path}")

    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert "Weekly" not in hidden.content.decode()
    assert "No such page, or not for you" in missing.content.decode()


def test_publication_offers_readers_nothing_that_they_may_not_do(
    sales: Publication, charlie: User, bob: User, reading: Reading
) -> None:
    for_reader = reading(charlie).get("/reports/weekly-sales/").content.decode()
    for_author = reading(bob).get("/reports/weekly-sales/").content.decode()

    for offer in ('commandfor="embed"', "New version"):
        assert offer not in for_reader
        assert offer in for_author


def test_old_major_says_that_another_is_out(
    sales: Publication, charlie: User, reading: Reading
) -> None:
    page = reading(charlie).get("/reports/weekly-sales/v1/").content.decode()

    assert "Version 2 is out." in page
    assert "Weekly sales, edition 2" in page


def test_current_major_says_nothing(sales: Publication, charlie: User, reading: Reading) -> None:
    page = reading(charlie).get("/reports/weekly-sales/v2/").content.decode()

    assert "is out." not in page


def test_archived_edition_says_so_and_leads_to_the_current_one(
    sales: Publication, charlie: User, reading: Reading
) -> None:
    page = reading(charlie).get("/reports/weekly-sales/editions/1/").content.decode()

    assert "Edition 1 of 3." in page
    assert "Go to the current edition" in page


def test_as_of_leads_to_the_edition_of_that_day(
    sales: Publication, charlie: User, reading: Reading
) -> None:
    response = reading(charlie).get("/reports/weekly-sales/as-of/2026-11-24/")

    assert (response.status_code, response["Location"]) == (
        302,
        "/reports/weekly-sales/editions/2/",
    )


def test_as_of_before_the_first_edition_says_so(
    sales: Publication, charlie: User, reading: Reading
) -> None:
    response = reading(charlie).get("/reports/weekly-sales/as-of/2020-01-01/")

    assert response.status_code == 404
    assert "Nothing was published by" in response.content.decode()


def test_as_of_a_day_that_no_calendar_has_is_no_address(
    sales: Publication, charlie: User, reading: Reading
) -> None:
    assert reading(charlie).get("/reports/weekly-sales/as-of/2026-02-31/").status_code == 404


def test_former_slug_and_wrong_kind_lead_to_the_page(
    sales: Publication, charlie: User, reading: Reading
) -> None:
    SlugRedirect.objects.create(slug="old", publication=sales, created_at=MONDAY)

    by_slug = reading(charlie).get("/reports/old/history/?page=2")
    by_kind = reading(charlie).get("/models/weekly-sales/")

    assert by_slug["Location"] == "/reports/weekly-sales/history/?page=2"
    assert by_kind["Location"] == "/reports/weekly-sales/"


def test_removed_publication_answers_410_with_who_when_and_what_replaces_it(
    sales: Publication, charlie: User, reading: Reading, alice: User
) -> None:
    remove(sales, successor=factories.publication(by=alice, slug="daily", title="Daily sales"))

    page = reading(charlie).get("/reports/weekly-sales/")
    program = reading(charlie).get("/reports/weekly-sales/", headers=JSON)

    assert (page.status_code, program.status_code) == (410, 410)
    assert "Alice took “Weekly sales” down. “Daily sales” replaces it." in page.content.decode()
    assert program.json()["successor"] == "/reports/daily/"


def test_removed_publication_does_not_name_a_successor_that_is_not_for_you(
    sales: Publication, charlie: User, reading: Reading, alice: User
) -> None:
    successor = factories.publication(by=alice, slug="daily", title="Daily sales")
    remove(sales, successor=factories.private(successor))

    assert "Daily" not in reading(charlie).get("/reports/weekly-sales/").content.decode()


def test_publication_without_an_edition_says_what_is_awaited(
    alice: User, charlie: User, reading: Reading
) -> None:
    publication = factories.publication(by=alice)
    Variant.objects.update(current=None)

    response = reading(charlie).get(f"/reports/{publication.slug}/")

    assert response.status_code == 200
    assert "No edition yet" in response.content.decode()


def test_page_that_waits_for_the_first_edition_asks_for_itself_until_it_is_there(
    alice: User, charlie: User, reading: Reading
) -> None:
    publication = factories.publication(by=alice)
    edition = publication.editions.get()
    client = reading(charlie)
    asking = {"HX-Request": "true"}
    Variant.objects.update(current=None)

    waiting = client.get("/reports/weekly-sales/", headers=asking).content.decode()
    Variant.objects.update(current=edition)
    arrived = client.get("/reports/weekly-sales/", headers=asking)

    assert waiting.lstrip().startswith('<div class="stack" id="waiting"')
    assert 'hx-get="/reports/weekly-sales/"' in waiting
    assert (arrived.content, arrived["HX-Refresh"]) == (b"", "true")


# History and rolling back -------------------------------------------------------------------------


def test_history_lists_versions_editions_and_moves(
    sales: Publication, charlie: User, reading: Reading
) -> None:
    page = reading(charlie).get("/reports/weekly-sales/history/").content.decode()

    for words in ("Version 2.0", "Version 1.0", ">#3<", ">#2<", ">#1<", "Revenue", "41.8"):
        assert words in page
    assert "Roll back" not in page


def test_history_writes_names_of_metrics_as_words(alice: User, reading: Reading) -> None:
    publication = factories.publication(by=alice)
    for week in (1, 2):
        metrics = {"change_percent": week / 2}
        factories.refresh(publication, f"week {week}", at=MONDAY + week * WEEK, metrics=metrics)

    page = reading(alice).get("/reports/weekly-sales/history/").content.decode()

    assert '<th scope="col" class="num">Change percent</th>' in page
    assert "<dt>Change percent</dt>" in page
    assert "change_percent" not in page


def test_history_offers_a_later_edition_again_after_a_roll_back(
    sales: Publication, alice: User, reading: Reading
) -> None:
    first = sales.editions.get(number=1)
    Variant.objects.update(current=first)

    page = reading(alice).get("/reports/weekly-sales/history/").content.decode()

    assert page.count("Show again") == 2
    assert "Roll back" not in page


def test_history_draws_how_metrics_went(alice: User, reading: Reading) -> None:
    publication = factories.publication(by=alice)
    for week, revenue in enumerate((10.0, 30.0, 20.0), start=1):
        at = MONDAY + week * WEEK
        factories.refresh(publication, f"week {week}", at=at, metrics={"Revenue": revenue})

    page = reading(alice).get("/reports/weekly-sales/history/").content.decode()

    assert 'points="3.0,31.0 90.0,3.0 177.0,17.0"' in page
    assert "+10 over 3\u00a0editions" in page


def test_history_leads_to_the_day_that_was_asked_for(
    sales: Publication, charlie: User, reading: Reading
) -> None:
    client = reading(charlie)

    found = client.get("/reports/weekly-sales/history/", {"on": "2026-11-24"})
    wrong = client.get("/reports/weekly-sales/history/", {"on": "yesterday"})

    assert found["Location"] == "/reports/weekly-sales/as-of/2026-11-24/"
    assert "Write a day as 2026-03-31." in wrong.content.decode()


def test_history_needs_the_same_queries_for_one_edition_and_for_twenty(
    alice: User, reading: Reading, django_assert_max_num_queries: Callable[..., object]
) -> None:
    publication = factories.publication(by=alice)
    client = reading(alice)
    client.get("/reports/weekly-sales/history/")
    with django_assert_max_num_queries(40) as few:
        client.get("/reports/weekly-sales/history/")
    for number in range(20):
        factories.refresh(publication, f"more {number}", at=MONDAY + timedelta(minutes=number))

    with django_assert_max_num_queries(40) as many:
        client.get("/reports/weekly-sales/history/")

    assert len(many) == len(few)


def test_roll_back_asks_for_a_reason_and_shows_the_old_edition(
    sales: Publication, bob: User, reading: Reading
) -> None:
    client = reading(bob)
    asked = client.get("/reports/weekly-sales/roll-back/?edition=1")
    silent = client.post("/reports/weekly-sales/roll-back/", {"edition": "1", "reason": " "})
    done = client.post("/reports/weekly-sales/roll-back/", {"edition": "1", "reason": "Wrong"})

    assert (asked.status_code, silent.status_code, done.status_code) == (200, 422, 302)
    event = PublishEvent.objects.latest("pk")
    assert (event.edition.number, event.by, event.reason) == (1, bob, "Wrong")
    history = client.get("/reports/weekly-sales/history/").content.decode()
    assert "<strong>Rolled back</strong> to edition 1" in history


@pytest.mark.parametrize("number", ["", "4", "x", "१", "9" * 5000])
def test_roll_back_to_nothing_is_not_found(
    sales: Publication, bob: User, reading: Reading, number: str
) -> None:
    response = reading(bob).post(
        "/reports/weekly-sales/roll-back/", {"edition": number, "reason": "Wrong"}
    )

    assert response.status_code == 404


def test_roll_back_is_not_for_readers(sales: Publication, charlie: User, reading: Reading) -> None:
    response = reading(charlie).post(
        "/reports/weekly-sales/roll-back/", {"edition": "1", "reason": "Mine"}
    )

    assert response.status_code == 403
    assert "Only Alice" in response.content.decode()
    assert Variant.objects.get().current == Edition.objects.get(number=3)


# Embeds ---------------------------------------------------------------------------------------------


def make_key(client: Client, **fields: str) -> int:
    form = {"follows": "latest", "origins": "https://wiki.example.com", "edition": "3"} | fields
    return client.post("/reports/weekly-sales/embeds/", form).status_code


def test_embeds_makes_a_key_shows_its_snippet_and_revokes_it(
    sales: Publication, bob: User, reading: Reading
) -> None:
    client = reading(bob)

    assert make_key(client, label="Intranet") == 302
    listed = client.get("/reports/weekly-sales/embeds/").content.decode()
    grant = EmbedGrant.objects.get()
    client.post(f"/reports/weekly-sales/embeds/{grant.pk}/revoke/")

    assert "&lt;iframe src=&quot;http://127.0.0.1:8000/e/" in listed
    assert (grant.label, grant.origins) == ("Intranet", ["https://wiki.example.com"])
    grant.refresh_from_db()
    assert grant.revoked_by == bob
    assert "Revoked" in client.get("/reports/weekly-sales/embeds/").content.decode()


@pytest.mark.parametrize(
    ("follows", "edition", "major", "number"),
    [("latest", "3", None, None), ("major", "1", 1, None), ("edition", "1", None, 1)],
)
def test_embeds_follow_what_was_chosen(
    sales: Publication,
    bob: User,
    reading: Reading,
    follows: str,
    edition: str,
    major: int | None,
    number: int | None,
) -> None:
    make_key(reading(bob), follows=follows, edition=edition)

    grant = EmbedGrant.objects.get()
    assert (grant.major, grant.edition and grant.edition.number) == (major, number)


def test_embeds_say_what_is_wrong_with_a_site(
    sales: Publication, bob: User, reading: Reading
) -> None:
    response = reading(bob).post(
        "/reports/weekly-sales/embeds/", {"follows": "latest", "origins": "wiki.example.com"}
    )

    assert response.status_code == 422
    assert "needs its beginning" in response.content.decode()
    assert "wiki.example.com</textarea>" in response.content.decode()
    assert not EmbedGrant.objects.exists()


def test_embeds_are_not_for_readers(sales: Publication, charlie: User, reading: Reading) -> None:
    assert reading(charlie).get("/reports/weekly-sales/embeds/").status_code == 403
    assert make_key(reading(charlie)) == 403
    assert not EmbedGrant.objects.exists()


def test_embeds_of_another_publication_cannot_be_revoked_here(
    sales: Publication, alice: User, rita: User, reading: Reading
) -> None:
    make_key(reading(alice))
    factories.publication(by=rita, slug="other")

    response = reading(rita).post(f"/reports/other/embeds/{EmbedGrant.objects.get().pk}/revoke/")

    assert response.status_code == 404
    assert EmbedGrant.objects.get().is_live
