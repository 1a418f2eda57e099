from datetime import timedelta

import pytest
from django.db import transaction

from portal.accounts.models import Membership, Role
from portal.notifications import actions
from portal.notifications.models import OutboxMessage, Subscription
from portal.publishing import plugs
from portal.publishing.actions import roll_back
from portal.publishing.models import AuditEvent
from tests.notifications.conftest import MONDAY, Newsroom

TUESDAY = MONDAY + timedelta(days=1)
WEDNESDAY = MONDAY + timedelta(days=2)


def told(kind: OutboxMessage.Kind) -> list[str]:
    messages = OutboxMessage.objects.filter(kind=kind).select_related("recipient")
    return sorted(message.recipient.username for message in messages)


def fail(newsroom: Newsroom, *, at) -> None:
    run = newsroom.failed_run(at=at)
    with transaction.atomic():
        plugs.announce(
            plugs.RunFailed(
                publication=newsroom.publication,
                run_id=run.pk,
                sentence="Cell 3 raised KeyError: 'revenue'.",
                at=at,
            )
        )


def test_follow_twice_is_following_once(newsroom):
    newsroom.publish("one")

    actions.follow(newsroom.publication, by=newsroom.bob, at=MONDAY)
    actions.follow(newsroom.publication, by=newsroom.bob, at=TUESDAY)

    assert Subscription.objects.count() == 1
    assert AuditEvent.objects.filter(action="follow").count() == 1


def test_unfollow_stops_the_news(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.publication, by=newsroom.bob, at=MONDAY)

    actions.unfollow(newsroom.publication, by=newsroom.bob, at=MONDAY)
    newsroom.refresh("two", at=TUESDAY)

    assert told(OutboxMessage.Kind.PUBLISHED) == []
    assert AuditEvent.objects.filter(action="unfollow").count() == 1


def test_published_tells_followers_except_who_published(newsroom):
    newsroom.publish("one")
    for person in (newsroom.alice, newsroom.bob):
        actions.follow(newsroom.publication, by=person, at=MONDAY)

    newsroom.publish("two", by=newsroom.alice, at=TUESDAY)

    assert told(OutboxMessage.Kind.PUBLISHED) == ["bob"]


def test_published_tells_nobody_who_may_not_see_it(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.publication, by=newsroom.bob, at=MONDAY)
    actions.follow(newsroom.publication, by=newsroom.charlie, at=MONDAY)
    Membership.objects.filter(user=newsroom.bob).delete()

    newsroom.refresh("two", at=TUESDAY)

    assert told(OutboxMessage.Kind.PUBLISHED) == []


@pytest.mark.parametrize("change", [{"is_active": False}, {"email": ""}])
def test_published_tells_nobody_who_left_or_has_no_address(newsroom, change):
    newsroom.publish("one")
    dora = newsroom.person("dora", team=True)
    actions.follow(newsroom.publication, by=dora, at=MONDAY)
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
        actions.follow(newsroom.publication, by=person, at=MONDAY)
        if number in (0, 5):
            with django_assert_max_num_queries(60) as queries:
                newsroom.refresh(f"refresh {number}", at=TUESDAY + timedelta(minutes=number))
            counts.append(len(queries))

    assert counts[0] == counts[1]
    assert OutboxMessage.objects.count() == 1 + 6


def test_published_that_is_rolled_back_tells_nobody(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.publication, by=newsroom.bob, at=MONDAY)

    with transaction.atomic():
        newsroom.refresh("two", at=TUESDAY)
        transaction.set_rollback(True)

    assert OutboxMessage.objects.count() == 0


def test_note_of_the_same_announcement_adds_nothing(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.publication, by=newsroom.bob, at=MONDAY)
    edition = newsroom.refresh("two", at=TUESDAY)

    actions.note(plugs.Published(edition=edition, previous=None, by=None, at=TUESDAY))

    assert told(OutboxMessage.Kind.PUBLISHED) == ["bob"]


def test_published_message_names_the_edition_and_both_links(newsroom, settings):
    newsroom.publish("one")
    actions.follow(newsroom.publication, by=newsroom.bob, at=MONDAY)

    newsroom.refresh("two", at=TUESDAY)

    message = OutboxMessage.objects.get()
    assert message.subject == "Weekly sales: edition #2"
    assert "was refreshed on Tue 17 Nov 2026 06:41 CET" in message.body
    assert "Data as of Tue 17 Nov 2026 00:41 CET." in message.body
    assert f"{settings.PORTAL_ORIGIN}/reports/weekly-sales/\n" in message.body
    assert f"{settings.PORTAL_ORIGIN}/reports/weekly-sales/editions/2/\n" in message.body


def test_published_message_of_a_version_has_its_note(newsroom):
    newsroom.publish("one")
    actions.follow(newsroom.publication, by=newsroom.bob, at=MONDAY)

    newsroom.publish("two", notes="Returns are counted now.", at=TUESDAY)

    message = OutboxMessage.objects.get()
    assert message.subject == "Weekly sales: version 1.1"
    assert "What changed:\nReturns are counted now." in message.body


def test_published_message_of_a_rollback_says_what_came_back(newsroom):
    newsroom.publish("one")
    newsroom.refresh("two", at=TUESDAY)
    actions.follow(newsroom.publication, by=newsroom.bob, at=TUESDAY)
    first = newsroom.publication.editions.get(number=1)

    roll_back(first, by=newsroom.alice, at=WEDNESDAY, reason="Half of Monday is missing")

    message = OutboxMessage.objects.get()
    assert message.subject == "Weekly sales: edition #1 is shown again"
    assert "Alice put it in the place of edition #2" in message.body


def test_failure_tells_owner_and_author_and_no_reader(newsroom):
    newsroom.publish("one", by=newsroom.alice)
    newsroom.publish("two", by=newsroom.bob, at=TUESDAY)
    dora = newsroom.person("dora", Role.REVIEWER, team=True)
    actions.follow(newsroom.publication, by=dora, at=TUESDAY)

    fail(newsroom, at=WEDNESDAY)

    assert told(OutboxMessage.Kind.FAILED) == ["alice", "bob"]
    assert told(OutboxMessage.Kind.PUBLISHED) == []


def test_failure_says_what_happened_and_what_readers_see(newsroom, settings):
    newsroom.publish("one")

    fail(newsroom, at=TUESDAY)

    message = OutboxMessage.objects.get()
    assert message.subject == "Weekly sales: the refresh failed"
    assert "Cell 3 raised KeyError: 'revenue'." in message.body
    assert "Readers still see edition #1 of Mon 16 Nov 2026 06:41 CET" in message.body
    assert f"{settings.PORTAL_ORIGIN}/operations/runs/" in message.body


def test_failures_of_one_variant_are_told_once_an_hour(newsroom):
    newsroom.publish("one")

    for minutes in (0, 2, 59, 61):
        fail(newsroom, at=TUESDAY + timedelta(minutes=minutes))

    times = OutboxMessage.objects.order_by("created_at").values_list("created_at", flat=True)
    assert list(times) == [TUESDAY, TUESDAY + timedelta(minutes=61)]
