"""What survives when processes die: each scenario runs a small installation of real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.redis]


def play(name: str, folder: Path) -> dict[str, Any]:
    """What came of a scenario."""
    outcome: dict[str, Any] = _said_by("tests.chaos.scenarios", name, str(folder))
    return outcome


def _said_by(module: str, *arguments: str) -> Any:
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("BROADSHEET_") and key not in {"DJANGO_SETTINGS_MODULE", "REDIS_URL"}
    }
    played = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert played.returncode == 0, played.stderr[-3000:]
    return json.loads(played.stdout.splitlines()[-1])


def test_three_tickers_at_once_make_each_slot_once(tmp_path: Path) -> None:
    outcome = play("two_tickers", tmp_path)

    assert outcome["slots"] == outcome["slots_taken"] == 60
    assert outcome["runs"] == {"queued": 63}


def test_of_processes_that_race_one_claims_each_run(tmp_path: Path) -> None:
    outcome = play("claims_race", tmp_path)

    assert outcome["won"] == 20
    assert outcome["runs"] == {"running": 20}
    assert outcome["attempts"] == 1


def test_processes_that_race_exceed_no_limit_and_leave_nothing_that_may_go(tmp_path: Path) -> None:
    outcome = play("limits_race", tmp_path)

    assert (outcome["warehouse"], outcome["heavy"], outcome["backfill"]) == (3, 2, 2)
    assert outcome["won"] == 7


def test_run_of_a_killed_worker_is_run_again_and_publishes_once(tmp_path: Path) -> None:
    outcome = play("worker_killed", tmp_path)

    assert outcome["runs"] == {"succeeded": 1}
    assert (outcome["attempts"], outcome["editions"], outcome["moves"]) == (2, 1, 1)


def test_broker_that_is_emptied_and_killed_costs_no_slot(tmp_path: Path) -> None:
    outcome = play("broker_lost", tmp_path)

    assert outcome["slots_taken"] == 12
    assert outcome["runs"] == {"succeeded": 13}
    assert outcome["editions"] == outcome["moves"] == 13


def test_worker_that_stood_still_past_its_lease_publishes_nothing(tmp_path: Path) -> None:
    outcome = play("paused_worker", tmp_path)

    assert outcome["runs"] == {"succeeded": 1}
    assert (outcome["attempts"], outcome["editions"], outcome["moves"]) == (2, 1, 1)


def test_code_whose_workers_are_killed_is_given_up_and_others_go_on(tmp_path: Path) -> None:
    outcome = play("poison", tmp_path)

    assert outcome["poison"] == "lost"
    assert "died 3 times" in outcome["error"]
    assert outcome["attempts"] == 3
    assert outcome["runs"] == {"lost": 1, "succeeded": 21}


def test_without_broker_people_can_publish_and_read_and_runs_come_later(tmp_path: Path) -> None:
    outcome = play("broker_down", tmp_path)

    assert outcome["answers"] == [303, 200, 200]
    assert (outcome["ready"], outcome["ready_code"]) == ("degraded", 200)
    assert outcome["runs"] == {"succeeded": 1}


def test_stopping_workers_under_load_loses_nothing(tmp_path: Path) -> None:
    outcome = play("graceful_stop", tmp_path)

    assert outcome["stops"] >= 2
    assert outcome["died"] == 0
    assert outcome["runs"] == {"succeeded": 8}
    assert outcome["editions"] == outcome["moves"] == 8


def test_worker_that_must_stop_at_once_hands_its_run_back(tmp_path: Path) -> None:
    outcome = play("handed_back", tmp_path)

    assert (outcome["state"], outcome["attempts"], outcome["left"]) == ("queued", 0, 0)


def test_every_task_may_be_rung_many_times_at_once(tmp_path: Path) -> None:
    outcome = play("tasks_twice", tmp_path)

    assert "portal.runs.tasks.execute_run" in outcome["tasks"]
    assert outcome["runs"] == {"succeeded": 3}
    assert outcome["editions"] == outcome["moves"] == 3
    assert outcome["attempts"] == 1


def test_full_disk_is_said_and_readers_keep_what_they_had(tmp_path: Path) -> None:
    outcome = play("disk_full", tmp_path)
    if "skipped" in outcome:
        pytest.skip(f"cannot mount a small disk here: {outcome['skipped']}")

    assert (outcome["state"], outcome["fault"]) == ("failed", "platform")
    assert "no room left" in outcome["error"]
    assert outcome["kept"]
    assert outcome["whole"]
    assert outcome["strays"] == outcome["truncated"] == []


def test_worker_killed_at_any_step_leaves_nothing_and_the_run_is_made_once(tmp_path: Path) -> None:
    *deaths, committed = _said_by("tests.chaos.failpoints", str(tmp_path))

    assert len(deaths) == 13
    for death in deaths:
        assert death == {
            "point": death["point"],
            "code": -9,
            "died": "running",
            "editions_left": 0,
            "swept": 1,
            "again": "succeeded",
            "ended": "succeeded",
            "attempts": 2,
            "editions": 1,
            "moves": 1,
            "half_environments": 0,
        }
    assert (committed["code"], committed["died"], committed["again"]) == (-9, "succeeded", None)
    assert (committed["editions"], committed["moves"]) == (1, 1)
