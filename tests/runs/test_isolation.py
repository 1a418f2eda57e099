"""Which isolation runs use, what is said of it, and hostile code through the whole director."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from portal.accounts.models import User
from portal.common.health import Unhealthy
from portal.publishing.models import Variant
from portal.runs import director, isolation
from portal.runs.errors import PlatformError
from portal.runs.isolation import Survey
from portal.runs.models import Run
from portal.runs.sandbox import Level
from portal.runs.sandbox.examination import Verdict
from tests.runs.authors import COUNTING, publish_script
from tests.runs.conftest import MONDAY

WORKING, MISSING = "", "it is not installed"


def found(bubblewrap: str, landlock: str, plain: str, *, plain_allowed: bool = False) -> Survey:
    verdicts = [
        Verdict(level, reason)
        for level, reason in zip(Level, (bubblewrap, landlock, plain), strict=True)
    ]
    return Survey("host", MONDAY, verdicts, plain_allowed)


@pytest.fixture
def use(settings: LazySettings, tmp_path: Path) -> Iterator[None]:
    """Findings of one test, in a folder of its own."""
    before = list(isolation._found)
    settings.DATA_DIR = tmp_path
    yield
    isolation._found[:] = before


def ended(variant: Variant) -> Run:
    run = variant.runs.filter(state="queued").order_by("pk")[0]
    director.direct(run.pk, worker="w")
    run.refresh_from_db()
    return run


# ---- the choice ----


@pytest.mark.parametrize(
    ("survey", "level"),
    [
        (found(WORKING, WORKING, WORKING, plain_allowed=True), Level.BUBBLEWRAP),
        (found(MISSING, WORKING, WORKING, plain_allowed=True), Level.LANDLOCK),
        (found(MISSING, MISSING, WORKING, plain_allowed=True), Level.PLAIN),
        (found(MISSING, MISSING, WORKING), None),
        (found(MISSING, MISSING, MISSING, plain_allowed=True), None),
    ],
)
def test_strongest_level_that_works_and_is_allowed_is_used(
    survey: Survey, level: Level | None
) -> None:
    assert survey.level == level
    assert survey.is_weak == (level in {Level.PLAIN, None})


def test_survey_says_why_it_is_not_stronger() -> None:
    survey = found(MISSING, MISSING, WORKING)

    assert survey.not_used == [
        ("bubblewrap", MISSING),
        ("Landlock", MISSING),
        ("plain: limits only", "it works, but BROADSHEET_ALLOW_PLAIN_ISOLATION is not set"),
    ]


@pytest.mark.usefixtures("use")
def test_nothing_runs_where_no_level_may_be_used() -> None:
    isolation._found[:] = [found(MISSING, MISSING, WORKING)]

    with pytest.raises(PlatformError, match="No isolation works on host") as refused:
        isolation.level()

    assert f"bubblewrap: {MISSING}" in refused.value.sentence


@pytest.mark.slow
@pytest.mark.usefixtures("use")
def test_survey_is_made_once_and_kept_for_the_pages() -> None:
    isolation._found.clear()
    assert isolation.last_survey() is None

    survey = isolation.survey(at=MONDAY)

    assert isolation.last_survey() == survey
    assert [verdict.level for verdict in survey.verdicts] == list(Level)
    if survey.level is not None:
        assert isolation.level() == survey.level


@pytest.mark.usefixtures("use")
def test_findings_that_cannot_be_read_are_none(settings: LazySettings) -> None:
    (settings.DATA_DIR / isolation.FILE).write_text('{"machine": 1}')

    assert isolation.last_survey() is None


# ---- what people are told ----


@pytest.mark.usefixtures("use")
def test_health_warns_of_plain_isolation() -> None:
    isolation._keep(found(MISSING, MISSING, WORKING, plain_allowed=True))

    with pytest.raises(Unhealthy, match="plain: limits only"):
        isolation.check_isolation()


@pytest.mark.django_db
@pytest.mark.usefixtures("use")
@pytest.mark.parametrize(
    ("survey", "says"),
    [
        (None, "No worker has started on this machine"),
        (found(WORKING, WORKING, WORKING), "<dd>bubblewrap</dd>"),
        (found(MISSING, WORKING, WORKING), "Why not bubblewrap</dt><dd>it is not installed"),
        (found(MISSING, MISSING, WORKING, plain_allowed=True), "can read what the worker can read"),
        (found(MISSING, MISSING, WORKING), "No run is started"),
    ],
)
def test_page_of_workers_shows_the_isolation(
    client: Client, ada: User, settings: LazySettings, survey: Survey | None, says: str
) -> None:
    if survey is not None:
        isolation._keep(survey)
    client.force_login(ada)

    page = client.get(
        "/operations/workers/", headers={"host": settings.PORTAL_ORIGIN.partition("//")[2]}
    )

    assert says in page.content.decode()


@pytest.mark.django_db
def test_authors_are_not_shown_the_isolation_of_machines(
    client: Client, alice: User, settings: LazySettings
) -> None:
    client.force_login(alice)

    page = client.get(
        "/operations/runs/", headers={"host": settings.PORTAL_ORIGIN.partition("//")[2]}
    )

    assert "Isolation" not in page.content.decode()


# ---- hostile code through the director ----


def hostile(test: Callable[..., None]) -> Callable[..., None]:
    return pytest.mark.slow(pytest.mark.django_db(transaction=True)(test))


LIMITS = {"RUN_MEMORY_MB": 300, "RUN_PROCESSES": 64, "RUN_DISK_MB": 40}


@pytest.fixture
def walled() -> Level:
    """The level of this machine's runs, when it hides the portal."""
    try:
        level = isolation.level()
    except PlatformError as nothing:
        pytest.skip(nothing.sentence)
    if level is Level.PLAIN:
        pytest.skip("plain isolation hides nothing")
    return level


