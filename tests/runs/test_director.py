"""Runs from claim to edition, with real child processes."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from portal.accounts.models import User
from portal.common import processes, storage
from portal.publishing import plugs
from portal.publishing.actions import roll_back
from portal.publishing.models import AuditEvent, Edition, PublishEvent, Variant
from portal.runs import actions, claims, director, endings, logs
from portal.runs.environments import pins
from portal.runs.errors import Cancelled, Fenced
from portal.runs.models import Environment, Run
from tests.runs.authors import CONSTANT, COUNTING, declares, publish_notebook, publish_script
from tests.runs.conftest import MONDAY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

RESULTS = """
import json, os, pathlib
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
output.joinpath("index.html").write_text("<p>12.5")
output.joinpath("broadsheet.json").write_text(json.dumps(
    {"data_as_of": "2026-11-15T00:00:00Z", "metrics": {"revenue": 12.5}}))
"""


def ended(variant: Variant) -> Run:
    """The variant's oldest queued run, after it was executed."""
    run = variant.runs.filter(state="queued").order_by("pk")[0]
    director.direct(run.pk, worker="w")
    run.refresh_from_db()
    variant.refresh_from_db()
    return run


def directed(pk: int) -> None:
    """For a thread of its own."""
    director.direct(pk, worker="w")
    connection.close()


def again(variant: Variant, *, minutes: int = 1) -> Run:
    actions.request_run(
        variant.version,
        variant=variant,
        trigger=Run.Trigger.MANUAL,
        by=variant.publication.owner,
        at=MONDAY + timedelta(minutes=minutes),
    )
    return ended(variant)


def log_of(run: Run) -> str:
    return "".join(run.log_chunks.order_by("sequence").values_list("text", flat=True))


def page_of(edition: Edition) -> str:
    entry = edition.tree.entries.get(path=edition.entry)
    with storage.open_blob(entry.blob_id) as stream:
        return stream.read().decode()


def test_script_becomes_the_current_edition(counting: Variant) -> None:
    run = ended(counting)

    assert run.state == Run.State.SUCCEEDED, run.error
    assert counting.current == run.edition
    assert MONDAY.isoformat() in page_of(run.edition)
    assert [step["name"] for step in run.steps if step["ok"]] == [
        "Fetch bundle",
        "Prepare environment",
        "Execute",
        "Collect",
        "Check",
        "Publish",
    ]
    assert (run.progress, run.lease_until, run.exit_code) == (100, None, 0)


def test_second_run_archives_the_first_edition_unchanged(counting: Variant) -> None:
    first = ended(counting).edition
    before = page_of(first)

    second = again(counting).edition

    event = PublishEvent.objects.latest("pk")
    assert (event.previous, event.edition) == (first, second)
    assert counting.current == second
    assert page_of(first) == before


def test_same_files_are_unchanged_and_make_no_edition(alice: User) -> None:
    variant = publish_script(CONSTANT, by=alice, at=MONDAY)
    first = ended(variant)

    second = again(variant)

    assert (first.state, second.state) == (Run.State.SUCCEEDED, Run.State.UNCHANGED)
    assert Edition.objects.count() == 1


def test_notebook_is_executed_and_shown(alice: User) -> None:
    variant = publish_notebook(["# sum up\nprint('six', 2 * 3)", "1 + 1"], by=alice, at=MONDAY)

    run = ended(variant)

    assert run.state == Run.State.SUCCEEDED, run.error
    assert "six 6" in page_of(run.edition)
    assert "cell 1 of 2: sum up" in log_of(run)


def test_parameters_of_the_variant_reach_the_notebook(alice: User) -> None:
    variant = publish_notebook(["print('region is', region)"], by=alice, at=MONDAY)
    declares(variant, {"name": "region", "type": "string", "label": "Region", "default": "all"})
    Variant.objects.update(parameters={"region": "EMEA"})

    run = ended(variant)

    assert "region is EMEA" in page_of(run.edition)
    assert run.parameters == run.edition.facts["parameters"] == {"region": "EMEA"}


