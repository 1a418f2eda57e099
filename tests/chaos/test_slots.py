"""Every due time has one slot, whatever the clocks of the tickers do: the short version of `benchmarks/slot_chaos.py`."""

from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.slot_ledger import Account, account_for
from portal.accounts.models import Role, User
from portal.runs import schedules
from portal.runs.ticker import tick
from tests.chaos.test_failures import play
from tests.runs.authors import COUNTING, publish_script
from tests.runs.conftest import MONDAY

KINDS: list[dict[str, Any]] = [
    {"every_minutes": 7},
    {"every_minutes": 30, "misfire": "skip"},
    {"every_minutes": 240, "misfire": "all", "overlap": "queue"},
    {"cron": "*/15 * * * *", "timezone": "America/New_York"},
    {"cron": "30 6,18 * * *", "timezone": "Asia/Kolkata", "misfire": "all", "overlap": "queue"},
]
JUMPS = [
    timedelta(seconds=5),
    timedelta(minutes=15),
    timedelta(minutes=61),
    timedelta(hours=2),
    timedelta(hours=-2),
    timedelta(hours=26),
    timedelta(hours=-26),
]


def accounts_after(times: list[datetime]) -> Account:
    """What became of the slots of every kind of schedule, ticked at those times."""
    author = User.objects.create_user("jumper", role=Role.AUTHOR)
    made = []
    for number, wish in enumerate(KINDS):
        variant = publish_script(
            COUNTING, by=author, at=MONDAY, slug=f"{'abcdefg'[number] * 8}-report", create=True
        )
        made.append(schedules.set_schedule(variant, **wish, by=author, at=MONDAY))
    for at in times:
        tick(at)
    return account_for(made, until=max(times))


@pytest.mark.django_db
@given(jumps=st.lists(st.sampled_from(JUMPS), min_size=1, max_size=6))
@settings(max_examples=12, deadline=None)
def test_clock_that_jumps_makes_every_due_time_one_slot_and_none_early(
    jumps: list[timedelta],
) -> None:
    with transaction.atomic():
        account = accounts_after(list(accumulate([MONDAY, *jumps])))
        transaction.set_rollback(True)

    assert (account.missed, account.doubled, account.early) == (0, 0, 0)
    assert account.against_policy == 0


@pytest.mark.slow
@pytest.mark.redis
def test_tickers_with_clocks_hours_apart_and_an_emptied_broker_cost_no_slot(tmp_path: Path) -> None:
    outcome = play("clocks_apart", tmp_path)

    assert outcome["account"]["problems"] == []
    assert outcome["account"] == {
        **outcome["account"],
        "missed": 0,
        "doubled": 0,
        "early": 0,
        "failed": 0,
    }
    assert outcome["account"]["slots"] > 100
    assert set(outcome["runs"]) == {"succeeded"}
    assert outcome["editions"] == outcome["moves"] + outcome["unshown"]
