"""What the demo's schedules did before it was made: due times of the last days, each run with its outcome.

Versions, runs, editions and mail come from the same actions as ever, at the time at which it is said to have
happened. Only the waiting is left out: the publication's own script computes the pages of all times in one go.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from portal.accounts.models import User
from portal.notifications.actions import follow
from portal.publishing.actions import Bundle, Rendered, Wish, publish_bundle
from portal.publishing.audit import record
from portal.publishing.models import DEFAULT_VARIANT, Publication, Variant, Version
from portal.publishing.trees import StoredFile, store_files
from portal.runs import claims, endings, rules, schedules
from portal.runs.actions import request_run
from portal.runs.errors import BundleError
from portal.runs.models import LogChunk, Promise, Run, Schedule, Slot
from portal.runs.runners import in_python

ENTRY = "report.py"
PAGE = "index.html"
EVERY_TIME = """
import contextlib, io, json, os, pathlib, runpy, sys, traceback
sys.path.insert(0, os.getcwd())
for when, folder in json.load(sys.stdin):
    os.environ |= {"BROADSHEET_LOGICAL_TIME": when, "BROADSHEET_OUTPUT": folder}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            runpy.run_path("report.py", run_name="__main__")
        except Exception as error:
            said.write("".join(traceback.format_exception(None, error, error.__traceback__.tb_next.tb_next.tb_next)))
    pathlib.Path(folder + ".log").write_text(said.getvalue())
