"""A run, step by step. Each step is timed, logged, and may be repeated without harm.

Nothing outside the run's own folder changes before the last step, which is one transaction: a worker
that dies anywhere leaves a queued run behind and nothing else.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from portal.common import children, folders, storage
from portal.common.refusals import Refused
from portal.publishing import standing
from portal.publishing.actions import PublishingError, Rendered
from portal.publishing.formats import formats_by_extension
from portal.publishing.models import Tree
from portal.publishing.parameters import BadValues
from portal.publishing.parts import Made
from portal.publishing.trees import StoredFile, store_files, write_tree
from portal.runs import (
    checks,
    claims,
    endings,
    expectations,
    gathering,
    isolation,
    programs,
    results,
    secrets,
    table_schemas,
)
from portal.runs.claims import Claim, Lease
from portal.runs.environments import pins
from portal.runs.environments.pins import Interpreter
from portal.runs.environments.uv import Meanwhile
from portal.runs.errors import BundleError, Fenced, PlatformError, RunError
from portal.runs.listener import Listener, error_of
from portal.runs.logbook import Logbook
from portal.runs.mailbox import Mailbox, mailbox
from portal.runs.masking import Masking
from portal.runs.models import Run
from portal.runs.runners import runner_of
from portal.runs.sandbox import Command, Level, Outcome
from portal.runs.sandbox import process as sandbox
from portal.runs.sandbox.curve import Curve
from portal.runs.sandbox.usage import Usage
from portal.runs.secrets import Given
from portal.runs.workplace import Workplace, workplace

logger = logging.getLogger(__name__)

COLLECT_SECONDS = 60
CURVE_SECONDS = 2.0  # between two writes of what it uses, while it runs


def direct_next(*, worker: str) -> Run.State | None:
    """Execute the run whose turn it is; returns how it ended, or None when there was none, or it was lost to us."""
    claim = claims.claim_next(worker=worker, at=timezone.now())
    return _direct(claim, worker) if claim else None


def direct(run_id: int, *, worker: str) -> Run.State | None:
    """Execute this run if it is its turn; returns how it ended, or None when it is not ours to end."""
    claim = claims.claim(run_id, worker=worker, at=timezone.now())
    return _direct(claim, worker) if claim else None


def _direct(claim: Claim, worker: str) -> Run.State | None:
    try:
        with claims.kept_alive(claim) as lease:
            return Direction(claim, lease).through()
    except Fenced:
        logger.warning("run_fenced run=%s worker=%s", claim.run_id, worker)
        return None
    except DatabaseError:
        logger.exception(
            "run_left run=%s", claim.run_id
        )  # its lease lapses, and another worker tries
        return None
    except (SystemExit, KeyboardInterrupt):
        claims.hand_back(claim)
        raise


@dataclass
class Direction:
    """One attempt at one run."""

    claim: Claim
    lease: Lease

    def __post_init__(self) -> None:
        self.run = Run.objects.select_related(
            "version__bundle", "variant__publication__team", "requested_by"
        ).get(pk=self.claim.run_id)
        self.logbook = Logbook(self.claim)
        self.heard = Listener(self.logbook)
        self.results = self.heard.said.checks
        self.made: list[Made] = []
        self.outcome: Outcome | None = None
        self.curve = Curve()
        self.curve_at = 0.0
        self.isolation: Level | None = None
        self.given = Given({})

    def through(self) -> Run.State:
        """Go through all steps.

        :raises Fenced: when the run became somebody else's meanwhile.
        """
        try:
            with workplace(self.run.pk) as place:
                return self._steps(place)
        except RunError as error:
            return self._fail(error)
        except Refused as error:
            return self._fail(BundleError(error.message))
        except storage.OutOfSpace as error:
            return self._fail(PlatformError(f"There is no room left on the server ({error})."))
        except (Fenced, DatabaseError):
            raise
        except Exception as error:  # our own fault: say so now, instead of dying three times of it
            logger.exception("run_broke run=%s", self.run.pk)
            return self._fail(PlatformError(f"Broadsheet itself failed: {error!r}."))

    def _steps(self, place: Workplace) -> Run.State:
        with self._step("Fetch bundle"):
            self._fetch(place)
        with self._step("Prepare environment"):
            self._resolve()
            found, given = programs.tools_for(self.run.version), self._given()
            interpreter = self._interpreter(place)
            command = programs.command_for(self.run, place, interpreter, found, given)
        with self._step("Execute"):
            self._execute(command, place)
        with self._step("Collect"):
            rendered = self._collect(place)
        with self._step("Check"):
            rendered = self._check(rendered, place, interpreter)
        with self._step("Publish"):
            return self._publish(rendered)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self.lease.check()
        with self.logbook.step(name):
            yield

    def _fetch(self, place: Workplace) -> None:
        version, current = self.run.version, self.run.variant.current
        _lay_out(version.bundle, place.work, f"version {version}")
        if current is not None and programs.wants_previous_files(version):
            _lay_out(current.tree, place.previous, f"edition {current}")
            folders.forbid_writing(place.previous)

    def _resolve(self) -> None:
        """What the code is given: relative dates become those of the run's logical time."""
        run = self.run
        try:
            run.parameters = standing.given_at(run.variant, run.version, run.logical_time)
        except BadValues as bad:
            raise BundleError(f"Its code was not run: {bad} Change the variant.") from bad
        self.claim.write(parameters=run.parameters)

    def _given(self) -> Given:
        """The run's secrets; from here on, nothing that is heard of its code shows them."""
        self.given = secrets.given_to(self.run, at=timezone.now())
        self.heard.masked = Masking(self.given.values.values())
        if self.given.names:
            self.logbook.say(f"secrets: {', '.join(self.given.names)}")
            self.logbook.note(resources=self._resources())
        return self.given

    def _interpreter(self, place: Workplace) -> Interpreter:
        version = self.run.version
        return pins.prepare(
            version,
            place.work,
            packages=runner_of(version).packages,
            meanwhile=Meanwhile(self.logbook.say, self._go_on),
        )

    def _go_on(self) -> None:
        self.logbook.write_sometimes()
        self.lease.check()

    def _execute(self, command: Command, place: Workplace) -> None:
        self.isolation = isolation.level()
        heard, limits = self.heard, programs.limits_for(self.run)
        with mailbox(place.said) as box:
            heard.box = box
            self.outcome = sandbox.run(
                command,
                limits,
                heard.hear,
                must_stop=self._must_stop,
                on_usage=self._note_usage,
                level=self.isolation,
            )
            heard.end()
            self._hear_out(box)
        self.lease.check()
        version = self.run.version
        explain = runner_of(version).explain
        error = error_of(programs.called(version), self.outcome, limits, heard, explain)
        if error is not None:
            raise error

    def _must_stop(self) -> bool:
        self.heard.hear_said()
        self.logbook.write_sometimes()
        return self.lease.must_stop

    def _note_usage(self, seconds: float, usage: Usage) -> None:
        if self.curve.add(seconds, usage) and seconds >= self.curve_at:
            self.curve_at = seconds + CURVE_SECONDS
            self.logbook.note(resources=self._resources())

    def _hear_out(self, box: Mailbox) -> None:
        for line in box.last_lines():
            self.heard.take(line)
        if box.dropped:
            self.logbook.say("warning: the code told the portal too much; the rest is left out")

    def _collect(self, place: Workplace) -> Rendered:
        entry = programs.shown_file(self.run.version, place.output)
        written, said = self._results(place), self.heard.said
        data_as_of = said.data_as_of or _moment(written.get("data_as_of", ""))
        self.made = gathering.gather(
            said.parts.values(),
            place,
            data_as_of=data_as_of,
            masked=self.heard.masked,
            meanwhile=self.lease.check,
        )
        made = children.call(
            "portal.publishing.workshop:produce",
            wall_seconds=COLLECT_SECONDS,
            meanwhile=self.lease.check,
            bundle=str(place.output),
            entry=entry,
            output=str(place.edition),
            formats=formats_by_extension(),
        )
        return Rendered(
            files=store_files(place.edition),
            entry=made["produced"]["entry"],
            facts=made["produced"]["facts"] | said.facts,
            metrics=written.get("metrics", {}) | said.values,
            data_as_of=data_as_of,
        )

    def _results(self, place: Workplace) -> dict[str, Any]:
        path = place.output / results.NAME
        if path.is_symlink() or not path.is_file():
            return {}  # a link is refused where all files are looked at
        written: dict[str, Any] = children.call(
            "portal.runs.results:read", meanwhile=self.lease.check, path=str(path)
        )
        written["metrics"] = self.heard.masked.inside(written["metrics"])
        for name, value in written["metrics"].items():
            self.logbook.say(f"metric {name} = {value}")
        return written

    def _check(self, rendered: Rendered, place: Workplace, interpreter: Interpreter) -> Rendered:
        """The edition with the tally of its checks; it is never made without all its bytes."""
        for files in [rendered.files, *(one.rendered.files for one in self.made)]:
            _require_kept(files)
        judged = expectations.judge(self.run, place, rendered.metrics, meanwhile=self.lease.check)
        judged += table_schemas.judge(
            self.run, place, interpreter, must_stop=lambda: self.lease.must_stop
        )
        self.lease.check()
        declared = [result.masked(self.heard.masked) for result in judged]
        for result in declared:
            self.logbook.say(result.in_words)
        self.results += declared
        tally = checks.tally(self.results)
        return replace(
            rendered, facts=rendered.facts | ({"checks": tally} if tally["total"] else {})
        )

    def _publish(self, rendered: Rendered) -> Run.State:
        self.logbook.write()
        try:
            return endings.succeed(
                self.claim, rendered, self._report(), made=self.made, at=timezone.now()
            )
        except PublishingError as error:  # the link of a chart or table is not to be had
            raise BundleError(str(error)) from error

    def _fail(self, error: RunError) -> Run.State:
        error = error.masked(self.heard.masked)
        self.logbook.say(error.sentence)
        self.logbook.write()
        return endings.fail(self.claim, error, self._report(), at=timezone.now())

    def _report(self) -> endings.Report:
        return endings.Report(
            steps=self.logbook.steps_so_far(),
            resources=self._resources() | {"seconds": round(self.logbook.seconds(), 1)},
            exit_code=self.outcome.exit_code if self.outcome else None,
            results=self.results,
        )

    def _resources(self) -> dict[str, Any]:
        """What it used so far. `seconds` is there once it has ended."""
        return {
            "peak_mb": self.outcome.peak_mb if self.outcome else self.curve.peak_mb,
            "memory_limit_mb": programs.limits_for(self.run).memory_mb,
            "cpu_seconds": self.curve.cpu_seconds,
            "isolation": isolation.LABELS[self.isolation] if self.isolation else "",
            "curve": self.curve.series(),
            "secrets": self.given.names,
        }


def _lay_out(tree: Tree, folder: Path, whose: str) -> None:
    try:
        write_tree(tree, folder)
    except FileNotFoundError as error:
        raise PlatformError(
            f"A file of {whose} is not in the store any more. Upload it again."
        ) from error


def _require_kept(files: list[StoredFile]) -> None:
    kept = storage.blobs()
    for file in files:
        if not kept.exists(storage.blob_name(file.digest)):
            raise PlatformError(f"The store lost {file.path} again; look at its disk.")


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
