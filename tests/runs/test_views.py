"""Pages of runs and schedules: what editors get, and who gets nothing."""

import re
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.publishing.models import Audience, Publication, Variant
from portal.runs import claims, director, schedules
from portal.runs.models import Run, Schedule
from tests.runs.authors import COUNTING, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
SCHEDULE = "/reports/counting/schedule/"
RUN_NOW = "/reports/counting/run/"


@pytest.fixture(autouse=True)
def portal_host(settings: LazySettings, client: Client) -> None:
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]


@pytest.fixture
def run(counting: Variant) -> Run:
    return counting.runs.get()


def end(run: Run, state: str = "unchanged", **fields: object) -> None:
    Run.objects.filter(pk=run.pk).update(state=state, finished_at=timezone.now(), **fields)


def paths_of(run: Run) -> list[str]:
    return [f"/operations/runs/{run.pk}/{page}" for page in ("", "live/", "log/")]


@pytest.mark.parametrize("name", ["alice", "bob", "ada"])
def test_editors_and_admins_see_a_run(
    client: Client, run: Run, request: pytest.FixtureRequest, name: str
) -> None:
    client.force_login(request.getfixturevalue(name))

    assert [client.get(path).status_code for path in paths_of(run)] == [200, 200, 200]


def test_reader_may_not_see_runs(client: Client, run: Run, charlie: User) -> None:
    client.force_login(charlie)

    assert [client.get(path).status_code for path in paths_of(run)] == [403, 403, 403]
    assert client.get("/operations/runs/").status_code == 403
    assert client.post(f"/operations/runs/{run.pk}/cancel/").status_code == 403
    assert client.post(RUN_NOW).status_code == 403
    assert client.get(SCHEDULE).status_code == 403
    assert client.post(SCHEDULE, {"action": "pause"}).status_code == 403


def test_author_of_another_team_does_not_learn_of_a_teams_run(
    client: Client, run: Run, dora: User
) -> None:
    Publication.objects.update(audience=Audience.TEAM)
    client.force_login(dora)

    assert [client.get(path).status_code for path in paths_of(run)] == [404, 404, 404]
    assert client.post(f"/operations/runs/{run.pk}/cancel/").status_code == 404
    assert client.post(RUN_NOW).status_code == 404
    assert client.get(SCHEDULE).status_code == 404
    assert f"Run {run.pk}" not in client.get("/operations/runs/").content.decode()


def test_nobody_sees_runs_without_signing_in(client: Client, run: Run) -> None:
    answers = [client.get(path) for path in [*paths_of(run), "/operations/runs/", SCHEDULE]]

    assert {answer.status_code for answer in answers} == {302}


def test_run_now_goes_to_the_new_run(client: Client, run: Run, alice: User) -> None:
    end(run)
    client.force_login(alice)

    answer = client.post(RUN_NOW)

    newest = Run.objects.latest("pk")
    assert (answer.status_code, answer.url) == (303, f"/operations/runs/{newest.pk}/")
    assert (newest.trigger, newest.requested_by, newest.state) == ("manual", alice, "queued")


def test_run_now_goes_to_the_run_that_is_queued_already(
    client: Client, run: Run, alice: User
) -> None:
    client.force_login(alice)

    answer = client.post(RUN_NOW)

    assert answer.url == f"/operations/runs/{run.pk}/"
    assert Run.objects.count() == 1


def test_run_now_is_no_link_that_one_may_follow(client: Client, run: Run, alice: User) -> None:
    client.force_login(alice)

    assert client.get(RUN_NOW).status_code == 405


def test_run_now_of_finished_content_says_what_to_do(client: Client, run: Run, alice: User) -> None:
    end(run)
    run.version.executes = False
    run.version.save()
    client.force_login(alice)

    answer = client.post(RUN_NOW)

    assert (answer.status_code, answer.url) == (303, "/reports/counting/")
    assert Run.objects.count() == 1


def test_page_of_a_run_asks_again_until_it_has_finished(
    client: Client, run: Run, alice: User
) -> None:
    client.force_login(alice)
    claims.claim(run.pk, worker="w", at=MONDAY)
    going = client.get(f"/operations/runs/{run.pk}/live/").content.decode()

    end(run, "failed", error="main.py, line 2: ValueError: no data", fault="bundle")
    ended = client.get(f"/operations/runs/{run.pk}/live/").content.decode()

    assert 'hx-trigger="every 400ms" hx-sync="this:drop"' in going
    assert "hx-trigger" not in ended
    assert "main.py, line 2: ValueError: no data" in ended


