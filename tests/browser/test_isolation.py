"""What an author's page cannot do, in our page and opened directly; and what it still can."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Frame, Page, expect

from portal.accounts.models import User
from portal.publishing import content
from portal.publishing.models import Edition
from tests.browser.conftest import HostSite, Site
from tests.publishing.shelf import publish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# The smallest WOFF2 there is here: any of our own fonts.
FONT = Path("static/design/fonts/newsreader-latin-italic.woff2")


@pytest.fixture
def signed_in(context: BrowserContext, site: Site, alice: User) -> Page:
    """A page of the portal, with alice's session in the browser."""
    client = Client()
    client.force_login(alice)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies(
        [
            {
                "name": cookie.key,
                "value": cookie.value,
                "url": site.portal,
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )
    page = context.new_page()
    page.goto(f"{site.portal}/sign-in/")
    return page


def frame_in(page: Page, url: str) -> Frame:
    """The content as the portal's pages frame it."""
    page.evaluate(
        "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))",
        url,
    )
    element = page.wait_for_selector("iframe")
    frame = element and element.content_frame()
    assert frame
    frame.wait_for_load_state()
    return frame


@pytest.fixture(params=["framed by the portal", "opened directly"])
def opened(request: pytest.FixtureRequest, signed_in: Page) -> Callable[[str], Frame]:
    """Opens an address of the content origin either way."""
    if request.param == "framed by the portal":
        return lambda url: frame_in(signed_in, url)

    def directly(url: str) -> Frame:
        signed_in.goto(url)
        return signed_in.main_frame

    return directly


@pytest.fixture
def report(tmp_path: Path, alice: User) -> Edition:
    return publish(tmp_path, {"index.html": "<title>Report</title><p id=text>Sales"}, by=alice)


def test_publication_page_shows_the_report(
    signed_in: Page, site: Site, report: Edition, alice: User
) -> None:
    signed_in.goto(f"{site.portal}/reports/weekly-sales/")

    content_frame = signed_in.frame_locator("iframe")
    expect(content_frame.locator("#text")).to_have_text("Sales")
    assert signed_in.locator("iframe").get_attribute("src") == content.reader_url(
        report, user=alice, at=timezone.now()
    )


def test_page_has_an_origin_of_its_own(opened, report: Edition, alice: User) -> None:
    frame = opened(content.reader_url(report, user=alice, at=timezone.now()))

    assert frame.evaluate("origin") == "null"
    assert frame.inner_text("#text") == "Sales"


def test_page_reads_no_cookie(opened, report: Edition, alice: User) -> None:
    frame = opened(content.reader_url(report, user=alice, at=timezone.now()))

    read = "(() => { try { return document.cookie } catch (error) { return error.name } })()"
    assert frame.evaluate(read) == "SecurityError"


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/reports/weekly-sales/"])
def test_page_cannot_call_the_portal(
    opened, site: Site, report: Edition, alice: User, path: str
) -> None:
    frame = opened(content.reader_url(report, user=alice, at=timezone.now()))

    call = """url => fetch(url, {credentials: "include"}).then(() => "answered", () => "refused")"""
    assert frame.evaluate(call, site.portal + path) == "refused"


def test_page_sends_no_session_to_the_portal(
    opened, context: BrowserContext, site: Site, report: Edition, alice: User
) -> None:
    answered: list[str] = []
    context.on("response", lambda response: answered.append(response.url))
    frame = opened(content.reader_url(report, user=alice, at=timezone.now()))
    answered.clear()

    frame.evaluate(
        """portal => new Promise(done => {
            const image = new Image();
            image.onload = image.onerror = done;
            image.src = portal + "/picture.png";
            navigator.sendBeacon(portal + "/beacon");
            const form = document.createElement("form");
            Object.assign(form, {method: "post", action: portal + "/form"});
            document.body.append(form);
            form.submit();
            setTimeout(done, 500);
        })""",
        site.portal,
    )

    assert [url for url in answered if url.startswith(site.portal)] == []


def test_page_cannot_navigate_the_portal_away(
    signed_in: Page, report: Edition, alice: User
) -> None:
    frame = frame_in(signed_in, content.reader_url(report, user=alice, at=timezone.now()))
    before = signed_in.url

    outcome = frame.evaluate(
        "(() => { try { top.location = 'about:blank'; return 'went' } catch (e) { return e.name } })()"
    )
    signed_in.wait_for_timeout(300)

    assert (outcome, signed_in.url) == ("SecurityError", before)


def test_page_cannot_reach_into_the_page_around_it(
    signed_in: Page, report: Edition, alice: User
) -> None:
    frame = frame_in(signed_in, content.reader_url(report, user=alice, at=timezone.now()))

    reach = "(() => { try { return parent.document.title } catch (e) { return e.name } })()"
    assert frame.evaluate(reach) == "SecurityError"


def test_page_cannot_frame_the_portal(opened, site: Site, report: Edition, alice: User) -> None:
    frame = opened(content.reader_url(report, user=alice, at=timezone.now()))

    frame.evaluate(
        """url => new Promise(done => {
            const inner = document.createElement("iframe");
            inner.onload = done;
            inner.src = url;
            document.body.append(inner);
            setTimeout(done, 1000);
        })""",
        f"{site.portal}/sign-in/",
    )

    assert not any(child.url.startswith(site.portal) for child in frame.child_frames)


def test_page_cannot_read_another_report(
    opened, tmp_path: Path, report: Edition, alice: User
) -> None:
    other = publish(tmp_path, {"index.html": "secret"}, by=alice, slug="budget")
    target = content.reader_url(other, user=alice, at=timezone.now())
    frame = opened(content.reader_url(report, user=alice, at=timezone.now()))

    outcomes = frame.evaluate(
        """async url => {
            const fetched = await fetch(url).then(() => "read", () => "refused");
            const inner = document.createElement("iframe");
            inner.src = url;
            document.body.append(inner);
            await new Promise(done => setTimeout(done, 500));
            return fetched;
        }""",
        target,
    )

    assert outcomes == "refused"
    assert not any(child.url == target for child in frame.child_frames)


def test_page_cannot_tell_anyone_else(
    opened, host: HostSite, context: BrowserContext, report: Edition, alice: User
) -> None:
    frame = opened(content.reader_url(report, user=alice, at=timezone.now()))

    send = "url => fetch(url, {mode: 'no-cors'}).then(() => 'sent', () => 'refused')"
    assert frame.evaluate(send, host.origin) == "refused"


def test_other_site_cannot_frame_a_readers_page(
    page: Page, host: HostSite, report: Edition, alice: User
) -> None:
    url = content.reader_url(report, user=alice, at=timezone.now())

    page.goto(host.show(f'<iframe src="{url}"></iframe>'))
    page.wait_for_timeout(500)

    assert page.frames[1].url != url


def test_page_cannot_script_a_window_of_the_portal(
    opened, site: Site, context: BrowserContext, report: Edition, alice: User
) -> None:
    frame = opened(content.reader_url(report, user=alice, at=timezone.now()))

    with context.expect_page() as opening:
        frame.evaluate("url => { window.mine = open(url) }", f"{site.portal}/sign-in/")
    opening.value.wait_for_load_state()

    reach = "(() => { try { return mine.document.title } catch { return 'out of reach' } })()"
    assert frame.evaluate(reach) == "out of reach"


PARTS = {
    "index.html": """<!doctype html><meta charset="utf-8">
        <script src="/static/content/sandbox.js"></script>
        <link rel="stylesheet" href="assets/style.css">
        <p id="text">text</p>
        <img id="picture" src="assets/picture.svg">
        <script type="module" src="assets/main.mjs"></script>
        <iframe id="inner" src="pages/inner.html"></iframe>""",
    "assets/style.css": """@font-face { font-family: Own; src: url(own.woff2) }
        #text { font-family: Own; color: rgb(1, 2, 3) }""",
    "assets/picture.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>',
    "assets/main.mjs": """import { answer } from "./answer.mjs";
        const rows = await (await fetch("data/month one.json")).json();
        localStorage.setItem("answer", answer);
        document.cookie = "a=b";
        const worker = new Worker(URL.createObjectURL(new Blob(["postMessage(6 * 7)"])));
        worker.onmessage = ({ data }) => {
          window.outcome = { answer, rows, stored: localStorage.getItem("answer"), worked: data };
        };""",
    "assets/answer.mjs": "export const answer = 42;",
    "data/month one.json": "[1, 2, 3]",
    "pages/inner.html": "<p id=inside>inside",
}


def test_report_of_many_files_works(opened, tmp_path: Path, alice: User) -> None:
    files = PARTS | {"assets/own.woff2": FONT.read_bytes()}
    edition = publish(tmp_path, files, by=alice)
    frame = opened(content.reader_url(edition, user=alice, at=timezone.now()))

    frame.wait_for_function("window.outcome", polling=100)

    assert frame.evaluate("outcome") == {
        "answer": 42,
        "rows": [1, 2, 3],
        "stored": "42",
        "worked": 42,
    }
    assert frame.evaluate("getComputedStyle(text).color") == "rgb(1, 2, 3)"
    assert frame.evaluate("document.fonts.load('12px Own').then(fonts => fonts.length)") == 1
    assert frame.evaluate("picture.naturalWidth") == 7
    inner = frame.child_frames[0]
    inner.wait_for_selector("#inside")
    assert inner.evaluate("origin") == "null"
