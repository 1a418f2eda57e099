"""The schedule page as people use it, on a small phone."""

from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from portal.accounts.models import User
from tests.browser.conftest import Site
from tests.runs.authors import COUNTING, publish_script


def sign_in(context: BrowserContext, site: Site, user: User) -> None:
    client = Client()
    client.force_login(user)
    cookies = [{"name": k, "value": m.value, "url": site.portal} for k, m in client.cookies.items()]
    context.add_cookies(cookies)


def test_author_chooses_a_kind_sees_the_next_ten_and_saves(
    page: Page, context: BrowserContext, site: Site, alice: User
) -> None:
    publish_script(COUNTING, by=alice, at=timezone.now())
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    sign_in(context, site, alice)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{site.portal}/reports/counting/schedule/")
    expect(page.get_by_label("Which working day")).to_be_hidden()

    page.get_by_label("A working day of the month").check()
    page.get_by_label("Which working day").select_option("last")
    page.get_by_role("button", name="Show the next times").click()
    expect(page.locator("aside ol > li")).to_have_count(10)
    page.get_by_role("button", name="Save").click()

    expect(page.locator("table")).to_contain_text("the last working day of the month")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []
