"""Variants end to end: code that says what it was given, for two variants, by schedule, and by a new version."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portal.accounts.models import User
from portal.publishing import links, standing, variants
from portal.publishing.actions import Wish, publish_bundle
from portal.publishing.links import Address
from portal.publishing.models import Edition, Publication
from portal.publishing.trees import write_tree
from portal.runs import claims, director, endings, schedules, slots
from portal.runs.claims import Claim
from portal.runs.models import Run
from tests import factories
from tests.runs.authors import bundle_of, publish_script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
SAYS = """
import os, pathlib, broadsheet
given = broadsheet.run.parameters
page = f"%s: {given['region']} in {given['month']}"
pathlib.Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(page)
"""
MANIFEST = {
    "parameters": [
        {
            "name": "region",
            "type": "choice",
            "label": "Region",
            "choices": ["EMEA", "APAC", "LATAM"],
            "default": "EMEA",
        },
        {
            "name": "month",
            "type": "date",
            "granularity": "month",
            "label": "Month",
            "default": "previous month",
        },
    ]
}


def run_all() -> list[Run]:
    """Execute what is queued, as a worker would."""
    queued = list(Run.objects.filter(state=Run.State.QUEUED).order_by("priority", "pk"))
    for run in queued:
        director.direct(run.pk, worker="test")
        run.refresh_from_db()
        assert run.state in (Run.State.SUCCEEDED, Run.State.UNCHANGED), run.error
    return queued


def page_of(edition: Edition, tmp_path: Path) -> str:
    folder = tmp_path / f"edition-{edition.number}"
    write_tree(edition.tree, folder)
    return (folder / edition.entry).read_text().rpartition(">")[2]


def shown(alice: User, variant: str) -> Edition:
    return links.resolve(alice, Address("counting", variant=variant)).edition


def test_two_variants_have_schedules_editions_and_links_and_a_new_version_renders_both(
    alice: User, tmp_path: Path
) -> None:
    default = publish_script(SAYS % "first", by=alice, at=MONDAY, manifest=MANIFEST)
    report: Publication = default.publication
    for region in ("APAC", "LATAM"):
        made = variants.create_variant(
            report, title=region, values={"region": region}, by=alice, at=MONDAY
        )
        cron = "0 7 * * 1" if region == "APAC" else "0 7 1 * *"
        schedules.set_schedule(made, cron=cron, timezone="UTC", by=alice, at=MONDAY)
    run_all()

    due = datetime(2026, 12, 1, 7, 0, tzinfo=UTC) + timedelta(seconds=5)
    slots.make_due_slots(due)
    by_schedule = run_all()
    before = {slug: shown(alice, slug) for slug in ("default", "apac", "latam")}
    second = bundle_of({"main.py": SAYS % "second"}, entry="main.py", manifest=MANIFEST)
    publish_bundle(second, Wish(slug="counting"), by=alice, at=due)
    rendered = run_all()

    assert [(run.variant.slug, run.parameters["month"], run.state) for run in by_schedule] == [
        ("apac", "2026-10-01", "unchanged"),  # due on the last Monday of November
        ("latam", "2026-11-01", "succeeded"),  # on the first of December
    ]
    assert page_of(before["default"], tmp_path) == "first: EMEA in 2026-10-01"
    assert page_of(before["latam"], tmp_path) == "first: LATAM in 2026-11-01"
    assert before["latam"].facts["parameters"] == {"region": "LATAM", "month": "2026-11-01"}
    assert [run.variant.slug for run in rendered] == ["default", "apac", "latam"]
    after = {slug: shown(alice, slug) for slug in before}
    assert {str(edition.version) for edition in after.values()} == {"1.1"}
    assert page_of(after["apac"], tmp_path) == "second: APAC in 2026-11-01"
    assert len({edition.number for edition in [*before.values(), *after.values()]}) == 6


def test_edition_of_parameters_that_were_changed_meanwhile_is_kept_unseen(alice: User) -> None:
    default = publish_script(SAYS % "first", by=alice, at=MONDAY, manifest=MANIFEST)
    made = variants.create_variant(
        default.publication, title="Asia", values={"region": "APAC"}, by=alice, at=MONDAY
    )
    run = made.runs.get()
    claim = _claimed(run)

    variants.change_variant(made, values={"region": "LATAM"}, by=alice, at=MONDAY)
    _end(claim)

    run.refresh_from_db()
    made.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED
    assert "was given other parameters meanwhile" in run.remark
    assert made.current is None
    assert made.runs.filter(state=Run.State.QUEUED).count() == 1


def _claimed(run: Run) -> Claim:
    claim = claims.claim(run.pk, worker="test", at=MONDAY)
    assert claim is not None
    claim.write(parameters=standing.given_at(run.variant, run.version, run.logical_time))
    return claim


def _end(claim: Claim) -> None:
    report = endings.Report(steps=[], resources={}, exit_code=0)
    endings.succeed(claim, factories.rendered("x"), report, at=MONDAY)
