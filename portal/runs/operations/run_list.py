"""The list of runs: what one narrows it to, and the same as a table for spreadsheets."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from portal.accounts.models import User
from portal.common.text import one_line
from portal.runs.models import Run
from portal.runs.operations.days import midnight, parsed

LARGE = ("steps", "failed_code", "last_words", "tries", "version__manifest", "version__facts")
MOST_LINES = 50_000
WENT_WRONG = "wrong"
HEADINGS = (
    "run",
    "publication",
    "variant",
    "version",
    "state",
    "trigger",
    "person",
    "logical time",
    "queued",
    "started",
    "finished",
    "edition",
    "error",
)


@dataclass(frozen=True)
class Wanted:
    """What the list is narrowed to; empty values narrow nothing."""

    text: str = ""
    state: str = ""
    trigger: str = ""
    person: str = ""
    first: date | None = None
    last: date | None = None
    mine: bool = False

    @property
    def is_narrow(self) -> bool:
        return self != Wanted()


def wanted(asked: QueryDict) -> Wanted:
    """What a query string asks for; odd values ask for nothing."""
    state, trigger = asked.get("state", ""), asked.get("trigger", "")
    return Wanted(
        text=one_line(asked.get("q", "")),
        state=state if state in (*Run.State.values, WENT_WRONG) else "",
        trigger=trigger if trigger in Run.Trigger.values else "",
        person=one_line(asked.get("person", ""), length=100),
        first=parsed(asked.get("from", "")),
        last=parsed(asked.get("to", "")),
        mine=bool(asked.get("mine")),
    )


def narrowed(runs: QuerySet[Run], wish: Wanted, *, by: User) -> QuerySet[Run]:
    """The runs that match all of it. A run belongs to the days on which it was asked for."""
    for word in wish.text.split():
        runs = runs.filter(
            Q(variant__publication__title__icontains=word)
            | Q(variant__publication__slug__icontains=word)
        )
    for word in wish.person.split():
        runs = runs.filter(
            Q(requested_by__first_name__icontains=word)
            | Q(requested_by__last_name__icontains=word)
            | Q(requested_by__username__icontains=word)
        )
    if wish.state:
        wrong = [Run.State.FAILED, Run.State.TIMED_OUT, Run.State.LOST, Run.State.QUARANTINED]
        runs = runs.filter(state__in=wrong if wish.state == WENT_WRONG else [wish.state])
    if wish.trigger:
        runs = runs.filter(trigger=wish.trigger)
    if wish.first:
        runs = runs.filter(queued_at__gte=midnight(wish.first))
    if wish.last:
        runs = runs.filter(queued_at__lt=midnight(wish.last + timedelta(days=1)))
    return runs.filter(variant__publication__owner=by) if wish.mine else runs


def as_csv(runs: QuerySet[Run]) -> Iterator[str]:
    """The lines of a CSV file, read and sent piece by piece, at most `MOST_LINES`."""
    writer = csv.writer(_Echo())
    yield writer.writerow(HEADINGS)
    for run in runs.defer(*LARGE, "resources")[:MOST_LINES].iterator(chunk_size=1000):
        yield writer.writerow([_harmless(value) for value in _line(run)])


def _line(run: Run) -> list[Any]:
    times = (run.logical_time, run.queued_at, run.started_at, run.finished_at)
    return [
        run.pk,
        run.variant.publication.title,
        run.variant.slug,
        run.version.number,
        run.state,
        run.trigger,
        run.requested_by or "",
        *[time.isoformat() if time else "" for time in times],
        run.edition.number if run.edition else "",
        run.error,
    ]


def _harmless(value: object) -> str:
    """Spreadsheets take a cell that begins so for a formula (OWASP, CSV injection): a quote makes it text."""
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


class _Echo:
    """A file that gives back what is written to it, for `csv`."""

    def write(self, text: str) -> str:
        return text
