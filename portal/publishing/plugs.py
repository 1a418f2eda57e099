"""What the rooms above plug in: who executes code, and who tells people.

A lower room never imports a higher one. It announces, and whoever registered in `AppConfig.ready()` is
called inside the same transaction: what they write stands or falls with what happened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.http import HttpRequest

from portal.accounts.models import User
from portal.publishing.models import Edition, Publication, Variant, Version


@dataclass(frozen=True)
class Published:
    """A variant's link moved to `edition`."""

    edition: Edition
    previous: Edition | None
    by: User | None
    at: datetime


@dataclass(frozen=True)
class RunFailed:
    """A refresh ended without an edition; readers keep what they had."""

    publication: Publication
    run_id: int
    sentence: str
    at: datetime


@dataclass(frozen=True)
class Quarantined:
    """A refresh made an edition that failed a blocking check; readers keep what they had."""

    edition: Edition
    run_id: int
    sentence: str
    at: datetime


@dataclass(frozen=True)
class Recovered:
    """A refresh ended well after so many failures in a row."""

    publication: Publication
    run_id: int
    failures: int
    at: datetime


@dataclass(frozen=True)
class Late:
    """What a schedule promised readers by `promised_at` was not there; told once."""

    publication: Publication
    schedule_id: int
    promised_at: datetime
    sentence: str
    at: datetime


@dataclass(frozen=True)
class Suspended:
    """The portal stopped a schedule by itself, and says so again every week until somebody decides."""

    publication: Publication
    schedule_id: int
    sentence: str
    is_reminder: bool
    at: datetime


@dataclass(frozen=True)
class SoonSuspended:
    """Nobody opens the publication, and its schedule will be stopped unless somebody does."""

    publication: Publication
    schedule_id: int
    sentence: str
    at: datetime


@dataclass(frozen=True)
class VariantRemoved:
    """Somebody took a variant down: nothing of it is to run any more."""

    variant: Variant
    by: User
    at: datetime


class Because(StrEnum):
    """Why a variant is executed. The values are those of `portal.runs.models.Run.Trigger`."""

    UPLOAD = "upload"
    VERSION = "version"  # another variant than the default one, because there is a new version
    MANUAL = "manual"


Announcement = (
    Published
    | RunFailed
    | Quarantined
    | Recovered
    | Late
    | Suspended
    | SoonSuspended
    | VariantRemoved
)
Executor = Callable[[Version, Variant, User, datetime, Because], object]
Wishes = list[dict[str, Any]]  # what a manifest says of schedules
Scheduler = Callable[[Variant, Wishes, Wishes, User, datetime], None]
PagePart = Callable[[HttpRequest, Publication, Variant], dict[str, Any]]
EditionPart = Callable[[HttpRequest, Edition], dict[str, Any]]
ListPart = Callable[[list[Variant]], dict[int, Any]]

_listeners: list[Callable[[Announcement], None]] = []
_executors: list[Executor] = []
_schedulers: list[Scheduler] = []
_page_parts: dict[str, PagePart] = {}
_edition_parts: dict[str, EditionPart] = {}
_list_parts: dict[str, ListPart] = {}


def on_announcement(listener: Callable[[Announcement], None]) -> None:
    """Be called for every announcement, inside its transaction."""
    if listener not in _listeners:
        _listeners.append(listener)


def announce(announcement: Announcement) -> None:
    """Tell every listener."""
    for listener in _listeners:
        listener(announcement)


def register_executor(execute: Executor, schedule: Scheduler) -> None:
    """Name who runs versions that are code, and who applies the manifest's schedules."""
    _executors[:] = [execute]
    _schedulers[:] = [schedule]


def execute(
    version: Version,
    *,
    variant: Variant,
    by: User,
    at: datetime,
    because: Because = Because.UPLOAD,
) -> object:
    """Queue a run of a version that is code, unless one waits already; returns the run."""
    return _executors[0](version, variant, by, at, because)


def schedule(variant: Variant, wishes: Wishes, *, former: Wishes, by: User, at: datetime) -> None:
    """Apply what a manifest says of schedules, and said in the version before."""
    _schedulers[0](variant, wishes, former, by, at)


def register_page_part(name: str, part: PagePart) -> None:
    """Add to every publication's page: what `part` returns is `parts.<name>` in its templates."""
    _page_parts[name] = part


def page_parts(
    request: HttpRequest, publication: Publication, variant: Variant
) -> dict[str, dict[str, Any]]:
    """What every room has to say about this publication to this person."""
    return {name: part(request, publication, variant) for name, part in _page_parts.items()}


def register_edition_part(name: str, part: EditionPart) -> None:
    """Add to every page that shows an edition: what `part` returns is `parts.<name>` in its templates."""
    _edition_parts[name] = part


def edition_parts(request: HttpRequest, edition: Edition) -> dict[str, dict[str, Any]]:
    """What every room has to say about this edition to this person."""
    return {name: part(request, edition) for name, part in _edition_parts.items()}


def register_list_part(name: str, part: ListPart) -> None:
    """Add to lists: `part` gets all variants of a list at once and answers by their keys."""
    _list_parts[name] = part


def list_parts(variants: list[Variant]) -> dict[str, dict[int, Any]]:
    """What every room has to say about the variants of a list, in a constant number of queries."""
    return {name: part(variants) for name, part in _list_parts.items()}
