"""Two authors at the same moment: real processes on one database file, real locks of PostgreSQL."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from portal.accounts.models import User
from portal.publishing import actions
from portal.publishing.actions import Wish
from portal.publishing.models import Publication, PublishEvent, Version
from tests import factories
from tests.factories import MONDAY, bundle
from tests.machine import wait_until
from tests.publishing.test_parts import made, refreshed

ROUNDS = 5
PUBLISH = """
import django, sys
django.setup()
from portal.accounts.models import User
from portal.publishing import actions
from portal.publishing.actions import Wish
from tests.factories import MONDAY, bundle

name, slug, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
author = User.objects.get(username="alice")
sys.stdin.readline()
for number in range(rounds):
    actions.publish_bundle(bundle(f"{name} {number}"), Wish(slug=slug), by=author, at=MONDAY)
"""
REPORT = """
import django
django.setup()
from portal.publishing.models import Edition, Publication, PublishEvent, Variant, Version
publication = Publication.objects.get(slug="sales")
print(*sorted(publication.versions.values_list("minor", flat=True)))
print(*sorted(publication.editions.values_list("number", flat=True)))
print(PublishEvent.objects.count(), Variant.objects.get().current.number)
"""
PEOPLE = """
import django
django.setup()
from tests import factories
factories.person("alice")
"""

FIRST = """
import django
django.setup()
from portal.accounts.models import User
from tests import factories
factories.version("first", by=User.objects.get(), slug="sales")
"""
CHARTS = """
import django, sys
django.setup()
from portal.publishing.models import Publication
from tests.publishing.test_parts import made, refreshed

report, (variant, rounds) = Publication.objects.get(kind="report"), sys.argv[1:]
sys.stdin.readline()
for minute in range(int(rounds)):
    texts = {name: f"{variant} {name} {minute}" for name in ("by-week", "by-country")}
    charts = [made(name, text) for name, text in texts.items()]
    refreshed(report, *charts, minute=minute, variant=variant)
"""
TWO_VARIANTS = f"""{FIRST}
from portal.publishing.models import Variant
first = Variant.objects.get()
Variant.objects.create(publication=first.publication, slug="emea", version=first.version)
"""
CHARTS_REPORT = """
import django
django.setup()
from portal.publishing.models import Part, Publication, Variant
print(*sorted(Publication.objects.values_list("slug", flat=True)))
print(*Part.objects.order_by("name").values_list("name", flat=True))
for chart in Publication.objects.filter(kind="visualization").order_by("slug"):
    print(*sorted(chart.editions.values_list("number", flat=True)), chart.variants.count())
"""


@pytest.fixture
def portal(real_environment: dict[str, str]) -> dict[str, str]:
    """The environment of a portal on a database file of its own, with one author."""
    environment = real_environment | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BROADSHEET_BROKER_URL": "memory://",
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    python(environment, "manage.py", "migrate", "-v0")
    python(environment, "-c", PEOPLE)
    return environment


def python(environment: dict[str, str], *arguments: str) -> list[str]:
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, env=environment, cwd=settings.BASE_DIR, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def publish_at_the_same_time(environment: dict[str, str], *authors: str) -> list[int]:
    return at_the_same_time(
        environment, *([PUBLISH, name, "sales", str(ROUNDS)] for name in authors)
    )


def at_the_same_time(environment: dict[str, str], *scripts: list[str]) -> list[int]:
    """Two processes that are told to begin once both are ready; their exit codes."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", *script],
            env=environment,
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
        )
        for script in scripts
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
    return [process.wait(timeout=120) for process in processes]


def test_publish_bundle_at_the_same_time_gives_distinct_numbers(portal: dict[str, str]) -> None:
    python(portal, "-c", FIRST)

    endings = publish_at_the_same_time(portal, "left", "right")

    minors, numbers, moves = python(portal, "-c", REPORT)
    assert endings == [0, 0]
    assert minors == " ".join(str(n) for n in range(2 * ROUNDS + 1))
    assert numbers == " ".join(str(n + 1) for n in range(2 * ROUNDS + 1))
    assert moves == f"{2 * ROUNDS + 1} {2 * ROUNDS + 1}"


