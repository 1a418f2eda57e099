"""Two authors at the same moment: real processes on one database file."""

import subprocess
import sys
from pathlib import Path

from django.conf import settings

ROUNDS = 5
PUBLISH = """
import django, sys
django.setup()
from portal.accounts.models import User
from portal.publishing import actions
from portal.publishing.actions import Wish
from tests.factories import MONDAY, bundle

name = sys.argv[1]
author = User.objects.get(username="alice")
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    actions.publish_bundle(bundle(f"{name} {number}"), Wish(slug="sales"), by=author, at=MONDAY)
"""
REPORT = """
import django
django.setup()
from portal.publishing.models import Edition, PublishEvent, Variant, Version
print(*sorted(Version.objects.values_list("minor", flat=True)))
print(*sorted(Edition.objects.values_list("number", flat=True)))
print(PublishEvent.objects.count(), Variant.objects.get().current.number)
"""
PEOPLE = """
import django
django.setup()
from tests import factories
factories.version("first", by=factories.person("alice"), slug="sales")
"""


def python(environment: dict[str, str], *arguments: str) -> list[str]:
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, env=environment, cwd=settings.BASE_DIR, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def test_publish_bundle_at_the_same_time_gives_distinct_numbers(
    real_environment: dict[str, str], data_dir: Path
) -> None:
    environment = real_environment | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BROADSHEET_BROKER_URL": "memory://",
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    python(environment, "manage.py", "migrate", "-v0")
    python(environment, "-c", PEOPLE)
    authors = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISH, name, str(ROUNDS)],
            env=environment,
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
        )
        for name in ("left", "right")
    ]

    for author in authors:
        assert author.stdin is not None
        author.stdin.write(b"go\n")
        author.stdin.close()
    endings = [author.wait(timeout=120) for author in authors]

    minors, numbers, moves = python(environment, "-c", REPORT)
    assert endings == [0, 0]
    assert minors == " ".join(str(n) for n in range(2 * ROUNDS + 1))
    assert numbers == " ".join(str(n + 1) for n in range(2 * ROUNDS + 1))
    assert moves == f"{2 * ROUNDS + 1} {2 * ROUNDS + 1}"
