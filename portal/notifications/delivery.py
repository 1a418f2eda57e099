"""Sending what the outbox holds: claim, send, mark.

Any number of senders may run. A claim is a conditional update that writes a token and a lease, so one
message is sent by one of them. A sender that dies before it sends loses nothing: the lease runs out and
the next one sends. One that dies between sending and marking makes the next one send again, with the
same Message-ID or webhook-id, by which mail programs show it once and programs know it again.
"""

import hashlib
import logging
import secrets
from datetime import datetime, timedelta
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q, QuerySet

from portal.common import outbound
from portal.common.text import one_line
from portal.notifications import subscriptions, webhooks
from portal.notifications.letters import footer
from portal.notifications.models import OutboxMessage, Webhook
from portal.notifications.outbox import may_be_told
from portal.runs.vault import Locked

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # far above EMAIL_TIMEOUT and outbound.SECONDS
FIRST_WAIT = timedelta(seconds=30)  # doubled by every failure: the eighth attempt is an hour later
MAX_ATTEMPTS = 8
GONE = 410
Channel = OutboxMessage.Channel


class NotTaken(Exception):
    """The program answered that it did not take the message."""

    def __init__(self, answer: outbound.Answer) -> None:
        super().__init__(f"HTTP {answer.status} {answer.text}".strip())
        self.answer = answer


def due(at: datetime) -> QuerySet[OutboxMessage]:
    """What waits to be sent and is in nobody's hands, oldest first."""
    return OutboxMessage.objects.filter(
        Q(lease_until__isnull=True) | Q(lease_until__lte=at),
        state=OutboxMessage.State.WAITING,
        due_at__lte=at,
    ).order_by("due_at", "pk")


def deliver(pk: int, *, at: datetime) -> bool:
    """Send one message, unless it is sent, not due or in another sender's hands.

    :returns: whether it was sent now.
    """
    token = _claim(pk, at)
    if token is None:
        return False
    message = OutboxMessage.objects.select_related("recipient", "publication", "variant", "webhook")
    return _deliver(message.get(pk=pk), token, at=at)


def message_id(message: OutboxMessage) -> str:
    """The same for every attempt at the same message (RFC 5322, section 3.6.4)."""
    return f"<{_digest(message)}@{urlsplit(settings.PORTAL_ORIGIN).hostname}>"


def webhook_id(message: OutboxMessage) -> str:
    """The same for every attempt at the same message."""
    return f"msg_{_digest(message)}"


def _deliver(message: OutboxMessage, token: str, *, at: datetime) -> bool:
    reason = _reason_to_drop(message)
    if reason:
        _drop(message, token, error=reason, at=at)
        return False
    try:
        said = _mail(message) if message.channel == Channel.MAIL else _post(message, at=at)
    except (SMTPException, OSError, outbound.Unreachable, NotTaken, Locked) as error:
        _try_later(message, token, error, at=at)
        return False
    except outbound.NotAllowed as wrong:
        _drop(message, token, error=_one_line_of(wrong), at=at, is_given_up=True)
        return False
    _held(message, token).update(
        state=OutboxMessage.State.SENT, sent_at=at, token="", lease_until=None, error=said
    )
    if message.webhook is not None and message.webhook.given_up:
        Webhook.objects.filter(pk=message.webhook.pk).update(given_up=0)
    return True


def _digest(message: OutboxMessage) -> str:
    to = f"{message.recipient_id}" if message.recipient_id else f"webhook {message.webhook_id}"
    return hashlib.sha256(f"{message.key} {to}".encode()).hexdigest()[:32]


def _claim(pk: int, at: datetime) -> str | None:
    token = secrets.token_hex(16)
    claimed = (
        due(at)
        .order_by()
        .filter(pk=pk)
        .update(token=token, lease_until=at + LEASE, attempts=F("attempts") + 1)
    )
    return token if claimed == 1 else None


def _reason_to_drop(message: OutboxMessage) -> str:
    if message.attempts > MAX_ATTEMPTS:
        return message.error or f"The sender died {MAX_ATTEMPTS} times while sending this."
    if message.webhook is not None:
        is_test = message.kind == OutboxMessage.Kind.TEST
        gone = message.webhook.removed_at or (message.webhook.disabled_at and not is_test)
        return "Not sent: the webhook was disabled or removed." if gone else ""
    assert message.recipient is not None  # outbox_for_a_person_or_a_webhook
    if not may_be_told(message.recipient, message.publication):
        return "Not sent: the person has no address, no account or no right to see it any more."
    is_news = message.kind == OutboxMessage.Kind.PUBLISHED and message.variant_id is not None
    if is_news and not subscriptions.follows(message):
        return "Not sent: the person does not follow it any more."
    return ""


def _mail(message: OutboxMessage) -> str:
    """Send it; nothing is attached to it, ever."""
    assert message.recipient is not None
    headers = {"Message-ID": message_id(message), "Auto-Submitted": "auto-generated"}
    body = message.body
    if message.kind == OutboxMessage.Kind.PUBLISHED and message.variant is not None:
        url = subscriptions.unsubscribe_url(message.recipient, message.variant)
        body += footer(url)
        headers |= {  # RFC 8058
            "List-Unsubscribe": f"<{url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    EmailMessage(message.subject, body, to=[message.recipient.email], headers=headers).send()
    return ""


def _post(message: OutboxMessage, *, at: datetime) -> str:
    """
    :raises NotTaken: unless the answer is 2xx; a redirect is none.
    """
    assert message.webhook is not None
    body = message.body.encode()
    answer = outbound.post(
        message.webhook.url,
        body,
        webhooks.signed_headers(message.webhook, webhook_id(message), body, at=at),
        allowed=settings.WEBHOOK_ALLOWED_HOSTS,
    )
    if not answer.is_good:
        raise NotTaken(answer)
    return f"HTTP {answer.status} {answer.text}".strip()


def _try_later(message: OutboxMessage, token: str, error: Exception, *, at: datetime) -> None:
    logger.warning("message_failed message=%s attempt=%s", message.pk, message.attempts)
    said = _one_line_of(error)
    is_gone = isinstance(error, NotTaken) and error.answer.status == GONE
    if message.attempts >= MAX_ATTEMPTS or is_gone:
        _drop(message, token, error=said, at=at, is_given_up=True, is_gone=is_gone)
        return
    wait = FIRST_WAIT * 2 ** (message.attempts - 1)
    _held(message, token).update(due_at=at + wait, token="", lease_until=None, error=said)


@transaction.atomic
def _drop(
    message: OutboxMessage,
    token: str,
    *,
    error: str,
    at: datetime,
    is_given_up: bool = False,
    is_gone: bool = False,
) -> None:
    dropped = _held(message, token).update(
        state=OutboxMessage.State.DROPPED, token="", lease_until=None, error=error
    )
    if not dropped:
        return
    logger.error("message_dropped message=%s recipient=%s", message.pk, message.recipient_id)
    if is_given_up and message.webhook is not None:
        webhooks.note_given_up(message.webhook, error=error, at=at, is_gone=is_gone)


def _held(message: OutboxMessage, token: str) -> QuerySet[OutboxMessage]:
    """The row, as long as it is in this sender's hands: whoever lost the token changes nothing."""
    return OutboxMessage.objects.filter(pk=message.pk, token=token)


def _one_line_of(error: Exception) -> str:
    words = (
        f"{error}"
        if isinstance(error, NotTaken | outbound.NotAllowed | outbound.Unreachable)
        else f"{type(error).__name__}: {error}"
    )
    return one_line(words, length=300)