"""


@dataclass(frozen=True)
class Past:
    """A schedule that has gone on for a while."""

    schedule: Callable[[datetime], Mapping[str, Any]]  # as `set_schedule` takes it, for now
    since: timedelta  # ago
    suspended: timedelta | None = None  # ago
    late: Mapping[int, timedelta] = field(
        default_factory=dict
    )  # waited, by due times from the last
    after: str = ""  # the slug of what it waits for
    came: Callable[[datetime], str] | None = (
        None  # the cron rule by which that came, until a day ago
    )


@dataclass(frozen=True)
class Written:
    """One version as it came: what, by whom, when, and its files on this disk."""

    bundle: Bundle
    wish: Wish
    by: User
    at: datetime
    folder: Path


@dataclass(frozen=True)
class Computed:
    """What the script made for one time: the page, or no file and a trace at the end of what it said."""

    files: list[StoredFile]
    said: str


def relive(
    past: Past, versions: Sequence[Written], followers: Sequence[User], *, now: datetime
) -> Publication:
    """Publish the versions and let the schedule go from then to now. Who follows hears of what comes from now on."""
    wish = dict(past.schedule(now))
    starts_at = now - past.since
    due = _due_times(past, wish, starts_at, now)
    times = [[one.at] for one in versions]
    for moment in due:
        times[_newest(versions, moment)].append(moment)
    computed = [_compute(one.folder, moments) for one, moments in zip(versions, times, strict=True)]
    with transaction.atomic():
        publication = _Story(past, versions, computed, due).tell(wish, starts_at, now)
        for person in followers:
            follow(publication.variants.get(slug=DEFAULT_VARIANT), by=person, at=versions[0].at)
    return publication


class _Story:
    """Everything that happened, in order."""

    def __init__(
        self,
        past: Past,
        versions: Sequence[Written],
        computed: list[dict[datetime, Computed]],
        due: list[datetime],
    ) -> None:
        self.past, self.versions, self.computed, self.due = past, versions, computed, due
        self.dice = random.Random(versions[0].wish.slug)  # noqa: S311 - seconds that nobody measured

    def tell(self, wish: dict[str, Any], starts_at: datetime, now: datetime) -> Publication:
        version = self._publish(0)
        variant = version.publication.variants.get()
        schedule = schedules.set_schedule(
            variant,
            **wish,
            upstreams=_upstreams(self.past),
            starts_at=starts_at,
            by=self.versions[0].by,
            at=starts_at,
        )
        number = 0
        for moment in self.due:
            while _newest(self.versions, moment) > number:
                number += 1
                version = self._publish(number)
            self._serve(schedule, version, variant, moment, number, now)
        for later in range(number + 1, len(self.versions)):
            version = self._publish(later)
        self._leave(schedule, now)
        return version.publication

    def _publish(self, number: int) -> Version:
        written = self.versions[number]
        version = publish_bundle(written.bundle, written.wish, by=written.by, at=written.at)
        run = version.runs.get()
        self._finish(run, self.computed[number][written.at], starts=written.at)
        return version

    def _serve(
        self,
        schedule: Schedule,
        version: Version,
        variant: Variant,
        due_at: datetime,
        number: int,
        now: datetime,
    ) -> None:
        made_at = due_at + timedelta(seconds=self.dice.uniform(0.2, 4))
        run = request_run(
            version,
            variant=variant,
            trigger=Run.Trigger.AFTER if self.past.after else Run.Trigger.SCHEDULE,
            by=None,
            at=made_at,
            logical_time=due_at,
        )
        Slot.objects.create(
            schedule=schedule, due_at=due_at, state=Slot.State.TAKEN, run=run, created_at=made_at
        )
        waited = self.past.late.get(len(self.due) - self.due.index(due_at), timedelta())
        self._finish(run, self.computed[number][due_at], starts=made_at + waited)
        run.refresh_from_db()
        _judge(schedule, run, due_at, now)

    def _finish(self, run: Run, made: Computed, *, starts: datetime) -> None:
        begins = starts + timedelta(seconds=self.dice.uniform(0.3, 2))
        claim = claims.claim(run.pk, worker="demo", at=begins)
        if claim is None:
            return  # a worker takes it, as any other
        seconds = self.dice.uniform(0.8, 3.4)
        ends = begins + timedelta(seconds=seconds)
        LogChunk.objects.create(run=run, sequence=1, at=ends, text=_log(made.said, begins))
        is_good = bool(made.files)
        report = endings.Report(
            _steps(seconds, is_good), _used(seconds, self.dice), int(not is_good)
        )
        if is_good:
            endings.succeed(claim, Rendered(made.files, PAGE), report, at=ends)
        else:
            endings.fail(claim, _error(made.said), report, at=ends)

    def _leave(self, schedule: Schedule, now: datetime) -> None:
        """The schedule as it stands now: it goes on from here, or was suspended."""
        ended = list(schedule.slots.order_by("-due_at").values_list("run__state", flat=True))
        failures = len(list(takewhile(lambda state: state == Run.State.FAILED, ended)))
        going = Schedule.objects.filter(pk=schedule.pk, state=Schedule.State.ACTIVE)
        if self.past.after:
            _break(schedule, now)
        if self.past.suspended is None:
            going.update(
                next_due_at=schedules.first_due(schedule, after=now),
                next_promise_at=_promise_after(schedule, now),
                failures=failures,
            )
            return
        at = now - self.past.suspended
        reason = f"Its last {failures} runs failed"
        if going.update(
            **schedules.moved_to(Schedule.State.SUSPENDED, by=None, at=at, reason=reason),
            failures=failures,
        ):
            publication = schedule.variant.publication
            record("suspend_schedule", schedule, by=None, at=at, publication=publication)


def _newest(versions: Sequence[Written], at: datetime) -> int:
    """The place of the version that was the newest then."""
    return max(number for number, one in enumerate(versions) if number == 0 or one.at <= at)


def _due_times(
    past: Past, wish: dict[str, Any], starts_at: datetime, now: datetime
) -> list[datetime]:
    if past.came is not None:
        wish = {"cron": past.came(now), "timezone": wish["timezone"]}
    rule = Schedule.Rule.CRON if wish.get("cron") else Schedule.Rule.INTERVAL
    known = {key: wish[key] for key in ("cron", "every_minutes", "timezone") if key in wish}
    schedule = Schedule(rule=rule, starts_at=starts_at, **known)
    until = now - (past.suspended or timedelta(days=1 if past.after else 0, seconds=10))
    return list(takewhile(lambda due: due <= until, rules.due_times(schedule, after=starts_at)))


def _compute(folder: Path, times: list[datetime]) -> dict[datetime, Computed]:
    """What the version's script makes for each of the times, by one process outside of this one."""
    with tempfile.TemporaryDirectory() as name:
        outputs = [Path(name, str(number)) for number in range(len(times))]
        for output in outputs:
            output.mkdir()
        asked = [
            (time.isoformat(), str(output)) for time, output in zip(times, outputs, strict=True)
        ]
        subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-c", EVERY_TIME],
            cwd=folder,
            input=json.dumps(asked),
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            text=True,
            check=True,
        )
        return {
            time: Computed(store_files(output), output.with_suffix(".log").read_text())
            for time, output in zip(times, outputs, strict=True)
        }


