"""The portal's pages in a real browser: by keyboard, on a phone, with and without JavaScript."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from portal.accounts.models import Role, Team, User
from portal.publishing.models import Edition, EmbedGrant, Publication, TreeEntry, Variant
from tests import factories
from tests.browser.conftest import Site
from tests.publishing.shelf import publish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TALL = (
    "<!doctype html><title>Tall</title><body style='margin:0;height:1234px'>"
    "<script>parent.postMessage({type: 'broadsheet:resize', v: 1, height: 1234}, '*')</script>"
)
LIAR = (
    "<!doctype html><title>Liar</title><script>"
    "for (const height of [-1, 0, NaN, '99', 1e9]) "
    "parent.postMessage({type: 'broadsheet:resize', v: 1, height}, '*');"
    "parent.postMessage('resize', '*'); parent.postMessage(null, '*');</script>"
)
# Drops what the page cannot get otherwise: a folder from the desktop has no path that a test could choose.
DROP = """([zone, files]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of files) transfer.items.add(new File([text], name));
  zone.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


def sign_in(context: BrowserContext, site: Site, user: User) -> None:
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site.portal}])


@pytest.fixture
def sales(tmp_path: Path, alice: User) -> Publication:
    edition = publish(tmp_path, {"index.html": TALL}, by=alice)
    return edition.publication


@pytest.fixture
def reader(page: Page, context: BrowserContext, site: Site, sales: Publication) -> Page:
    """A page in alice's browser that fails the test when the portal's own script fails."""
    sign_in(context, site, sales.owner)
    page.on("pageerror", lambda error: pytest.fail(f"uncaught in the page: {error}"))
    return page


PATHS = [
    "/",
    "/?q=sales",
    "/reports/",
    "/models/",
    "/upload/",
    "/reports/weekly-sales/",
    "/reports/weekly-sales/history/",
    "/reports/weekly-sales/upload/",
    "/reports/weekly-sales/embeds/",
    "/reports/weekly-sales/roll-back/?edition=1",
    "/reports/nothing/",
]


@pytest.mark.parametrize("path", PATHS)
def test_page_fits_a_small_phone_and_breaks_no_policy(reader: Page, site: Site, path: str) -> None:
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    reader.on("console", listen)
    reader.set_viewport_size({"width": 360, "height": 740})

    reader.goto(site.portal + path)

    assert reader.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("path", ["/", "/reports/", "/reports/weekly-sales/", "/?q=a"])
def test_page_fits_whatever_the_title_is(
    reader: Page, site: Site, sales: Publication, path: str, width: int
) -> None:
    Publication.objects.filter(pk=sales.pk).update(title="a" * 200, summary="b" * 500)
    reader.set_viewport_size({"width": width, "height": 740})

    reader.goto(site.portal + path)

    assert reader.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", PATHS)
def test_page_has_its_landmarks_and_every_field_its_label(
    reader: Page, site: Site, path: str
) -> None:
    reader.goto(site.portal + path)

    assert reader.locator("main#main").count() == 1
    assert reader.locator("h1").count() == 1
    nameless = reader.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
        ".filter(field => !field.labels.length).map(field => field.outerHTML)"
    )
    twice = reader.evaluate(
        "[...document.querySelectorAll('[id]')].map(e => e.id)"
        ".filter((id, index, all) => all.indexOf(id) !== index)"
    )
    assert nameless == []
    assert twice == []


def test_first_tab_offers_to_skip_to_the_content(reader: Page, site: Site) -> None:
    reader.goto(site.portal + "/reports/weekly-sales/")

    reader.keyboard.press("Tab")
    expect(reader.locator(":focus")).to_have_text("Skip to content")
    reader.keyboard.press("Enter")

    expect(reader.locator("#main")).to_be_focused()


def test_slash_focuses_the_search_but_not_while_typing(reader: Page, site: Site) -> None:
    reader.goto(site.portal + "/reports/weekly-sales/")

    reader.keyboard.press("/")
    expect(reader.locator("#find")).to_be_focused()
    reader.keyboard.type("a/b")
    reader.keyboard.press("Enter")

    expect(reader).to_have_url(re.compile(r"\?q=a%2Fb"))


def test_frame_gets_the_height_of_its_content(reader: Page, site: Site) -> None:
    reader.goto(site.portal + "/reports/weekly-sales/")

    frame = reader.locator("iframe[data-fits]")
    expect(frame).to_have_css("height", "1234px", timeout=60_000)
    assert frame.get_attribute("title") == "Weekly sales, edition 1"


def test_frame_ignores_odd_heights_and_caps_great_ones(
    reader: Page, site: Site, tmp_path: Path, alice: User
) -> None:
    publish(tmp_path, {"index.html": LIAR}, by=alice, slug="liar")

    reader.goto(site.portal + "/reports/liar/")

    expect(reader.locator("iframe[data-fits]")).to_have_css("height", "20000px")


