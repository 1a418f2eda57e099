"""The same run once more."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from portal.accounts.models import User
from portal.publishing.models import AuditEvent, Publication, Variant
from portal.runs import actions
from portal.runs.models import Run
from tests.runs.authors import CONSTANT, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
LATER = MONDAY + timedelta(days=2)


@pytest.fixture
def ended(counting: Variant) -> Run:
    Run.objects.update(state="failed", finished_at=MONDAY, error="main.py, line 2")
    return counting.runs.get()


def test_run_again_repeats_version_variant_and_logical_time(ended: Run, bob: User) -> None:
    again = actions.run_again(ended, by=bob, at=LATER)

    assert (again.version, again.variant) == (ended.version, ended.variant)
    assert (again.logical_time, again.queued_at) == (MONDAY, LATER)
    assert (again.trigger, again.rerun_of, again.requested_by) == ("rerun", ended, bob)
    assert AuditEvent.objects.get(detail__rerun_of=ended.pk).by == bob


def test_run_again_of_an_older_version_runs_that_version(ended: Run, alice: User) -> None:
    newer = publish_script(CONSTANT, by=alice, at=LATER).version

    again = actions.run_again(ended, by=alice, at=LATER)

    assert newer != ended.version
    assert again.version == ended.version


def test_run_again_goes_to_the_same_that_waits_already(ended: Run, alice: User) -> None:
    first = actions.run_again(ended, by=alice, at=LATER)

    second = actions.run_again(ended, by=alice, at=LATER)

    assert (first, Run.objects.count()) == (second, 2)


def test_run_that_has_not_ended_is_not_repeated(counting: Variant, alice: User) -> None:
    with pytest.raises(actions.NotFinished, match="has not ended yet"):
        actions.run_again(counting.runs.get(), by=alice, at=LATER)

    assert Run.objects.count() == 1


def test_finished_content_is_not_run_again(ended: Run, alice: User) -> None:
    ended.version.executes = False

    with pytest.raises(actions.NothingToRun, match="finished content"):
        actions.run_again(ended, by=alice, at=LATER)


def test_removed_publication_is_not_run_again(ended: Run, alice: User) -> None:
    Publication.objects.update(state="removed", removed_at=LATER, removed_by=alice)

    with pytest.raises(actions.NothingToRun, match="was removed"):
        actions.run_again(ended, by=alice, at=LATER)

    assert Run.objects.count() == 1


@pytest.mark.parametrize("name", ["charlie", "dora"])
def test_only_editors_run_again(ended: Run, request: pytest.FixtureRequest, name: str) -> None:
    with pytest.raises(PermissionDenied):
        actions.run_again(ended, by=request.getfixturevalue(name), at=LATER)


def test_page_offers_to_run_again_and_says_of_which(
    client: Client, ended: Run, alice: User, settings: object
) -> None:
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]
    client.force_login(alice)

    offer = client.get(f"/operations/runs/{ended.pk}/").content.decode()
    page = client.post(f"/operations/runs/{ended.pk}/again/", follow=True).content.decode()

    assert f'action="/operations/runs/{ended.pk}/again/"' in offer
    assert f'Run again of <a href="/operations/runs/{ended.pk}/">run ' in page
    assert "Cancel run" in page
