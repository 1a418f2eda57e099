"""The whole portal by one command: `python manage.py up`, which is what `make run` does.

Database, Redis, web server, worker, ticker and demo content, on this machine, until Ctrl-C.
Environment variables put real services in the place of ours; nothing else changes.
"""

import http.client
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from signal import SIGQUIT, SIGTERM
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from portal.common import datafolder, ports, redis
from portal.common.supervisor import CannotStart, Program, Supervisor, guarded

TROUBLES = (CommandError, CannotStart, datafolder.FolderUnusable, ports.PortUnusable, redis.NoRedis)
# Warm: the run in hand may finish. Then soft: Celery waits 5 s and gives the message back to the queue.
WORKER_STOP = ((SIGTERM, 10.0), (SIGQUIT, 8.0))


class Command(BaseCommand):
    help = "Run the portal with everything it needs on this machine, until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="Do not make demo content.")
        parser.add_argument(
            "--leashed", action="store_true", help="Stop when the process that started this ends."
        )

    def handle(self, *, leashed: bool, no_demo: bool, **options: Any) -> None:
        self.demo = not (no_demo or settings.PRODUCTION) and "demo" in get_commands()
        sys.exit(guarded(self.supervise, leashed=leashed))

    def supervise(self, guard: int) -> int:
        """The exit code: what goes wrong is told in one sentence, without a traceback."""
        try:
            self.run_until_asked(guard)
        except TROUBLES as trouble:
            self.say(self.style.ERROR(str(trouble)))
            return 1
        except OSError as error:
            self.say(self.style.ERROR(f"Broadsheet cannot go on: {error}."))
            return 1
        except KeyboardInterrupt:
            return 130
        return 0

    def run_until_asked(self, guard: int) -> None:
        datafolder.refuse_unusable(settings.DATA_DIR)
        with datafolder.Lock(settings.DATA_DIR) as lock:
            lock.take(f"process {guard}, {settings.PORTAL_ORIGIN}")
            self.supervisor(guard).run(
                when_ready=self.welcome,
                when_stopping=lambda: lock.note(datafolder.STOPPING),
            )

    def supervisor(self, guard: int) -> Supervisor:
        """All programs, Redis first and last; the database is ready for them."""
        port = urlsplit(settings.PORTAL_ORIGIN).port or 8000
        addresses = _addresses(port)
        broker, environment = _broker()
        self.say("Starting Broadsheet ...")
        _prepare_database()
        demo = [Program("demo", _manage("demo"), once=True)] if self.demo else []
        return Supervisor(
            stages=[broker, [_worker()], [_web(addresses, port), _ticker(), *demo]],
            environment=environment,
            logs=settings.DATA_DIR / "log",
            say=self.say,
            guard=guard,
        )

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def welcome(self) -> None:
        """The address, and what the demo command said: who can sign in."""
        self.say(self.style.SUCCESS(f"\nBroadsheet is live at {settings.PORTAL_ORIGIN}\n"))
        if self.demo:
            self.say((settings.DATA_DIR / "log" / "demo.log").read_text())
        self.say(f"Data and logs are in {settings.DATA_DIR}. Ctrl-C stops everything.")


def _addresses(port: int) -> list[str]:
    try:
        return ports.loopback_addresses(port)
    except ports.PortUnusable as problem:
        another = max(port, 8000) + 1
        raise CommandError(f"{problem} Take another one: make run PORT={another}") from None


def _broker() -> tuple[list[Program], dict[str, str]]:
    """The Redis to start, if any, and the environment that leads everything else to it.

    :raises CommandError: when the one that REDIS_URL names does not answer.
    """
    if not os.environ.get("REDIS_URL"):
        server = redis.prepare(settings.DATA_DIR / "redis")
        return [Program("redis", server.command)], {**os.environ, "REDIS_URL": server.url}
    if trouble := redis.trouble(settings.REDIS_URL):
        raise CommandError(
            f"Redis at {redis.without_password(settings.REDIS_URL)} does not answer: {trouble} "
            "Start it, or unset REDIS_URL to use a Redis of our own."
        )
    return [], dict(os.environ)


def _prepare_database() -> None:
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        engine = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
        raise CommandError(
            f"The {engine} database cannot be used: {str(error).strip()} "
            "DATABASE_URL names it; unset, it is a file in the data folder."
        ) from None
    if settings.PRODUCTION:
        call_command("collectstatic", interactive=False, verbosity=0)
    connections.close_all()


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments]


def _web(addresses: list[str], port: int) -> Program:
    binds = [part for address in addresses for part in ("--bind", address)]
    command = [sys.executable, "-m", "gunicorn", "--config", "python:portal.gunicorn", *binds]
    return Program("web", [*command, "portal.wsgi"], ready=lambda: _answers(port))


def _worker() -> Program:
    command = [sys.executable, "-m", "celery", "--app", "portal.celery", "worker"]
    options = ["--concurrency", "2", "-Ofair", "--without-mingle", "--without-gossip"]
    return Program(
        "worker", [*command, *options, "--loglevel", "INFO"], stop=WORKER_STOP, ready_line=" ready."
    )


def _ticker() -> Program:
    return Program("ticker", _manage("ticker"))


def _answers(port: int) -> bool:
    """Whether the portal answers that it is alive."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request(
            "GET", "/health/live", headers={"Host": urlsplit(settings.PORTAL_ORIGIN).netloc}
        )
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
