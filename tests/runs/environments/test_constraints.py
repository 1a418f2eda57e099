"""Constraints on environments that the database itself holds."""

import pytest

from portal.runs.environments import pins
from portal.runs.models import Environment
from tests.rows import breaks
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("environment_leased_while_building", {"state": "building"}),
        ("environment_leased_while_building", {"state": "building", "token": "mine"}),
        ("environment_leased_while_building", {"state": "building", "lease_until": MONDAY}),
        ("environment_leased_while_building", {"token": "mine", "lease_until": MONDAY}),
        ("environment_ready_was_built", {"state": "ready", "built_at": MONDAY}),
        ("environment_ready_was_built", {"state": "ready", "used_at": MONDAY}),
        ("environment_failed_says_why", {"state": "failed"}),
    ],
)
def test_environment_constraint_holds(name: str, change: dict[str, object]) -> None:
    pins.record("six==1.17.0\n", "3.11")

    breaks(name, lambda: Environment.objects.update(**change))
