"""What the guide for authors tells programs to run, run as it stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from portal.publishing.models import Variant
from portal.runs import hooks
from portal.runs.models import Schedule
from tests.runs.conftest import MONDAY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "author.md"
SHELL, PYTHON = (
    re.search(rf"```{language}\n({start}.*?)```", GUIDE.read_text(), re.DOTALL)[1]
    for language, start in (("sh", "#!/bin/sh"), ("python", "import base64"))
)


@pytest.fixture
def surroundings(counting: Variant, live_server: LiveServer) -> dict[str, str]:
    shown, ciphertext = hooks.make_key()
    Schedule.objects.create(
        variant=counting,
        rule="arrival",
        hook="0a1b2c",
        hook_ciphertext=ciphertext,
        timezone="UTC",
        overlap="queue",
        state_at=MONDAY,
        starts_at=MONDAY,
        created_by=counting.publication.owner,
        created_at=MONDAY,
    )
    url = f"{live_server.url}/hooks/arrivals/0a1b2c/"
    return {**os.environ, "HOOK_URL": url, "HOOK_KEY": shown, "NO_PROXY": "*"}


def test_snippets_make_one_slot_for_each_id(surroundings: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "data-arrived.sh"
    script.write_text(SHELL)
    call = "\nprint(json.dumps(data_arrived('b', logical_time='2026-03-31T06:00:00Z')))"
    commands = [
        ["sh", str(script), "a"],
        ["sh", str(script), "a", '{"message": "again"}'],
        [sys.executable, "-c", PYTHON + call],
    ]

    told = [
        json.loads(
            subprocess.run(command, env=surroundings, capture_output=True, check=True).stdout
        )
        for command in commands
    ]

    slots = Schedule.objects.get().slots.order_by("pk")
    assert [one["slot"] for one in told] == [slots[0].pk, slots[0].pk, slots[1].pk]
    assert slots[1].run.logical_time.isoformat() == "2026-03-31T06:00:00+00:00"
