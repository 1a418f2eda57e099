"""What runs get of secrets, and what they say of them."""

import threading
import time
from pathlib import Path

import pytest
from django.conf import LazySettings

from portal.accounts.models import Team, User
from portal.runs import secrets
from portal.runs.models import Run
from tests.runs.authors import publish_script
from tests.runs.conftest import MONDAY
from tests.runs.test_director import ended, log_of, page_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

TELLING = """
import base64, os, pathlib, broadsheet
token = os.environ["TOKEN"]
print("the token is", token)
print("written", base64.b64encode(token.encode()).decode(), repr(token))
broadsheet.summary("made with " + token)
broadsheet.check("no " + token, False, observed=token, severity="warn")
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
output.joinpath("rows.csv").write_text("who\\n" + token)
output.joinpath("index.html").write_text("<p>" + token[::-1] + str("OTHER" in os.environ))
"""
NAMING = {"run": {"secrets": ["TOKEN"], "show": "index.html"}}
KNOWN_PEOPLE = {
    "name": "known people",
    "file": "rows.csv",
    "column": "who",
    "rule": "allowed",
    "values": ["nobody"],
    "stage": "output",
    "severity": "warn",
}
WAITING = """
import os, pathlib, time
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
output.joinpath("index.html").write_text("here")
while not output.joinpath("seen").exists(): time.sleep(0.02)
"""


@pytest.fixture
def token(ada: User, team: Team) -> str:
    """A secret of Alice's team; she has one more that nobody names."""
    value = "correct-horse-battery"
    secrets.create_secret("TOKEN", value, by=ada, at=MONDAY, teams=[team])
    secrets.create_secret("OTHER", "named nowhere", by=ada, at=MONDAY, teams=[team])
    return value


def test_secret_reaches_the_code_and_is_masked_in_all_it_says(alice: User, token: str) -> None:
    manifest = NAMING | {"checks": [KNOWN_PEOPLE]}

    run = ended(publish_script(TELLING, by=alice, at=MONDAY, manifest=manifest))

    results = list(run.check_results.order_by("pk"))
    assert run.state == Run.State.SUCCEEDED, run.error
    assert f"{token[::-1]}False" in page_of(run.edition)
    assert "secrets: TOKEN\n" in log_of(run)
    assert "the token is •••\n" in log_of(run)
    assert run.edition.facts["summary"] == "made with •••"
    assert [result.name for result in results] == ["no •••", "known people"]
    assert "•••" in str(results[1].sample)
    kept = [log_of(run), str(run.edition.facts), *(str(vars(result)) for result in results)]
    assert "correct" not in "".join(kept)
    assert run.resources["secrets"] == ["TOKEN"]


def test_secret_is_masked_in_the_error_of_a_run(alice: User, token: str) -> None:
    source = "import os\nraise ValueError('no access with ' + os.environ['TOKEN'])"

    run = ended(publish_script(source, by=alice, at=MONDAY, manifest=NAMING))

    assert run.error == "main.py, line 2: ValueError: no access with •••"
    assert "with •••" in run.last_words
    assert "correct" not in run.last_words + log_of(run)


def test_secret_of_another_team_ends_the_run_before_its_code(dora: User, token: str) -> None:
    dora.teams.add(Team.objects.create(slug="finance", name="Finance"))

    run = ended(publish_script(TELLING, by=dora, at=MONDAY, manifest=NAMING))

    assert (run.state, run.fault) == ("failed", "bundle")
    assert "no such secret is granted to the team Finance" in run.error
    assert [step["name"] for step in run.steps] == ["Fetch bundle", "Prepare environment"]


def test_secret_is_with_the_code_alone_and_in_no_file(
    alice: User, token: str, settings: LazySettings
) -> None:
    variant = publish_script(WAITING, by=alice, at=MONDAY, manifest=NAMING)
    found: list[str] = []
    watch = threading.Thread(target=_look, args=(settings.SCRATCH_DIR, token.encode(), found))

    watch.start()
    run = ended(variant)
    watch.join()

    assert run.state == Run.State.SUCCEEDED, run.error
    assert found == ["looked"]


def _look(scratch: Path, token: bytes, found: list[str]) -> None:
    """Where the token can be read while the code of the run waits, besides in its own environment."""
    deadline = time.monotonic() + 60
    while not (ready := list(scratch.glob("run-*/output/index.html"))):
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)
    for process in Path("/proc").glob("[0-9]*"):
        command = _bytes_of(process / "cmdline")
        if token in command or (
            token in _bytes_of(process / "environ") and b"main.py" not in command
        ):
            found.append(f"{process}: {command!r}")
    run = ready[0].parents[1]
    found += [f"{path}" for path in run.rglob("*") if path.is_file() and token in _bytes_of(path)]
    found.append("looked")
    (run / "output" / "seen").touch()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or is another user's
        return b""
