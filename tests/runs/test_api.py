"""Runs over the API: the same as the pages, for the same people."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.publishing.models import Publication, Variant
from portal.runs import claims, schedules, slots
from portal.runs.models import Run
from tests.runs.authors import COUNTING, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/runs/"


@pytest.fixture(autouse=True)
def portal_host(settings: LazySettings, client: Client) -> None:
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]


@pytest.fixture
def run(counting: Variant) -> Run:
    return counting.runs.get()


@pytest.fixture
def signed_in(client: Client, run: Run, alice: User) -> Client:
    client.force_login(alice)
    return client


def end(run: Run, state: str = "unchanged", **fields: object) -> None:
    Run.objects.filter(pk=run.pk).update(state=state, finished_at=MONDAY, **fields)


def test_run_is_told_as_its_page_tells_it(signed_in: Client, run: Run) -> None:
    claims.claim(run.pk, worker="calc-02", at=MONDAY)
    steps = [
        {"name": "Fetch bundle", "at": 0.0, "seconds": 1.5, "ok": True},
        {"name": "Execute", "at": 1.5, "seconds": None, "ok": None},
    ]
    curve = [[0.3, 90, 40], [0.6, 110, 55]]
    Run.objects.update(
        steps=steps,
        progress=62,
        doing="Cell 9 of 14",
        resources={"curve": curve, "cpu_seconds": 0.6, "peak_mb": 55, "memory_limit_mb": 2048},
    )
    run.check_results.create(name="rows", stage="output", severity="warn", passed=False)

    told = signed_in.get(f"{RUNS}{run.pk}/").json()

    assert told["publication"]["slug"] == "counting"
    assert (told["state"], told["trigger"], told["requested_by"]) == ("running", "upload", "alice")
    assert (told["progress"], told["doing"], told["worker"]) == (62, "Cell 9 of 14", "calc-02")
    assert [step["state"] for step in told["steps"]] == ["done", "running", *["waiting"] * 4]
    assert told["steps"][1]["seconds"] > 1
    assert told["resources"]["curve"] == curve
    assert told["bundle"] == run.version.bundle_id
    assert told["logical_time"] == "2026-11-16T06:00:00Z"
    assert told["environment"]["url"].endswith("/reports/counting/versions/1.0/environment.txt")
    assert told["checks"] == {"total": 1, "passed": 0, "warned": 1, "failed": 0}
    assert told["links"]["page"].endswith(f"/operations/runs/{run.pk}/")


def test_run_of_a_schedule_names_its_slot(signed_in: Client, run: Run, alice: User) -> None:
    end(run)
    schedules.set_schedule(run.variant, every_minutes=60, by=alice, at=MONDAY)
    slots.make_due_slots(MONDAY + timedelta(minutes=61))

    told = signed_in.get(RUNS).json()["items"][0]

    assert told["trigger"] == "schedule"
    assert told["slot"] == {"due_at": "2026-11-16T07:00:00Z", "schedule": "every 60 minutes"}


def test_list_is_filtered_and_paged(signed_in: Client, run: Run, alice: User) -> None:
    others = [publish_script(COUNTING, by=alice, at=MONDAY, slug=letter * 8) for letter in "abc"]
    end(run)

    def ids(**query: object) -> list[int]:
        return [item["id"] for item in signed_in.get(RUNS, query).json()["items"]]

    newest = [variant.runs.get().pk for variant in reversed(others)]
    assert ids() == [*newest, run.pk]
    assert ids(publication="counting") == ids(state="unchanged") == [run.pk]
    assert ids(variant="nothing") == []
    first = signed_in.get(RUNS, {"limit": 3}).json()
    assert [item["id"] for item in first["items"]] == newest
    assert ids(cursor=first["next"]) == [run.pk]
    assert signed_in.get(RUNS, {"cursor": first["next"]}).json()["next"] is None


def test_list_needs_as_many_queries_for_many_runs(
    signed_in: Client, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with CaptureQueriesContext(connection) as one:
        signed_in.get(RUNS)
    for letter in "ab":
        publish_script(COUNTING, by=alice, at=MONDAY, slug=letter * 8)

    with django_assert_num_queries(len(one)):
        assert len(signed_in.get(RUNS).json()["items"]) == 3


def test_log_is_followed_by_its_sequence(signed_in: Client, run: Run) -> None:
    for sequence, text in ((1, "\x1b[31mone\x1b[0m\n"), (2, "two\n"), (3, "three\n")):
        run.log_chunks.create(sequence=sequence, at=MONDAY, text=text)

    answers = [signed_in.get(f"{RUNS}{run.pk}/log/", {"after": after}) for after in (0, 2, 3)]

    bodies = [b"".join(answer.streaming_content).decode() for answer in answers]
    assert bodies == ["one\ntwo\nthree\n", "three\n", ""]
    assert [answer["X-Log-Sequence"] for answer in answers] == ["3", "3", "3"]


def test_cancel_ends_a_queued_run_and_says_by_whom(signed_in: Client, run: Run) -> None:
    told = signed_in.post(f"{RUNS}{run.pk}/cancel/")
    again = signed_in.post(f"{RUNS}{run.pk}/cancel/")

    assert (told.status_code, told.json()["state"]) == (200, "cancelled")
    assert told.json()["cancelled_by"] == "alice"
    assert (again.status_code, again.json()["code"]) == (409, "not_cancelled")


def test_rerun_queues_the_same_again(signed_in: Client, run: Run) -> None:
    early = signed_in.post(f"{RUNS}{run.pk}/rerun/")
    end(run)

    told = signed_in.post(f"{RUNS}{run.pk}/rerun/")

    assert (early.status_code, early.json()["code"]) == (409, "not_finished")
    assert (told.status_code, told.json()["rerun_of"]) == (201, run.pk)
    assert told.json()["logical_time"] == "2026-11-16T06:00:00Z"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [(None, 401, "not_signed_in"), ("charlie", 403, "not_allowed"), ("dora", 404, "not_found")],
)
def test_whoever_may_not_is_told_in_one_form(
    client: Client, run: Run, request: pytest.FixtureRequest, name: str, status: int, code: str
) -> None:
    if name is not None:
        client.force_login(request.getfixturevalue(name))
    if name == "dora":
        Publication.objects.update(audience="team")

    answers = [
        client.get(f"{RUNS}{run.pk}/"),
        client.get(f"{RUNS}{run.pk}/log/"),
        client.post(f"{RUNS}{run.pk}/cancel/"),
        client.post(f"{RUNS}{run.pk}/rerun/"),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(status, code)}
    assert all(set(answer.json()) == {"code", "message"} for answer in answers)
    run.refresh_from_db()
    assert (run.state, Run.objects.count()) == ("queued", 1)


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 101}, {"cursor": "x"}, {"state": "asleep"}, {"variant": "a\0"}],
)
def test_question_that_makes_no_sense_is_answered_with_422(
    signed_in: Client, query: dict[str, object]
) -> None:
    answer = signed_in.get(RUNS, query)

    assert (answer.status_code, answer.json()["code"]) == (422, "field_invalid")
    assert answer.json()["message"].startswith(f"{next(iter(query))}: ")


def test_address_that_is_none_answers_json(signed_in: Client) -> None:
    for path in (f"{RUNS}999/", "/api/v1/nothing/", "/api/v1/"):
        answer = signed_in.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_odd_request_is_turned_away_in_the_same_form(signed_in: Client, run: Run) -> None:
    answer = signed_in.post(f"{RUNS}{run.pk}/cancel/", headers={"Sec-Fetch-Site": "cross-site"})

    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


def test_change_needs_the_csrf_token_of_the_session(
    run: Run, alice: User, settings: LazySettings
) -> None:
    strict = Client(
        enforce_csrf_checks=True, headers={"host": settings.PORTAL_ORIGIN.partition("//")[2]}
    )
    strict.force_login(alice)
    strict.get(f"/operations/runs/{run.pk}/")
    path, token = f"{RUNS}{run.pk}/cancel/", strict.cookies[settings.CSRF_COOKIE_NAME].value

    without = strict.post(path)
    with_token = strict.post(path, headers={"X-CSRFToken": token})

    assert (without.status_code, without.json()["code"]) == (403, "csrf_failed")
    assert with_token.status_code == 200


def test_openapi_describes_every_endpoint_and_its_problems(client: Client) -> None:
    told = client.get("/api/v1/openapi.json").json()

    assert set(told["paths"]) == {
        "/api/v1/limits/",
        "/api/v1/limits/{pk}/",
        "/api/v1/publications/{slug}/variants/",
        "/api/v1/publications/{slug}/variants/{variant}/",
        "/api/v1/publications/{slug}/variants/{variant}/run/",
        "/api/v1/queue/",
        "/api/v1/workers/",
        "/api/v1/runs/{pk}/priority/",
        "/api/v1/runs/",
        "/api/v1/runs/{pk}/",
        "/api/v1/runs/{pk}/log/",
        "/api/v1/runs/{pk}/cancel/",
        "/api/v1/runs/{pk}/rerun/",
        "/api/v1/schedules/",
        "/api/v1/schedules/{pk}/",
        "/api/v1/schedules/{pk}/times/",
        "/api/v1/schedules/{pk}/slots/",
        "/api/v1/schedules/{pk}/pause/",
        "/api/v1/schedules/{pk}/resume/",
        "/api/v1/schedules/{pk}/run/",
        "/api/v1/schedules/{pk}/arrivals/",
        "/api/v1/schedules/{pk}/backfill/",
    }
    for methods in told["paths"].values():
        for operation in methods.values():
            assert {"401", "403", "404", "422"} <= set(operation["responses"])
            assert operation["description"]
