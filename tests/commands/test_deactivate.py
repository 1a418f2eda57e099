"""`manage.py deactivate`: close an account from a shell."""

import pytest

from portal.accounts.models import Role, User
from tests import factories


@pytest.fixture
def people(db) -> dict[str, User]:
    roles = {"marta": Role.AUTHOR, "tomas": Role.AUTHOR, "ada": Role.ADMIN}
    return {name: factories.person(name, role) for name, role in roles.items()}


def test_what_is_theirs_goes_to_the_successor(manage, people):
    publication = factories.publication(by=people["marta"])

    answer = manage("deactivate", "marta", "--successor", "tomas", "--by", "ada")

    publication.refresh_from_db()
    assert answer.code == 0
    assert "Tomas owns what was theirs: 1." in answer.out
    assert publication.owner == people["tomas"]
    assert not User.objects.get(username="marta").is_active


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ada", "--without-successor", "--by", "ada"], "your own account"),
        (["marta", "--without-successor", "--by", "tomas"], "Only admins"),
        (["marta", "--successor", "nobody", "--by", "ada"], "Nobody here has the user name nobody"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(manage, people, arguments, says):
    answer = manage("deactivate", *arguments)

    assert answer.code != 0
    assert says in answer.err
    assert User.objects.filter(is_active=True).count() == 3