def test_parameters_that_do_not_fit_end_the_run_before_its_code(alice: User) -> None:
    variant = publish_script("raise SystemExit(9)", by=alice, at=MONDAY)
    Variant.objects.update(parameters={"region": "EMEA"})

    run = ended(variant)

    assert (run.state, run.fault, run.exit_code) == (Run.State.FAILED, Run.Fault.BUNDLE, None)
    assert "“region” is not a parameter of this version: it declares none." in run.error


def test_failing_cell_is_named_and_readers_keep_what_they_had(alice: User) -> None:
    variant = publish_notebook(["1 + 1", "x = {}\nx['revenue']"], by=alice, at=MONDAY)
    told: list[plugs.Announcement] = []
    plugs.on_announcement(told.append)

    run = ended(variant)

    plugs._listeners.remove(told.append)
    assert (run.state, run.fault, run.edition) == ("failed", "bundle", None)
    assert run.error == "notes.ipynb, cell 2 of 2, line 2: KeyError: 'revenue'"
    assert "KeyError" in run.last_words
    assert run.failed_code == {
        "cell": 2,
        "of": 2,
        "line": 2,
        "lines": [{"number": 1, "text": "x = {}"}, {"number": 2, "text": "x['revenue']"}],
    }
    assert variant.current is None
    assert [news.sentence for news in told if isinstance(news, plugs.RunFailed)] == [run.error]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import os\nraise ValueError('no data')", "main.py, line 2: ValueError: no data"),
        ("raise SystemExit(3)", "main.py ended with exit code 3."),
        ("import os; os.kill(os.getpid(), 9)", "main.py was ended by the signal SIGKILL."),
        ("print('nothing')", "main.py ended well, but wrote no file."),
        (
            COUNTING.replace("index.html", "a.html") + COUNTING.replace("index.html", "b.html"),
            "main.py wrote 2 files, none of them index.html.",
        ),
        (RESULTS.replace("12.5}", "'much'}"), "the metric 'revenue' must be a number"),
    ],
)
def test_failing_script_is_told_in_a_sentence(alice: User, source: str, says: str) -> None:
    run = ended(publish_script(source, by=alice, at=MONDAY))

    assert (run.state, run.fault) == ("failed", "bundle")
    assert says in run.error


def test_script_is_stopped_at_its_time_limit(alice: User) -> None:
    manifest = {"run": {"time_limit_seconds": 1}}
    variant = publish_script("import time; time.sleep(99)", by=alice, at=MONDAY, manifest=manifest)

    run = ended(variant)

    assert run.state == Run.State.TIMED_OUT
    assert "after 1 seconds, its time limit" in run.error


def test_script_is_stopped_at_its_memory_limit(alice: User, settings: LazySettings) -> None:
    settings.RUN_MEMORY_MB = 100
    source = "x = bytearray(300_000_000); import time; time.sleep(99)"

    run = ended(publish_script(source, by=alice, at=MONDAY))

    assert run.state == Run.State.FAILED
    assert "more than 100 MB" in run.error


