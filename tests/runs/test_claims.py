"""Who works on a run: one at a time, fenced by a token, given up after three deaths."""

from datetime import timedelta

import pytest
from django.conf import settings

from portal.accounts.models import User
from portal.publishing import plugs
from portal.publishing.models import Variant
from portal.runs import actions, claims
from portal.runs.errors import Cancelled, Fenced
from portal.runs.models import Run
from tests.runs.authors import CONSTANT, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
LEASE = timedelta(seconds=settings.RUN_LEASE_SECONDS)


@pytest.fixture
def run(counting: Variant) -> Run:
    return counting.runs.get()


def claim(run: Run) -> claims.Claim:
    mine = claims.claim(run.pk, worker="w", at=MONDAY)
    assert mine is not None
    return mine


def another(run: Run) -> Run:
    return actions.request_run(
        run.version, variant=run.variant, trigger=Run.Trigger.MANUAL, by=None, at=MONDAY
    )


def test_claim_takes_a_queued_run_once(run: Run) -> None:
    first = claims.claim(run.pk, worker="one", at=MONDAY)
    second = claims.claim(run.pk, worker="two", at=MONDAY)

    run.refresh_from_db()
    assert first is not None
    assert second is None
    assert (run.state, run.token, run.worker, run.attempts) == ("running", first.token, "one", 1)
    assert run.lease_until == MONDAY + LEASE


def test_claim_of_what_is_not_there_is_none() -> None:
    assert claims.claim(10**9, worker="w", at=MONDAY) is None


def test_runs_of_one_variant_go_one_after_another(run: Run) -> None:
    later = another(run)

    too_early = claims.claim(later.pk, worker="w", at=MONDAY)
    claim(run).write(state=Run.State.UNCHANGED, finished_at=MONDAY, lease_until=None)

    assert too_early is None
    assert claims.claim(later.pk, worker="w", at=MONDAY) is not None


def test_newer_version_does_not_wait_for_the_older_ones_run(run: Run, alice: User) -> None:
    claim(run)

    variant = publish_script(CONSTANT, by=alice, at=MONDAY)

    newer = variant.runs.get(version=variant.version)
    assert claims.claim(newer.pk, worker="w", at=MONDAY) is not None


def test_write_with_a_lost_token_changes_nothing(run: Run) -> None:
    mine = claim(run)
    Run.objects.update(token="somebody else's")

    with pytest.raises(Fenced):
        mine.write(progress=50)

    run.refresh_from_db()
    assert run.progress == 0


def test_lapsed_run_is_queued_again_and_its_worker_fenced(run: Run) -> None:
    mine = claim(run)

    swept = claims.sweep_lapsed(MONDAY + LEASE + timedelta(seconds=1))

    run.refresh_from_db()
    assert swept == 1
    assert (run.state, run.token, run.rung_at, run.attempts) == ("queued", "", None, 1)
    with pytest.raises(Fenced):
        mine.write(progress=50)


def test_sweep_leaves_a_living_run_alone(run: Run) -> None:
    claim(run)

    assert claims.sweep_lapsed(MONDAY + LEASE) == 0


def test_run_is_lost_after_three_deaths_and_its_people_are_told(run: Run) -> None:
    told: list[plugs.Announcement] = []
    plugs.on_announcement(told.append)
    for _ in range(3):
        claim(run)
        claims.sweep_lapsed(MONDAY + LEASE + timedelta(seconds=1))
    plugs._listeners.remove(told.append)

    run.refresh_from_db()
    assert (run.state, run.fault, run.attempts) == ("lost", "platform", 3)
    assert "died 3 times" in run.error
    assert [news.run_id for news in told if isinstance(news, plugs.RunFailed)] == [run.pk]
    assert claims.claim(run.pk, worker="w", at=MONDAY) is None


def test_handing_back_queues_at_once_and_costs_no_attempt(run: Run) -> None:
    mine = claim(run)

    assert claims.hand_back(mine)

    run.refresh_from_db()
    assert (run.state, run.attempts, run.token) == ("queued", 0, "")
    assert not claims.hand_back(mine)


def test_lease_says_when_it_is_lost_or_cancelled(run: Run) -> None:
    lease = claims.Lease(claim(run))
    lease.check()

    lease.cancelled.set()
    with pytest.raises(Cancelled):
        lease.check()
    lease.lost.set()
    with pytest.raises(Fenced):
        lease.check()


@pytest.mark.django_db(transaction=True)
def test_heartbeat_renews_and_sees_the_wish_to_cancel(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LONGEST_PAUSE", 0.01)
    mine = claim(run)
    Run.objects.update(cancel_requested=True)

    with claims.kept_alive(mine) as lease:
        assert lease.cancelled.wait(10)

    run.refresh_from_db()
    assert run.lease_until > MONDAY + LEASE


@pytest.mark.django_db(transaction=True)
def test_heartbeat_notices_that_the_token_is_gone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LONGEST_PAUSE", 0.01)
    mine = claim(run)
    Run.objects.update(token="somebody else's")

    with claims.kept_alive(mine) as lease:
        assert lease.lost.wait(10)
