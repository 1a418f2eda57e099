"""Signed pointers to rows. They are not secrets kept in the database: revoking is a change of the row."""

from typing import Any

from django.core import signing


class BadToken(Exception):
    """The token is not one of ours, was altered, or is too old."""


def sign(value: Any, *, purpose: str) -> str:
    """A URL-safe token that carries `value`; the same value gives the same token."""
    return signing.Signer(salt=f"portal.{purpose}").sign_object(
        value, serializer=signing.JSONSerializer
    )


def read(token: str, *, purpose: str) -> Any:
    """What the token carries.

    :raises BadToken: when this installation did not sign it for this purpose.
    """
    try:
        return signing.Signer(salt=f"portal.{purpose}").unsign_object(
            token, serializer=signing.JSONSerializer
        )
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadToken(str(error)) from error
