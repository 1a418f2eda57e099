from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from portal.notifications import actions, delivery
from portal.notifications.models import OutboxMessage
from portal.publishing.models import Audience, Publication
from tests.notifications.conftest import MONDAY

TUESDAY = MONDAY + timedelta(days=1)


class Killed(BaseException):
    """What a kill looks like from inside: no handler of ours may catch it."""


class DiesAfterSending(EmailBackend):
    def send_messages(self, messages):
        super().send_messages(messages)
        raise Killed


class DiesBeforeSending(EmailBackend):
    def send_messages(self, messages):
        raise Killed


class Refuses(EmailBackend):
    def send_messages(self, messages):
        raise ConnectionRefusedError(111, "Connection refused")


class LosesItsClaimWhileSending(EmailBackend):
    def send_messages(self, messages):
        OutboxMessage.objects.update(token="another", lease_until=TUESDAY + timedelta(hours=1))
        return super().send_messages(messages)


def backend(cls: type) -> str:
    return f"{__name__}.{cls.__name__}"


@pytest.fixture
def message(newsroom) -> OutboxMessage:
    newsroom.publish("one")
    actions.follow(newsroom.variant, by=newsroom.bob, at=MONDAY)
    newsroom.refresh("two", at=TUESDAY)
    return OutboxMessage.objects.get()


def deliver_with(settings, cls: type, message: OutboxMessage, *, at) -> None:
    usual = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = backend(cls)
    try:
        delivery.deliver(message.pk, at=at)
    finally:
        settings.EMAIL_BACKEND = usual


def test_deliver_sends_once_and_marks(message):
    first = delivery.deliver(message.pk, at=TUESDAY)
    second = delivery.deliver(message.pk, at=TUESDAY)

    message.refresh_from_db()
    assert (first, second) == (True, False)
    assert [sent.to for sent in mail.outbox] == [["bob@example.com"]]
    assert message.state == OutboxMessage.State.SENT
    assert message.sent_at == TUESDAY


def test_deliver_killed_after_sending_sends_again_with_the_same_id(message, settings):
    with pytest.raises(Killed):
        deliver_with(settings, DiesAfterSending, message, at=TUESDAY)
    early = delivery.deliver(message.pk, at=TUESDAY + delivery.LEASE / 2)
    late = delivery.deliver(message.pk, at=TUESDAY + delivery.LEASE)

    ids = [sent.extra_headers["Message-ID"] for sent in mail.outbox]
    assert (early, late) == (False, True)
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_deliver_killed_before_sending_sends_once(message, settings):
    with pytest.raises(Killed):
        deliver_with(settings, DiesBeforeSending, message, at=TUESDAY)
    delivery.deliver(message.pk, at=TUESDAY + delivery.LEASE)
    delivery.deliver(message.pk, at=TUESDAY + 2 * delivery.LEASE)

    assert len(mail.outbox) == 1


def test_deliver_backs_off_and_then_sends(message, settings):
    deliver_with(settings, Refuses, message, at=TUESDAY)
    too_early = delivery.deliver(message.pk, at=TUESDAY + delivery.FIRST_WAIT / 2)
    in_time = delivery.deliver(message.pk, at=TUESDAY + delivery.FIRST_WAIT)

    assert (too_early, in_time) == (False, True)
    assert len(mail.outbox) == 1


def test_deliver_gives_up_after_eight_errors_and_keeps_the_last(message, settings):
    at = TUESDAY
    for _ in range(delivery.MAX_ATTEMPTS):
        deliver_with(settings, Refuses, message, at=at)
        at += timedelta(hours=2)

    message.refresh_from_db()
    assert message.state == OutboxMessage.State.DROPPED
    assert message.attempts == delivery.MAX_ATTEMPTS
    assert "Connection refused" in message.error


def test_deliver_gives_up_on_a_message_that_kills_its_senders(message, settings):
    at = TUESDAY
    for _ in range(delivery.MAX_ATTEMPTS):
        with pytest.raises(Killed):
            deliver_with(settings, DiesBeforeSending, message, at=at)
        at += delivery.LEASE
    delivery.deliver(message.pk, at=at)

    message.refresh_from_db()
    assert message.state == OutboxMessage.State.DROPPED
    assert "died 8 times" in message.error


def test_deliver_tells_nobody_who_lost_the_right_meanwhile(message):
    Publication.objects.update(audience=Audience.OWNER)

    delivery.deliver(message.pk, at=TUESDAY)

    message.refresh_from_db()
    assert mail.outbox == []
    assert message.state == OutboxMessage.State.DROPPED
    assert "no right to see it" in message.error


def test_deliver_of_a_lost_claim_leaves_the_new_owner_alone(message, settings):
    deliver_with(settings, LosesItsClaimWhileSending, message, at=TUESDAY)

    message.refresh_from_db()
    assert message.state == OutboxMessage.State.WAITING
    assert message.token == "another"


def test_message_id_differs_by_message_and_person(message, newsroom):
    other_person = OutboxMessage(key=message.key, recipient=newsroom.alice)
    other_news = OutboxMessage(key="published/9/x", recipient=message.recipient)

    ids = {delivery.message_id(each) for each in (message, other_person, other_news)}

    assert len(ids) == 3
    assert all(each.endswith("@localhost>") for each in ids)
