"""The people of every test: who may, who may too, and who may not.

alice publishes; bob is an author of her team; charlie only reads and is in no team; rita reviews; ada is an
admin. `reading(user)` is a browser that the person has signed in with.
"""

from collections.abc import Callable

import pytest
from django.test import Client

from portal.accounts.models import Role, Team, User
from tests import factories


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(slug="delivery", name="Delivery")


@pytest.fixture
def alice(team: Team) -> User:
    return factories.person("alice", team=team)


@pytest.fixture
def bob(team: Team) -> User:
    return factories.person("bob", team=team)


@pytest.fixture
def charlie(db: None) -> User:
    return factories.person("charlie", Role.READER)


@pytest.fixture
def rita(db: None) -> User:
    return factories.person("rita", Role.REVIEWER)


@pytest.fixture
def ada(db: None) -> User:
    return factories.person("ada", Role.ADMIN)


@pytest.fixture
def reading() -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client = Client(headers={"host": "localhost:8000"})
        client.force_login(user)
        return client

    return sign_in
