"""Real notebooks, texts and charts, shown as readers see them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Browser, expect

from reports.producers import markdown, notebook
from tests.browser.editions import serving
from tests.machine import chromium
from tests.publishing.vendored import STATIC
from visualizations.producers import figure

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.slow]

CORPUS = STATIC.parent.parent / "shared" / "corpus"
PRODUCERS: dict[str, ModuleType] = {
    "notebook": notebook,
    "markdown": markdown,
    "rmd": markdown,
    "model-card": markdown,
    "plotly-figure-json": figure,
    "vega-lite": figure,
    "bokeh-json": figure,
}
# Files whose own scripts stop, in Jupyter too, and the note that readers find instead.
BROKEN_BY_THEIR_AUTHORS = {
    # `var 361803f9-6b8b-... = {` is no JavaScript: the identifiers were replaced by hand.
    "notebook/evidently__example.ipynb": "A script of this output stopped",
}
# Charts that were taken from a gallery without the data that they read.
WITHOUT_THEIR_DATA = {
    "vega-lite/airport_connections.vl.json",
    "vega-lite/animated_gapminder.vl.json",
    "vega-lite/interactive_splom.vl.json",
}


def _files() -> list[tuple[str, str]]:
    manifest = CORPUS / "manifest.json"
    if not manifest.is_file():
        return []
    entries = json.loads(manifest.read_text("utf-8"))
    return [(entry["path"], entry["kind"]) for entry in entries if entry["kind"] in PRODUCERS]


@pytest.fixture(scope="module")
def browser(chrome: Browser) -> Iterator[Browser]:
    """One that draws WebGL in software, as machines without a graphics card do."""
    arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    browser = chrome.browser_type.launch(executable_path=chromium(), args=arguments)
    yield browser
    browser.close()


@pytest.mark.parametrize(("path", "kind"), _files())
def test_real_file_is_shown_without_an_error_of_ours(
    browser: Browser, tmp_path: Path, path: str, kind: str
) -> None:
    bundle, edition = tmp_path / "bundle", tmp_path / "edition"
    bundle.mkdir()
    edition.mkdir()
    name = shutil.copy(CORPUS / path, bundle / Path(path).name).name
    produced = PRODUCERS[kind].render(bundle, name, edition)
    broken = BROKEN_BY_THEIR_AUTHORS.get(path)
    errors: list[str] = []

    with serving(tmp_path) as address, browser.new_page() as page:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/c/edition/{produced.entry}")
        expect(page.locator(".skeleton")).to_have_count(0, timeout=60_000)
        if broken:
            expect(page.get_by_text(broken)).to_be_visible()
        notices = page.locator(".notice").count()
        height = page.locator("main").evaluate("main => main.getBoundingClientRect().height")

    assert broken or errors == []
    assert notices == (path in WITHOUT_THEIR_DATA)
    assert height > 60