def test_code_sees_nothing_of_the_portal(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSHEET_SECRET_KEY", "canary-of-the-portal")
    source = COUNTING.replace('os.environ["BROADSHEET_LOGICAL_TIME"]', "repr(dict(os.environ))")

    run = ended(publish_script(source, by=alice, at=MONDAY))

    page = page_of(run.edition)
    assert "canary" not in page
    assert "DJANGO_SETTINGS_MODULE" not in page
    assert "BROADSHEET_OUTPUT" in page


def test_results_are_kept_and_not_shown(alice: User) -> None:
    run = ended(publish_script(RESULTS, by=alice, at=MONDAY))

    assert run.state == Run.State.SUCCEEDED, run.error
    assert run.edition.metrics == {"revenue": 12.5}
    assert run.edition.data_as_of == datetime(2026, 11, 15, tzinfo=UTC)
    assert not run.edition.tree.entries.filter(path="broadsheet.json").exists()


def test_manifest_says_which_file_is_shown(alice: User) -> None:
    source = COUNTING.replace("index.html", "a.html") + COUNTING.replace("index.html", "b.html")
    manifest = {"run": {"show": "b.html"}}

    run = ended(publish_script(source, by=alice, at=MONDAY, manifest=manifest))

    assert run.edition.entry == "b.html"


def test_edition_of_a_replaced_version_is_kept_and_not_shown(
    counting: Variant, alice: User
) -> None:
    old = counting.runs.get()
    variant = publish_script(CONSTANT, by=alice, at=MONDAY)
    newer = variant.runs.latest("pk")
    director.direct(newer.pk, worker="w")

    director.direct(old.pk, worker="w")

    old.refresh_from_db()
    newer.refresh_from_db()
    variant.refresh_from_db()
    assert (old.state, newer.state) == (Run.State.SUCCEEDED, Run.State.SUCCEEDED)
    assert variant.current == newer.edition
    assert "Readers are shown version 1.1 by now" in old.remark


def test_older_logical_time_is_kept_and_not_shown(counting: Variant) -> None:
    shown = ended(counting).edition

    late = again(counting, minutes=-60)

    assert late.state == Run.State.SUCCEEDED
    assert counting.current == shown
    assert late.remark == f"Readers see a later one already, edition {shown}."


def test_refresh_after_a_rollback_runs_the_version_of_the_rollback(
    counting: Variant, alice: User
) -> None:
    first = ended(counting)
    variant = publish_script(CONSTANT, by=alice, at=MONDAY)
    ended(variant)
    roll_back(first.edition, by=alice, at=timezone.now(), reason="The new one is wrong")
    variant.refresh_from_db()

    run = again(variant)

    assert run.version == first.version
    assert variant.current == run.edition


def test_run_is_executed_once_however_often_it_is_asked_for(counting: Variant) -> None:
    run = ended(counting)

    assert director.direct(run.pk, worker="w") is None
    assert Edition.objects.count() == 1


def test_cancelled_run_stops_its_code_and_tells_nobody(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LONGEST_PAUSE", 0.05)
    variant = publish_script("import time; time.sleep(99)", by=alice, at=MONDAY)
    Run.objects.update(cancel_requested=True)
    told: list[plugs.Announcement] = []
    plugs.on_announcement(told.append)

    run = ended(variant)

    plugs._listeners.remove(told.append)
    assert (run.state, run.fault) == ("cancelled", "")
    assert told == []


def test_cancel_ends_code_that_does_not_listen_and_says_who_asked(alice: User, bob: User) -> None:
    source = (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.fork() or os.setsid()\nprint('ready', flush=True)\ntime.sleep(99)"
    )
    run = publish_script(source, by=alice, at=MONDAY).runs.get()
    others = processes.children_of(os.getpid())  # of other tests, such as a browser
    worker = threading.Thread(target=directed, args=[run.pk])
    worker.start()
    while not run.log_chunks.filter(text__contains="ready").exists():
        time.sleep(0.05)

    asked = actions.cancel_run(run, by=bob, at=MONDAY)
    again = actions.cancel_run(run, by=alice, at=timezone.now())

    worker.join()
    run.refresh_from_db()
    assert (asked, again) == (True, False)
    assert (run.state, run.cancelled_by, run.cancelled_at) == ("cancelled", bob, MONDAY)
    assert AuditEvent.objects.get(action="cancel_run").by == bob
    assert processes.children_of(os.getpid()) <= others


def test_cancel_ends_the_wait_for_an_environment(alice: User) -> None:
    run = publish_script(COUNTING, by=alice, at=MONDAY).runs.get()
    pins.pin(run.version, "six==1.17.0\n", "3.11")
    Environment.objects.update(
        state="building", token="of another", lease_until=timezone.now() + timedelta(hours=1)
    )
    worker = threading.Thread(target=directed, args=[run.pk])
    worker.start()
    while not run.log_chunks.filter(text__contains="waiting for it").exists():
        time.sleep(0.05)

    actions.cancel_run(run, by=alice, at=MONDAY)

    worker.join()
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert [(step["name"], step["ok"]) for step in run.steps] == [
        ("Fetch bundle", True),
        ("Prepare environment", False),
    ]


def test_long_log_keeps_its_beginning_and_its_end(alice: User) -> None:
    source = "print('first')\nprint(('x' * 99 + '\\n') * 200_000)\nprint('last')\n"

    run = ended(publish_script(source + COUNTING, by=alice, at=MONDAY))

    words = "".join(logs.plain(run.log_chunks.order_by("sequence")))
    shown = logs.end_of(run)
    assert run.state == Run.State.SUCCEEDED, run.error
    lines = [line[9:] for line in words.splitlines()]
    assert lines[0] == "first"
    assert "last" in lines[-5:]
    assert "bytes are left out here" in words
    assert len(words) < 2_500_000
    assert "last" in shown.html
    assert (shown.is_cut, len(shown.html) < 400_000) == (True, True)


def test_use_of_the_machine_is_kept(alice: User) -> None:
    source = "import time\nx = bytearray(50_000_000)\nwhile time.process_time() < 0.8: pass\n"

    run = ended(publish_script(source + COUNTING, by=alice, at=MONDAY))

    known = run.resources
    assert known["cpu_seconds"] > 0.3
    assert max(mb for _, _, mb in known["curve"]) >= 50
    assert known["memory_limit_mb"] == 2048
    assert known["seconds"] >= known["curve"][-1][0]


def test_what_a_cell_prints_and_says_is_in_the_log_with_its_end(alice: User) -> None:
    cells = [
        "print('first')\nfor n in range(90_000): print(n)\nprint('last', end='')",
        "print('two')\nimport broadsheet",
        "broadsheet.metric('rows', 3)",
    ]

    log = log_of(ended(publish_notebook(cells, by=alice, at=MONDAY)))

    lines = [line[9:] for line in log.splitlines()]
    assert {"first", "last", "two"} <= set(lines)
    assert lines.index("last") < lines.index("cell 2 of 3")
    assert lines[lines.index("metric rows = 3") + 1].startswith("cell 3 of 3 took")
    assert any("characters are left out" in line for line in lines)


def test_worker_that_lost_its_token_publishes_nothing(counting: Variant) -> None:
    run = counting.runs.get()
    mine = claims.claim(run.pk, worker="slow", at=MONDAY)
    claims.sweep_lapsed(timezone.now())
    other = ended(counting)
    rendered = endings.Rendered(files=[], entry="index.html")
    report = endings.Report(steps=[], resources={}, exit_code=0)

    with pytest.raises(Fenced):
        endings.succeed(mine, rendered, report, at=timezone.now())

    assert list(Edition.objects.all()) == [other.edition]


def test_run_that_is_cancelled_while_it_is_about_to_publish_publishes_nothing(
    counting: Variant, alice: User
) -> None:
    run = counting.runs.get()
    mine = claims.claim(run.pk, worker="quick", at=MONDAY)
    rendered = endings.Rendered(files=[], entry="index.html")
    report = endings.Report(steps=[], resources={}, exit_code=0)
    actions.cancel_run(run, by=alice, at=MONDAY)

    with pytest.raises(Cancelled):
        endings.succeed(mine, rendered, report, at=timezone.now())

    assert Edition.objects.count() == 0


def test_lost_file_is_our_fault_and_says_so(counting: Variant) -> None:
    for entry in counting.version.bundle.entries.all():
        storage.blobs().delete(storage.blob_name(entry.blob_id))

    run = ended(counting)

    assert (run.state, run.fault) == ("failed", "platform")
    assert "version 1.0 is not in the store any more" in run.error


def test_log_goes_on_where_a_former_attempt_ended(alice: User) -> None:
    variant = publish_script("print('hello')\n" + COUNTING, by=alice, at=MONDAY)
    run = variant.runs.get()
    run.log_chunks.create(sequence=7, at=MONDAY, text="former\n")

    log = log_of(ended(variant))

    assert log.startswith("former\n")
    assert "hello" in log


def test_nothing_is_left_in_the_scratch_folder(counting: Variant, settings: LazySettings) -> None:
    ended(counting)

    assert not list(settings.SCRATCH_DIR.glob("run-*"))