@hostile
@pytest.mark.usefixtures("walled")
@pytest.mark.parametrize(
    ("source", "state", "says"),
    [
        ("kept = [bytearray(10**8) for _ in range(200)]", "failed", "more than 300 MB of memory"),
        (
            "for n in range(400): open(f'{n}', 'wb').write(bytes(10**6))\nimport time; time.sleep(60)",
            "failed",
            "wrote more than 40 MB",
        ),
        (
            "import os\nos.symlink('/etc/passwd', os.environ['BROADSHEET_OUTPUT'] + '/index.html')",
            "failed",
            "index.html' is a link or a device",
        ),
        ("print(open('/proc/1/environ').read()[0])", "failed", "main.py, line 1"),
        ("import sys; open(sys.prefix + '/evil', 'w')", "failed", "main.py, line 1: "),
    ],
)
def test_run_ends_with_a_sentence_and_the_next_one_is_fine(
    alice: User, settings: LazySettings, source: str, state: str, says: str
) -> None:
    for name, value in LIMITS.items():
        setattr(settings, name, value)

    run = ended(publish_script(source, by=alice, at=MONDAY))

    assert (run.state, run.fault) == (state, "bundle"), run.error
    assert says in run.error
    assert ended(publish_script(COUNTING, by=alice, at=MONDAY, slug="next")).state == "succeeded"


@hostile
def test_portal_is_not_there(alice: User, settings: LazySettings, walled: Level) -> None:
    paths = [
        settings.BASE_DIR / "portal" / "settings.py",
        settings.BASE_DIR / "manage.py",
        settings.DATA_DIR / isolation.FILE,
    ]
    names = [str(path) for path in paths if path.exists()]
    source = (
        f"import os\nfor path in {names!r}:\n    try: open(path); print('SEEN', path)\n"
        "    except OSError: print('absent')\n"
    )

    run = ended(publish_script(source + COUNTING, by=alice, at=MONDAY))

    log = "".join(run.log_chunks.order_by("sequence").values_list("text", flat=True))
    assert log.count("absent") == len(names) >= 2
    assert "SEEN" not in log
    assert run.resources["isolation"] == isolation.LABELS[walled]


@hostile
@pytest.mark.usefixtures("walled")
def test_network_is_off_when_the_manifest_says_so(alice: User) -> None:
    source = "import socket\nsocket.create_connection(('127.0.0.1', 9), timeout=5)\n"
    manifest = {"run": {"network": False}}

    run = ended(publish_script(source, by=alice, at=MONDAY, manifest=manifest))

    assert run.state == "failed"
    assert "main.py, line 2" in run.error


@hostile
@pytest.mark.usefixtures("use")
def test_run_that_may_not_start_is_our_fault(alice: User) -> None:
    isolation._found[:] = [found(MISSING, MISSING, WORKING)]

    run = ended(publish_script(COUNTING, by=alice, at=MONDAY))

    assert (run.state, run.fault) == ("failed", "platform")
    assert "No isolation works on host" in run.error
