"""Telling other programs: which, of what, and with which key. For admins.

Messages are signed as Standard Webhooks says (github.com/standard-webhooks/standard-webhooks, version 1):
`webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">`.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import F

from portal.accounts.models import Team, User
from portal.common import outbound
from portal.common.tasks import ring
from portal.common.text import one_line
from portal.notifications import alarms, events, outbox
from portal.notifications.models import OutboxMessage, Webhook
from portal.publishing.audit import record
from portal.publishing.models import Publication
from portal.runs import vault

DELIVER = "portal.notifications.tasks.deliver_webhooks"  # by name: tasks stand on this
KEY_PREFIX = "whsec_"
GIVEN_UP_AT_MOST = 3  # messages in a row, each tried eight times in an hour


class BadWebhook(Exception):
    """It cannot be so; `field` says where the message belongs."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def require_admin(user: User) -> None:
    """
    :raises PermissionDenied: for everybody else.
    """
    if not user.is_admin:
        raise PermissionDenied("Only admins can say which programs are told.")


@transaction.atomic
def create_webhook(
    name: str,
    url: str,
    *,
    told: Sequence[str],
    team: Team | None = None,
    publication: Publication | None = None,
    by: User,
    at: datetime,
) -> tuple[Webhook, str]:
    """A new webhook, and its key in words, which is never shown again.

    :param told: which of `events.EVENTS`.
    :raises BadWebhook: when name, address or events cannot be so, or no key seals.
    :raises PermissionDenied: when the person is no admin.
    """
    require_admin(by)
    name = one_line(name, length=100)
    if not name:
        raise BadWebhook("name", "Give it a name, such as the program that listens.")
    if Webhook.objects.filter(name=name, removed_at__isnull=True).exists():
        raise BadWebhook("name", f"There is a webhook {name} already.")
    key, sealed = _new_key()
    try:
        with transaction.atomic():
            webhook = Webhook.objects.create(
                name=name,
                url=_checked(url),
                events=_known(told),
                team=team,
                publication=publication,
                key_ciphertext=sealed,
                owner=by,
                created_at=at,
            )
    except IntegrityError:  # somebody was first
        raise BadWebhook("name", f"There is a webhook {name} already.") from None
    _record("create_webhook", webhook, by=by, at=at, url=webhook.url, events=webhook.events)
    return webhook, key


@transaction.atomic
def disable_webhook(webhook: Webhook, *, by: User, at: datetime) -> bool:
    """Tell it nothing more until it is enabled; what waits is not sent. False when it was disabled."""
    require_admin(by)
    return _disable(webhook, f"Disabled by {by}.", by=by, at=at)


@transaction.atomic
def enable_webhook(webhook: Webhook, *, by: User, at: datetime) -> bool:
    """Tell it of events from now on. False when it was not disabled."""
    require_admin(by)
    enabled = Webhook.objects.filter(
        pk=webhook.pk, disabled_at__isnull=False, removed_at__isnull=True
    ).update(disabled_at=None, disabled_reason="", given_up=0)
    if enabled:
        _record("enable_webhook", webhook, by=by, at=at)
    return bool(enabled)


@transaction.atomic
def remove_webhook(webhook: Webhook, *, by: User, at: datetime) -> bool:
    """Take it away; its row stays for what was sent. False when somebody was first."""
    require_admin(by)
    removed = Webhook.objects.filter(pk=webhook.pk, removed_at__isnull=True).update(removed_at=at)
    if removed:
        _record("remove_webhook", webhook, by=by, at=at)
    return bool(removed)


@transaction.atomic
def replace_key(webhook: Webhook, *, by: User, at: datetime) -> str:
    """Sign with a new key from now on; returns it in words, which are never shown again."""
    require_admin(by)
    key, sealed = _new_key()
    Webhook.objects.filter(pk=webhook.pk).update(key_ciphertext=sealed)
    _record("replace_webhook_key", webhook, by=by, at=at)
    return key


@transaction.atomic
def send_test(webhook: Webhook, *, by: User, at: datetime) -> None:
    """Write a message that says nothing but that it arrives; also to one that is disabled."""
    require_admin(by)
    events.write(
        [webhook],
        kind=OutboxMessage.Kind.TEST,
        event=events.TEST,
        key=f"test/{secrets.token_hex(8)}",
        data={"webhook": webhook.name, "by": str(by)},
        at=at,
    )
    _record("test_webhook", webhook, by=by, at=at)
    ring(DELIVER)


def note_given_up(webhook: Webhook, *, error: str, at: datetime, is_gone: bool = False) -> None:
    """Count a message that could not be delivered; after several, or when it says “gone”, disable the webhook."""
    live = Webhook.objects.filter(pk=webhook.pk, disabled_at__isnull=True, removed_at__isnull=True)
    if not live.update(given_up=F("given_up") + 1):
        return
    webhook.refresh_from_db()
    if is_gone:
        _disable_and_tell(webhook, f"It answered that it is gone: {error}", at=at)
    elif webhook.given_up >= GIVEN_UP_AT_MOST:
        reason = f"{webhook.given_up} messages in a row could not be delivered. Last: {error}"
        _disable_and_tell(webhook, reason, at=at)


def signed_headers(
    webhook: Webhook, message_id: str, body: bytes, *, at: datetime
) -> dict[str, str]:
    """
    :raises portal.runs.vault.Locked: when no key of ours opens the webhook's.
    """
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(vault.open_sealed(webhook.key_ciphertext).removeprefix(KEY_PREFIX))
    digest = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Broadsheet",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


@transaction.atomic
def _disable_and_tell(webhook: Webhook, reason: str, *, at: datetime) -> None:
    if not _disable(webhook, reason, by=None, at=at):
        return
    person = webhook.owner
    outbox.write(
        OutboxMessage.Kind.DISABLED,
        alarms.disabled_letter(webhook.name, reason=reason, at=at),
        key=f"disabled/{webhook.pk}/{at:%Y%m%dT%H%M%S%f}",
        recipients=[person] if outbox.may_be_told(person, None) else [],
        at=at,
    )


def _disable(webhook: Webhook, reason: str, *, by: User | None, at: datetime) -> bool:
    reason = one_line(reason, length=300)
    disabled = Webhook.objects.filter(
        pk=webhook.pk, disabled_at__isnull=True, removed_at__isnull=True
    ).update(disabled_at=at, disabled_reason=reason)
    if disabled:
        _record("disable_webhook", webhook, by=by, at=at, reason=reason)
    return bool(disabled)


def _new_key() -> tuple[str, str]:
    key = KEY_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    try:
        return key, vault.seal(key)
    except vault.Locked as locked:
        raise BadWebhook("name", f"Its key cannot be kept: {locked}.") from locked


def _checked(url: str) -> str:
    """What a name means is looked at whenever something is sent."""
    try:
        outbound.check_place(url.strip(), allowed=settings.WEBHOOK_ALLOWED_HOSTS)
    except outbound.NotAllowed as wrong:
        raise BadWebhook("url", str(wrong)) from wrong
    return url.strip()


def _known(told: Sequence[str]) -> list[str]:
    chosen = [event for event in events.EVENTS if event in told]
    if not chosen:
        raise BadWebhook("events", "Choose at least one event.")
    return chosen


def _record(action: str, webhook: Webhook, *, by: User | None, at: datetime, **detail: Any) -> None:
    record(action, webhook, by=by, at=at, publication=webhook.publication, **detail)
