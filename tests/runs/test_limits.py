"""Limits are for admins, and audited."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from portal.accounts.models import User
from portal.publishing.models import AuditEvent
from portal.runs import limits
from portal.runs.limits import BadLimit
from portal.runs.models import Limit
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
LIMITS = "/operations/limits/"


def test_limit_is_set_changed_and_removed_and_each_is_kept(ada: User) -> None:
    limits.set_limit("resource", "warehouse", 3, by=ada, at=MONDAY)
    limit = limits.set_limit("resource", "warehouse", 5, by=ada, at=MONDAY)
    limits.remove_limit(limit, by=ada, at=MONDAY)
    limits.remove_limit(limit, by=ada, at=MONDAY)

    assert not Limit.objects.exists()
    plain = {"of": "resource", "name": "warehouse"}
    events = AuditEvent.objects.filter(by=ada).order_by("pk").values_list("action", "detail")
    assert list(events) == [
        ("set_limit", plain | {"most": 3, "former": None}),
        ("set_limit", plain | {"most": 5, "former": 3}),
        ("remove_limit", plain | {"most": 5}),
    ]


@pytest.mark.parametrize(
    ("of", "name", "most", "says"),
    [
        ("everything", "warehouse", 3, "Say what"),
        ("queue", "Ware House", 3, "is no name"),
        ("resource", "r" * 41, 3, "is no name"),
        ("team", "nobody", 3, "no team"),
        ("queue", "heavy", 0, "From 1"),
        ("queue", "heavy", 1001, "From 1"),
    ],
)
def test_limit_that_cannot_be_is_refused_and_says_why(
    ada: User, of: str, name: str, most: int, says: str
) -> None:
    with pytest.raises(BadLimit, match=says):
        limits.set_limit(of, name, most, by=ada, at=MONDAY)


def test_limits_are_for_admins_alone(alice: User, ada: User) -> None:
    limit = limits.set_limit("queue", "heavy", 1, by=ada, at=MONDAY)

    with pytest.raises(PermissionDenied):
        limits.set_limit("queue", "heavy", 9, by=alice, at=MONDAY)
    with pytest.raises(PermissionDenied):
        limits.remove_limit(limit, by=alice, at=MONDAY)

    assert Limit.objects.get().most == 1


def test_page_sets_refuses_and_removes(client: Client, ada: User) -> None:
    client.force_login(ada)

    wish = {"of": "queue", "name": "heavy", "most": "2"}
    done = client.post(LIMITS, wish)
    refused = client.post(LIMITS, wish | {"name": "No Slug"})
    limit = Limit.objects.get()
    page = client.get(LIMITS).content.decode()
    client.post(LIMITS, {"remove": limit.pk})

    assert (done.status_code, limit.most) == (303, 2)
    assert refused.status_code == 422
    assert "is no name" in refused.content.decode()
    assert "heavy" in page
    assert not Limit.objects.exists()
