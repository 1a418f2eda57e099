"""Real runs for benchmarks: a database of their own, an author, and workers in threads."""

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.runs.models import Run


def set_up(folder: Path) -> None:
    """Set Django up on an empty database below the folder; no broker answers."""
    folder.chmod(0o711)  # the code of a run may be another user
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BROADSHEET_ENV": "development",
        "BROADSHEET_DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    import logging

    import django

    django.setup()
    logging.disable(logging.WARNING)  # the broker that is not there
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def queue(source: str) -> "Run":
    """The first run of a new publication, a script."""
    from django.utils import timezone

    from portal.accounts.models import Role, User
    from tests.runs.authors import publish_script

    author, _ = User.objects.get_or_create(username="author", defaults={"role": Role.AUTHOR})
    slug = f"r{time.monotonic_ns()}"
    variant = publish_script(source, by=author, at=timezone.now(), slug=slug, create=True)
    return variant.runs.select_related("requested_by", "variant__publication").get()


def start_worker(pk: int) -> threading.Thread:
    """A thread that executes the run as a worker does."""
    from django.db import connections

    from portal.runs import director

    def work() -> None:
        director.direct(pk, worker="benchmark")
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread
