"""Why a queued run waits: one sentence each, for a page of them at once, in a constant number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from portal.runs import queue, retries, workers
from portal.runs.models import Limit, Run, Worker
from portal.runs.queue import Busy

MOST_COUNTED = 500  # places in the queue; further ones are only said to be further

Version = tuple[int, int]


@dataclass(frozen=True)
class Situation:
    """What goes, who works, and who comes first, as it was at one moment."""

    at: datetime
    busy: Busy
    alive: list[Worker]
    last_seen: datetime | None
    places: dict[int, int]  # of the first that may go
    firsts: dict[Version, int]  # of these, the first of each version

    @property
    def free(self) -> int:
        """How many runs could be taken now."""
        return workers.slots(self.alive) - self.busy.runs


def look(at: datetime) -> Situation:
    """The situation now, in five queries."""
    busy = queue.look()
    keys = ("pk", "variant_id", "version_id", "backfill_id")
    first = queue.possible(at, busy=busy).values_list(*keys)[:MOST_COUNTED]
    places: dict[int, int] = {}
    firsts: dict[Version, int] = {}
    for place, (pk, variant, version, backfill) in enumerate(first):
        places[pk] = place
        if backfill is None:
            firsts.setdefault((variant, version), pk)
    alive = list(workers.alive(at))
    return Situation(at, busy, alive, workers.last_seen(), places, firsts)


def reasons(runs: Iterable[Run], now: Situation) -> dict[int, str]:
    """A sentence for each run by its key. Runs come with their slot, backfill, schedule and team."""
    return {run.pk: reason(run, now) for run in runs}


def reason(run: Run, now: Situation) -> str:
    """Why this one waits: what it needs most comes first."""
    return (
        _its_time(run, now)
        or _nobody_serves(run, now)
        or _same_version(run, now)
        or _limits(run, now)
        or _place(run, now)
    )


def _its_time(run: Run, now: Situation) -> str:
    if run.not_before is None or run.not_before <= now.at:
        return ""
    tries = retries.next_try(run)
    when = _clock(run.not_before, now.at)
    return f"Tries again at {when} ({tries})" if tries else f"Not before {when}"


def _nobody_serves(run: Run, now: Situation) -> str:
    if not now.alive:
        since = f" since {_clock(now.last_seen, now.at)}" if now.last_seen else ""
        return f"No worker is alive{since}"
    if not any(workers.serves(worker, run.queue) for worker in now.alive):
        return f"No worker serves queue {run.queue}"
    return ""


def _same_version(run: Run, now: Situation) -> str:
    if run.backfill is not None:
        going, most = now.busy.backfills[run.backfill.pk], run.backfill.at_once
        return f"{going} of {most} at once of its backfill are going" if going >= most else ""
    version = (run.variant_id, run.version_id)
    other = now.busy.versions.get(version) or now.firsts.get(version, run.pk)
    return f"Waits for run {other} of the same version" if other != run.pk else ""


def _limits(run: Run, now: Situation) -> str:
    mine = set(queue.holders_of(run))
    reached = [limit for limit in now.busy.reached() if (limit.of, limit.name) in mine]
    return "; ".join(_reached(limit, run, now.busy) for limit in reached)


def _reached(limit: Limit, run: Run, busy: Busy) -> str:
    going = busy.going[limit.of, limit.name]
    if limit.of == Limit.Of.RESOURCE:
        return f"{limit.name}: {going} of {limit.most}"
    of_team = limit.of == Limit.Of.TEAM
    whose = f"team {run.variant.publication.team}" if of_team else f"queue {limit.name}"
    return f"{going} of {limit.most} at once of {whose} are going"


def _place(run: Run, now: Situation) -> str:
    place = now.places.get(run.pk)
    if place is None:
        return f"Waits for a free worker; more than {MOST_COUNTED} are before it"
    if place < now.free:
        return "Next; a worker will take it within seconds"
    if place == 0:
        return "Next, as soon as a worker is free"
    return f"Waits for a free worker; {place} {'is' if place == 1 else 'are'} before it"


def _clock(moment: datetime, at: datetime) -> str:
    zone = ZoneInfo(settings.DISPLAY_TIME_ZONE)
    local, today = moment.astimezone(zone), at.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%-d %b %H:%M}"
