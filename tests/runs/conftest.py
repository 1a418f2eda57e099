"""Alice publishes code for her team, Bob is in it too, Charlie reads, Ada is admin."""

from datetime import UTC, datetime

import pytest

from portal.accounts.models import Membership, Role, Team, User
from portal.publishing.models import Variant
from tests.runs.authors import COUNTING, publish_script

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


@pytest.fixture
def team() -> Team:
    return Team.objects.create(slug="delivery", name="Delivery")


def person(name: str, role: Role, team: Team | None = None) -> User:
    user = User.objects.create_user(name, f"{name}@example.com", role=role)
    if team is not None:
        Membership.objects.create(user=user, team=team)
    return user


@pytest.fixture
def alice(team: Team) -> User:
    return person("alice", Role.AUTHOR, team)


@pytest.fixture
def bob(team: Team) -> User:
    return person("bob", Role.AUTHOR, team)


@pytest.fixture
def charlie() -> User:
    return person("charlie", Role.READER)


@pytest.fixture
def dora() -> User:
    """An author of another team."""
    return person("dora", Role.AUTHOR)


@pytest.fixture
def ada() -> User:
    return person("ada", Role.ADMIN)


@pytest.fixture
def counting(alice: User) -> Variant:
    """Alice's script, whose first run is queued."""
    return publish_script(COUNTING, by=alice, at=MONDAY)
