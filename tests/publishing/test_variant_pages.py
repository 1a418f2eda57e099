"""Links, pages, charts, API and command of variants."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.publishing import actions, links, parts, variants
from portal.publishing.links import Address
from portal.publishing.models import Edition, Publication, Variant
from portal.publishing.parts import Made
from portal.runs import schedules
from portal.runs.models import Run
from tests import factories
from tests.factories import MONDAY
from tests.publishing.varied import PAGE, Reading, bundle, default_of, render, save, upload


@pytest.fixture
def sales(alice: User) -> Publication:
    """Code with three parameters, whose first run is queued."""
    return upload(bundle(), by=alice).publication


# ---- links and pages ----


def test_links_of_a_variant_lead_to_its_own_editions(
    sales: Publication, alice: User, reading: Reading
) -> None:
    asia = save(sales)
    render(default_of(sales), "all")
    edition = render(asia, "asia")
    browser = reading(alice)

    page = browser.get(f"{PAGE}for/asia/").content.decode()
    day = browser.get(f"{PAGE}for/asia/as-of/2026-11-16/")
    on = browser.get(f"{PAGE}history/?variant=asia&on=2026-11-16")
    chosen = browser.get(f"{PAGE}for/?variant=asia")
    history = browser.get(f"{PAGE}history/?variant=asia").content.decode()

    assert "<title>Weekly sales, Asia" in page
    assert "Region = APAC, Month = 2026-10, Net = yes" in page
    assert f'value="{links.url_of(sales, variant="asia")}"' in page
    assert '<input type="hidden" name="variant" value="asia">' in page
    assert day["Location"] == links.path_of(sales, edition=edition.number)
    assert on["Location"] == f"{PAGE}for/asia/as-of/2026-11-16/"
    assert chosen["Location"] == f"{PAGE}for/asia/"
    assert "#2" in history
    assert "#1<" not in history
    assert links.resolve(alice, Address("weekly-sales", variant="asia", major=1)).edition == edition


def test_page_of_variants_is_for_editors_and_asks_the_same_for_one_and_for_many(
    sales: Publication, alice: User, charlie: User, reading: Reading
) -> None:
    counts = []
    for number in range(3):
        variant = save(sales, f"Asia {number}", net=bool(number % 2))
        render(variant, str(number))
        schedules.set_schedule(variant, every_minutes=60, by=alice, at=MONDAY)
        if number != 1:
            with CaptureQueriesContext(connection) as asked:
                page = reading(alice).get(f"{PAGE}variants/")
            counts.append(len(asked))

    assert counts[0] == counts[1]
    content = page.content.decode()
    assert content.count("Region = APAC") == 3
    assert "every 60 minutes" in content.lower() or "every hour" in content.lower()
    assert reading(charlie).get(f"{PAGE}variants/").status_code == 403
    assert reading(charlie).get(f"{PAGE}for/asia-1/").status_code == 200


def test_many_variants_are_chosen_from_a_list(
    sales: Publication, alice: User, reading: Reading
) -> None:
    editions = [render(save(sales, f"Asia {number}"), str(number)) for number in range(9)]

    page = reading(alice).get(f"{PAGE}for/asia-3/").content.decode()

    assert page.count("<option") == len(editions)
    assert '<option value="asia-3" selected>Asia 3</option>' in page


def test_form_saves_changes_renders_and_removes(
    sales: Publication, alice: User, reading: Reading
) -> None:
    browser = reading(alice)
    typed = {"title": "Asia", "slug": "", "p-region": "APAC", "p-month": "2 months ago"}

    wrong = browser.post(f"{PAGE}variants/", typed | {"p-month": "soon"})
    saved = browser.post(f"{PAGE}variants/", typed)
    form = browser.get(f"{PAGE}variants/asia/").content.decode()
    browser.post(f"{PAGE}variants/asia/", typed | {"title": "Asia 2", "p-net": "yes"})
    asia = sales.variants.get(slug="asia")
    browser.post(f"{PAGE}variants/asia/run/")
    asked = browser.get(f"{PAGE}variants/asia/remove/")
    browser.post(f"{PAGE}variants/asia/remove/")

    assert wrong.status_code == 422
    assert "Month “soon” must be a month such as 2026-03" in wrong.content.decode()
    assert 'value="soon"' in wrong.content.decode()
    assert (saved.status_code, saved["Location"]) == (303, f"{PAGE}variants/")
    assert 'value="2 months ago"' in form
    assert "<option selected>APAC</option>" in form
    assert asia.title == "Asia 2"
    assert asia.parameters == {"region": "APAC", "month": "2 months ago", "net": True}
    assert asked.status_code == 200
    assert sales.variants.get(slug="asia").is_removed


def test_parts_of_a_variant_are_its_own(sales: Publication, alice: User) -> None:
    asia, default = save(sales), default_of(sales)
    for variant in (default, asia):
        keep(variant, f"chart of {variant.slug}")
    chart = Publication.objects.get(slug="weekly-sales-by-week")

    keep(asia, "newer chart of asia", minute=1)

    shown = {one.slug: one.current.number for one in chart.variants.select_related("current")}
    assert shown == {"default": 1, "asia": 3}
    variants.remove_variant(asia, by=alice, at=MONDAY)
    with pytest.raises(links.RemovedVariant):
        links.resolve(alice, Address(chart.slug, variant="asia"))
    assert links.resolve(alice, Address(chart.slug)).edition.number == 1


def keep(variant: Variant, text: str, *, minute: int = 0) -> None:
    variant = Variant.objects.select_related("version").get(pk=variant.pk)
    at = MONDAY + timedelta(minutes=minute)
    common: dict[str, Any] = {
        "version": variant.version,
        "variant": variant,
        "logical_time": at,
        "by": None,
        "at": at,
        "state": Edition.State.GOOD,
    }
    with transaction.atomic():
        numbers = parts.keep([Made("by-week", factories.rendered(text))], **common)
        made = factories.rendered(f"report {text}", facts={"parts": numbers})
        actions.publish(actions.add_edition(made, **common), by=None, at=at, reason="Run")


# ---- programs ----


def test_api_tells_and_changes_variants(sales: Publication, alice: User, reading: Reading) -> None:
    browser, path = reading(alice), "/api/v1/publications/weekly-sales/variants/"
    asked: dict[str, Any] = {"content_type": "application/json"}

    wrong = browser.post(path, {"title": "Asia", "parameters": {"region": "X"}}, **asked)
    made = browser.post(path, {"title": "Asia", "parameters": {"region": "APAC"}}, **asked)
    changed = browser.patch(f"{path}asia/", {"parameters": {"month": "last month"}}, **asked)
    render(sales.variants.get(slug="asia"))
    run = browser.post(f"{path}asia/run/").json()
    told = browser.get(path).json()
    one = browser.get(f"{path}asia/").json()
    removed = browser.delete(f"{path}asia/")

    assert (wrong.status_code, wrong.json()["code"]) == (422, "field_invalid")
    assert "Region “X” is not a choice" in wrong.json()["message"]
    assert (made.status_code, made.json()["active_run"] is not None) == (201, True)
    assert changed.json()["parameters"] == {"month": "previous month"}
    assert changed.json()["is_done"] is False
    assert run["active_run"] == Run.objects.latest("pk").pk
    assert [variant["slug"] for variant in told] == ["default", "asia"]
    assert one["edition"]["parameters"] == {"region": "EMEA", "month": "2026-10-01", "net": True}
    assert one["is_done"] is True
    assert removed.status_code == 204
    assert browser.get(f"{path}asia/").status_code == 410
    assert browser.get(f"{path}nothing/").status_code == 404


def test_command_saves_lists_and_removes(
    sales: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    by = ("--by", "alice")

    call_command("variant", "set", "weekly-sales", "asia", "-p", "region=APAC", *by)
    call_command("variant", "set", "weekly-sales", "asia", "-p", "month=2026-03", *by)
    call_command("variant", "run", "weekly-sales", "asia", *by)
    call_command("variant", "list", "weekly-sales", *by)
    with pytest.raises(SystemExit):
        call_command("variant", "set", "weekly-sales", "asia", "-p", "region=LATAM", *by)
    call_command("variant", "remove", "weekly-sales", "asia", *by)

    said = capsys.readouterr()
    assert sales.variants.get(slug="asia").parameters == {"region": "APAC", "month": "2026-03"}
    assert "asia  no edition yet  Region = APAC, Month = 2026-03, Net = yes" in said.out
    assert "Region “LATAM” is not a choice" in said.err
    assert sales.variants.get(slug="asia").is_removed