def _judge(schedule: Schedule, run: Run, due_at: datetime, now: datetime) -> None:
    """Whether the promise of that day was kept."""
    promised = _promise_after(schedule, due_at)
    if promised is None or promised > now or run.finished_at is None:
        return
    is_kept = run.edition is not None and run.finished_at <= promised
    Promise.objects.get_or_create(
        schedule=schedule,
        at=promised,
        defaults={
            "state": Promise.State.KEPT if is_kept else Promise.State.BROKEN,
            "edition": run.edition if is_kept else None,
            "made_good_at": run.finished_at if run.edition and not is_kept else None,
        },
    )


def _break(schedule: Schedule, now: datetime) -> None:
    """What was promised last did not come."""
    promised = _promise_after(schedule, now - timedelta(days=1))
    if promised is not None:
        Promise.objects.get_or_create(
            schedule=schedule, at=promised, defaults={"state": Promise.State.BROKEN}
        )


def _upstreams(past: Past) -> list[Variant]:
    waits = Variant.objects.filter(publication__slug=past.after, slug=DEFAULT_VARIANT)
    return list(waits.select_related("publication"))


def _promise_after(schedule: Schedule, moment: datetime) -> datetime | None:
    if schedule.fresh_by is None:
        return None
    local = moment.astimezone(ZoneInfo(schedule.timezone))
    promised = local.replace(
        hour=schedule.fresh_by.hour, minute=schedule.fresh_by.minute, second=0, microsecond=0
    )
    return promised if promised > local else promised + timedelta(days=1)


def _error(said: str) -> BundleError:
    lines = said.splitlines()
    return BundleError(ENTRY + in_python(ENTRY, lines), last_words="\n".join(lines[-40:]))


def _log(said: str, at: datetime) -> str:
    return "".join(f"{at:%H:%M:%S} {line}\n" for line in said.splitlines())


def _steps(seconds: float, is_good: bool) -> list[dict[str, Any]]:
    return list(_timed(seconds, is_good))


def _timed(seconds: float, is_good: bool) -> Iterator[dict[str, Any]]:
    shares = [("Fetch bundle", 0.02), ("Prepare environment", 0.03), ("Execute", 0.6)]
    if is_good:
        shares += [("Collect", 0.33), ("Check", 0.01), ("Publish", 0.01)]
    at = 0.0
    for name, share in shares:
        took = seconds * share
        ok = is_good or name != "Execute"
        yield {"name": name, "at": round(at, 2), "seconds": round(took, 2), "ok": ok}
        at += took


def _used(seconds: float, dice: random.Random) -> dict[str, Any]:
    return {
        "seconds": round(seconds, 1),
        "peak_mb": dice.randint(24, 31),
        "memory_limit_mb": 2048,
        "cpu_seconds": round(seconds * 0.4, 2),
        "isolation": "",
        "curve": [],
        "secrets": [],
    }
