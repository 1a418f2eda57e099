"""Sealing what must not be read from the database, with keys that only the portal's settings have.

Fernet: AES-128-CBC with HMAC-SHA256 (github.com/fernet/spec). The first key seals; every key opens, so
keys can be changed without a moment in which something cannot be read.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NO_KEY_FITS = (
    "none of the keys in BROADSHEET_SECRETS_KEY and BROADSHEET_SECRETS_KEY_FALLBACKS opens it"
)


class Locked(Exception):
    """What is sealed cannot be opened or nothing can be sealed; the message says what an admin does."""


def has_key() -> bool:
    return bool(settings.SECRETS_KEYS) or not settings.PRODUCTION


def seal(text: str) -> str:
    """
    :raises Locked: when there is no key.
    """
    return _keys().encrypt(text.encode()).decode()


def open_sealed(sealed: str) -> str:
    """
    :raises Locked: when there is no key, or none that fits.
    """
    try:
        return _keys().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Locked(NO_KEY_FITS) from None


def seal_again(sealed: str) -> str:
    """The same, sealed with the first key.

    :raises Locked: when there is no key, or none that fits.
    """
    try:
        return _keys().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise Locked(NO_KEY_FITS) from None


def opens(sealed: str) -> bool:
    """Whether a key of ours fits; nothing is decrypted to know it."""
    try:
        _keys().extract_timestamp(sealed.encode())
    except (Locked, InvalidToken):
        return False
    return True


def _keys() -> MultiFernet:
    if not has_key():
        raise Locked("BROADSHEET_SECRETS_KEY is not set")
    return MultiFernet([Fernet(key) for key in settings.SECRETS_KEYS or [_development_key()]])


def _development_key() -> str:
    """Bound to the development's own SECRET_KEY (RFC 5869), so that nothing has to be set."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"broadsheet secrets")
    return base64.urlsafe_b64encode(derive.derive(settings.SECRET_KEY.encode())).decode()
