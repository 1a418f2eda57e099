"""Who asks."""

from django.http import HttpRequest

from portal.accounts.models import User


def signed_in(request: HttpRequest) -> User:
    """The person of a request that passed `require_sign_in`."""
    user = request.user
    assert isinstance(user, User), "require_sign_in lets nobody else through"
    return user