def test_publish_bundle_of_a_new_slug_at_the_same_time_gives_one_publication(
    portal: dict[str, str],
) -> None:
    endings = publish_at_the_same_time(portal, "left", "right")

    minors, _, moves = python(portal, "-c", REPORT)
    assert endings == [0, 0]
    assert minors == " ".join(str(n) for n in range(2 * ROUNDS))
    assert moves == f"{2 * ROUNDS} {2 * ROUNDS}"


def test_charts_of_two_variants_at_the_same_time_give_one_publication_each(
    portal: dict[str, str],
) -> None:
    python(portal, "-c", TWO_VARIANTS)

    endings = at_the_same_time(
        portal, *([CHARTS, name, str(ROUNDS)] for name in ("default", "emea"))
    )

    numbers = " ".join(str(n + 1) for n in range(2 * ROUNDS))
    assert endings == [0, 0]
    assert python(portal, "-c", CHARTS_REPORT) == [
        "sales sales-by-country sales-by-week",
        "by-country by-week",
        f"{numbers} 2",
        f"{numbers} 2",
    ]


def held_up() -> bool:
    """Whether some session of this PostgreSQL waits for the lock of another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


class Elsewhere(threading.Thread):
    """What another process does meanwhile: a thread with a connection of its own."""

    def __init__(self, action: Callable[[], object]) -> None:
        super().__init__()
        self.action = action
        self.outcome: object = None

    def run(self) -> None:
        try:
            self.outcome = self.action()
        except (actions.PublishingError, DatabaseError) as error:
            self.outcome = error
        finally:
            connection.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("slug", "create"), [("sales", None), ("sales", True), ("", None)])
def test_publish_bundle_whose_slug_is_taken_while_it_looks(
    alice: User, slug: str, create: bool | None
) -> None:
    wish = Wish(slug=slug, create=create)
    late = Elsewhere(
        lambda: actions.publish_bundle(bundle("b", title="Sales"), wish, by=alice, at=MONDAY)
    )

    with transaction.atomic():
        factories.version("a", by=alice, slug="sales", title="Sales")
        late.start()
        wait_until(held_up)
    late.join()

    slugs = list(Publication.objects.order_by("slug").values_list("slug", flat=True))
    if create:
        assert isinstance(late.outcome, actions.SlugTaken)
    else:
        assert isinstance(late.outcome, Version)
        assert late.outcome.number == ("1.1" if slug else "1.0")
    assert slugs == (["sales"] if slug else ["sales", "sales-2"])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_roll_back_while_a_version_is_published_is_no_deadlock(alice: User) -> None:
    first = factories.version("first", by=alice)
    factories.version("second", by=alice)
    edition = first.editions.select_related("publication").get()
    back = Elsewhere(
        lambda: actions.roll_back(edition, by=alice, at=MONDAY, reason="The second was wrong.")
    )

    with transaction.atomic():
        actions.lock_publication(first.publication_id)
        back.start()
        wait_until(held_up)
        factories.version("third", by=alice)
    back.join()

    assert isinstance(back.outcome, PublishEvent)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_roll_back_while_charts_are_refreshed_is_no_deadlock(alice: User) -> None:
    report = factories.publication(by=alice)
    first = refreshed(report, made())
    refreshed(report, made(text="second", title="Renamed"), minute=1)
    back = Elsewhere(
        lambda: actions.roll_back(first, by=alice, at=MONDAY, reason="The second was wrong.")
    )

    with transaction.atomic():
        actions.lock_publication(report.pk)
        lock = Publication.objects.select_for_update(no_key=True)
        lock.get(slug="weekly-sales-by-week")  # as a refresh holds it while it keeps the chart
        back.start()
        wait_until(held_up)
        refreshed(report, made(text="third"), minute=2)
    back.join()

    assert isinstance(back.outcome, PublishEvent)
