"""Charts and tables of real runs, and the files of the edition before."""

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.publishing.models import Edition, Publication, Variant
from portal.runs.models import Run
from tests.runs.authors import publish_script
from tests.runs.conftest import MONDAY
from tests.runs.test_director import again, ended, log_of, page_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# The page is always the same; the chart changes from minute to minute, the table from the third run on.
CHARTS = """
import os, pathlib
import broadsheet

minute = broadsheet.run.logical_time.minute
bars = {"data": [{"type": "bar", "x": ["a"], "y": [minute]}], "layout": {}}
assert broadsheet.figure("by-week", bars, title="Sales by week") is bars
broadsheet.table("orders", [{"day": "2026-11-16", "euros": 1 + (minute > 1)}])
broadsheet.check("right", minute != 2)
broadsheet.data_as_of(broadsheet.run.logical_time)
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
output.joinpath("index.html").write_text("<p>always the same")
"""
HEAD = "import broadsheet, os, pathlib\nparts = pathlib.Path(os.environ['BROADSHEET_PARTS'])\n"
PAGE = "\npathlib.Path(os.environ['BROADSHEET_OUTPUT'], 'index.html').write_text('<p>')"


def numbers(edition: Edition) -> dict[str, int]:
    return edition.facts.get("parts", {})


def test_charts_and_tables_are_refreshed_held_back_and_released_with_the_report(
    alice: User, client: Client
) -> None:
    variant = publish_script(CHARTS, by=alice, at=MONDAY)
    first = ended(variant)
    assert first.state == Run.State.SUCCEEDED, first.error
    chart = Publication.objects.get(slug="counting-by-week")
    table = Publication.objects.get(slug="counting-orders")
    assert "figure “by-week”" in log_of(first)
    assert (chart.title, table.title) == ("Sales by week", "Orders")
    assert table.summary == "1 row, 2 columns"
    assert chart.editions.get().data_as_of == MONDAY
    assert "plotly" in page_of(chart.editions.get()).lower()
    assert table.editions.get().tree.entries.filter(path="orders.csv").exists()

    second, held = again(variant), again(variant, minutes=2)

    assert (second.state, numbers(second.edition)) == ("succeeded", {"by-week": 2, "orders": 1})
    assert (held.state, numbers(held.edition)) == ("quarantined", {"by-week": 3, "orders": 2})
    shown = Variant.objects.get(publication=chart).current
    assert (shown.number, shown.logical_time) == (2, second.logical_time)
    assert table.editions.get(number=2).state == Edition.State.QUARANTINED
    client.force_login(alice)
    page = client.get("/visualizations/counting-by-week/", headers={"host": "localhost:8000"})
    assert "Newer data are held back" in page.content.decode()


def test_nothing_new_is_unchanged(alice: User) -> None:
    variant = publish_script(CHARTS.replace("[minute]", "[1]"), by=alice, at=MONDAY)
    ended(variant)

    run = again(variant)

    assert run.state == Run.State.UNCHANGED
    assert Edition.objects.count() == 3


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("broadsheet.figure('bars', {'rows': 3})", "The figure “bars” cannot be shown. "),
        ("broadsheet.table('rows', [])", "The table “rows” cannot be shown. "),
        (
            "broadsheet.figure('bars', {'data': []})\n"
            "(parts / 'bars' / 'bars.json').unlink()\n(parts / 'bars').rmdir()\n"
            "(parts / 'bars').symlink_to('/etc')",
            "The figure “bars” is not where `import broadsheet` put it.",
        ),
        (
            "broadsheet.figure('bars', {'data': []})\n(parts / 'bars' / 'bars.json').unlink()\n"
            "(parts / 'bars' / 'bars.json').symlink_to('/etc/passwd')",
            "The figure “bars” cannot be shown. ",
        ),
    ],
)
def test_part_that_cannot_be_shown_is_named_and_nothing_is_published(
    alice: User, source: str, says: str
) -> None:
    run = ended(publish_script(HEAD + source + PAGE, by=alice, at=MONDAY))

    assert (run.state, run.fault) == ("failed", "bundle")
    assert says in run.error
    assert not Edition.objects.exists()
    assert Publication.objects.count() == 1


def test_link_that_belongs_to_something_else_is_the_authors_error(alice: User, bob: User) -> None:
    publish_script(PAGE, by=bob, at=MONDAY, slug="counting-by-week")

    run = ended(publish_script(CHARTS, by=alice, at=MONDAY))

    assert (run.state, run.fault) == ("failed", "bundle")
    assert "counting-by-week, and that belongs to something else" in run.error
    assert not Edition.objects.exists()


PREVIOUS = """
import os, pathlib
import broadsheet
before = broadsheet.run.previous
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
said = [sorted(before.files), before.path("missing")]
if path := before.path("data/rows.csv"):
    said.append(path.read_text())
    for act in (lambda: path.write_text("mine"), lambda: path.unlink(), lambda: (path.parent / "x").touch()):
        try:
            act()
        except OSError as error:
            said.append("refused")
output.joinpath("index.html").write_text(f"<p>{said}")
output.joinpath("data").mkdir()
output.joinpath("data", "rows.csv").write_text(str(broadsheet.run.logical_time.minute))
"""


def test_files_of_the_edition_before_are_there_to_read_where_the_manifest_asks(
    alice: User,
) -> None:
    manifest = {"run": {"previous_files": True, "show": "index.html"}}
    variant = publish_script(PREVIOUS, by=alice, at=MONDAY, manifest=manifest)
    first = ended(variant)

    second = again(variant)

    assert "[[], None]" in page_of(first.edition)
    said = "[['data/rows.csv', 'index.html'], None, '0', 'refused', 'refused', 'refused']"
    assert said in page_of(second.edition)


def test_runs_that_do_not_ask_pay_nothing_for_files_of_before(alice: User) -> None:
    variant = publish_script(PREVIOUS, by=alice, at=MONDAY)
    ended(variant)

    assert "[[], None]" in page_of(again(variant).edition)
