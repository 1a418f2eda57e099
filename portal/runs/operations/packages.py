"""The environments that runs use: which there are, who needs them, what the sweep would take."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet, Sum

from portal.common.text import one_line
from portal.publishing.models import Version
from portal.runs.environments import builds
from portal.runs.models import Environment

MOST_VERSIONS = 200


@dataclass(frozen=True)
class Sweepable:
    """What `manage.py sweep --delete` would remove now."""

    keys: set[int]
    size: int


def environments(text: str = "", state: str = "") -> QuerySet[Environment]:
    """The environments, last used first, with how many versions are pinned to each.

    :param text: a package, such as `pandas`, `pandas 2.1` or `pandas==2.1.4`.
    """
    found = Environment.objects.annotate(versions=Count("pins"))
    line = line_of(text)
    if line:
        found = found.filter(Q(lock__istartswith=line) | Q(lock__icontains=f"\n{line}"))
    if state in Environment.State.values:
        found = found.filter(state=state)
    return found.order_by("-used_at", "-pk")


def line_of(text: str) -> str:
    """How the line of a package begins in a lock: `pandas 2.1` is `pandas==2.1`. Names are spelt as PEP 503 has them."""
    name, _, version = one_line(text).lower().replace("==", " ").partition(" ")
    name = name.replace("_", "-").replace(".", "-")
    return f"{name}=={version.strip()}" if name else ""


def found_line(environment: Environment, text: str) -> str:
    """The package that was searched for, as the lock has it: `pandas==2.1.4`."""
    wanted = line_of(text)
    lines = environment.lock.lower().splitlines() if wanted else []
    return next((line.split()[0] for line in lines if line.startswith(wanted)), "")


def counts() -> dict[str, int]:
    """How many there are in each state."""
    rows = Environment.objects.values("state").annotate(count=Count("pk"))
    return {row["state"]: row["count"] for row in rows}


def sweepable(at: datetime) -> Sweepable:
    """What no shown version and no waiting run needs, and nobody has used for a day."""
    rows = dict(builds.unused(at).values_list("pk", "size"))
    return Sweepable(set(rows), sum(rows.values()))


def total_size() -> int:
    """Bytes of all that are built."""
    ready = Environment.objects.filter(state=Environment.State.READY)
    return ready.aggregate(size=Sum("size", default=0))["size"]  # type: ignore[no-any-return]


def versions_of(environment: Environment) -> QuerySet[Version]:
    """The versions that are pinned to it, newest first."""
    pinned = Version.objects.filter(environment_pin__environment=environment)
    return pinned.select_related("publication").order_by("-pk")[:MOST_VERSIONS]
