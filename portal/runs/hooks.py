"""Keys that sign the message that data have arrived, as Standard Webhooks has them (standardwebhooks.com)."""

import base64
import secrets

from portal.runs import vault
from portal.runs.models import Schedule

PREFIX = "whsec_"
KEY_BYTES = 32


def make_key() -> tuple[str, str]:
    """A new key: as its owner is shown it once, and as it is kept.

    :raises portal.runs.vault.Locked: when the portal has no key to seal it with.
    """
    shown = PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return shown, vault.seal(shown)


def open_key(schedule: Schedule) -> bytes:
    """
    :raises portal.runs.vault.Locked: when no key of the portal opens it.
    """
    return base64.b64decode(vault.open_sealed(schedule.hook_ciphertext).removeprefix(PREFIX))