def test_share_dialog_opens_copies_and_closes_by_keyboard(
    reader: Page, context: BrowserContext, site: Site
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    reader.goto(site.portal + "/reports/weekly-sales/")

    reader.get_by_role("button", name="Share").press("Enter")
    dialog = reader.get_by_role("dialog", name="Share this report")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Copy").first.press("Enter")
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    reader.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    copied = reader.evaluate("navigator.clipboard.readText()")
    assert copied == f"{site.portal}/reports/weekly-sales/"


def test_embed_dialog_makes_a_key_and_the_page_revokes_it(reader: Page, site: Site) -> None:
    reader.goto(site.portal + "/reports/weekly-sales/")

    reader.get_by_role("button", name="Embed").click()
    reader.get_by_label("Version 1").check()
    reader.get_by_label("Sites that may show it").fill("https://wiki.example.com")
    reader.get_by_role("button", name="Make a key").click()
    expect(reader.locator("textarea[readonly]")).to_have_value(re.compile("^<iframe "))
    reader.get_by_role("button", name="Revoke").click()

    expect(reader.locator(".status", has_text="Revoked")).to_be_visible()
    assert not EmbedGrant.objects.get(follows="major").is_live


def test_upload_sends_dropped_files_and_leads_to_the_page(reader: Page, site: Site) -> None:
    reader.goto(site.portal + "/upload/")
    zone = reader.locator("[data-drop]").element_handle()

    page = "<!doctype html><title>North</title><h1>North</h1>"
    reader.evaluate(DROP, [zone, [["index.html", page], ["north.csv", "a,b\n1,2\n"]]])
    expect(reader.locator("#chosen tbody tr")).to_have_count(2)
    reader.get_by_label("Title", exact=True).fill("Sales in the north")
    reader.get_by_role("button", name="Upload and publish").click()

    reader.wait_for_url(re.compile("/reports/sales-in-the-north/"), timeout=60_000)
    expect(reader.locator(".strip")).to_contain_text("Version 1.0 is in. Edition #1 is current.")
    paths = TreeEntry.objects.filter(
        tree__versions__publication__slug="sales-in-the-north"
    ).values_list("path", flat=True)
    assert {"index.html", "north.csv"} <= set(paths)


def test_upload_keeps_the_files_and_says_what_is_wrong(reader: Page, site: Site) -> None:
    reader.goto(site.portal + "/reports/weekly-sales/upload/")

    reader.locator("#file").set_input_files(
        {"name": "sales.html", "mimeType": "text/html", "buffer": b"<h1>Sales</h1>"}
    )
    reader.get_by_label("Major: 2.0").check()
    reader.get_by_role("button", name="Upload and publish").click()

    expect(reader.locator("#refusal")).to_contain_text(
        "A major version needs a note", timeout=60_000
    )
    expect(reader.get_by_label("Note, in a reader’s words")).to_be_focused()
    expect(reader.locator("#chosen tbody tr")).to_have_count(1)
    assert Edition.objects.count() == 1


def test_upload_without_files_is_not_sent(reader: Page, site: Site) -> None:
    reader.goto(site.portal + "/upload/")

    reader.get_by_role("button", name="Upload and publish").click()

    expect(reader.locator("#refusal")).to_contain_text("Choose at least one file")


def test_pages_work_without_javascript(
    chrome: Browser, site: Site, sales: Publication, request: pytest.FixtureRequest
) -> None:
    context = chrome.new_context(java_script_enabled=False)
    request.addfinalizer(context.close)
    page = context.new_page()
    page.goto(site.portal + "/reports/weekly-sales/")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Sign in").click()

    page.get_by_text("More", exact=True).click()
    page.get_by_role("link", name="New version").click()
    page.locator("#file").set_input_files(
        {"name": "sales.html", "mimeType": "text/html", "buffer": b"<h1>Sales, again</h1>"}
    )
    page.get_by_role("button", name="Upload and publish").click()

    expect(page.locator(".strip")).to_contain_text("Version 1.1 is in.", timeout=60_000)
    assert Variant.objects.get(publication=sales).current.number == 2


def test_pages_are_dark_when_the_reader_prefers_it(reader: Page, site: Site) -> None:
    reader.goto(site.portal + "/")
    body = reader.locator("body")

    expect(body).to_have_css("background-color", "rgb(252, 251, 248)")
    reader.emulate_media(color_scheme="dark")
    expect(body).to_have_css("background-color", "rgb(22, 21, 19)")


def test_print_leaves_out_what_cannot_be_pressed_on_paper(reader: Page, site: Site) -> None:
    reader.goto(site.portal + "/reports/weekly-sales/")
    reader.emulate_media(media="print")

    for hidden in (".masthead", ".actions", ".colophon"):
        expect(reader.locator(hidden).first).to_be_hidden()
    expect(reader.locator(".print-only")).to_contain_text("/reports/weekly-sales/editions/1/")


def test_admin_keeps_a_secret_on_a_phone_and_revokes_it(
    page: Page, context: BrowserContext, site: Site, team: Team
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    sign_in(context, site, factories.person("ada", Role.ADMIN))
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{site.portal}/operations/secrets/")
    widths = [page.evaluate("document.documentElement.scrollWidth")]

    page.get_by_label("Name of the environment variable").fill("WAREHOUSE_PASSWORD_OF_THE_NIGHT")
    page.get_by_label("Value").fill("correct-horse-battery")
    page.get_by_label(team.name).check()
    page.get_by_role("button", name="Keep the secret").click()
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    page.get_by_role("button", name=f"Revoke from {team.name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()

    expect(page.get_by_text("No team: no run gets it.")).to_be_visible()
    assert max(widths) <= 360
    assert complaints == []
