"""Charts and tables of a report: publications of their own whose links move with the report's."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.publishing import actions, content, embeds, parts, queries
from portal.publishing.actions import Wish
from portal.publishing.models import (
    Audience,
    AuditEvent,
    Edition,
    EmbedGrant,
    Part,
    Publication,
    PublishEvent,
    SlugRedirect,
    Variant,
)
from portal.publishing.parts import Made
from portal.publishing.permissions import can_edit, can_view
from portal.runs import rules, schedules
from portal.runs.actions import NothingToRun, run_now
from tests import factories
from tests.factories import MONDAY, rendered

Reading = Callable[[User], Client]
MINUTE = timedelta(minutes=1)


def made(name: str = "by-week", text: str = "chart", **words: str) -> Made:
    return Made(name, rendered(text), **words)


def refreshed(
    report: Publication,
    *charts: Made,
    minute: int = 0,
    state: Edition.State = Edition.State.GOOD,
    variant: str = "default",
) -> Edition:
    """An edition of the report with these charts, kept and published as a run does it."""
    of_report = Variant.objects.select_related("version").get(publication=report, slug=variant)
    at, by = MONDAY + minute * MINUTE, report.owner
    plain = {"version": of_report.version, "variant": of_report, "logical_time": at, "by": by}
    is_good = state == Edition.State.GOOD
    with transaction.atomic():
        numbers = parts.keep(charts, **plain, at=at, state=state)
        page = rendered(f"{variant} {minute}", facts={"parts": numbers})
        edition = actions.add_edition(page, **plain, at=at, state=state)
        if is_good:
            actions.publish(edition, by=by, at=at, reason="Run")
    return edition


def shown(slug: str = "weekly-sales-by-week", variant: str = "default") -> Edition | None:
    return Variant.objects.get(publication__slug=slug, slug=variant).current


@pytest.fixture
def report(alice: User) -> Publication:
    return factories.publication(by=alice)


@pytest.fixture
def chart(report: Publication) -> Publication:
    refreshed(report, made())
    return Publication.objects.get(slug="weekly-sales-by-week")


def test_chart_becomes_a_visualization_that_follows_the_report(report: Publication) -> None:
    Publication.objects.filter(pk=report.pk).update(audience=Audience.TEAM)

    refreshed(report, made(title="Sales by week", summary="In euros."))

    chart = Publication.objects.get(kind="visualization")
    assert (chart.slug, chart.title, chart.summary) == (
        "weekly-sales-by-week",
        "Sales by week",
        "In euros.",
    )
    assert (chart.owner, chart.team, chart.audience) == (report.owner, report.team, Audience.TEAM)
    assert str(shown().version) == "1.0"
    assert shown().version.bundle_id == report.versions.get().bundle_id
    event = PublishEvent.objects.get(edition__publication=chart)
    assert event.reason == "With edition #2 of “Weekly sales”"


def test_title_is_made_from_the_name_when_nobody_says_one(chart: Publication) -> None:
    assert chart.title == "By week"


def test_next_refresh_makes_an_edition_and_never_a_second_link(
    report: Publication, chart: Publication
) -> None:
    first = shown()

    refreshed(report, made(text="other", title="Renamed"), minute=1)

    assert Publication.objects.filter(kind="visualization").get().title == "Renamed"
    assert shown().number == 2
    assert PublishEvent.objects.get(edition=shown()).previous == first


def test_same_chart_makes_no_edition_and_moves_no_link(
    report: Publication, chart: Publication
) -> None:
    edition = refreshed(report, made(), minute=1)

    assert edition.facts["parts"] == {"by-week": 1}
    assert chart.editions.count() == 1
    assert PublishEvent.objects.filter(variant__publication=chart).count() == 1


def test_new_version_of_the_report_is_the_same_version_of_the_chart(
    report: Publication, chart: Publication, alice: User
) -> None:
    factories.version("second", by=alice, change="major")

    refreshed(report, made(), minute=1)

    assert [str(version) for version in chart.versions.order_by("pk")] == ["1.0", "2.0"]
    assert str(shown().version) == "2.0"


def test_are_shown_says_whether_anything_would_change(
    report: Publication, chart: Publication
) -> None:
    variant = report.variants.select_related("current", "version").get()

    def same(*charts: Made) -> bool:
        return parts.are_shown(charts, variant, variant.version)

    assert same(made())
    assert not same(made(title="Renamed"))
    assert not same(made(summary="In euros"))
    assert not same(made(text="other"))
    assert not same(made(), made("second"))
    assert not same()


def test_variant_of_the_report_is_a_variant_of_the_chart(
    report: Publication, chart: Publication
) -> None:
    version = report.versions.get()
    report.variants.create(slug="emea", title="EMEA", parameters={"r": 1}, version=version)

    refreshed(report, made(text="emea"), variant="emea")

    emea = chart.variants.get(slug="emea")
    assert (emea.title, emea.parameters, emea.current.number) == ("EMEA", {"r": 1}, 2)
    assert shown().number == 1


def test_held_back_chart_is_shown_when_the_report_is_released(
    report: Publication, chart: Publication, alice: User
) -> None:
    held = refreshed(report, made(text="wrong"), minute=1, state=Edition.State.QUARANTINED)
    assert shown().number == 1
    of_chart = chart.editions.get(number=2)
    assert of_chart.state == Edition.State.QUARANTINED

    actions.release_edition(held, by=alice, at=MONDAY, reason="A holiday")

    assert shown() == of_chart
    assert shown().is_good
    assert AuditEvent.objects.filter(action="release_edition", publication=chart).count() == 1


def test_released_chart_is_called_as_its_edition_says(
    report: Publication, chart: Publication, alice: User
) -> None:
    words = {"title": "Sales", "summary": "In euros."}
    held = refreshed(report, made(**words), minute=1, state=Edition.State.QUARANTINED)
    chart.refresh_from_db()
    assert (chart.title, chart.summary) == ("By week", "")

    actions.release_edition(held, by=alice, at=MONDAY, reason="A holiday")

    chart.refresh_from_db()
    assert (chart.title, chart.summary) == ("Sales", "In euros.")


def test_chart_is_called_as_its_default_variant_says_or_the_only_one(report: Publication) -> None:
    version = report.versions.get()
    report.variants.create(slug="emea", title="EMEA", version=version)

    refreshed(report, made(text="emea", title="In EMEA"), variant="emea")
    first = Publication.objects.get(kind="visualization").title
    refreshed(report, made(title="Everywhere"), minute=1)
    refreshed(report, made(text="more", title="In EMEA"), variant="emea", minute=2)

    assert first == "In EMEA"
    assert Publication.objects.get(kind="visualization").title == "Everywhere"


@pytest.mark.parametrize(("name", "finds"), [("charlie", False), ("alice", True), ("ada", True)])
def test_chart_that_was_never_shown_is_known_to_editors_alone(
    report: Publication,
    alice: User,
    charlie: User,
    ada: User,
    reading: Reading,
    name: str,
    finds: bool,
) -> None:
    words = {"title": "Layoffs by week", "summary": "All of them."}
    refreshed(report, made(**words), state=Edition.State.QUARANTINED)
    person = User.objects.get(username=name)
    browser = reading(person)

    listed = browser.get("/visualizations/").content.decode()
    found = browser.get("/", {"q": "week"}).content.decode()
    counts = queries.count_by_kind(person)
    page = browser.get("/visualizations/weekly-sales-by-week/").content.decode()

    assert ("By week" in listed, "By week" in found, counts.get("visualization", 0)) == (
        finds,
        finds,
        int(finds),
    )
    assert "By week" in page
    assert not any(word in listed + found + page for word in words.values())


def test_lists_tell_readers_of_a_chart_as_soon_as_a_variant_shows_it(
    report: Publication, charlie: User
) -> None:
    version = report.versions.get()
    report.variants.create(slug="emea", title="EMEA", version=version)
    refreshed(report, made(), state=Edition.State.QUARANTINED)

    refreshed(report, made(text="emea"), variant="emea", minute=1)

    assert queries.count_by_kind(charlie) == {"report": 1, "visualization": 1}


def test_held_back_chart_is_not_released_by_itself(
    report: Publication, chart: Publication, alice: User, reading: Reading
) -> None:
    held = refreshed(report, made(text="wrong"), minute=1, state=Edition.State.QUARANTINED)

    with pytest.raises(actions.MadeByReport):
        actions.release_edition(chart.editions.get(number=2), by=alice, at=MONDAY, reason="Mine")
    answer = reading(alice).get("/visualizations/weekly-sales-by-week/editions/2/release/")

    assert answer.url == f"/reports/weekly-sales/editions/{held.number}/release/"


def test_rolling_the_report_back_rolls_its_charts_back(
    report: Publication, chart: Publication, alice: User
) -> None:
    first = report.editions.get(facts__parts__isnull=False)
    refreshed(report, made(text="wrong"), minute=1)

    refreshed(report, made(text="wrong", title="Renamed"), minute=2)

    actions.roll_back(first, by=alice, at=MONDAY, reason="Wrong")

    chart.refresh_from_db()
    assert (shown().number, chart.title) == (1, "By week")


def test_roll_back_clears_a_chart_that_only_later_editions_made(
    report: Publication, chart: Publication, alice: User, charlie: User, reading: Reading
) -> None:
    first = report.editions.get(facts__parts__isnull=False)
    refreshed(report, made(text="wrong"), made("leak", title="Layoffs"), minute=1)
    leak = Publication.objects.get(slug="weekly-sales-leak")
    grant = embedded(leak, alice)
    refreshed(report, minute=2)

    actions.roll_back(first, by=alice, at=MONDAY, reason="Wrong")

    leak.refresh_from_db()
    assert (shown().number, shown(leak.slug), leak.title) == (1, None, "Leak")
    event = AuditEvent.objects.get(action="hide", publication=leak)
    assert (event.by, event.detail["was"]) == (alice, "#1")
    browser = reading(charlie)
    assert "No edition yet" in browser.get("/visualizations/weekly-sales-leak/").content.decode()
    for address in ("v1", "as-of/2026-11-17"):
        answer = browser.get(f"/visualizations/weekly-sales-leak/{address}/")
        assert answer.status_code == 404, address
    assert embed_page(grant).status_code == 404
    assert queries.count_by_kind(charlie)["visualization"] == 1


def test_cleared_chart_is_shown_again_with_the_next_edition_that_makes_it(
    report: Publication, chart: Publication, alice: User
) -> None:
    first = report.editions.get(facts__parts__isnull=False)
    refreshed(report, made(), made("leak"), minute=1)
    actions.roll_back(first, by=alice, at=MONDAY, reason="Wrong")

    refreshed(report, made(), made("leak", title="Right"), minute=2)

    assert shown("weekly-sales-leak").number == 2
    assert Publication.objects.get(slug="weekly-sales-leak").title == "Right"


def test_roll_back_moves_a_chart_to_what_it_showed_beside_that_edition(
    report: Publication, chart: Publication, alice: User
) -> None:
    without = refreshed(report, minute=1)
    refreshed(report, made(text="wrong"), minute=2)

    actions.roll_back(without, by=alice, at=MONDAY, reason="Wrong")

    assert shown().number == 1


def test_roll_back_never_moves_a_chart_to_what_was_not_shown_then(
    report: Publication, alice: User
) -> None:
    refreshed(report, made(text="held"), state=Edition.State.QUARANTINED)
    without = refreshed(report, minute=1)
    refreshed(report, made(text="wrong"), minute=2)

    actions.roll_back(without, by=alice, at=MONDAY, reason="Wrong")

    assert shown() is None


def test_roll_back_of_one_variant_leaves_the_chart_of_the_other(
    report: Publication, alice: User
) -> None:
    version = report.versions.get()
    report.variants.create(slug="emea", title="EMEA", version=version)
    first = report.editions.get()
    refreshed(report, made(title="Everywhere"), minute=1)
    refreshed(report, made(text="emea", title="In EMEA"), variant="emea", minute=2)

    actions.roll_back(first, by=alice, at=MONDAY, reason="Wrong")

    assert (shown(), shown(variant="emea").number) == (None, 2)
    assert Publication.objects.get(kind="visualization").title == "In EMEA"


def test_chart_that_is_not_made_any_more_stays_and_says_so(
    report: Publication, chart: Publication, alice: User, reading: Reading
) -> None:
    refreshed(report, minute=1)

    page = reading(alice).get("/visualizations/weekly-sales-by-week/").content.decode()

    assert shown().number == 1
    assert "No longer refreshed." in page


def test_link_of_something_else_is_refused_and_nothing_is_kept(
    report: Publication, alice: User, ada: User
) -> None:
    factories.private(factories.publication(by=ada, slug="weekly-sales-by-week", title="Secret"))

    with pytest.raises(actions.SlugTaken, match="Choose another name") as refusal:
        refreshed(report, made("a-first"), made(), minute=1)

    assert "Secret" not in str(refusal.value)
    assert not Part.objects.exists()
    assert report.editions.count() == 1


def test_former_slug_is_never_given_away(report: Publication, alice: User) -> None:
    other = factories.publication(by=alice, slug="other")
    SlugRedirect.objects.create(slug="weekly-sales-by-week", publication=other, created_at=MONDAY)

    with pytest.raises(actions.SlugTaken):
        refreshed(report, made())

    assert not Publication.objects.filter(slug="weekly-sales-by-week").exists()


def test_link_that_would_be_too_long_is_refused(alice: User) -> None:
    report = factories.publication(by=alice, slug="s" * 75)

    with pytest.raises(actions.SlugUnusable, match="longer than 80"):
        refreshed(report, made())


@pytest.mark.parametrize("audience", list(Audience))
def test_chart_is_seen_and_changed_by_whom_the_report_is(
    report: Publication,
    chart: Publication,
    audience: str,
    alice: User,
    bob: User,
    charlie: User,
    ada: User,
) -> None:
    """Also while its own row still says something else."""
    Publication.objects.filter(pk=report.pk).update(audience=audience)
    both = list(Publication.objects.all())
    people = [alice, bob, charlie, ada]

    def names(people: list[User], may: Callable[[User, Publication], bool], slug: str) -> set[str]:
        (one,) = (one for one in both if one.slug == slug)
        return {person.username for person in people if may(person, one)}

    for may in (can_view, can_edit):
        assert names(people, may, chart.slug) == names(people, may, report.slug)
    for person in people:
        assert len(Publication.objects.visible_to(person)) == 2 * can_view(person, report_now())
        assert len(Publication.objects.editable_by(person)) == 2 * can_edit(person, report_now())


def report_now() -> Publication:
    return Publication.objects.get(kind="report")


def test_chart_cannot_be_uploaded_run_or_scheduled(
    chart: Publication, alice: User, reading: Reading
) -> None:
    variant = chart.variants.get()

    with pytest.raises(actions.MadeByReport, match="“Weekly sales” \\(weekly-sales\\)"):
        actions.publish_bundle(factories.bundle("x"), Wish(slug=chart.slug), by=alice, at=MONDAY)
    with pytest.raises(NothingToRun, match="refreshed with the report “Weekly sales”"):
        run_now(variant, by=alice, at=MONDAY)
    with pytest.raises(rules.BadSchedule, match="Schedule that"):
        schedules.set_schedule(variant, every_minutes=5, by=alice, at=MONDAY)
    browser = reading(alice)
    upload = browser.get("/visualizations/weekly-sales-by-week/upload/")
    schedule = browser.get("/visualizations/weekly-sales-by-week/schedule/")
    assert upload.url == "/reports/weekly-sales/upload/"
    assert schedule.url == "/reports/weekly-sales/schedule/"
    assert len(list(get_messages(schedule.wsgi_request))) == 2


def test_pages_link_to_each_other(
    report: Publication, chart: Publication, charlie: User, reading: Reading
) -> None:
    browser = reading(charlie)

    of_report = browser.get("/reports/weekly-sales/").content.decode()
    of_chart = browser.get("/visualizations/weekly-sales-by-week/").content.decode()

    assert '<a href="/visualizations/weekly-sales-by-week/">By week</a>' in of_report
    assert 'from the report <a href="/reports/weekly-sales/">Weekly sales</a>' in of_chart
    assert "New version" not in of_chart


def test_archived_report_leads_to_the_charts_of_then(
    report: Publication, chart: Publication, charlie: User, reading: Reading
) -> None:
    refreshed(report, made(text="other"), minute=1)

    page = reading(charlie).get("/reports/weekly-sales/editions/2/").content.decode()

    assert '<a href="/visualizations/weekly-sales-by-week/editions/1/">' in page


@pytest.mark.parametrize(
    "path", ["/reports/weekly-sales/", "/", "/visualizations/", "/visualizations/weekly-sales-c0/"]
)
def test_pages_ask_the_database_no_more_for_more_charts(
    report: Publication, alice: User, reading: Reading, path: str
) -> None:
    refreshed(report, made("c0"))
    browser = reading(alice)
    browser.get(path)
    with CaptureQueriesContext(connection) as with_one:
        browser.get(path)

    refreshed(report, *(made(f"c{n}") for n in range(3)), minute=1)

    with CaptureQueriesContext(connection) as with_three:
        browser.get(path)
    assert len(with_three) == len(with_one)


def test_kept_and_not_shown_moves_no_link(report: Publication, chart: Publication) -> None:
    variant = report.variants.select_related("version").get()

    numbers = parts.keep(
        [replace(made(text="late"), title="Late")],
        version=variant.version,
        variant=variant,
        logical_time=MONDAY,
        by=None,
        at=MONDAY,
        state=Edition.State.GOOD,
    )

    chart.refresh_from_db()
    assert (numbers, shown().number, chart.title) == ({"by-week": 2}, 1, "By week")


def test_removed_report_takes_its_charts_with_it(
    report: Publication, chart: Publication, alice: User, charlie: User, reading: Reading
) -> None:
    Publication.objects.filter(pk=report.pk).update(
        state="removed", removed_at=MONDAY, removed_by=alice
    )

    page = reading(charlie).get("/visualizations/weekly-sales-by-week/")

    assert page.status_code == 410
    assert "Weekly sales" in page.content.decode()
    assert not Publication.objects.listed().exists()


def test_front_page_tells_of_a_report_and_not_of_each_of_its_charts(
    chart: Publication, alice: User, reading: Reading
) -> None:
    home = reading(alice).get("/").context
    found = reading(alice).get("/", {"q": "by week"}).content.decode()

    for list_ in ("new", "yours"):
        assert [story.publication.title for story in home[list_]] == ["Weekly sales"]
    assert "By week" in found


def embedded(chart: Publication, by: User) -> EmbedGrant:
    return embeds.create_grant(
        chart,
        variant=chart.variants.get(),
        follows="latest",
        label="Wiki",
        origins=["https://wiki.example.com"],
        by=by,
        at=MONDAY,
    )


def embed_page(grant: EmbedGrant) -> HttpResponse:
    return Client(headers={"host": "127.0.0.1:8000"}).get(embeds.embed_url(grant))


def test_embed_of_a_chart_follows_the_report(
    report: Publication, chart: Publication, alice: User
) -> None:
    grant = embedded(chart, alice)

    refreshed(report, made(text="newer"), minute=1)

    assert content.grant_url(grant, shown()) in embed_page(grant).content.decode()
    assert shown().number == 2


def test_embed_of_a_chart_ends_with_the_report(
    report: Publication, chart: Publication, alice: User
) -> None:
    grant = embedded(chart, alice)
    removed = {"state": "removed", "removed_at": MONDAY, "removed_by": alice}
    Publication.objects.filter(pk=report.pk).update(**removed)

    page = embed_page(grant)

    assert page.status_code == 410
    assert chart.title not in page.content.decode()
    with pytest.raises(embeds.NothingToFollow):
        embedded(Publication.objects.get(pk=chart.pk), alice)
