"""Is it alive, is it ready: two addresses for load balancers and for people at night.

`/health/live` asks nothing but the process. `/health/ready` asks every part it stands on. A part that
pages can do without, such as the broker, makes the answer "degraded" and still 200; a missing part that
they need makes it 503.
"""

import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from portal.common import storage

FREE_PER_CENT = 5
PING_SECONDS = 1


class Unhealthy(Exception):
    """A part does not work; the message says what to do."""


@dataclass(frozen=True)
class Check:
    """Looks at one part: answers in a few words or raises `Unhealthy`."""

    look: Callable[[], str]
    needed: bool


_checks: dict[str, Check] = {}


def register(name: str, look: Callable[[], str], *, needed: bool = True) -> None:
    """Ask this too; `needed` means that no page works without it."""
    _checks[name] = Check(look, needed)


def live(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": "live"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 ready or degraded, or 503 unready, with one sentence for each part."""
    parts = {name: _ask(check) for name, check in _checks.items()}
    broken = {name for name, part in parts.items() if not part["ok"]}
    unready = any(_checks[name].needed for name in broken)
    status = "unready" if unready else "degraded" if broken else "ready"
    return JsonResponse({"status": status, "parts": parts}, status=503 if unready else 200)


def _ask(check: Check) -> dict[str, object]:
    try:
        return {"ok": True, "says": check.look()}
    except Unhealthy as problem:
        return {"ok": False, "says": str(problem)}
    except DatabaseError as error:
        return {"ok": False, "says": f"The database does not answer: {error}."}


def check_files() -> str:
    """Write a file into the digest store, and take it away again."""
    name = f"health/{uuid.uuid4().hex}"
    try:
        storage.blobs().save(name, ContentFile(b"alive"))
        storage.blobs().delete(name)
    except (OSError, storage.OutOfSpace) as error:
        raise Unhealthy(f"The file store does not take files: {error}.") from error
    return "written and removed"


def check_broker() -> str:
    """The broker answers within a second; without it runs start later, by the ticker."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PING_SECONDS, socket_connect_timeout=PING_SECONDS
    )
    try:
        client.ping()
    except redis.RedisError as error:
        raise Unhealthy(
            f"Redis does not answer ({error}); pages and uploads work, refreshes wait."
        ) from error
    finally:
        client.close()
    return "answers"


def check_disk() -> str:
    """Room where the database, the scratch folder and local files are."""
    usage = shutil.disk_usage(Path(settings.DATA_DIR))
    free = 100 * usage.free / usage.total
    if free < FREE_PER_CENT:
        raise Unhealthy(f"Only {free:.1f} % of the disk is free. Make room.")
    return f"{free:.0f} % free"


def check_migrations() -> str:
    """The database has the tables that this code wants."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise Unhealthy(f"{len(missing)} migrations are missing. Run: python manage.py migrate.")
    return "all applied"


register("files", check_files)
register("broker", check_broker, needed=False)
register("disk", check_disk)
register("migrations", check_migrations)
