"""The demo: made by the real actions, whole, and the same when it is made again."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.management import call_command

from portal.accounts.models import Role, User
from portal.management.commands.demo import PEOPLE, STORIES
from portal.notifications.models import OutboxMessage
from portal.publishing.models import Publication, PublishEvent, Version
from portal.runs.checks import tally
from portal.runs.models import Run, Schedule
from portal.runs.programs import CLIENT
from portal.runs.said import Said

DEMO = Path(settings.BASE_DIR) / "reports" / "demo"


@pytest.fixture
def demo(db, settings, tmp_path):
    """The demo content, in stores of its own."""
    settings.SCRATCH_DIR = tmp_path / "scratch"
    settings.STORAGES = {
        **settings.STORAGES,
        "blobs": {
            "BACKEND": "portal.common.storage.DigestFileStorage",
            "OPTIONS": {"location": str(tmp_path / "blobs")},
        },
    }
    call_command("demo")


def test_demo_has_a_person_of_every_role_who_can_sign_in(demo):
    people = [authenticate(username=person.username, password=person.password) for person in PEOPLE]

    assert {person.role for person in people} == set(Role)
    assert all(person.email for person in people)


def test_demo_publishes_every_story_with_all_its_versions(demo):
    versions = {
        publication.slug: publication.versions.count() for publication in Publication.objects.all()
    }

    assert versions == {story.slug: len(story.steps) for story in STORIES}


def test_demo_publishes_a_chart_as_visualization_and_moves_it_to_a_major(demo):
    chart = Publication.objects.get(slug="late-parcels")

    events = PublishEvent.objects.filter(variant__publication=chart).order_by("at")
    assert chart.kind == "visualization"
    assert [str(event.edition.version) for event in events] == ["1.0", "2.0"]
    assert OutboxMessage.objects.get().recipient.username == "marta"


def test_demo_queues_the_weekly_sales_and_schedules_them(demo):
    run = Run.objects.get()

    assert run.variant.publication.slug == "weekly-sales"
    assert Schedule.objects.get(variant=run.variant).every_minutes == 2


def test_demo_made_again_changes_nothing(demo):
    before = (User.objects.count(), Version.objects.count(), PublishEvent.objects.count())

    call_command("demo")

    assert (
        User.objects.count(),
        Version.objects.count(),
        PublishEvent.objects.count(),
    ) == before


def test_demo_leaves_a_changed_password_alone(demo):
    marta = User.objects.get(username="marta")
    marta.set_password("her own choice of words")
    marta.save()

    call_command("demo")

    assert authenticate(username="marta", password="her own choice of words") == marta


def test_demo_refuses_in_production(db, settings, capsys):
    settings.PRODUCTION = True

    with pytest.raises(SystemExit) as end:
        call_command("demo")

    assert end.value.code == 1
    assert "not made in production" in capsys.readouterr().err
    assert not User.objects.exists()


def computed(tmp_path: Path, moment: str) -> dict:
    """What the weekly notebook says and reports for a moment, executed the way the portal does."""
    told = tmp_path / moment.replace(":", "")
    told.touch()
    script = (
        "import json, sys, nbformat, nbclient;"
        "notebook = nbformat.read('sales.ipynb', 4);"
        "nbclient.NotebookClient(notebook).execute();"
        "print(json.dumps(notebook.cells))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=DEMO / "weekly-sales",
        env={
            **os.environ,
            "BROADSHEET_LOGICAL_TIME": moment,
            "BROADSHEET_SAY": str(told),
            "PYTHONPATH": str(CLIENT),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = Said()
    for line in told.read_text().splitlines():
        said.take(line)
    return {"cells": json.loads(done.stdout), "said": said}


@pytest.mark.slow
def test_weekly_sales_leads_with_the_number_it_computed(tmp_path):
    monday = computed(tmp_path, "2026-11-16T05:41:00Z")

    outputs = [output for cell in monday["cells"] for output in cell.get("outputs", [])]
    texts = ["".join(output.get("data", {}).get("text/markdown", "")) for output in outputs]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    headline = next(text for text in texts if text)
    revenue = f"{monday['said'].values['revenue']:,.0f}".replace(",", "\u00a0")
    assert headline.strip().startswith(f"# €\u00a0{revenue} in seven days")
    assert kinds.count("application/vnd.plotly.v1+json") == 2
    assert kinds.count("text/html") == 1
    assert not any(output["output_type"] in ("stream", "error") for output in outputs)


@pytest.mark.slow
def test_weekly_sales_of_one_moment_are_always_the_same_and_differ_from_the_next(tmp_path):
    first = computed(tmp_path, "2026-11-16T05:41:00Z")["said"]
    again = computed(tmp_path, "2026-11-16T05:41:30Z")["said"]
    later = computed(tmp_path, "2026-11-16T05:43:00Z")["said"]

    assert (first.values, first.data_as_of) == (again.values, again.data_as_of)
    assert first.data_as_of == datetime(2026, 11, 16, 5, 40, tzinfo=UTC)
    assert first.values["revenue"] != later.values["revenue"]


@pytest.mark.slow
def test_weekly_sales_checks_its_data(tmp_path):
    said = computed(tmp_path, "2026-11-16T05:41:00Z")["said"]

    assert tally(said.checks) == {"total": 3, "passed": 3, "warned": 0}
    assert set(said.facts["metrics"]) == {"revenue", "week on week"}
