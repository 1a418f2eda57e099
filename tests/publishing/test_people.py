"""Somebody leaves: what they own goes to a successor, and nothing stops meanwhile."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from portal.accounts.models import Role, Team, User
from portal.notifications.models import Webhook
from portal.publishing import owners, people
from portal.publishing.models import AuditEvent, Publication
from portal.publishing.owners import CannotOwn
from portal.publishing.people import CannotLeave
from portal.runs import schedules
from portal.runs.models import Run
from portal.runs.ticker import tick
from tests import factories
from tests.factories import MONDAY
from tests.runs.authors import COUNTING, publish_script

pytestmark = pytest.mark.django_db
TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
def owned(alice: User) -> Publication:
    """A scheduled report of alice's, and a webhook."""
    variant = publish_script(COUNTING, by=alice, at=MONDAY)
    schedules.set_schedule(variant, every_minutes=60, by=alice, at=MONDAY)
    Webhook.objects.create(
        name="Airflow",
        url="https://airflow.example.com/",
        key_ciphertext="sealed",
        owner=alice,
        created_at=MONDAY,
    )
    Run.objects.update(state=Run.State.UNCHANGED, finished_at=MONDAY)
    return variant.publication


def owner_of(publication: Publication) -> str:
    return Publication.objects.get(pk=publication.pk).owner.username


def test_deactivate_moves_all_that_is_owned_with_a_record_each(
    owned: Publication, alice: User, bob: User, ada: User
) -> None:
    moved = people.deactivate(alice, successor=bob, by=ada, at=TUESDAY)

    alice.refresh_from_db()
    actions = AuditEvent.objects.filter(at=TUESDAY).values_list("action", flat=True)
    assert (moved, alice.is_active) == (2, False)
    assert (owner_of(owned), Webhook.objects.get().owner) == ("bob", bob)
    assert sorted(actions) == ["deactivate", "move_owner", "move_webhook"]


@pytest.mark.parametrize("has_successor", [True, False])
def test_schedule_of_who_left_goes_on(
    owned: Publication, alice: User, bob: User, ada: User, has_successor: bool
) -> None:
    people.deactivate(alice, successor=bob if has_successor else None, by=ada, at=MONDAY)

    tick(MONDAY + timedelta(minutes=61))

    run = Run.objects.get(trigger=Run.Trigger.SCHEDULE)
    assert run.state == Run.State.QUEUED
    assert run.requested_by is None
    assert list(owners.without_active_owner()) == ([] if has_successor else [owned])


def test_sessions_end_and_do_not_come_back(
    alice: User, ada: User, reading: Callable[[User], Client]
) -> None:
    hers, his = reading(alice), reading(ada)

    people.deactivate(alice, successor=None, by=ada, at=TUESDAY)
    closed = hers.get("/")
    people.reactivate(alice, by=ada, at=TUESDAY)

    assert closed.status_code == 302
    assert hers.get("/").status_code == 302
    assert his.get("/").status_code == 200
    assert AuditEvent.objects.filter(action="reactivate").count() == 1


def test_nobody_closes_their_own_account_or_the_last_admins(alice: User, ada: User) -> None:
    with pytest.raises(CannotLeave, match="your own"):
        people.deactivate(ada, successor=None, by=ada, at=TUESDAY)
    with pytest.raises(PermissionDenied):
        people.deactivate(ada, successor=None, by=alice, at=TUESDAY)


def test_admin_whose_account_was_closed_meanwhile_closes_none(ada: User) -> None:
    """Two admins close each other's account: whoever comes second finds their own closed."""
    eve = factories.person("eve", Role.ADMIN)

    people.deactivate(eve, successor=None, by=ada, at=TUESDAY)

    with pytest.raises(PermissionDenied):
        people.deactivate(ada, successor=None, by=eve, at=TUESDAY)  # as her request read it
    ada.refresh_from_db()
    assert ada.is_active


def test_account_is_closed_once(alice: User, ada: User) -> None:
    people.deactivate(alice, successor=None, by=ada, at=TUESDAY)

    with pytest.raises(CannotLeave, match="closed already"):
        people.deactivate(alice, successor=None, by=ada, at=TUESDAY)


@pytest.mark.parametrize("who", ["reader", "closed", "herself"])
def test_successor_must_be_able_to_own(
    owned: Publication, alice: User, ada: User, who: str
) -> None:
    successor = alice if who == "herself" else factories.person("sam", Role.READER)
    if who == "closed":
        User.objects.filter(pk=successor.pk).update(is_active=False, role=Role.AUTHOR)

    with pytest.raises(CannotOwn):
        people.deactivate(alice, successor=successor, by=ada, at=TUESDAY)

    alice.refresh_from_db()
    assert alice.is_active
    assert owner_of(owned) == "alice"


def test_hand_over_later_leaves_nothing_without_an_owner(
    owned: Publication, alice: User, bob: User, ada: User
) -> None:
    people.deactivate(alice, successor=None, by=ada, at=MONDAY)

    moved = people.hand_over(alice, to=bob, by=ada, at=TUESDAY)

    assert moved == 2
    assert not owners.without_active_owner().exists()


def test_successors_begin_with_the_busiest_of_the_team(
    alice: User, bob: User, rita: User, team: Team
) -> None:
    carl = factories.person("carl", team=team)
    factories.version("one", by=carl, slug="one", at=MONDAY)
    factories.version("two", by=rita, slug="two", at=MONDAY)

    assert people.successors(alice, at=TUESDAY) == [carl, bob, rita]


def test_move_owner_twice_is_moving_once(alice: User, bob: User) -> None:
    publication = factories.publication(by=alice)

    assert owners.move_owner(publication, to=bob, by=alice, at=TUESDAY)
    assert not owners.move_owner(publication, to=bob, by=bob, at=TUESDAY)
    event = AuditEvent.objects.get(action="move_owner")
    assert event.detail == {"former": "alice", "owner": "bob"}


def test_move_owner_is_not_for_readers(alice: User, bob: User, charlie: User) -> None:
    publication = factories.publication(by=alice)

    with pytest.raises(PermissionDenied):
        owners.move_owner(publication, to=bob, by=charlie, at=TUESDAY)


def test_pages_list_close_hand_over_and_open(
    owned: Publication, alice: User, bob: User, ada: User, reading: Callable[[User], Client]
) -> None:
    admin, there = reading(ada), f"/operations/people/{alice.pk}/"

    before = admin.get(there).content.decode()
    unsaid = admin.post(there, {"action": "deactivate"})
    admin.post(there, {"action": "deactivate", "successor": "-"})
    ownerless = admin.get("/operations/people/").content.decode()
    admin.post(there, {"action": "hand-over", "successor": "bob"})
    admin.post(there, {"action": "reactivate"})

    alice.refresh_from_db()
    assert "Counting" in before
    assert "Airflow" in before
    assert "Bob (suggested)" in before
    assert unsaid.status_code == 422
    assert "Without an active owner" in ownerless
    assert alice.is_active
    assert owner_of(owned) == "bob"


def test_people_page_needs_as_many_queries_for_many(
    ada: User, team: Team, reading: Callable[[User], Client], django_assert_max_num_queries
) -> None:
    admin, counts = reading(ada), []
    for name in ("one", "two", "three"):
        person = factories.person(name, team=team)
        factories.publication(by=person, slug=f"of-{name}")
        with django_assert_max_num_queries(15) as queries:
            admin.get("/operations/people/")
        counts.append(len(queries))

    assert counts[0] == counts[2]
    assert b"Two" not in admin.get("/operations/people/?q=three").content.split(b"<main")[1]