def test_page_shows_all_of_a_failure_without_being_loaded_again(
    client: Client, run: Run, alice: User
) -> None:
    client.force_login(alice)
    claims.claim(run.pk, worker="w", at=MONDAY)
    page = client.get(f"/operations/runs/{run.pk}/").content.decode()
    failed = {"cell": 2, "of": 3, "line": 1, "lines": [{"number": 1, "text": "1 / zero"}]}

    end(
        run,
        "failed",
        failed_code=failed,
        exit_code=1,
        last_words="ZeroDivisionError",
        resources={"isolation": "bubblewrap", "secrets": ["WAREHOUSE_PASSWORD"]},
    )
    ended = client.get(f"/operations/runs/{run.pk}/live/").content.decode()

    for told in ("1 / zero", "ZeroDivisionError", "WAREHOUSE_PASSWORD", "bubblewrap", "Last ten"):
        assert told in ended
    swapped = set(re.findall(r'id="([\w-]+)" hx-swap-oob="true"', ended))
    assert swapped >= {"failed", "words", "run-given", "run-ten", "run-actions"}
    assert all(f'id="{name}"' in page for name in swapped)


def test_page_draws_what_the_run_uses(client: Client, run: Run, alice: User) -> None:
    curve = [[1.0, 50, 100], [2.0, 150, 400]]
    known = {"curve": curve, "cpu_seconds": 2.0, "peak_mb": 400, "memory_limit_mb": 800}
    Run.objects.update(resources=known)
    client.force_login(alice)

    pages = [client.get(path).content.decode() for path in paths_of(run)[:2]]

    for page in pages:
        assert "Processor over 2.0\N{NO-BREAK SPACE}s: 100 % of one core on average" in page
        assert "at most 400 MB; the limit is 800 MB." in page
        assert "dashed: limit" in page
        assert "style=" not in page


def test_live_page_brings_only_the_new_part_of_the_log(
    client: Client, run: Run, alice: User
) -> None:
    for sequence, text in ((1, "old line\n"), (2, "<new> line\n")):
        run.log_chunks.create(sequence=sequence, at=MONDAY, text=text)
    client.force_login(alice)

    page = client.get(f"/operations/runs/{run.pk}/live/?after=1").content.decode()

    assert "old line" not in page
    assert "&lt;new&gt; line" in page
    assert "?after=2" in page


def test_page_of_a_run_names_the_secrets_that_it_was_given(
    client: Client, run: Run, alice: User
) -> None:
    end(run, resources={"secrets": ["WAREHOUSE_PASSWORD"]})
    client.force_login(alice)

    page = client.get(f"/operations/runs/{run.pk}/").content.decode()

    assert "<dt>Secrets</dt><dd><code>WAREHOUSE_PASSWORD</code>" in page


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30, "٣"])
def test_live_page_bears_odd_questions(client: Client, run: Run, alice: User, after: str) -> None:
    client.force_login(alice)

    assert client.get(f"/operations/runs/{run.pk}/live/", {"after": after}).status_code == 200


def test_log_is_a_text_download(client: Client, run: Run, alice: User) -> None:
    for sequence in (2, 1):
        run.log_chunks.create(sequence=sequence, at=MONDAY, text=f"line {sequence}\n")
    client.force_login(alice)

    answer = client.get(f"/operations/runs/{run.pk}/log/")

    assert b"".join(answer.streaming_content) == b"line 1\nline 2\n"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"].startswith("attachment")


def test_cancelling_a_queued_run_ends_it(client: Client, run: Run, alice: User) -> None:
    client.force_login(alice)

    answer = client.post(f"/operations/runs/{run.pk}/cancel/")

    run.refresh_from_db()
    assert (answer.status_code, run.state) == (303, "cancelled")


def test_cancelling_a_running_run_asks_its_worker(client: Client, run: Run, alice: User) -> None:
    claims.claim(run.pk, worker="w", at=MONDAY)
    client.force_login(alice)

    client.post(f"/operations/runs/{run.pk}/cancel/")

    run.refresh_from_db()
    assert (run.state, run.cancel_requested) == ("running", True)


def test_cancelling_a_finished_run_changes_nothing(client: Client, run: Run, alice: User) -> None:
    end(run)
    client.force_login(alice)

    client.post(f"/operations/runs/{run.pk}/cancel/")

    run.refresh_from_db()
    assert (run.state, run.cancel_requested) == ("unchanged", False)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_page_of_a_finished_run_offers_the_edition(client: Client, run: Run, alice: User) -> None:
    director.direct(run.pk, worker="w")
    client.force_login(alice)

    page = client.get(f"/operations/runs/{run.pk}/").content.decode()

    assert 'href="/reports/counting/editions/1/"' in page
    assert "htmx" not in page


