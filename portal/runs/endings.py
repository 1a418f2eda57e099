"""How a run ends: one transaction each, and only for whoever still holds the run."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from portal.publishing import parts, plugs
from portal.publishing.actions import Rendered, add_edition, lock_publication, publish
from portal.publishing.models import Edition, Variant
from portal.publishing.parts import Made
from portal.publishing.standing import has_former_parameters, is_given
from portal.publishing.trees import tree_digest
from portal.runs import checks, retries, suspensions
from portal.runs.checks import Result
from portal.runs.claims import Claim
from portal.runs.doorbell import ring_after
from portal.runs.errors import Cancelled, Fenced, RunError
from portal.runs.models import CheckResult, Run


@dataclass(frozen=True)
class Report:
    """What is kept of the attempt, whatever came of it."""

    steps: list[dict[str, Any]]
    resources: dict[str, Any]
    exit_code: int | None
    results: list[Result] = field(default_factory=list)


@transaction.atomic
def succeed(
    claim: Claim, rendered: Rendered, report: Report, *, made: Sequence[Made] = (), at: datetime
) -> Run.State:
    """Keep what the run made as an edition and show it; the former one is archived by the same commit.

    A failed check that blocks keeps the edition from readers. The same files as those shown make no edition. An
    edition of a version that is not the variant's any more, or older than the one shown, is kept without being
    shown, and the run says why. Charts and tables `made` beside it share its fate.

    :raises Fenced: when the run is not ours any more; nothing is changed then.
    :raises Cancelled: when a person has stopped it meanwhile; nothing is changed then.
    :raises portal.publishing.actions.PublishingError: when the link of a chart or table is not to be had.
    """
    run = _held(claim)
    if run.cancel_requested:
        raise Cancelled("The run was cancelled.")
    lock_publication(run.version.publication_id)
    variant = Variant.objects.select_related("current__version", "version", "publication").get(
        pk=run.variant_id
    )
    blocked = checks.sentence(report.results)
    is_shown = _is_shown(rendered, made, run, variant)
    if is_shown and not (blocked and _is_of_another_time(run, variant)):
        _end(claim, Run.State.UNCHANGED, report, at=at, progress=100)
        ring_after(run, at=at)
        return Run.State.UNCHANGED
    remark = _reason_not_to_show(run, variant)
    edition = _keep(rendered, made, run, variant, is_held=bool(blocked), at=at)
    if blocked:
        return _quarantine(claim, edition, blocked, report, at=at)
    _end(claim, Run.State.SUCCEEDED, report, at=at, progress=100, edition=edition, remark=remark)
    if not remark:
        publish(edition, by=run.requested_by, at=at, reason=f"Run {run.pk}")
    ring_after(run, at=at)
    return Run.State.SUCCEEDED


def _keep(
    rendered: Rendered,
    made: Sequence[Made],
    run: Run,
    variant: Variant,
    *,
    is_held: bool,
    at: datetime,
) -> Edition:
    """The report's edition, which remembers those of the charts and tables that were made with it."""
    both: dict[str, Any] = {
        "version": run.version,
        "variant": variant,
        "logical_time": run.logical_time,
        "by": run.requested_by,
        "at": at,
        "state": Edition.State.QUARANTINED if is_held else Edition.State.GOOD,
    }
    numbers = parts.keep(made, **both)
    facts = rendered.facts | ({"parts": numbers} if numbers else {})
    facts |= {"parameters": run.parameters} if run.parameters else {}
    return add_edition(replace(rendered, facts=facts), **both)


def _quarantine(
    claim: Claim, edition: Edition, sentence: str, report: Report, *, at: datetime
) -> Run.State:
    run = _held(claim)
    _end(
        claim,
        Run.State.QUARANTINED,
        report,
        at=at,
        edition=edition,
        progress=100,
        fault=Run.Fault.BUNDLE,
        error=sentence,
    )
    plugs.announce(plugs.Quarantined(edition, run.pk, sentence, at))
    ring_after(run, at=at)
    return Run.State.QUARANTINED


@transaction.atomic
def fail(claim: Claim, error: RunError, report: Report, *, at: datetime) -> Run.State:
    """End the run without an edition, and tell its people, unless one of them cancelled it.

    Where its schedule has retries left for such an error, the run is queued again instead, and nobody is told.

    :raises Fenced: when the run is not ours any more; nothing is changed then.
    """
    run = _held(claim)
    if retries.is_due(run, error):
        retries.try_again(claim, run, error, report.resources, at=at)
        ring_after(run, at=at)
        return Run.State.QUEUED
    _end(
        claim,
        error.state,
        report,
        at=at,
        fault=error.fault,
        error=error.sentence,
        last_words=error.last_words,
        failed_code=error.failed_code,
    )
    if error.state != Run.State.CANCELLED:
        publication = run.variant.publication
        plugs.announce(plugs.RunFailed(publication, run.pk, error.sentence, at))
    ring_after(run, at=at)
    return error.state


def _held(claim: Claim) -> Run:
    run = (
        claim.held()
        .select_for_update(of=("self",), no_key=True)
        .select_related(
            "version",
            "variant__publication__team",
            "requested_by",
            "slot__schedule",
            "backfill__schedule",
        )
        .first()
    )
    if run is None:
        raise Fenced(f"run {claim.run_id}")
    return run


def _end(
    claim: Claim,
    state: Run.State,
    report: Report,
    *,
    at: datetime,
    edition: Edition | None = None,
    **fields: Any,
) -> None:
    claim.write(
        state=state,
        edition=edition,
        finished_at=at,
        lease_until=None,
        doing="",
        steps=report.steps,
        resources=report.resources,
        exit_code=report.exit_code,
        **fields,
    )
    suspensions.note_end(claim.run_id, at=at)
    CheckResult.objects.bulk_create(
        CheckResult(run_id=claim.run_id, edition=edition, **vars(result))
        for result in report.results
    )


def _is_shown(rendered: Rendered, made: Sequence[Made], run: Run, variant: Variant) -> bool:
    current = variant.current
    return (
        current is not None
        and current.version_id == run.version_id
        and current.tree_id == tree_digest(rendered.files)
        and not has_former_parameters(variant)
        and parts.are_shown(made, variant, run.version)
    )


def _is_of_another_time(run: Run, variant: Variant) -> bool:
    """Whether the check looked at something new. At the time of what was released, a person has decided."""
    return variant.current is None or variant.current.logical_time != run.logical_time


def _reason_not_to_show(run: Run, variant: Variant) -> str:
    if variant.is_removed:
        return "The variant was removed meanwhile."
    if variant.version_id != run.version_id:
        return (
            f"Readers are shown version {variant.version} by now; this edition is of {run.version}."
        )
    if not is_given(variant, run.version, run.logical_time, run.parameters):
        return (
            "The variant was given other parameters meanwhile; this edition is of the former ones."
        )
    current = variant.current
    if (
        current is not None
        and current.version_id == run.version_id
        and not has_former_parameters(variant)
        and current.logical_time > run.logical_time
    ):
        return f"Readers see a later one already, edition {current}."
    return ""
