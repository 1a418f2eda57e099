"""Addresses and keys by which other systems say that data have arrived.

The key signs messages by Standard Webhooks (github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 over
"id.timestamp.body". It is shown once, as `whsec_` and base64, and kept sealed.
"""

import base64
import secrets

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
