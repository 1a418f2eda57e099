"""The front page, the lists of kinds and the search by title."""

from collections.abc import Callable

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.publishing.models import Publication, Variant
from tests import factories
from tests.factories import MONDAY, WEEK

Reading = Callable[[User], Client]


def titles(client: Client, path: str) -> list[str]:
    context = client.get(path).context
    stories = context.get("stories") if context.get("stories") is not None else context["new"]
    return [story.publication.title for story in stories]


def test_home_shows_what_was_published_last_first(
    alice: User, charlie: User, reading: Reading
) -> None:
    for week, name in enumerate(("Oldest", "Newer", "Newest")):
        factories.publication(by=alice, slug=name.lower(), title=name, at=MONDAY + week * WEEK)

    assert titles(reading(charlie), "/") == ["Newest", "Newer", "Oldest"]


def test_home_shows_a_refreshed_publication_first_again(alice: User, reading: Reading) -> None:
    first = factories.publication(by=alice, slug="first", title="First")
    factories.publication(by=alice, slug="second", title="Second", at=MONDAY + WEEK)
    factories.refresh(first, "again", at=MONDAY + 2 * WEEK)

    assert titles(reading(alice), "/") == ["First", "Second"]


def test_home_hides_what_is_not_for_the_person(
    alice: User, charlie: User, reading: Reading
) -> None:
    factories.private(factories.publication(by=alice))

    page = reading(charlie).get("/").content.decode()

    assert "Weekly sales" not in page
    assert "Nothing is published yet" in page
    assert "Weekly sales" in reading(alice).get("/").content.decode()


def test_home_says_what_is_mine_and_my_teams(
    alice: User, bob: User, rita: User, reading: Reading
) -> None:
    factories.publication(by=alice, slug="ours", title="Ours")
    factories.publication(by=rita, slug="theirs", title="Theirs")

    mine = reading(bob).get("/").context["yours"]

    assert [story.publication.title for story in mine] == ["Ours"]


def test_home_leaves_out_what_was_removed(alice: User, reading: Reading) -> None:
    factories.publication(by=alice)
    Publication.objects.update(state="removed", removed_at=MONDAY, removed_by=alice)

    assert titles(reading(alice), "/") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sales", ["Weekly sales"]),
        ("SALES week", ["Weekly sales"]),
        ("churn sales", []),
        ("%", []),
        ("\0", ["Weekly sales", "Churn"]),
    ],
)
def test_search_finds_titles_that_have_every_word(
    alice: User, charlie: User, reading: Reading, text: str, found: list[str]
) -> None:
    factories.publication(by=alice, slug="churn", title="Churn")
    factories.publication(by=alice, at=MONDAY + WEEK)

    response = reading(charlie).get("/", {"q": text})

    stories = response.context.get("stories", response.context.get("new"))
    assert [story.publication.title for story in stories] == found


def test_search_shows_only_what_is_for_the_person(
    alice: User, charlie: User, reading: Reading
) -> None:
    factories.private(factories.publication(by=alice))

    response = reading(charlie).get("/", {"q": "sales"})

    assert "Nothing matches “sales”" in response.content.decode()


def test_search_shows_text_as_text(charlie: User, reading: Reading) -> None:
    page = reading(charlie).get("/", {"q": "<script>alert(1)</script>"}).content.decode()

    assert "<script>alert" not in page


def test_kind_list_shows_one_kind(alice: User, charlie: User, reading: Reading) -> None:
    factories.publication(by=alice)
    factories.publication(by=alice, slug="chart", title="Chart", kind="visualization")

    assert titles(reading(charlie), "/reports/") == ["Weekly sales"]
    assert titles(reading(charlie), "/visualizations/") == ["Chart"]
    assert "No models yet" in reading(charlie).get("/models/").content.decode()


def test_kind_list_narrows_by_title_and_turns_pages(alice: User, reading: Reading) -> None:
    for number in range(31):
        factories.publication(by=alice, slug=f"report-{number}", title=f"Report {number}.")
    client = reading(alice)

    assert len(titles(client, "/reports/")) == 30
    assert titles(client, "/reports/?page=2") == ["Report 0."]
    assert titles(client, "/reports/?q=17.") == ["Report 17."]


def test_kind_list_shows_what_has_no_edition_yet(alice: User, reading: Reading) -> None:
    factories.publication(by=alice)
    Variant.objects.update(current=None)

    assert "No edition yet" in reading(alice).get("/reports/").content.decode()


@pytest.mark.parametrize("path", ["/", "/reports/", "/?q=report"])
def test_lists_need_the_same_queries_for_one_row_and_for_three(
    alice: User,
    reading: Reading,
    path: str,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    client = reading(alice)
    factories.publication(by=alice, slug="report-0", title="Report 0")
    client.get(path)
    with django_assert_max_num_queries(40) as one:
        client.get(path)
    factories.publication(by=alice, slug="report-1", title="Report 1")
    factories.publication(by=alice, slug="report-2", title="Report 2")

    with django_assert_max_num_queries(40) as three:
        client.get(path)

    assert len(three) == len(one)


def test_kind_that_does_not_exist_is_not_found(charlie: User, reading: Reading) -> None:
    assert reading(charlie).get("/poems/").status_code == 404
