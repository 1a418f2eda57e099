"""Sending what the outbox holds: claim, send, mark.

Any number of senders may run. A claim is a conditional update that writes a token and a lease, so one
message is sent by one of them. A sender that dies before it sends loses nothing: the lease runs out and
the next one sends. One that dies between sending and marking makes the next one send again, with the
same Message-ID, by which mail programs show it once.
"""

import hashlib
import logging
import secrets
from datetime import datetime, timedelta
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q, QuerySet

from portal.notifications.actions import may_be_told
from portal.notifications.models import OutboxMessage

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # far above EMAIL_TIMEOUT, the longest that one sending takes
FIRST_WAIT = timedelta(seconds=30)  # doubled by every failure: the eighth attempt is an hour later
MAX_ATTEMPTS = 8


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
    message = OutboxMessage.objects.select_related("recipient", "publication").get(pk=pk)
    reason = _reason_to_drop(message)
    if reason:
        _drop(message, token, error=reason)
        return False
    try:
        _mail(message).send()
    except (SMTPException, OSError) as error:
        _try_later(message, token, error=_one_line_of(error), at=at)
        return False
    _held(message, token).update(
        state=OutboxMessage.State.SENT, sent_at=at, token="", lease_until=None, error=""
    )
    return True


def message_id(message: OutboxMessage) -> str:
    """The same for every attempt at the same message (RFC 5322, section 3.6.4)."""
    digest = hashlib.sha256(f"{message.key} {message.recipient_id}".encode()).hexdigest()
    return f"<{digest[:32]}@{urlsplit(settings.PORTAL_ORIGIN).hostname}>"


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
    if not may_be_told(message.recipient, message.publication):
        return "Not sent: the person has no address, no account or no right to see it any more."
    return ""


def _mail(message: OutboxMessage) -> EmailMessage:
    return EmailMessage(
        subject=message.subject,
        body=message.body,
        to=[message.recipient.email],
        headers={"Message-ID": message_id(message), "Auto-Submitted": "auto-generated"},
    )


def _try_later(message: OutboxMessage, token: str, *, error: str, at: datetime) -> None:
    logger.warning("mail_failed message=%s attempt=%s", message.pk, message.attempts)
    if message.attempts >= MAX_ATTEMPTS:
        _drop(message, token, error=error)
        return
    wait = FIRST_WAIT * 2 ** (message.attempts - 1)
    _held(message, token).update(due_at=at + wait, token="", lease_until=None, error=error)


def _drop(message: OutboxMessage, token: str, *, error: str) -> None:
    logger.error("mail_dropped message=%s recipient=%s", message.pk, message.recipient_id)
    _held(message, token).update(
        state=OutboxMessage.State.DROPPED, token="", lease_until=None, error=error
    )


def _held(message: OutboxMessage, token: str) -> QuerySet[OutboxMessage]:
    """The row, as long as it is in this sender's hands: whoever lost the token changes nothing."""
    return OutboxMessage.objects.filter(pk=message.pk, token=token)


def _one_line_of(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
