"""Versions with packages of their own, from bundle to edition."""

import pytest
from django.utils import timezone

from portal.accounts.models import User
from portal.publishing.actions import Wish, publish_bundle, roll_back
from portal.publishing.models import Audience, Publication, Variant
from portal.runs.environments import locks, pins
from portal.runs.environments.uv import ALONE
from portal.runs.models import Environment, Run, VersionEnvironment
from tests.runs.authors import COUNTING, bundle_of, publish_script
from tests.runs.conftest import MONDAY
from tests.runs.environments.conftest import NEW_SIX, OLD_SIX
from tests.runs.test_director import again, ended, log_of, page_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

TABULATE = "tabulate==0.9.0 --hash=sha256:024ca478df22e9340661486f85298cff5f6dcdba14f3813e8830015b9ed1948f\n"
TELL_SIX = COUNTING.replace('os.environ["BROADSHEET_LOGICAL_TIME"]', "six.__version__ + str(ROUND)")


def publish(requirements: str, alice: User, *, round_: int = 1) -> Variant:
    source = f"import six\nROUND = {round_}\n{TELL_SIX}"
    return publish_script(source, by=alice, at=MONDAY, files={"requirements.txt": requirements})


def test_versions_see_the_packages_that_each_of_them_pins(alice, shelf, index):
    old = page_of(ended(publish(OLD_SIX, alice)).edition)
    new = page_of(ended(publish(NEW_SIX, alice)).edition)

    assert ("1.16.0" in old, "1.17.0" in new) == (True, True)
    assert Environment.objects.filter(state="ready").count() == 2


def test_versions_with_the_same_requirements_share_one_environment(alice, shelf, index):
    ended(publish(NEW_SIX, alice))
    second = ended(publish(NEW_SIX, alice, round_=2))

    assert VersionEnvironment.objects.count() == 2
    assert Environment.objects.count() == 1
    assert "Building" not in log_of(second)


def test_version_is_resolved_once(alice, shelf, index):
    variant = publish("six\n", alice)
    first = ended(variant)

    second = again(variant)

    assert "Resolving requirements.txt" in log_of(first)
    assert "Resolving" not in log_of(second)


def test_rollback_runs_in_the_environment_of_then(alice, shelf, index):
    first = ended(publish(OLD_SIX, alice))
    variant = publish(NEW_SIX, alice)
    ended(variant)
    roll_back(first.edition, by=alice, at=timezone.now(), reason="The new one is wrong")
    variant.refresh_from_db()

    run = again(variant)

    assert run.state == Run.State.UNCHANGED, run.error
    assert pins.environment_of(run.version).lock.startswith("six==1.16.0")


def test_failing_requirement_fails_the_run_with_the_resolvers_words(alice, shelf, index):
    run = ended(publish("six\nbroadsheet-has-no-such-package\n", alice))

    assert (run.state, run.fault) == ("failed", "bundle")
    assert run.error.startswith(
        "requirements.txt, line 2 (broadsheet-has-no-such-package): Because "
    )
    assert [step["name"] for step in run.steps if not step["ok"]] == ["Prepare environment"]
    assert not VersionEnvironment.objects.exists()


def test_unreadable_requirements_are_the_authors_fault(alice, shelf):
    run = ended(publish("-r other.txt\n", alice))

    assert (run.state, run.fault) == ("failed", "bundle")
    assert "requirements.txt, line 1: -r is an option" in run.error


def test_notebook_without_kernel_in_its_requirements_runs(alice, shelf, index):
    cells = '{"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [], "source": "import six, sys; print(six.__version__, sys.prefix)"}'
    notebook = f'{{"cells": [{cells}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}'
    bundle = bundle_of({"n.ipynb": notebook, "requirements.txt": OLD_SIX}, entry="n.ipynb")
    version = publish_bundle(bundle, Wish(slug="notes"), by=alice, at=MONDAY)

    run = ended(version.publication.variants.get())

    assert run.state == Run.State.SUCCEEDED, run.error
    assert f"1.16.0 {shelf}" in page_of(run.edition)


def test_code_that_names_no_packages_gets_the_standard_ones(
    alice, shelf, index, settings, tmp_path
):
    lock = tmp_path / "standard.txt"
    lock.write_text(TABULATE)
    settings.STANDARD_ENVIRONMENT = str(lock)
    source = "import tabulate as six\nROUND = 1\n" + TELL_SIX
    variant = publish_script(source, by=alice, at=MONDAY)

    run = ended(variant)

    assert "0.9.0" in page_of(run.edition)
    assert pins.lock_of(variant.version) == lock.read_text()


def test_standard_lock_that_is_not_there_is_our_fault(alice, settings):
    settings.STANDARD_ENVIRONMENT = "reports/no-such-file.txt"

    run = ended(publish_script(COUNTING, by=alice, at=MONDAY))

    assert (run.state, run.fault) == ("failed", "platform")
    assert "standard environment cannot be made" in run.error


def test_standard_lock_that_we_ship_has_what_the_guide_promises(settings):
    settings.STANDARD_ENVIRONMENT = "reports/standard-environment.txt"

    lock = locks.standard((), ALONE)

    names = {line.split("==")[0] for line in lock.text.splitlines()}
    assert names >= {
        "ipykernel",
        "pandas",
        "plotly",
        "matplotlib",
        "seaborn",
        "altair",
        "pyarrow",
        "openpyxl",
        "scikit-learn",
        "statsmodels",
    }
    assert all("--hash=sha256:" in line for line in lock.text.splitlines())


def test_lock_of_a_version_without_requirements_is_the_standard_one(counting):
    assert "\npandas==" in pins.lock_of(counting.version)


def test_lock_is_downloaded_by_those_who_may_read(client, alice, dora, settings):
    variant = publish_script(COUNTING, by=alice, at=MONDAY)
    pins.pin(variant.version, "six==1.17.0\n", "3.11")
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]
    Publication.objects.update(audience=Audience.TEAM)
    path = "/reports/counting/versions/1.0/environment.txt"

    client.force_login(alice)
    answer = client.get(path)
    missing = client.get(path.replace("1.0", "7.0"))
    client.force_login(dora)
    refused = client.get(path)

    assert (answer.status_code, answer.content) == (200, b"six==1.17.0\n")
    assert "counting-1.0-environment.txt" in answer["Content-Disposition"]
    assert (missing.status_code, refused.status_code) == (404, 404)


def test_pages_name_the_environment_and_link_to_its_lock(client, alice, settings):
    variant = publish_script(COUNTING, by=alice, at=MONDAY)
    pins.pin(variant.version, "six==1.17.0\n", "3.11")
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]
    client.force_login(alice)

    run = client.get(f"/operations/runs/{variant.runs.get().pk}/").content.decode()
    history = client.get("/reports/counting/history/").content.decode()

    assert "Python 3.11, 1\N{NO-BREAK SPACE}package" in run
    assert "/reports/counting/versions/1.0/environment.txt" in run
    assert "/reports/counting/versions/1.0/environment.txt" in history
