"""The snippet on a page of another site, in a real browser."""

import io
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Page, expect
from pypdf import PdfWriter

from portal.accounts.models import User
from portal.publishing import actions, embeds, uploads
from portal.publishing.models import Edition, EmbedGrant
from tests.browser.conftest import HostSite, Site
from tests.publishing.shelf import NOON, publish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SHIM = '<!doctype html><meta charset="utf-8"><script src="/static/content/sandbox.js"></script>'


def document(body: str) -> str:
    return f'{SHIM}<body style="margin:0"><main data-broadsheet-page>{body}</main>'


def box(pixels: int) -> str:
    return document(f'<div id="box" style="height:{pixels}px">{pixels}</div>')


@pytest.fixture
def edition(tmp_path: Path, alice: User) -> Edition:
    return publish(tmp_path, {"index.html": box(700)}, by=alice)


def embed(edition: Edition, origin: str, *, follows: str = "latest") -> EmbedGrant:
    return embeds.create_grant(
        edition.publication,
        variant=edition.variant,
        follows=follows,
        edition=edition,
        label="Wiki",
        origins=[origin],
        by=edition.created_by,
        at=NOON,
    )


def frame_of(page: Page, number: int = 0) -> Frame:
    """The content inside of the nth embed of the page, loaded."""
    embed_page = page.main_frame.child_frames[number]
    embed_page.wait_for_selector("iframe")
    content = embed_page.child_frames[0]
    content.wait_for_url("**/c/**")
    return content


def height_of(page: Page, number: int = 0) -> float:
    return page.locator("iframe").nth(number).bounding_box()["height"]


def settled(page: Page, number: int = 0) -> float:
    """The height of the nth frame once it has not changed for half a second."""
    height = 0.0
    for _ in range(40):
        page.wait_for_timeout(500)
        if height_of(page, number) == height:
            return height
        height = height_of(page, number)
    raise AssertionError(f"the frame never settled, it is {height} px tall")


def settled_content(page: Page, pixels: int, number: int = 0) -> float:
    """The height that the nth frame leaves to its content, once it settled.

    On a busy machine half a second without change can also be half a second without work, so the
    expected height is waited for before it has to last.
    """
    stamp = page.main_frame.child_frames[number].locator("footer").bounding_box()["height"]
    for _ in range(60):
        if height_of(page, number) - stamp == pixels:
            break
        page.wait_for_timeout(250)
    return settled(page, number) - stamp


def test_embed_shows_on_the_site_that_is_allowed(
    page: Page, host: HostSite, edition: Edition
) -> None:
    page.goto(host.show(embeds.snippet(embed(edition, host.origin))))

    content = frame_of(page)
    expect(content.locator("#box")).to_have_text("700")
    assert content.evaluate("origin") == "null"
    outer = page.main_frame.child_frames[0]
    expect(outer.locator(".stamp")).to_contain_text("Weekly sales 1.0")
    assert outer.evaluate("document.fonts.load('12px \"Source Sans 3\"').then(f => f.length > 0)")


FIGURE = '{"data": [{"type": "bar", "x": ["Mon", "Tue"], "y": [3, 5]}], "layout": {}}'


def two_pages() -> bytes:
    writer, data = PdfWriter(), io.BytesIO()
    for _ in range(2):
        writer.add_blank_page(width=300, height=200)
    writer.write(data)
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "shown"),
    [("week.json", FIGURE.encode(), ".main-svg"), ("review.pdf", two_pages(), "canvas")],
)
def test_embed_shows_what_producers_made(
    page: Page, host: HostSite, tmp_path: Path, alice: User, name: str, data: bytes, shown: str
) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    (tmp_path / name).write_bytes(data)
    bundle = uploads.receive([uploads.UploadedFile(tmp_path / name, name)])
    version = actions.publish_bundle(bundle, actions.Wish(slug="made"), by=alice, at=NOON)

    page.goto(host.show(embeds.snippet(embed(version.editions.get(), host.origin))))

    expect(frame_of(page).locator(shown).first).to_be_visible()
    assert errors == []


def test_embed_explains_itself_on_a_site_that_is_not_allowed(
    page: Page, host: HostSite, edition: Edition
) -> None:
    page.goto(host.show(embeds.snippet(embed(edition, "https://wiki.example.com"))))

    frame = page.main_frame.child_frames[0]
    expect(frame.locator("h1")).to_have_text("Not allowed on this site")
    expect(frame.locator("p")).to_contain_text(host.origin)
    assert "Weekly sales" not in frame.content()


