"""Runs from claim to edition, with real child processes."""

import pytest
from django.utils import timezone

from portal.accounts.models import Role, User
from portal.publishing.models import Variant
from portal.runs import director
from portal.runs.models import Run
from tests.runs.authors import COUNTING, publish_notebook, publish_script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def alice() -> User:
    return User.objects.create(username="alice", role=Role.AUTHOR)


def test_script_becomes_an_edition(alice: User) -> None:
    variant = publish_script(COUNTING, by=alice, at=timezone.now())
    run = Run.objects.get()

    ended = director.direct(run.pk, worker="w")

    run.refresh_from_db()
    variant.refresh_from_db()
    print(
        run.error, run.last_words, run.steps, run.resources, [c.text for c in run.log_chunks.all()]
    )
    assert ended == Run.State.SUCCEEDED
    assert variant.current == run.edition


def test_nb(alice):
    variant = publish_notebook(
        ["# one\nprint('hi')", "1+1", "{}['x']"], by=alice, at=timezone.now()
    )
    run = Run.objects.get()

    ended = director.direct(run.pk, worker="w")

    run.refresh_from_db()
    print(
        run.error, run.last_words, run.steps, run.resources, [c.text for c in run.log_chunks.all()]
    )
    assert 0
