"""Real processes on one database: several tickers at once make every slot once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SCHEDULES, MINUTES = 12, 60
PREPARE = f"""
import django; django.setup()
from datetime import timedelta
from django.core.management import call_command
from django.utils import timezone
call_command("migrate", verbosity=0)
from portal.accounts.models import User
from portal.publishing.models import Publication, Tree, Variant, Version
from portal.runs import schedules
from portal.runs.models import Schedule
now = timezone.now()
bob = User.objects.create(username="bob", role="admin")
tree = Tree.objects.create(digest="a" * 64, files=1, size=1, created_at=now)
for number in range({SCHEDULES}):
    publication = Publication.objects.create(
        kind="report", slug=f"s{{number}}", title="S", owner=bob, timezone="UTC", created_at=now)
    version = Version.objects.create(publication=publication, major=1, minor=0, bundle=tree, entry="a.py",
        format="script", executes=True, created_by=bob, created_at=now)
    variant = Variant.objects.create(publication=publication, version=version)
    schedules.set_schedule(variant, every_minutes=1, misfire="all", by=bob,
        at=now - timedelta(minutes={MINUTES}, seconds=1))
"""
TICK = """
import django; django.setup()
from datetime import datetime, UTC
from portal.runs import slots
slots.BATCH, slots.MOST_OF_ONE = 4, 7
import sys
print(slots.make_due_slots(datetime.fromisoformat(sys.argv[1])))
"""
COUNT = """
import django; django.setup()
from portal.runs.models import Run, Slot
times = set(Slot.objects.values_list("schedule", "due_at"))
print(Slot.objects.count(), len(times), Run.objects.count(), Slot.objects.filter(run__isnull=False).count())
"""


def start(folder: Path, code: str, *arguments: str) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "BROADSHEET_DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BROADSHEET_BROKER_URL": "memory://",
    }
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return output


def test_tickers_at_once_make_every_slot_once(tmp_path: Path) -> None:
    said(start(tmp_path, PREPARE))
    moment = said(
        start(tmp_path, "from datetime import datetime, UTC; print(datetime.now(UTC).isoformat())")
    ).strip()

    made = [int(said(one)) for one in [start(tmp_path, TICK, moment) for _ in range(2)]]

    slots, distinct, runs, taken = map(int, said(start(tmp_path, COUNT)).split())
    assert slots == distinct == runs == taken == sum(made)
    assert slots >= SCHEDULES * MINUTES
