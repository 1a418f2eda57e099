from datetime import timedelta

import pytest
from django.db import transaction

from portal.accounts.models import Membership
from portal.notifications import actions
from portal.notifications.models import OutboxMessage, Subscription
from portal.publishing import plugs
from portal.publishing.actions import roll_back
from portal.publishing.models import AuditEvent, Variant
from tests.notifications.conftest import MONDAY

TUESDAY = MONDAY + timedelta(days=1)
WEDNESDAY = MONDAY + timedelta(days=2)


def told(kind: OutboxMessage.Kind) -> list[str]:
    messages = OutboxMessage.objects.filter(kind=kind).select_related("recipient")
    return sorted(message.recipient.username for message in messages)


def test_follow_twice_is_following_once(newsroom):
    newsroom.publish("one")

    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)
    actions.follow(newsroom.variant, by=newsroom.bob, at=TUESDAY)

    assert Subscription.objects.count() == 1
    assert AuditEvent.objects.filter(action="follow").count() == 1


def test_unfollow_stops_the_news(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)

    actions.unfollow(newsroom.variant, by=newsroom.bob, at=MONDAY)
    newsroom.refresh("two", at=TUESDAY)

    assert told(OutboxMessage.Kind.PUBLISHED) == []
    assert AuditEvent.objects.filter(action="unfollow").count() == 1


def test_published_tells_followers_except_who_published(newsroom):
    newsroom.publish("one")
    for person in (newsroom.alice, newsroom.bob):
        actions.follow(newsroom.variant, by=person, at=MONDAY)

    newsroom.publish("two", by=newsroom.alice, at=TUESDAY)

    assert told(OutboxMessage.Kind.PUBLISHED) == ["bob"]


def test_published_tells_nobody_who_may_not_see_it(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)
    actions.follow(newsroom.variant, by=newsroom.charlie, at=MONDAY)
    Membership.objects.filter(user=newsroom.bob).delete()

    newsroom.refresh("two", at=TUESDAY)

    assert told(OutboxMessage.Kind.PUBLISHED) == []


@pytest.mark.parametrize("change", [{"is_active": False}, {"email": ""}])
def test_published_tells_nobody_who_left_or_has_no_address(newsroom, change):
    newsroom.publish("one")
    dora = newsroom.person("dora", team=True)
    actions.follow(newsroom.variant, by=dora, at=MONDAY)
    type(dora).objects.filter(pk=dora.pk).update(**change)

    newsroom.refresh("two", at=TUESDAY)

    assert told(OutboxMessage.Kind.PUBLISHED) == []


def test_published_needs_as_many_queries_for_many_followers(
    newsroom, django_assert_max_num_queries
):
    newsroom.publish("one")
    counts = []
    for number in range(6):
        person = newsroom.person(f"follower{number}", team=True)
        actions.follow(newsroom.variant, by=person, at=MONDAY)
        if number in (0, 5):
            with django_assert_max_num_queries(60) as queries:
                newsroom.refresh(f"refresh {number}", at=TUESDAY + timedelta(minutes=number))
            counts.append(len(queries))

    assert counts[0] == counts[1]
    assert OutboxMessage.objects.count() == 1 + 6


def test_published_that_is_rolled_back_tells_nobody(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)

    with transaction.atomic():
        newsroom.refresh("two", at=TUESDAY)
        transaction.set_rollback(True)

    assert OutboxMessage.objects.count() == 0


def test_note_of_the_same_announcement_adds_nothing(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)
    edition = newsroom.refresh("two", at=TUESDAY)

    actions.note(plugs.Published(edition=edition, previous=None, by=None, at=TUESDAY))

    assert told(OutboxMessage.Kind.PUBLISHED) == ["bob"]


