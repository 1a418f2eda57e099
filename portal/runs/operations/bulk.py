"""Doing one thing to many schedules. Each is a change of its own, with its own line in the audit log."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import PermissionDenied

from portal.accounts.models import User
from portal.publishing.owners import CannotOwn, move_owner
from portal.runs import actions, schedules
from portal.runs.models import Schedule
from portal.runs.queries import schedules_for

MOST_AT_ONCE = 500  # in one request; the page says how many are left
Act = Callable[[Schedule], bool]  # False: there was nothing to do


@dataclass(frozen=True)
class Deed:
    """What can be done to many: as a button, in a question, and in the report afterwards."""

    label: str
    question: str
    done: str
    nothing: str


DEEDS = {
    "pause": Deed("Pause", "Pause {}?", "Paused", "were not active"),
    "resume": Deed("Resume", "Resume {}?", "Resumed", "were not paused"),
    "run": Deed("Run now", "Run {} now?", "Asked for a run of", "have nothing to run"),
    "move": Deed("Move owner", "Give a new owner to {}?", "Moved", "had that owner already"),
}


@dataclass
class Outcome:
    """What became of them."""

    done: int = 0
    nothing: int = 0
    refused: int = 0
    left: int = 0

    def said(self, deed: Deed) -> str:
        """`Paused 12; 2 you may not change.`"""
        parts = [f"{deed.done} {self.done}"]
        parts += [f"{self.nothing} {deed.nothing}"] if self.nothing else []
        parts += [f"{self.refused} you may not change"] if self.refused else []
        parts += [f"{self.left} are left: do it again for the next"] if self.left else []
        return "; ".join(parts) + "."


def carry_out(
    action: str, keys: Iterable[int], *, to: User | None = None, by: User, at: datetime
) -> Outcome:
    """Do it to each schedule of these keys that the person may change.

    A schedule that cannot be changed does not keep the others from it.
    """
    wanted = list(dict.fromkeys(keys))
    outcome = Outcome(left=max(0, len(wanted) - MOST_AT_ONCE))
    now = wanted[:MOST_AT_ONCE]
    found = schedules_for(by).select_related("variant__publication", "variant__version", "calendar")
    allowed = found.in_bulk(now)
    outcome.refused = len(now) - len(allowed)
    act = _act(action, to=to, by=by, at=at)
    for pk in now:
        if pk in allowed:
            _one(act, allowed[pk], outcome)
    return outcome


def _act(action: str, *, to: User | None, by: User, at: datetime) -> Act:
    if action == "pause":
        return lambda schedule: schedules.pause(schedule, by=by, at=at)
    if action == "resume":
        return lambda schedule: schedules.resume(schedule, by=by, at=at)
    if action == "move" and to is not None:
        return lambda schedule: move_owner(schedule.variant.publication, to=to, by=by, at=at)
    if action == "run":
        return lambda schedule: bool(actions.run_now(schedule.variant, by=by, at=at))
    raise ValueError(action)


def _one(act: Act, schedule: Schedule, outcome: Outcome) -> None:
    try:
        changed = act(schedule)
    except PermissionDenied:
        outcome.refused += 1
    except (actions.NothingToRun, CannotOwn):
        outcome.nothing += 1
    else:
        outcome.done += changed
        outcome.nothing += not changed
