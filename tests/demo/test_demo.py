"""The demo: made by the real actions, whole, and the same when it is made again."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from portal.accounts.models import Role, User
from portal.management.commands.demo import PEOPLE, STORIES
from portal.notifications.models import OutboxMessage
from portal.publishing.models import Publication, PublishEvent, Version
from portal.runs.checks import tally
from portal.runs.models import Promise, Run, Schedule, Slot
from portal.runs.operations.standing import Standing, stands_of
from portal.runs.programs import CLIENT
from portal.runs.said import Said

DEMO = Path(settings.BASE_DIR) / "reports" / "demo"


@pytest.fixture(scope="module")
def made_once(django_db_setup, django_db_blocker, tmp_path_factory):
    """The demo content, in stores of its own, made once for all tests here and gone after them."""
    folder = tmp_path_factory.mktemp("demo")
    blobs = {
        "BACKEND": "portal.common.storage.DigestFileStorage",
        "OPTIONS": {"location": str(folder / "blobs")},
    }
    stores = override_settings(
        SCRATCH_DIR=folder / "scratch", STORAGES={**settings.STORAGES, "blobs": blobs}
    )
    with django_db_blocker.unblock(), stores, transaction.atomic():
        call_command("demo")
        yield
        transaction.set_rollback(True)


@pytest.fixture
def demo(made_once, db):
    """The demo content; what a test changes of it is taken back."""


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
    told = OutboxMessage.objects.exclude(recipient__username="tomas").get()
    assert told.recipient.username == "marta"


def test_demo_queues_the_weekly_sales_and_schedules_them(demo):
    run = Run.objects.get(state=Run.State.QUEUED)

    assert run.variant.publication.slug == "weekly-sales"
    assert Schedule.objects.get(variant=run.variant).every_minutes == 2


def test_demo_has_a_healthy_a_failing_a_late_and_a_suspended_schedule(demo):
    healthy, failing, late, suspended = (
        Schedule.objects.get(variant__publication__slug=slug)
        for slug in ("depot-throughput", "returns-by-reason", "claims-cost", "price-elasticity")
    )

    assert [healthy.state, failing.state, late.state] == [Schedule.State.ACTIVE] * 3
    assert (suspended.state, suspended.failures) == (Schedule.State.SUSPENDED, 5)
    assert (healthy.failures, late.failures) == (0, 0)
    standings = {
        stand.pk: stand.standing for stand in stands_of(Schedule.objects.all(), at=timezone.now())
    }
    assert [standings[one.pk] for one in (healthy, failing, late, suspended)] == [
        Standing.HEALTHY,
        Standing.FAILING,
        Standing.LATE,
        Standing.SUSPENDED,
    ]
    assert failing.failures >= 3
    promises = late.promises.order_by("at").values_list("state", "made_good_at")
    assert promises.last() == (Promise.State.BROKEN, None)
    assert all(state == Promise.State.KEPT for state, _ in list(promises)[:-1])
    assert healthy.promises.filter(state=Promise.State.KEPT).count() >= 12


def test_demo_has_a_past_in_which_scripts_made_what_their_runs_say(demo):
    past = Run.objects.exclude(state=Run.State.QUEUED)

    assert set(past.values_list("state", flat=True)) == {"succeeded", "failed"}
    assert all(run.finished_at > run.started_at > run.queued_at for run in past)
    assert all(run.slot.due_at <= run.queued_at for run in past.filter(slot__isnull=False))
    errors = set(past.filter(state="failed").values_list("error", flat=True))
    assert "report.py, line 13: KeyError: 'carrier'" in errors
    assert any("has not arrived from the insurer yet" in error for error in errors)


def test_demo_schedules_go_on_from_now(demo):
    going = Schedule.objects.filter(state=Schedule.State.ACTIVE).exclude(rule="after")
    due = going.values_list("next_due_at", flat=True)

    assert all(time > timezone.now() - timedelta(minutes=1) for time in due)


def test_demo_made_again_changes_nothing(demo):
    kinds = (User, Version, PublishEvent, Run, Slot, Schedule, Promise)
    before = [kind.objects.count() for kind in kinds]

    call_command("demo")

    assert [kind.objects.count() for kind in kinds] == before


def test_demo_leaves_a_changed_password_alone(demo):
    marta = User.objects.get(username="marta")
    marta.set_password("her own choice of words")
    marta.save()

    call_command("demo")

    assert authenticate(username="marta", password="her own choice of words") == marta


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
