"""The operations pages: who sees what, what is done to many schedules, and what lists cost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.publishing.models import Audience, AuditEvent, Blob, Publication, Version
from portal.runs.models import Environment, Run, Schedule, VersionEnvironment
from portal.runs.operations import audits, bulk, packages, run_list, volumes
from tests.runs.conftest import MONDAY
from tests.runs.timetable import ended, scheduled, slot

pytestmark = pytest.mark.django_db
Reading = Callable[[User], Client]
TODAY, SCHEDULES, CHANGE = (
    "/operations/",
    "/operations/schedules/",
    "/operations/schedules/change/",
)
RUNS, CSV = "/operations/runs/", "/operations/runs.csv"
AUDIT, STORAGE, ENVIRONMENTS = (
    "/operations/audit/",
    "/operations/storage/",
    "/operations/environments/",
)


@pytest.fixture(autouse=True)
def forgets() -> None:
    cache.clear()


@pytest.fixture
def hourly(alice: User) -> Schedule:
    return scheduled("weekly-sales", by=alice, at=timezone.now())


def page(client: Client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_today_tells_what_needs_a_person_and_what_readers_see(
    reading: Reading, alice: User, hourly: Schedule
) -> None:
    run = ended(hourly.variant, "failed", at=timezone.now(), error="main.py, line 2: no data")

    told = page(reading(alice), TODAY)

    assert "One needs a person." in told
    assert "main.py, line 2: no data" in told
    assert f'href="/operations/runs/{run.pk}/"' in told
    assert "Nothing yet" in told
    assert "style=" not in told


def test_today_is_quiet_when_all_is_well_and_says_when_nothing_is_scheduled(
    reading: Reading, alice: User, dora: User, hourly: Schedule
) -> None:
    assert "Needs a person" not in page(reading(alice), TODAY)
    assert "Nothing is scheduled yet" in page(reading(dora), TODAY)


def test_past_day_is_looked_back_on(reading: Reading, alice: User, hourly: Schedule) -> None:
    slot(hourly, MONDAY)

    told = page(reading(alice), TODAY, day="2026-11-16")

    assert "1 of 1 that were due went well, 0 went wrong and 0 were skipped." in told
    assert "Monday 16 November 2026" in told.replace("\N{NO-BREAK SPACE}", " ")


def test_other_teams_schedules_are_nobody_elses_business(
    reading: Reading, dora: User, hourly: Schedule
) -> None:
    Publication.objects.update(audience=Audience.TEAM)

    for path in (TODAY, SCHEDULES, RUNS, AUDIT):
        assert "Weekly Sales" not in page(reading(dora), path)


def test_list_of_schedules_says_when_nothing_matches(
    reading: Reading, alice: User, hourly: Schedule
) -> None:
    assert "No schedule matches" in page(reading(alice), SCHEDULES, q="nowhere")
    assert "Weekly Sales" in page(reading(alice), SCHEDULES, state="healthy")
    assert "No schedule matches" in page(reading(alice), SCHEDULES, state="failing")


def test_change_of_many_is_asked_about_before_it_is_done(
    reading: Reading, alice: User, hourly: Schedule
) -> None:
    other = scheduled("other-one", by=alice, at=timezone.now())
    asked = {"action": "pause", "schedule": [str(hourly.pk), str(other.pk)]}

    question = reading(alice).post(CHANGE, asked).content.decode()
    untouched = Schedule.objects.filter(state="active").count()
    done = reading(alice).post(CHANGE, asked | {"is_meant": "yes"}, follow=True).content.decode()

    assert "Pause 2\N{NO-BREAK SPACE}schedules?" in question
    assert untouched == 2
    assert "Paused 2." in done
    assert set(Schedule.objects.values_list("state", flat=True)) == {"paused"}
    assert AuditEvent.objects.filter(action="pause_schedule", by=alice).count() == 2


def test_all_that_match_are_changed_and_no_other(
    reading: Reading, alice: User, hourly: Schedule
) -> None:
    other = scheduled("other-one", by=alice, at=timezone.now())
    asked = {"action": "pause", "all": "1", "q": "weekly", "is_meant": "yes"}

    answer = reading(alice).post(CHANGE, asked)

    assert answer.url == f"{SCHEDULES}?q=weekly"
    hourly.refresh_from_db()
    other.refresh_from_db()
    assert (hourly.state, other.state) == ("paused", "active")


@pytest.mark.parametrize(
    "asked", [{}, {"action": "pause"}, {"action": "destroy", "schedule": "1"}, {"schedule": "x"}]
)
def test_odd_change_changes_nothing(
    reading: Reading, alice: User, hourly: Schedule, asked: dict[str, str]
) -> None:
    said = reading(alice).post(CHANGE, asked, follow=True).content.decode()

    assert "Nothing was changed" in said
    assert Schedule.objects.get().state == "active"


def test_what_one_may_not_change_is_counted_and_left(
    alice: User, dora: User, hourly: Schedule
) -> None:
    outcome = bulk.carry_out("pause", [hourly.pk, 0], by=dora, at=MONDAY)

    assert outcome.said(bulk.DEEDS["pause"]) == "Paused 0; 2 you may not change."
    assert Schedule.objects.get().state == "active"


def test_what_cannot_be_done_now_is_counted(alice: User, hourly: Schedule) -> None:
    assert bulk.carry_out("resume", [hourly.pk], by=alice, at=MONDAY).nothing == 1
    assert bulk.carry_out("run", [hourly.pk], by=alice, at=MONDAY).done == 1
    assert hourly.variant.runs.get().requested_by == alice


def test_change_of_too_many_says_how_many_are_left(
    alice: User, hourly: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = scheduled("other-one", by=alice, at=MONDAY)
    monkeypatch.setattr(bulk, "MOST_AT_ONCE", 1)

    outcome = bulk.carry_out("pause", [hourly.pk, other.pk], by=alice, at=MONDAY)

    assert outcome.said(bulk.DEEDS["pause"]).startswith("Paused 1; 1 are left")


def test_owner_is_moved_by_the_owner_and_to_an_author(
    reading: Reading, alice: User, bob: User, charlie: User, hourly: Schedule
) -> None:
    asked = {"action": "move", "schedule": str(hourly.pk), "is_meant": "yes"}

    question = reading(alice).post(CHANGE, asked).content.decode()
    refused = reading(bob).post(CHANGE, asked | {"to": "bob"}, follow=True).content.decode()
    unfit = reading(alice).post(CHANGE, asked | {"to": "charlie"}, follow=True).content.decode()
    moved = reading(alice).post(CHANGE, asked | {"to": "bob"}, follow=True).content.decode()

    assert "New owner" in question
    assert "Moved 0; 1 you may not change." in refused
    assert "New owner" in unfit
    assert "Moved 1." in moved
    assert Publication.objects.get().owner == bob
    assert AuditEvent.objects.filter(action="move_owner").count() == 1


def test_runs_are_narrowed_and_the_filter_is_kept_from_page_to_page(
    reading: Reading, alice: User, hourly: Schedule
) -> None:
    for number in range(31):
        ended(hourly.variant, "failed", at=MONDAY + timedelta(minutes=number), error="no data")
    fine = ended(hourly.variant, at=MONDAY - timedelta(days=9))

    failed = page(reading(alice), RUNS, state="wrong", q="sales", mine="1")
    old = page(reading(alice), RUNS, to="2026-11-10")

    assert f"/operations/runs/{fine.pk}/" not in failed
    assert "state=wrong&amp;q=sales&amp;mine=1&amp;page=2" in failed
    assert f"/operations/runs/{fine.pk}/" in old
    assert "No run matches" in page(reading(alice), RUNS, person="nobody")


def test_runs_as_a_table_hold_no_formula_and_follow_the_filter(
    reading: Reading, alice: User, dora: User, hourly: Schedule
) -> None:
    Publication.objects.update(title="=HYPERLINK(1)")
    ended(hourly.variant, "failed", at=MONDAY, error="@cmd\nline")
    ended(hourly.variant, at=MONDAY)

    answer = reading(alice).get(CSV, {"state": "failed"})
    text = b"".join(answer.streaming_content).decode()

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert text.splitlines()[0] == ",".join(run_list.HEADINGS)
    assert ",'=HYPERLINK(1),default,1.0,failed,schedule," in text
    assert '"\'@cmd\nline"' in text
    assert text.count("HYPERLINK") == 1
    assert b"HYPERLINK" not in b"".join(reading(dora).get(CSV).streaming_content)


def test_page_of_a_run_tells_who_did_what(reading: Reading, alice: User, hourly: Schedule) -> None:
    bulk.carry_out("run", [hourly.pk], by=alice, at=MONDAY)
    run = Run.objects.get()
    reading(alice).post(f"/operations/runs/{run.pk}/cancel/")

    told = page(reading(alice), f"/operations/runs/{run.pk}/")

    assert "Who did what" in told
    assert f"asked for run {run.pk} of “Weekly Sales” (manual)" in told
    assert f"cancelled run {run.pk}" in told


def test_page_of_a_run_names_its_schedule_and_due_time(
    reading: Reading, alice: User, hourly: Schedule
) -> None:
    Schedule.objects.update(name="month-end")
    taken = slot(hourly, MONDAY)

    told = page(reading(alice), f"/operations/runs/{taken.run_id}/")

    assert "by schedule “month-end”, every 60 minutes" in told


def test_audit_goes_on_by_key_and_narrows(reading: Reading, alice: User, ada: User) -> None:
    AuditEvent.objects.all().delete()
    for number in range(audits.PAGE_SIZE + 1):
        AuditEvent.objects.create(
            at=MONDAY,
            by=alice,
            action="create_secret",
            object_id="1",
            detail={"name": f"S{number}"},
        )
    oldest = AuditEvent.objects.earliest("pk")

    first = page(reading(ada), AUDIT)
    second = page(reading(ada), AUDIT, before=str(oldest.pk + 1))

    assert f"?before={oldest.pk + 1}" in first
    assert "kept the secret S0<" not in first
    assert "kept the secret S0<" in second
    assert "Nothing matches" in page(reading(ada), AUDIT, person="nobody")
    assert "Nothing matches" in page(reading(ada), AUDIT, action="publish")
    assert "kept the secret" not in page(reading(alice), AUDIT)


def test_every_event_is_a_sentence_also_unknown_ones_and_those_that_miss_a_detail(
    alice: User,
) -> None:
    def said(action: str, **detail: str) -> str:
        event = AuditEvent(action=action, object_type="gate", object_id="7", detail=detail)
        return audits.tell(event).what

    assert said("open_gate") == "open gate: gate 7"
    assert (
        said("grant_secret", name="TOKEN", team="delivery")
        == "granted the secret TOKEN to delivery"
    )
    assert said("publish") == "published an edition of “”"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("pandas", "pandas=="),
        ("pandas 2.1", "pandas==2.1"),
        ("Ruamel_YAML==0.18", "ruamel-yaml==0.18"),
    ],
)
def test_package_is_looked_for_as_locks_spell_it(text: str, line: str) -> None:
    assert packages.line_of(text) == line


def test_environments_are_found_by_package_and_name_their_versions(
    reading: Reading, ada: User, hourly: Schedule
) -> None:
    known = {"python": "3.12", "created_at": MONDAY}
    lock = "numpy==2.0 --hash=sha256:a\npandas==2.1.4 --hash=sha256:b\n"
    new = Environment.objects.create(key="a" * 64, lock=lock, **known)
    Environment.objects.create(key="b" * 64, lock="geopandas==2.1.4\n", **known)
    VersionEnvironment.objects.create(version=Version.objects.get(), environment=new)

    found = page(reading(ada), ENVIRONMENTS, q="Pandas 2.1")
    one = page(reading(ada), f"{ENVIRONMENTS}{new.pk}/")

    assert "pandas==2.1.4" in found
    assert "a" * 12 in found
    assert "b" * 12 not in found
    assert "Weekly Sales" in one
    assert "numpy==2.0 --hash=sha256:a" in one


def test_storage_tells_whose_it_is_and_what_nobody_needs(
    reading: Reading, ada: User, hourly: Schedule
) -> None:
    now = timezone.now()
    Blob.objects.create(digest="f" * 64, size=5_000, created_at=now - timedelta(days=2))
    Blob.objects.create(digest="e" * 64, size=7_000, created_at=now)

    told = volumes.measure(now)

    assert (told.unused_files, told.unused) == (1, 5_000)
    assert [share.percent for share in told.publications] == [100]
    assert told.stored == told.bundles + 12_000
    assert sum(bar.size for bar in told.weeks) == told.stored
    assert "Weekly Sales" in page(reading(ada), STORAGE)


@pytest.mark.parametrize("path", [TODAY, SCHEDULES, AUDIT, STORAGE, RUNS])
def test_page_needs_as_many_queries_for_many_rows(
    reading: Reading, alice: User, ada: User, hourly: Schedule, path: str
) -> None:
    client, now = reading(ada), timezone.now()
    ended(hourly.variant, "failed", at=now, error="no data")
    slot(hourly, now)
    client.get(path)
    cache.clear()
    with CaptureQueriesContext(connection) as one:
        client.get(path)
    for slug in ("second-one", "third-one"):
        more = scheduled(slug, by=alice, at=now)
        ended(more.variant, "failed", at=now, error="no data")
        slot(more, now)

    cache.clear()
    with CaptureQueriesContext(connection) as three:
        client.get(path)

    assert len(three) == len(one)
