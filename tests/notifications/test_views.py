import pytest

from portal.notifications.models import Subscription
from portal.publishing.models import Publication

pytestmark = pytest.mark.django_db

FOLLOW = "/reports/weekly-sales/follow/"


@pytest.fixture(autouse=True)
def published(newsroom) -> Publication:
    newsroom.publish("one")
    return newsroom.publication


def test_follow_starts_and_says_where_we_write(client, newsroom):
    client.force_login(newsroom.bob)

    response = client.post(FOLLOW, {"follow": "yes"})
    client.post(FOLLOW, {"follow": "yes"})

    assert (response.status_code, response["Location"]) == (302, "/reports/weekly-sales/")
    assert Subscription.objects.get().user == newsroom.bob


def test_follow_with_no_stops(client, newsroom):
    client.force_login(newsroom.bob)
    client.post(FOLLOW, {"follow": "yes"})

    client.post(FOLLOW, {"follow": "no"})

    assert not Subscription.objects.exists()


def test_follow_by_who_may_not_see_it_is_not_found(client, newsroom):
    client.force_login(newsroom.charlie)

    response = client.post(FOLLOW, {"follow": "yes"})

    assert response.status_code == 404
    assert not Subscription.objects.exists()


def test_follow_without_signing_in_asks_to_sign_in(client):
    response = client.post(FOLLOW, {"follow": "yes"})

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")


def test_follow_by_get_changes_nothing(client, newsroom):
    client.force_login(newsroom.bob)

    response = client.get(FOLLOW)

    assert response.status_code == 405
    assert not Subscription.objects.exists()


def test_publication_page_has_the_button_in_its_state(client, newsroom):
    client.force_login(newsroom.bob)

    before = client.get("/reports/weekly-sales/").content.decode()
    client.post(FOLLOW, {"follow": "yes"})
    after = client.get("/reports/weekly-sales/").content.decode()

    assert f'action="{FOLLOW}"' in before
    assert 'value="yes" aria-pressed="false">Follow</button>' in before
    assert 'value="no" aria-pressed="true">Following</button>' in after
