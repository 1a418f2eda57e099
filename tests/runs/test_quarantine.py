"""Checks that block: the edition is kept from readers until the data are right, or a person releases it."""

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.notifications.models import OutboxMessage
from portal.publishing import actions
from portal.publishing.models import AuditEvent, Edition, PublishEvent, Variant
from portal.runs import actions as actions_of_runs
from portal.runs import director
from portal.runs.models import CheckResult, Run
from tests.runs.authors import publish_notebook, publish_script
from tests.runs.conftest import MONDAY
from tests.runs.test_director import again, ended, log_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# Right at first, wrong in the second run, right again in the third.
CHECKED = """
import os, pathlib
import broadsheet

before = broadsheet.run.previous
minute = broadsheet.run.logical_time.minute
wrong = minute == 1
broadsheet.metric("revenue", 100 + minute, unit="EUR", better="up")
broadsheet.summary(f"Before: edition {before.number}, {before.metrics.get('revenue')}")
broadsheet.data_as_of(broadsheet.run.logical_time)
broadsheet.check("no gaps", not wrong, observed=3 * wrong, expected=0,
                 sample=[{"day": "2026-11-01", "email": "a@example.com"}], masked=["email"])
broadsheet.check("enough rows", not wrong, severity="warn")
broadsheet.check("one currency", True)
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
output.joinpath("index.html").write_text(f"<p>{minute}")
"""
HELD_BACK = "Newer data are held back"


@pytest.fixture
def reader(settings: LazySettings, charlie: User) -> Client:
    return browser(settings, charlie)


@pytest.fixture
def author(settings: LazySettings, alice: User) -> Client:
    return browser(settings, alice)


def browser(settings: LazySettings, user: User) -> Client:
    client = Client(headers={"host": settings.PORTAL_ORIGIN.partition("//")[2]})
    client.force_login(user)
    return client


@pytest.fixture
def checked(alice: User) -> Variant:
    """Its first run went well; the next one, at minute 1, does not."""
    variant = publish_script(CHECKED, by=alice, at=MONDAY)
    run = ended(variant)
    assert run.state == Run.State.SUCCEEDED, run.error
    return variant


