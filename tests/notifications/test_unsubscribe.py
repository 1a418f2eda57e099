"""One click in a mail stops it, without signing in, and does nothing else."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from portal.accounts.models import Membership, User
from portal.common import tokens
from portal.notifications import actions, delivery
from portal.notifications.models import OutboxMessage, Subscription
from portal.publishing.models import AuditEvent, Publication, Variant
from tests.notifications.conftest import MONDAY, Newsroom
from tests.notifications.servers import PostOffice, serving

TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
def link(newsroom: Newsroom) -> str:
    """From the mail that bob got."""
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)
    newsroom.refresh("two", at=TUESDAY)
    delivery.deliver(OutboxMessage.objects.get().pk, at=TUESDAY)
    found = re.search(r"http\S+/unsubscribe/\S+/", mail.outbox[0].body)
    assert found is not None
    return found[0].removeprefix("http://localhost:8000")


@pytest.fixture
def stranger() -> Client:
    return Client(headers={"host": "localhost:8000"}, enforce_csrf_checks=True)


def test_mail_has_the_headers_of_one_click_over_smtp(newsroom: Newsroom, settings: Any) -> None:
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)
    newsroom.refresh("two", at=TUESDAY)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"

    with serving(PostOffice()) as office:
        settings.EMAIL_PORT = office.server_address[1]
        delivery.deliver(OutboxMessage.objects.get().pk, at=TUESDAY)

    (sent,) = office.mails
    assert sent["To"] == "bob@example.com"
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = "".join(sent["List-Unsubscribe"].split()).strip("<>")
    assert link in sent.get_payload(decode=True).decode()
    assert not sent.is_multipart()


def test_one_click_stops_at_once_and_only_that(
    newsroom: Newsroom, link: str, stranger: Client
) -> None:
    emea = Variant.objects.create(publication=newsroom.publication, slug="emea")
    actions.follow(emea, by=newsroom.bob, at=MONDAY)
    actions.follow(newsroom.variant, by=newsroom.alice, at=MONDAY)

    answers = [stranger.post(link, {"List-Unsubscribe": "One-Click"}) for _ in range(2)]

    left = Subscription.objects.values_list("user__username", "variant__slug")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert sorted(left) == [("alice", "default"), ("bob", "emea")]
    event = AuditEvent.objects.get(action="unfollow")
    assert (event.by, event.detail["way"]) == (newsroom.bob, "mail")


def test_looking_at_the_link_changes_nothing(link: str, stranger: Client) -> None:
    response = stranger.get(link)

    assert "Stop these mails" in response.content.decode()
    assert "Weekly sales" in response.content.decode()
    assert Subscription.objects.exists()


def test_link_tells_no_title_to_whoever_lost_the_right(link: str, stranger: Client) -> None:
    Membership.objects.all().delete()

    assert "Weekly sales" not in stranger.get(link).content.decode()
    assert "Weekly sales" not in stranger.post(link).content.decode()


@pytest.mark.parametrize("value", [None, 7, [1], ["x", "y"], [10**30, 1], [1, 99], {}])
def test_token_that_is_not_ours_is_not_found(db: None, stranger: Client, value: Any) -> None:
    token = tokens.sign(value, purpose="unsubscribe")

    assert stranger.post(f"/unsubscribe/{token}/").status_code == 404
    assert stranger.post("/unsubscribe/x/").status_code == 404


def test_news_that_wait_are_not_sent_to_whoever_stopped(
    newsroom: Newsroom, link: str, stranger: Client
) -> None:
    newsroom.refresh("three", at=TUESDAY + timedelta(hours=1))

    stranger.post(link)
    delivery.deliver(OutboxMessage.objects.latest("pk").pk, at=TUESDAY + timedelta(hours=1))

    assert len(mail.outbox) == 1
    assert "does not follow" in OutboxMessage.objects.latest("pk").error


def test_news_of_what_was_removed_are_not_sent(newsroom: Newsroom, link: str) -> None:
    newsroom.refresh("three", at=TUESDAY + timedelta(hours=1))
    Publication.objects.update(state="removed", removed_at=TUESDAY, removed_by=newsroom.alice)

    delivery.deliver(OutboxMessage.objects.latest("pk").pk, at=TUESDAY + timedelta(hours=1))

    assert len(mail.outbox) == 1


def test_following_lists_what_one_follows_with_buttons(
    newsroom: Newsroom,
    link: str,
    reading: Callable[[User], Client],
    django_assert_max_num_queries: Any,
) -> None:
    bob, counts = reading(newsroom.bob), []
    for slug in ("emea", "apac", ""):
        with django_assert_max_num_queries(20) as queries:
            page = bob.get("/following/").content.decode()
        counts.append(len(queries))
        if slug:
            variant = Variant.objects.create(
                publication=newsroom.publication, slug=slug, title=slug.upper()
            )
            actions.follow(variant, by=newsroom.bob, at=MONDAY)

    bob.post(
        "/reports/weekly-sales/follow/", {"variant": "emea", "follow": "no", "back": "following"}
    )
    after = bob.get("/following/").content.decode()

    assert counts[0] == counts[2]
    assert "/reports/weekly-sales/for/emea/" in page
    assert "/reports/weekly-sales/for/emea/" not in after
    assert "/reports/weekly-sales/for/apac/" in after


def test_following_names_nothing_that_one_may_not_see_any_more(
    newsroom: Newsroom, link: str, reading: Callable[[User], Client]
) -> None:
    Membership.objects.all().delete()

    assert "Weekly sales" not in reading(newsroom.bob).get("/following/").content.decode()