def test_published_message_names_the_edition_and_both_links(newsroom, settings):
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)

    newsroom.refresh("two", at=TUESDAY)

    message = OutboxMessage.objects.get()
    assert message.subject == "Weekly sales: edition #2"
    assert "was refreshed on Tue 17 Nov 2026 06:41 CET" in message.body
    assert "Data as of Tue 17 Nov 2026 00:41 CET." in message.body
    assert f"{settings.PORTAL_ORIGIN}/reports/weekly-sales/\n" in message.body
    assert f"{settings.PORTAL_ORIGIN}/reports/weekly-sales/editions/2/\n" in message.body


def test_published_message_of_a_version_has_its_note(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)

    newsroom.publish("two", notes="Returns are counted now.", at=TUESDAY)

    message = OutboxMessage.objects.get()
    assert message.subject == "Weekly sales: version 1.1"
    assert "What changed:\nReturns are counted now." in message.body


def test_published_message_of_a_rollback_says_what_came_back(newsroom):
    newsroom.publish("one")
    newsroom.refresh("two", at=TUESDAY)
    actions.follow(newsroom.variant, by=newsroom.bob, at=TUESDAY)
    first = newsroom.publication.editions.get(number=1)

    roll_back(first, by=newsroom.alice, at=WEDNESDAY, reason="Half of Monday is missing")

    message = OutboxMessage.objects.get()
    assert message.subject == "Weekly sales: edition #1 is shown again"
    assert "Alice put it in the place of edition #2" in message.body


def test_published_tells_followers_of_that_variant_alone(newsroom):
    newsroom.publish("one")
    emea = Variant.objects.create(publication=newsroom.publication, slug="emea", title="EMEA")
    dora = newsroom.person("dora", team=True)
    actions.follow(emea, by=dora, at=MONDAY)
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)

    newsroom.refresh("two", at=TUESDAY)

    assert told(OutboxMessage.Kind.PUBLISHED) == ["bob"]


def test_published_message_says_what_changed_in_metrics(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)
    newsroom.refresh("two", at=TUESDAY, metrics={"revenue": 4.1, "returns": 12, "shops": 9})

    newsroom.refresh("three", at=WEDNESDAY, metrics={"revenue": 4.6, "returns": 11, "shops": 9})

    body = OutboxMessage.objects.latest("pk").body
    assert "What changed: Revenue 4.1 → 4.6 (+12 %); Returns 12 → 11 (−8 %)." in body


@pytest.mark.parametrize("is_reminder", [False, True])
def test_suspended_tells_owner_and_author_once(newsroom, is_reminder):
    newsroom.publish("one")
    schedule = newsroom.schedule(at=MONDAY)
    news = plugs.Suspended(
        newsroom.publication, schedule.pk, "It failed 5 times.", is_reminder, TUESDAY
    )

    for _ in range(2):
        actions.note(news)

    message = OutboxMessage.objects.get()
    still = "still " if is_reminder else ""
    assert message.recipient == newsroom.alice
    assert message.subject == f"Weekly sales: its schedule is {still}suspended"
    assert "It failed 5 times." in message.body
    assert "/reports/weekly-sales/schedule/" in message.body


def test_late_is_told_before_readers_ask(newsroom):
    newsroom.publish("one")
    schedule = newsroom.schedule(at=MONDAY)
    promised = TUESDAY.replace(hour=7, minute=0)

    actions.note(plugs.Late(newsroom.publication, schedule.pk, promised, "It still runs.", TUESDAY))

    message = OutboxMessage.objects.get()
    assert message.subject == "Weekly sales: late, promised by 08:00"
    assert "It still runs." in message.body
    assert "with a line above it that says it is late" in message.body


def test_soon_suspended_says_how_to_prevent_it(newsroom):
    newsroom.publish("one")
    schedule = newsroom.schedule(at=MONDAY)

    actions.note(
        plugs.SoonSuspended(newsroom.publication, schedule.pk, "Nobody opened it.", TUESDAY)
    )

    assert "Open the page" in OutboxMessage.objects.get().body
