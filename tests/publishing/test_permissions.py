"""Who may see and change what; lists and single questions agree on every mixture of people and audiences."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from portal.accounts.models import Membership, Role, Team, User
from portal.publishing.models import Audience, Kind, Part, Publication
from portal.publishing.permissions import can_edit, can_embed, can_view, viewers
from tests import factories
from tests.factories import MONDAY

PEOPLE = 4
TEAMS = 2


class TestVisibility(TestCase):
    @settings(deadline=None)  # a busy machine is no wrong answer
    @given(
        roles=st.lists(st.sampled_from(Role.values), min_size=PEOPLE, max_size=PEOPLE),
        active=st.lists(st.booleans(), min_size=PEOPLE, max_size=PEOPLE),
        memberships=st.sets(
            st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, TEAMS - 1)), max_size=6
        ),
        publications=st.lists(
            st.tuples(
                st.integers(0, PEOPLE - 1),
                st.integers(0, TEAMS - 1),
                st.sampled_from(Audience.values),
            ),
            min_size=1,
            max_size=5,
        ),
        parts=st.dictionaries(st.integers(1, 4), st.just(0), max_size=3),
    )
    def test_lists_and_single_questions_agree(
        self,
        roles: list[str],
        active: list[bool],
        memberships: set[tuple[int, int]],
        publications: list[tuple[int, int, str]],
        parts: dict[int, int],
    ) -> None:
        people = [
            User.objects.create(username=f"p{i}", role=role, is_active=is_active)
            for i, (role, is_active) in enumerate(zip(roles, active, strict=True))
        ]
        teams = [Team.objects.create(slug=f"t{i}", name=f"T{i}") for i in range(TEAMS)]
        for person, team in memberships:
            Membership.objects.create(user=people[person], team=teams[team])
        for i, (owner, team, audience) in enumerate(publications):
            Publication.objects.create(
                kind=Kind.VISUALIZATION if i in parts else Kind.REPORT,
                slug=f"r{i}",
                title=f"R{i}",
                owner=people[owner],
                team=teams[team],
                audience=audience,
                timezone="Europe/Berlin",
                created_at=MONDAY,
            )

        rows = list(Publication.objects.order_by("pk"))
        for i, of in parts.items():
            if i < len(rows):
                Part.objects.create(
                    parent=rows[of], name=f"p{i}", publication=rows[i], created_at=MONDAY
                )

        everything = Publication.objects.all()
        for person in people:
            visible = {found for found in everything if can_view(person, found)}
            editable = {found for found in everything if can_edit(person, found)}
            assert set(Publication.objects.visible_to(person)) == visible
            assert {found for found in everything if person in viewers(found)} == visible
            assert set(Publication.objects.editable_by(person)) == editable
            assert {found for found in editable if person.is_active} <= visible


@pytest.fixture
def sales(alice: User) -> Publication:
    return factories.publication(by=alice)


def test_can_view_company_is_for_everybody(sales: Publication, charlie: User) -> None:
    assert can_view(charlie, sales)


def test_can_view_team_is_for_the_team(sales: Publication, bob: User, charlie: User) -> None:
    sales.audience = Audience.TEAM

    assert can_view(bob, sales)
    assert not can_view(charlie, sales)


def test_can_view_owner_is_for_the_owner_and_admins(
    sales: Publication, alice: User, bob: User, ada: User
) -> None:
    sales.audience = Audience.OWNER

    assert can_view(alice, sales)
    assert can_view(ada, sales)
    assert not can_view(bob, sales)


def test_can_edit_is_for_the_owner_authors_of_the_team_and_admins(
    sales: Publication, alice: User, bob: User, ada: User, rita: User, charlie: User
) -> None:
    may = [person for person in (alice, bob, ada, rita, charlie) if can_edit(person, sales)]

    assert may == [alice, bob, ada]


def test_can_edit_is_not_for_a_reader_in_the_team(
    sales: Publication, charlie: User, team: Team
) -> None:
    Membership.objects.create(user=charlie, team=team)

    assert not can_edit(charlie, sales)
    assert not can_embed(charlie, sales)


def test_can_edit_what_is_for_the_owner_alone_is_not_for_the_team(
    sales: Publication, alice: User, bob: User, ada: User
) -> None:
    sales.audience = Audience.OWNER

    may = [person for person in (alice, bob, ada) if can_edit(person, sales)]

    assert may == [alice, ada]


def test_can_edit_is_not_for_a_closed_account(sales: Publication, alice: User) -> None:
    alice.is_active = False

    assert not can_edit(alice, sales)
