"""The short version of `benchmarks/refresh_soak.py`."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.redis]


def test_forty_slots_survive_kills_exactly_once() -> None:
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("BROADSHEET_") and key not in {"DJANGO_SETTINGS_MODULE", "REDIS_URL"}
    }

    soak = subprocess.run(
        [sys.executable, "-m", "benchmarks.refresh_soak", "--slots", "40", "--workers", "2"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    figures = json.loads(soak.stdout.splitlines()[-1])
    assert (figures["lost"], figures["doubled"], figures["half"]) == (0, 0, 0), soak.stdout
    assert figures["slots"] == 40
    assert figures["editions"] == figures["moves_of_links"] == 60
    assert figures["kills"] + figures["broker_outages"] > 0
    assert (figures["broken_polls"], figures["went_back"]) == (0, 0)
    assert set(figures["pages"]) <= {"200"}