def test_schedule_page_shows_the_next_times_before_saving(
    client: Client, counting: Variant, alice: User
) -> None:
    client.force_login(alice)
    wish = {"preset": "weekdays", "at_time": "07:00", "timezone": "Europe/Berlin"}

    page = client.post(SCHEDULE, wish | {"action": "preview"}).content.decode()

    assert page.count("07:00 <small") == 10
    assert "At 07:00 on Monday through Friday, Europe/Berlin" in page
    assert not Schedule.objects.exists()


def test_schedule_is_saved_and_shown_and_paused(
    client: Client, counting: Variant, alice: User
) -> None:
    client.force_login(alice)
    wish = {"preset": "interval", "every": 30, "timezone": "Europe/Berlin", "misfire": "all"}

    saved = client.post(SCHEDULE, wish | {"action": "save"}, follow=True).content.decode()
    paused = client.post(SCHEDULE, {"action": "pause"}, follow=True).content.decode()

    assert "Saved: Every 30 minutes." in saved
    assert "Every 30 minutes" in saved
    assert "Paused" in paused
    schedule = Schedule.objects.get()
    assert (schedule.every_minutes, schedule.misfire, schedule.state) == (30, "all", "paused")


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"preset": "cron", "cron": "at seven"}, "write five fields"),
        ({"preset": "cron", "cron": ""}, "Give either a cron rule"),
        ({"preset": "interval", "every": "0"}, "greater than or equal to 1"),
        ({"preset": "cron", "cron": "0 7 * * *", "timezone": "Nowhere"}, "not a time zone"),
    ],
)
def test_schedule_that_cannot_be_followed_is_explained(
    client: Client, counting: Variant, alice: User, wish: dict[str, str], says: str
) -> None:
    client.force_login(alice)
    fields = {"timezone": "Europe/Berlin", "misfire": "latest", "action": "save"}

    answer = client.post(SCHEDULE, fields | wish)

    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not Schedule.objects.exists()


def test_page_of_a_run_shows_the_cell_that_failed_with_its_line_and_trace(
    client: Client, run: Run, alice: User
) -> None:
    lines = [{"number": 1, "text": "x = {}"}, {"number": 2, "text": "x['<b>']"}]
    end(
        run,
        "failed",
        error="notes.ipynb, cell 2 of 3, line 2: KeyError: '<b>'",
        fault="bundle",
        failed_code={"cell": 2, "of": 3, "line": 2, "lines": lines},
        last_words="KeyError                 Traceback (most recent call last)",
        exit_code=1,
    )
    client.force_login(alice)

    page = client.get(f"/operations/runs/{run.pk}/").content.decode()

    assert "cell 2 of 3, line 2</span>" in page
    assert page.count("failed here") == 1
    assert "<td>x[&#x27;&lt;b&gt;&#x27;]</td>" in page
    assert "KeyError                 Traceback" in page


def test_page_of_a_run_names_its_code_and_what_kind_it_is(
    client: Client, run: Run, alice: User
) -> None:
    client.force_login(alice)

    page = client.get(f"/operations/runs/{run.pk}/").content.decode()

    assert "<code>main.py</code>" in page
    assert "Python script" in page
    assert "Where it failed" not in page


def test_readers_page_says_that_a_refresh_failed(
    client: Client, run: Run, alice: User, charlie: User
) -> None:
    end(run, "failed", error="main.py, line 2: ValueError: no data", fault="bundle")
    client.force_login(charlie)

    page = client.get("/reports/counting/").content.decode()

    assert "Refresh failed" in page
    assert "ValueError" not in page
    assert "/operations/runs/" not in page


def test_readers_page_says_when_the_next_refresh_is_due(
    client: Client, run: Run, alice: User
) -> None:
    schedules.set_schedule(run.variant, every_minutes=60, by=alice, at=timezone.now())
    end(run)
    client.force_login(alice)

    page = client.get("/reports/counting/").content.decode()

    assert "Run now" in page


def test_runs_list_needs_as_many_queries_for_many_runs(
    client: Client, run: Run, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(alice)
    client.get("/operations/runs/")
    with CaptureQueriesContext(connection) as one:
        client.get("/operations/runs/")
    for number in range(3):
        publish_script(
            COUNTING, by=alice, at=MONDAY + timedelta(minutes=number), slug=f"{'abc'[number] * 8}"
        )

    with django_assert_num_queries(len(one)):
        client.get("/operations/runs/")
