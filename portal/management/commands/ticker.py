"""`manage.py ticker`: make slots, notice dead workers, ring again, until told to stop."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from portal.runs.ticker import tick


class Command(BaseCommand):
    help = "Makes due slots and repairs what was lost. Any number of tickers may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="tick once, for cron")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        if once:
            tick(timezone.now())
            return
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        while not stopped.is_set():
            close_old_connections()  # one that a restart of the database has cut would fail for ever
            tick(timezone.now())
            stopped.wait(settings.TICK_SECONDS)
