"""Real files that data scientists published: uploaded, and read on the publication's page."""

import json
import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.conftest import SHARED
from tests.machine import chromium, environment, wait_until
from tests.webportal import PASSWORD, Session, WebPortal, running

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.slow]

CORPUS = SHARED / "corpus"
# Kinds of the corpus that are reports or visualizations; models come in by the registry's door.
SHOWN = {
    *("bokeh-json", "csv", "html", "markdown", "model-card", "notebook", "parquet", "pdf"),
    *("plotly-figure-json", "pptx", "rmd", "vega-lite"),
}
# Scripts of the authors that stop elsewhere too, and what readers find instead.
BROKEN_BY_THEIR_AUTHORS = {
    # `var 361803f9-6b8b-... = {` is no JavaScript: the identifiers were replaced by hand.
    "notebook/evidently__example.ipynb": "A script of this output stopped",
    # The page was taken without the folder of scripts beside it.
    "html/quarto-web__great-tables-oceania.html": "Oceania",
}
# Charts that were taken from a gallery without the data that they read: a notice names the files.
WITHOUT_THEIR_DATA = {
    "vega-lite/airport_connections.vl.json",
    "vega-lite/animated_gapminder.vl.json",
    "vega-lite/interactive_splom.vl.json",
}
DRAWN = "svg, canvas, img, .slick-row"


def _files() -> list[str]:
    manifest = CORPUS / "manifest.json"
    entries = json.loads(manifest.read_text("utf-8")) if manifest.is_file() else []
    return [entry["path"] for entry in entries if entry["kind"] in SHOWN]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebPortal]:
    with running(environment(tmp_path_factory.mktemp("corpus"), base=os.environ)) as portal:
        yield portal


@pytest.fixture(scope="module")
def author(portal: WebPortal) -> Session:
    return portal.sign_in()


@pytest.fixture(scope="module")
def reader(chrome: Browser, portal: WebPortal) -> Iterator[Page]:
    arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    browser = chrome.browser_type.launch(executable_path=chromium(), args=arguments)
    page = browser.new_page()
    page.goto(f"{portal.origin}/sign-in/")
    page.fill("[name=username]", "tomas")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{portal.origin}/")
    yield page
    browser.close()


@pytest.mark.parametrize("path", _files())
def test_corpus_file_is_published_and_shown(author: Session, reader: Page, path: str) -> None:
    errors: list[str] = []

    def note(error: object) -> None:
        errors.append(str(error))

    reader.on("pageerror", note)
    answer = author.upload(CORPUS / path)

    assert answer["status"] == 201, answer
    reader.goto(answer["url"])
    frame = reader.frame_locator("iframe")
    expect(frame.locator(".skeleton")).to_have_count(0, timeout=60_000)
    wait_until(lambda: _says_something(frame), seconds=20)
    if path in BROKEN_BY_THEIR_AUTHORS:
        expect(frame.get_by_text(BROKEN_BY_THEIR_AUTHORS[path]).first).to_be_visible()
    notices = frame.locator(".notice").count()
    reader.remove_listener("pageerror", note)
    assert path in BROKEN_BY_THEIR_AUTHORS or errors == []
    assert notices == (path in WITHOUT_THEIR_DATA)


def _says_something(frame: FrameLocator) -> bool:
    """Words, or something drawn; a blank frame is the failure that nobody reports."""
    words = frame.locator("body").inner_text(timeout=20_000)
    return len(re.sub(r"\s+", "", words)) > 20 or frame.locator(DRAWN).count() > 0
