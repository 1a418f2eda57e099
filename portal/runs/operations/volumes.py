"""What is kept, whose it is, how fast it grows, and what could go.

Files are kept once however many name them. What a publication holds is the sum of its own bundles and
editions, so files that several share count for each: the difference is told, not hidden.
"""

import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Exists, OuterRef, Sum
from django.db.models.functions import TruncWeek

from portal.publishing.models import Blob, Edition, Publication, Tree, TreeEntry, Version
from portal.publishing.upkeep import UNUSED_AFTER
from portal.runs.operations import packages
from portal.runs.operations.days import zone

KEPT_SECONDS = 300
WEEKS = 26
LARGEST = 12
LEFT, WIDTH, TOP, BOTTOM = 0.0, 100.0, 18, 128  # of the chart: percent, and pixels


@dataclass(frozen=True)
class Share:
    """What one team or publication holds."""

    name: str
    size: int
    percent: int
    publication: Publication | None = None


@dataclass(frozen=True)
class Bar:
    """What was added in one week."""

    week: date
    size: int
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True)
class Volumes:
    """All of it, as of `at`."""

    at: datetime
    stored: int
    files: int
    bundles: int
    editions: int
    environments: int
    unused: int
    unused_files: int
    teams: list[Share]
    publications: list[Share]
    weeks: list[Bar]

    @property
    def named(self) -> int:
        return self.bundles + self.editions

    @property
    def shared(self) -> int:
        """Bytes that would be kept twice or more if each bundle and edition had its own copy."""
        return max(0, self.named + self.unused - self.stored)

    @property
    def top(self) -> int:
        return max((bar.size for bar in self.weeks), default=0)


def volumes(at: datetime) -> Volumes:
    """As of at most five minutes ago: it looks at every stored file."""
    kept: Volumes | None = cache.get("volumes")
    if kept is None:
        kept = measure(at)
        cache.set("volumes", kept, KEPT_SECONDS)
    return kept


def measure(at: datetime) -> Volumes:
    """All of it now, in nine queries."""
    stored = Blob.objects.aggregate(size=Sum("size", default=0), files=Count("pk"))
    named = TreeEntry.objects.filter(blob=OuterRef("pk"))
    unused = Blob.objects.filter(~Exists(named), created_at__lt=at - UNUSED_AFTER)
    loose = unused.aggregate(size=Sum("size", default=0), files=Count("pk"))
    teams, publications = _shares()
    return Volumes(
        at=at,
        stored=stored["size"],
        files=stored["files"],
        bundles=_size_of(
            Tree.objects.filter(Exists(Version.objects.filter(bundle=OuterRef("pk"))))
        ),
        editions=_size_of(Tree.objects.filter(Exists(Edition.objects.filter(tree=OuterRef("pk"))))),
        environments=packages.total_size(),
        unused=loose["size"],
        unused_files=loose["files"],
        teams=teams,
        publications=publications,
        weeks=_weeks(at),
    )


def disk() -> tuple[int, int] | None:
    """Free and all bytes where this machine keeps files; None when they are kept elsewhere."""
    if settings.S3_BUCKET:
        return None
    usage = shutil.disk_usage(settings.DATA_DIR)
    return usage.free, usage.total


def _size_of(trees: Any) -> int:
    return trees.aggregate(size=Sum("size", default=0))["size"]  # type: ignore[no-any-return]


def _shares() -> tuple[list[Share], list[Share]]:
    """What teams and the largest publications hold: each tree of a publication once."""
    editions = Edition.objects.values_list("publication", "tree", "tree__size").order_by()
    bundles = Version.objects.values_list("publication", "bundle", "bundle__size").order_by()
    held: Counter[int] = Counter()
    for publication, _, size in editions.union(bundles).iterator(chunk_size=5000):
        held[publication] += size
    total = sum(held.values())
    largest = [(pk, size) for pk, size in held.most_common(LARGEST) if size]
    named = Publication.objects.select_related("team").in_bulk([pk for pk, _ in largest])
    team_of = dict(Publication.objects.values_list("pk", "team__name"))
    teams: Counter[str] = Counter()
    for pk, size in held.items():
        teams[team_of[pk] or "No team"] += size
    return (
        [Share(name, size, _percent(size, total)) for name, size in teams.most_common()],
        [Share(str(named[pk]), size, _percent(size, total), named[pk]) for pk, size in largest],
    )


def _percent(size: int, total: int) -> int:
    return round(100 * size / total) if total else 0


def _weeks(at: datetime) -> list[Bar]:
    """The bytes that each of the last weeks added, oldest first, also those that added none."""
    local = at.astimezone(zone())
    monday = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(local.weekday())
    first = monday - timedelta(weeks=WEEKS - 1)
    rows = (
        Blob.objects.filter(created_at__gte=first)
        .values(week=TruncWeek("created_at", tzinfo=zone()))
        .annotate(size=Sum("size"))
    )
    sizes = {row["week"].date(): row["size"] for row in rows}
    weeks = [first + timedelta(weeks=index) for index in range(WEEKS)]
    most = max(sizes.values(), default=0) or 1
    days = [week.date() for week in weeks]
    return [_bar(index, day, sizes.get(day, 0), most) for index, day in enumerate(days)]


def _bar(index: int, week: date, size: int, most: int) -> Bar:
    height = round((BOTTOM - TOP) * size / most, 1)
    step = WIDTH / WEEKS
    return Bar(
        week, size, round(LEFT + step * index, 2), round(step * 0.8, 2), BOTTOM - height, height
    )