def test_browser_refuses_a_site_that_hides_its_name(
    page: Page, host: HostSite, edition: Edition
) -> None:
    url = embeds.embed_url(embed(edition, "https://wiki.example.com"))

    page.goto(host.show(f'<iframe src="{url}" referrerpolicy="no-referrer"></iframe>'))
    page.wait_for_timeout(500)

    assert page.frames[1].url != url


def test_embed_is_dead_at_once_when_revoked(page: Page, host: HostSite, edition: Edition) -> None:
    grant = embed(edition, host.origin)
    page.goto(host.show(embeds.snippet(grant)))
    expect(frame_of(page).locator("#box")).to_be_visible()

    embeds.revoke_grant(grant, by=edition.created_by, at=NOON)
    page.reload()

    frame = page.main_frame.child_frames[0]
    expect(frame.locator("h1")).to_have_text("No longer shown here")
    assert "Weekly sales" not in frame.content()


def test_embed_follows_the_latest_edition(
    page: Page, host: HostSite, tmp_path: Path, edition: Edition
) -> None:
    page.goto(host.show(embeds.snippet(embed(edition, host.origin))))
    expect(frame_of(page).locator("#box")).to_have_text("700")

    publish(tmp_path, {"index.html": box(300)}, by=edition.created_by)
    page.reload()

    expect(frame_of(page).locator("#box")).to_have_text("300")


def test_embed_takes_the_height_of_its_content(
    page: Page, host: HostSite, edition: Edition
) -> None:
    page.goto(host.show(embeds.snippet(embed(edition, host.origin))))
    content = frame_of(page)

    heights = []
    for pixels in (700, 1200, 300):
        content.evaluate("pixels => { box.style.height = `${pixels}px` }", pixels)
        heights.append(settled_content(page, pixels))

    assert heights == [700, 1200, 300]


@pytest.mark.parametrize(
    "body",
    [
        '<div style="height:100vh">tall</div>',
        '<div style="height:calc(100vh + 40px)">taller</div>',
        '<div style="min-height:100vh;margin:20px">with margins</div>',
        '<div style="height:100%">whole</div>',
    ],
)
def test_embed_of_content_as_tall_as_its_frame_settles(
    page: Page, host: HostSite, tmp_path: Path, alice: User, body: str
) -> None:
    edition = publish(tmp_path, {"index.html": document(body)}, by=alice)

    page.goto(host.show(embeds.snippet(embed(edition, host.origin))))

    frame_of(page)
    assert settled(page) < 1000


def test_embeds_on_one_page_have_each_their_own_height(
    page: Page, host: HostSite, tmp_path: Path, edition: Edition
) -> None:
    other = publish(tmp_path, {"index.html": box(200)}, by=edition.created_by, slug="small")
    snippets = [embeds.snippet(embed(shown, host.origin)) for shown in (edition, other)]

    page.goto(host.show("".join(snippets)))
    expect(frame_of(page, 1).locator("#box")).to_be_visible()

    assert settled_content(page, 700, 0) == 700
    assert settled_content(page, 200, 1) == 200


def test_embed_out_of_sight_has_its_height_before_one_scrolls_there(
    page: Page, host: HostSite, edition: Edition
) -> None:
    above = '<div style="height:1000px"></div>'
    page.goto(host.show(above + embeds.snippet(embed(edition, host.origin))))
    frame_of(page)

    assert settled_content(page, 700) == 700


def test_host_script_believes_only_sensible_heights_of_its_own_frames(
    page: Page, host: HostSite, edition: Edition
) -> None:
    page.goto(host.show(embeds.snippet(embed(edition, host.origin))))
    frame_of(page)
    settled_content(page, 700)
    before = height_of(page)

    page.evaluate("postMessage({type: 'broadsheet:resize', v: 1, height: 9000}, '*')")
    page.frames[1].evaluate(
        "parent.postMessage({type: 'broadsheet:resize', v: 2, height: 9000}, '*')"
    )
    page.frames[1].evaluate(
        "parent.postMessage({type: 'broadsheet:resize', v: 1, height: 'x'}, '*')"
    )
    unchanged = settled(page)
    page.frames[1].evaluate(
        "parent.postMessage({type: 'broadsheet:resize', v: 1, height: 1e9}, '*')"
    )

    assert unchanged == before
    expect(page.locator("iframe")).to_have_css("height", "20000px")


def test_link_of_the_embed_opens_the_portal_outside_of_the_sandbox(
    page: Page, site: Site, host: HostSite, edition: Edition
) -> None:
    page.goto(host.show(embeds.snippet(embed(edition, host.origin))))

    with page.context.expect_page() as opening:
        page.main_frame.child_frames[0].click("text=Open the report")
    opening.value.wait_for_load_state()

    assert opening.value.url.startswith(f"{site.portal}/sign-in/")
    assert opening.value.evaluate("origin") == site.portal