def page(client: Client, path: str = "/reports/counting/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_results_metrics_and_summary_are_kept_with_the_edition(checked: Variant) -> None:
    edition = checked.current

    assert edition.metrics == {"revenue": 100}
    assert edition.facts["metrics"] == {"revenue": {"unit": "EUR", "better": "up"}}
    assert edition.facts["checks"] == {"total": 3, "passed": 3, "warned": 0}
    assert edition.facts["summary"] == "Before: edition 0, None"
    assert edition.data_as_of == MONDAY
    assert list(edition.check_results.values_list("name", "stage", "passed")) == [
        ("no gaps", "code", True),
        ("enough rows", "code", True),
        ("one currency", "code", True),
    ]


def test_what_the_code_said_is_in_the_log_and_never_a_file(checked: Variant) -> None:
    run = checked.runs.get()

    assert "metric revenue = 100 EUR" in log_of(run)
    assert "check “no gaps” passed" in log_of(run)
    assert [entry.path for entry in run.edition.tree.entries.all()] == ["index.html"]


def test_failed_check_keeps_the_edition_from_readers(checked: Variant) -> None:
    shown = checked.current

    run = again(checked)

    assert (run.state, run.fault) == (Run.State.QUARANTINED, Run.Fault.BUNDLE)
    assert run.error == "The check “no gaps” failed."
    assert checked.current == shown
    assert (run.edition.state, run.edition.number) == (Edition.State.QUARANTINED, 2)
    assert run.edition.facts["checks"] == {"total": 3, "passed": 1, "warned": 1}
    assert PublishEvent.objects.count() == 1


def test_failed_check_keeps_wrong_rows_masked(checked: Variant) -> None:
    run = again(checked)

    result = run.check_results.get(name="no gaps")
    assert (result.state, result.observed, result.expected) == ("failed", "3", "0")
    assert result.sample == [{"day": "2026-11-01", "email": "•••"}]
    assert run.check_results.get(name="enough rows").state == "warned"


def test_owner_is_told_once_an_hour_and_readers_never(
    checked: Variant, alice: User, charlie: User
) -> None:
    OutboxMessage.objects.all().delete()

    again(checked)

    message = OutboxMessage.objects.get()
    assert message.recipient == alice
    assert message.subject == "Counting: edition #2 is held back"
    assert "The check “no gaps” failed." in message.body
    assert "/reports/counting/editions/2/" in message.body


def test_readers_keep_the_good_edition_and_are_told(checked: Variant, reader: Client) -> None:
    again(checked)

    text = page(reader)

    assert HELD_BACK in text
    assert "You are reading edition 1" in text
    assert "3 of 3 checks passed" in text
    assert reader.get("/reports/counting/editions/2/").status_code == 404
    assert reader.get("/reports/counting/editions/2/release/").status_code == 403
    assert "editions/2/" not in page(reader, "/reports/counting/history/")


def test_history_tells_readers_no_number_of_a_quarantined_edition(
    checked: Variant, reader: Client, author: Client
) -> None:
    again(checked)

    shown, whole = (page(one, "/reports/counting/history/") for one in (reader, author))

    assert ('data-label="Revenue">100<' in shown, 'data-label="Revenue">101<' in shown) == (
        True,
        False,
    )
    assert 'data-label="Revenue">101<' in whole
    assert "Quarantined" in shown


def test_author_opens_the_quarantined_edition_with_its_checks(
    checked: Variant, author: Client
) -> None:
    run = again(checked)

    text = page(author, "/reports/counting/editions/2/")

    assert "Edition 2 is in quarantine." in text
    assert "1 of 3 checks passed" in text
    assert "Against edition 1" in text
    assert "+1 EUR" in text
    assert "2026-11-01" in text
    assert "a@example.com" not in text
    assert "/reports/counting/editions/2/release/" in text
    assert "Edition 2 is in quarantine." in page(author, f"/operations/runs/{run.pk}/")
    assert "Release" in page(author, "/reports/counting/history/")


def test_readers_see_results_without_sample_rows(
    checked: Variant, reader: Client, alice: User
) -> None:
    edition = again(checked).edition
    actions.release_edition(edition, by=alice, at=timezone.now(), reason="It was a holiday")

    text = page(reader)

    assert "1 of 3 checks passed" in text
    assert "no gaps" in text
    assert "2026-11-01" not in text.partition('id="checks"')[2]


def test_release_publishes_with_reason_and_audit(
    checked: Variant, author: Client, reader: Client, alice: User
) -> None:
    run = again(checked)

    answer = author.post("/reports/counting/editions/2/release/", {"reason": "A holiday"})

    checked.refresh_from_db()
    event = PublishEvent.objects.latest("pk")
    assert (answer.status_code, answer.url) == (302, "/reports/counting/")
    assert checked.current == run.edition
    assert (event.edition, event.by, event.reason) == (run.edition, alice, "A holiday")
    assert AuditEvent.objects.filter(action="release_edition", detail__reason="A holiday").exists()
    assert HELD_BACK not in page(reader)
    assert reader.get("/reports/counting/editions/2/").status_code == 200


def test_run_again_of_a_released_run_holds_nothing_back_twice(
    checked: Variant, alice: User, reader: Client
) -> None:
    held = again(checked)
    actions.release_edition(held.edition, by=alice, at=timezone.now(), reason="A holiday")

    repeated = actions_of_runs.run_again(held, by=alice, at=timezone.now())
    director.direct(repeated.pk, worker="w")

    repeated.refresh_from_db()
    assert repeated.state == Run.State.UNCHANGED
    assert HELD_BACK not in page(reader)


def test_release_without_reason_changes_nothing(checked: Variant, author: Client) -> None:
    again(checked)

    answer = author.post("/reports/counting/editions/2/release/", {"reason": " "})

    assert answer.status_code == 422
    assert "Say why readers may see this edition" in answer.content.decode()
    assert Edition.objects.get(number=2).state == Edition.State.QUARANTINED


def test_only_those_who_may_publish_release(
    checked: Variant, reader: Client, charlie: User, dora: User
) -> None:
    edition = again(checked).edition

    for person in (charlie, dora):
        with pytest.raises(PermissionDenied):
            actions.release_edition(edition, by=person, at=MONDAY, reason="Let me")
    answer = reader.post("/reports/counting/editions/2/release/", {"reason": "Let me"})

    assert answer.status_code == 403
    reader.logout()
    assert reader.get("/reports/counting/editions/2/release/").status_code == 302
    assert Edition.objects.get(number=2).state == Edition.State.QUARANTINED


def test_edition_is_released_once(checked: Variant, alice: User, author: Client) -> None:
    edition = again(checked).edition
    stale = Edition.objects.get(pk=edition.pk)
    actions.release_edition(edition, by=alice, at=MONDAY, reason="A holiday")

    with pytest.raises(actions.NotQuarantined):
        actions.release_edition(stale, by=alice, at=MONDAY, reason="Again")

    answer = author.get("/reports/counting/editions/2/release/")
    assert (answer.status_code, answer.url) == (302, "/reports/counting/editions/2/")
    assert PublishEvent.objects.count() == 2


def test_next_run_with_right_data_publishes(checked: Variant, reader: Client) -> None:
    again(checked, minutes=1)

    run = again(checked, minutes=2)

    assert run.state == Run.State.SUCCEEDED
    assert checked.current == run.edition
    assert run.edition.number == 3
    assert run.edition.facts["summary"] == "Before: edition 1, 100"
    assert HELD_BACK not in page(reader)


def test_failed_check_counts_more_than_unchanged_files(alice: User) -> None:
    source = CHECKED.replace("<p>{minute}", "<p>always the same")
    variant = publish_script(source, by=alice, at=MONDAY)
    ended(variant)

    run = again(variant)

    assert run.state == Run.State.QUARANTINED


def test_results_of_a_run_that_fails_later_are_kept(alice: User) -> None:
    source = CHECKED.replace("minute == 1", "True") + "\nraise ValueError('no more')"

    run = ended(publish_script(source, by=alice, at=MONDAY))

    assert run.state == Run.State.FAILED
    assert run.check_results.filter(edition=None).count() == 3


def test_notebook_says_its_results_too(alice: User) -> None:
    cells = ["import broadsheet\nbroadsheet.check('fine', True)", "broadsheet.metric('n', 1)"]

    run = ended(publish_notebook(cells, by=alice, at=MONDAY))

    assert run.state == Run.State.SUCCEEDED, run.error
    assert run.edition.metrics == {"n": 1}
    assert run.edition.facts["checks"]["passed"] == 1


def test_nonsense_in_the_file_is_a_warning_and_no_more(alice: User) -> None:
    source = (
        "import os\nopen(os.environ['BROADSHEET_SAY'], 'a').write('nonsense' + chr(10))\n" + CHECKED
    )

    run = ended(publish_script(source, by=alice, at=MONDAY))

    assert run.state == Run.State.SUCCEEDED, run.error
    assert "what the code told the portal is left out: it is not JSON" in log_of(run)
    assert run.edition.metrics == {"revenue": 100}


def test_pages_ask_the_database_no_more_for_more_checks(checked: Variant, author: Client) -> None:
    run = again(checked)
    paths = [
        "/reports/counting/",
        "/reports/counting/history/",
        "/reports/counting/editions/2/",
        f"/operations/runs/{run.pk}/",
    ]
    author.get(paths[0])  # the first opening of the hour is noted
    before = [queries_of(author, path) for path in paths]

    CheckResult.objects.bulk_create(
        CheckResult(
            run=run, edition=run.edition, name=f"c{n}", stage="code", severity="warn", passed=True
        )
        for n in range(20)
    )

    assert [queries_of(author, path) for path in paths] == before


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        page(client, path)
    return len(queries)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("check_result_stage_known", {"stage": "later"}),
        ("check_result_severity_known", {"severity": "fatal"}),
        ("check_result_failing_within_total", {"failing": 2, "total": 1}),
        ("check_result_failing_within_total", {"failing": 2}),
    ],
)
def test_database_refuses_impossible_results(
    counting: Variant, name: str, fields: dict[str, object]
) -> None:
    plain = {"run": counting.runs.get(), "name": "x", "stage": "code", "severity": "warn"}

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        CheckResult.objects.create(**{**plain, "passed": True, **fields})
