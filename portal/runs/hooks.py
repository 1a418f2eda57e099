"""Addresses and keys by which other systems say that data have arrived.

The key signs messages by Standard Webhooks (github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 over
"id.timestamp.body". It is shown once, as `whsec_` and base64, and kept sealed.
"""

import base64
import secrets
from datetime import datetime

from django.db import transaction

from portal.accounts.models import User
from portal.publishing.audit import record
from portal.runs import vault
from portal.runs.models import Schedule

PREFIX = "whsec_"
KEY_BYTES = 32


def make_address() -> str:
    """The part of an address that nobody can guess."""
    return secrets.token_hex(16)


def make_key() -> tuple[str, str]:
    """A new key as it is shown once, and as it is kept.

    :raises Locked: when there is no key to seal it with.
    """
    shown = PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return shown, vault.seal(shown)


def open_key(schedule: Schedule) -> bytes:
    """The key that signs this schedule's arrivals.

    :raises Locked: when no key of ours opens it.
    """
    return base64.b64decode(shown_key(schedule).removeprefix(PREFIX))


def shown_key(schedule: Schedule) -> str:
    """The key as it is shown, once, to whoever saved the schedule.

    :raises Locked: when no key of ours opens it.
    """
    return vault.open_sealed(schedule.hook_ciphertext)


@transaction.atomic
def rotate(*, by: User | None, at: datetime) -> list[Schedule]:
    """Seal every signing key again with the portal's first key; returns what no key opens, which stays as it is."""
    unreadable = []
    with_key = Schedule.objects.filter(hook__isnull=False).order_by("pk")
    for schedule in with_key.select_for_update(of=("self",), no_key=True).select_related(
        "variant__publication"
    ):
        try:
            sealed = vault.seal_again(schedule.hook_ciphertext)
        except vault.Locked:
            unreadable.append(schedule)
            continue
        Schedule.objects.filter(pk=schedule.pk).update(hook_ciphertext=sealed)
        publication = schedule.variant.publication
        record("rotate_schedule_key", schedule, by=by, at=at, publication=publication)
    return unreadable
