"""The steps of a run as they are told: done, going, still to come."""

from dataclasses import dataclass
from datetime import datetime

from portal.runs.logbook import STEP_NAMES
from portal.runs.models import Run


@dataclass(frozen=True)
class Step:
    """One step; `seconds` counts on while it goes."""

    name: str
    state: str  # done, running, failed or waiting
    seconds: float | None = None

    @property
    def is_running(self) -> bool:
        return self.state == "running"


def steps_of(run: Run, *, at: datetime) -> list[Step]:
    """All steps of the run, those still to come last; of a finished run only those that began."""
    begun = [
        Step(step["name"], _state(step["ok"], run), _seconds(step, run, at)) for step in run.steps
    ]
    if run.is_finished:
        return begun
    known = {step.name for step in begun}
    return begun + [Step(name, "waiting") for name in STEP_NAMES if name not in known]


def running_seconds(run: Run, *, at: datetime) -> float | None:
    """How long the current attempt has been going; None when it is not."""
    if run.state != Run.State.RUNNING or run.started_at is None:
        return None
    return max(0.0, round((at - run.started_at).total_seconds(), 1))


def _state(ok: bool | None, run: Run) -> str:
    if ok is None and not run.is_finished:
        return "running"
    return "done" if ok else "failed"


def _seconds(step: dict[str, float | None], run: Run, at: datetime) -> float | None:
    if step["seconds"] is not None:
        return step["seconds"]
    so_far = running_seconds(run, at=at)
    return None if so_far is None else max(0.0, round(so_far - (step["at"] or 0.0), 1))
