"""What lists cost with very many publications: milliseconds and queries, as a reader in two teams.

    python -m benchmarks.visible [--publications 100000] [--database postgres://...]

Rows are made in a database of their own; no bytes are stored. The last line is JSON; exit code 1 when a list
needs more queries for many publications than for few.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.installation import settle

FEW = 100
TEAMS = 50
BATCH = 2_000
ROUNDS = 3


def main() -> None:
    """Measure with few publications, then with many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publications", type=int, default=100_000)
    parser.add_argument("--database", default="", help="postgres://...; SQLite unless given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="visible-") as folder:
        settle(Path(folder), database=options.database)
        shelf = Shelf()
        shelf.fill(FEW)
        few = shelf.measure()
        shelf.fill(options.publications)
        many = shelf.measure()
    for name, figures in many.items():
        print(f"{name:12} {figures['ms']:9.1f} ms  {figures['queries']} queries")
    print(json.dumps({"publications": options.publications, "few": few, "many": many}))
    sys.exit(any(many[name]["queries"] != few[name]["queries"] for name in many))


class Shelf:
    """Publications of many teams, each with one edition that its link shows."""

    def __init__(self) -> None:
        from portal.accounts.models import Membership, Role, Team, User

        self.teams = [
            Team.objects.create(slug=f"team-{number}", name=f"Team {number}")
            for number in range(TEAMS)
        ]
        self.author = User.objects.create_user("author", role=Role.AUTHOR)
        self.reader = User.objects.create_user("reader", role=Role.READER)
        for team in self.teams[:2]:
            Membership.objects.create(user=self.reader, team=team)
        self.count = 0

    def fill(self, total: int) -> None:
        """Until there are so many."""
        while self.count < total:
            size = min(BATCH, total - self.count)
            _publish(self, range(self.count, self.count + size))
            self.count += size

    def measure(self) -> dict[str, dict[str, float]]:
        """The fastest of three rounds of each."""
        from django.conf import settings
        from django.test import Client

        from portal.publishing.models import Publication

        client = Client(headers={"host": settings.PORTAL_ORIGIN.partition("//")[2]})
        client.force_login(self.reader)
        visible = Publication.objects.visible_to(self.reader)
        return {
            "visible": _cost(lambda: list(visible.order_by("-pk")[:30])),
            "count": _cost(visible.count),
            "home": _cost(lambda: client.get("/")),
            "search": _cost(lambda: client.get("/", {"q": "report 99"})),
            "kind list": _cost(lambda: client.get("/reports/")),
            "last page": _cost(lambda: client.get("/reports/", {"page": "999999"})),
            "page": _cost(lambda: client.get("/reports/report-0/")),
        }


def _cost(action: Callable[[], object]) -> dict[str, float]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        with CaptureQueriesContext(connection) as queries:
            action()
        seconds.append(time.perf_counter() - started)
    return {"ms": round(min(seconds) * 1000, 1), "queries": len(queries)}


def _publish(shelf: Shelf, numbers: range) -> None:
    from django.db import transaction

    from portal.publishing.models import Edition, Publication, PublishEvent, Variant, Version

    at, tree = _moment(), _tree()
    with transaction.atomic():
        made = Publication.objects.bulk_create(
            Publication(
                kind="report",
                slug=f"report-{number}",
                title=f"Report {number}",
                owner=shelf.author,
                team=shelf.teams[number % TEAMS],
                audience=("company", "team", "owner")[number % 3],
                timezone="Europe/Berlin",
                created_at=at,
            )
            for number in numbers
        )
        plain: dict[str, Any] = {"entry": "index.html", "created_at": at}
        versions = Version.objects.bulk_create(
            Version(
                publication=each,
                major=1,
                minor=0,
                bundle=tree,
                format="html",
                created_by=shelf.author,
                **plain,
            )
            for each in made
        )
        variants = Variant.objects.bulk_create(
            Variant(publication=version.publication, version=version) for version in versions
        )
        editions = Edition.objects.bulk_create(
            Edition(
                publication=variant.publication,
                number=1,
                variant=variant,
                version=variant.version,
                tree=tree,
                logical_time=at,
                **plain,
            )
            for variant in variants
        )
        for variant, edition in zip(variants, editions, strict=True):
            variant.current = edition
        Variant.objects.bulk_update(variants, ["current"], batch_size=500)
        PublishEvent.objects.bulk_create(
            PublishEvent(variant=edition.variant, edition=edition, at=at, reason="First")
            for edition in editions
        )


def _moment() -> Any:
    from django.utils import timezone

    return timezone.now()


def _tree() -> Any:
    from portal.publishing.models import Tree

    return Tree.objects.get_or_create(
        digest="0" * 64, defaults={"files": 0, "size": 0, "created_at": _moment()}
    )[0]


if __name__ == "__main__":
    main()
