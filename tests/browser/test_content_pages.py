"""The scripts of produced pages, in the sandbox that readers see them in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.publishing import shell
from reports.producers import html, markdown, notebook
from tests.browser.editions import serving
from tests.machine import chromium
from visualizations.producers import figure

pytestmark = pytest.mark.browser


@dataclass
class Viewer:
    """A browser window, the folder that it sees, and everything that went wrong in it."""

    page: Page
    folder: Path
    address: str
    problems: list[str] = field(default_factory=list)

    def show(self, body: str, **options: object) -> Page:
        """Open a page with this body, as it is served to readers."""
        (self.folder / "index.html").write_text(shell.page("Test", body, **options), "utf-8")
        return self.open()

    def open(self, area: str = "c") -> Page:
        self.page.goto(f"{self.address}/{area}/edition/index.html")
        return self.page

    def heights(self) -> list[int]:
        messages = self.page.evaluate("messages")
        return [each["height"] for each in messages if each["type"] == "broadsheet:resize"]

    def framed(self, body: str, **options: object) -> list[int]:
        """The heights that a framed page with this body asks for until it is quiet."""
        return self.framed_as_is(shell.page("Test", body, **options))

    def framed_as_is(self, html: str) -> list[int]:
        """The same of a page that is not ours."""
        (self.folder / "index.html").write_text(html, "utf-8")
        self.open("host")
        heights: list[int] | None = None
        for _ in range(20):
            self.page.wait_for_timeout(700)
            if self.heights() == heights:
                return heights
            heights = self.heights()
        raise AssertionError(f"the page never became quiet, it asked for {heights}")


@pytest.fixture
def viewer(chrome: Browser, tmp_path: Path) -> Iterator[Viewer]:
    folder = tmp_path / "edition"
    folder.mkdir()
    software = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    browser = chrome.browser_type.launch(executable_path=chromium(), args=software)
    with serving(tmp_path) as address:
        page = browser.new_page()
        page.set_default_timeout(20_000)
        viewer = Viewer(page, folder, address)
        page.on("pageerror", lambda error: viewer.problems.append(str(error)))
        yield viewer
        browser.close()


# ---- sandbox.js ----


def test_storage_and_cookies_are_there_and_empty(viewer: Viewer) -> None:
    page = viewer.show("<p>text</p>")

    stored = page.evaluate(
        """() => { localStorage.setItem("a", 1); sessionStorage.setItem("b", 2); document.cookie = "c=3";
        return [localStorage.getItem("a"), localStorage.length, sessionStorage.key(0), sessionStorage.getItem("x"), document.cookie]; }"""
    )

    assert stored == ["1", 1, "b", None, ""]
    assert viewer.problems == []


def test_frame_is_as_high_as_its_content(viewer: Viewer) -> None:
    heights = viewer.framed('<div style="height:1234px"></div>')

    frame = viewer.page.frames[1]
    assert heights[-1] == frame.evaluate(
        "Math.ceil(document.querySelector('main').getBoundingClientRect().height)"
    )
    assert heights[-1] >= 1234


@pytest.mark.parametrize(
    ("style", "last", "below"),
    [
        ("margin:0", '<p style="margin:0 0 30px">end</p>', 30),
        ("margin:0", '<div><p style="margin:0 0 30px">end</p></div>', 30),
        ("margin:0", '<div style="padding-bottom:5px"><p style="margin:0 0 30px">end</p></div>', 0),
        ("margin:0 0 40px", '<p style="margin:0 0 30px">end</p>', 40),
        ("margin:0 0 40px;padding:0 0 5px", '<p style="margin:0 0 30px">end</p>', 75),
    ],
)
def test_frame_of_an_authors_page_has_room_for_its_last_margin(
    viewer: Viewer, style: str, last: str, below: int
) -> None:
    page = f'<!doctype html><body style="{style}"><script src="/static/content/sandbox.js"></script>{last}'

    heights = viewer.framed_as_is(page)

    end = viewer.page.frames[1].evaluate(
        "Math.ceil([...document.body.children].at(-1).getBoundingClientRect().bottom)"
    )
    assert heights[-1] == end + below


@pytest.mark.parametrize("height", ["100vh", "calc(100vh + 60px)", "200vh"])
def test_content_as_high_as_the_window_does_not_chase_it(viewer: Viewer, height: str) -> None:
    heights = viewer.framed(f'<div style="height:{height}"></div>')

    assert len(heights) <= 8  # what chases says dozens; a busy browser measures a few times more
    assert heights[-1] < 2_000


def test_frame_shrinks_and_grows_with_its_content(viewer: Viewer) -> None:
    before = viewer.framed(
        '<details open><summary>More</summary><div style="height:900px"></div></details>'
    )
    summary = viewer.page.frames[1].locator("summary")

    summary.click()
    viewer.page.wait_for_timeout(300)
    closed = viewer.heights()[-1]
    summary.click()
    viewer.page.wait_for_timeout(300)

    assert closed < 200 < before[-1] == viewer.heights()[-1]


def test_links_inside_a_frame_tell_where_to_scroll(viewer: Viewer) -> None:
    viewer.framed('<a href="#end">go</a><div style="height:2000px"></div><h2 id="end">End</h2>')

    viewer.page.frames[1].locator("a").click()
    viewer.page.wait_for_timeout(200)

    last = viewer.page.evaluate("messages.at(-1)")
    assert last["type"] == "broadsheet:scroll"
    assert last["top"] > 2000


def test_links_to_other_sites_open_a_tab(viewer: Viewer) -> None:
    page = viewer.show('<a href="http://localhost:9/elsewhere">away</a>')

    with page.context.expect_page() as opened:
        page.locator("a").click()

    assert opened.value is not page
    assert page.url.endswith("/c/edition/index.html")


# ---- tables ----


def table(viewer: Viewer, data: dict[str, object]) -> Page:
    (viewer.folder / "data.json").write_text(json.dumps(data))
    return viewer.show(
        '<div data-table="data.json" data-original="sales.csv"></div>',
        styles=["/static/content/table.css"],
        scripts=["/static/content/table.js"],
    )


def sales(rows: int, total: int | None = None) -> dict[str, object]:
    columns = [{"name": "city", "type": "text"}, {"name": "units", "type": "number"}]
    values = [[f"<b>city {n}</b>", (n * 7919) % rows if n else None] for n in range(rows)]
    return {"columns": columns, "rows": values, "total": total or rows, "shown": rows}


def test_table_holds_only_the_rows_in_sight(viewer: Viewer) -> None:
    page = table(viewer, sales(10_000, total=25_000))
    expect(page.get_by_role("status")).to_have_text("The first 10,000 of 25,000 rows")

    page.locator(".table-view").evaluate("view => view.scrollTop = view.scrollHeight")

    expect(page.get_by_text("<b>city 9999</b>", exact=True)).to_be_visible()
    assert page.locator("tbody tr").count() < 100
    assert viewer.problems == []


def test_table_sorts_by_keyboard_with_empty_cells_last(viewer: Viewer) -> None:
    page = table(viewer, sales(100))
    head = page.get_by_role("columnheader", name="units")
    first = page.locator("tbody tr:not(.filler) td.number").first

    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(first).to_have_text("1")
    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(first).to_have_text("99")
    head.get_by_role("button").press("Enter")

    expect(head).to_have_attribute("aria-sort", "none")
    expect(first).to_have_text("")


def test_table_search_says_what_it_found(viewer: Viewer) -> None:
    page = table(viewer, sales(1000))

    page.get_by_role("searchbox").fill("CITY 99")

    expect(page.get_by_role("status")).to_have_text("11 rows found in 1,000 rows")


def test_table_search_without_hits_keeps_its_shape(viewer: Viewer) -> None:
    page = table(viewer, sales(10))

    page.get_by_role("searchbox").fill("nowhere")

    expect(page.get_by_text("No row to show.")).to_be_visible()


def test_sheets_are_tabs(viewer: Viewer) -> None:
    page = table(
        viewer, {**sales(3), "sheets": [{"name": "A", **sales(3)}, {"name": "B", **sales(5)}]}
    )

    page.get_by_role("tab", name="A").press("ArrowRight")

    expect(page.get_by_role("tab", name="B")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("status")).to_have_text("5 rows")


def test_table_without_its_data_offers_the_original(viewer: Viewer) -> None:
    page = viewer.show(
        '<div data-table="gone.json" data-original="sales.csv"></div>',
        scripts=["/static/content/table.js"],
    )

    expect(page.get_by_text("This table could not be shown.")).to_be_visible()
    expect(page.get_by_role("link", name="Download the original")).to_be_visible()


# ---- PDF ----


def pdf(words: list[str]) -> bytes:
    """A PDF with one page for each text, A5 upright."""
    count = len(words)
    kids = " ".join(f"{3 + 2 * n} 0 R" for n in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
    ]
    for n, text in enumerate(words):
        content = f"BT /F 24 Tf 60 400 Td ({text}) Tj ET"
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Contents {4 + 2 * n} 0 R "
            f"/Resources << /Font << /F {font} >> >> >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    written, offsets = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(written))
        written += f"{number} 0 obj\n{item}\nendobj\n".encode()
    entries = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    xref = f"xref\n0 {size}\n0000000000 65535 f \n{entries}"
    return written + (
        f"{xref}trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF".encode()
    )


def show_pdf(viewer: Viewer, content: bytes) -> Page:
    (viewer.folder / "report.pdf").write_bytes(content)
    return viewer.show('<div data-pdf="report.pdf"></div>', scripts=["/static/content/pdf.js"])


def test_pdf_is_drawn_with_words_to_select(viewer: Viewer) -> None:
    page = show_pdf(viewer, pdf(["First page", "Second page"]))

    expect(page.locator(".textLayer").first).to_have_text("First page")
    drawn = page.locator("canvas").first.evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 < 3 && v < 100)"
    )
    assert drawn
    assert viewer.problems == []


def test_pdf_pages_are_drawn_when_one_comes_to_them(viewer: Viewer) -> None:
    page = show_pdf(viewer, pdf([f"Page number {n}" for n in range(1, 31)]))
    expect(page.locator(".textLayer").first).to_be_attached()
    assert page.locator("canvas").count() < 10

    page.get_by_label("Page", exact=True).fill("30")
    page.get_by_label("Page", exact=True).press("Enter")

    expect(page.get_by_text("Page number 30")).to_be_attached()
    assert page.locator("canvas").count() < 10


def test_pdf_fits_a_phone_and_zooms(viewer: Viewer) -> None:
    viewer.page.set_viewport_size({"width": 390, "height": 700})
    page = show_pdf(viewer, pdf(["Words"]))
    sheet = page.locator(".pdf-page").first
    expect(sheet.locator("canvas")).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    before = sheet.bounding_box()

    page.get_by_label("Larger").click()

    expect(page.locator(".pdf-bar output")).to_have_text("125 %")
    after = sheet.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"] * 1.2


def test_broken_pdf_says_so_and_can_be_downloaded(viewer: Viewer) -> None:
    page = show_pdf(viewer, b"%PDF-1.4 not really")

    expect(page.get_by_text("This PDF could not be shown.")).to_be_visible()
    expect(page.get_by_role("link", name="Download PDF")).to_have_attribute("href", "report.pdf")


# ---- charts, formulas, notebooks ----


PRODUCERS = {".json": figure, ".md": markdown, ".ipynb": notebook, ".html": html}


def produce(viewer: Viewer, name: str, content: str) -> Page:
    """Open what the producer of `name` makes of `content`."""
    producer = PRODUCERS[Path(name).suffix]
    bundle = viewer.folder.parent / "bundle"
    bundle.mkdir()
    (bundle / name).write_text(content, "utf-8")
    producer.render(bundle, name, viewer.folder)
    return viewer.open()


BARS = {"data": [{"type": "bar", "x": ["a", "b"], "y": [1, 2]}], "layout": {}}


def test_plotly_chart_is_drawn_as_wide_as_its_page(viewer: Viewer) -> None:
    page = produce(viewer, "figure.json", json.dumps(BARS))
    expect(page.locator(".bars .point")).to_have_count(2)

    page.set_viewport_size({"width": 390, "height": 700})
    page.wait_for_function(
        "document.querySelector('.main-svg').getBoundingClientRect().width < 390"
    )

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert viewer.problems == []


def test_plotly_chart_is_printed_whole(viewer: Viewer) -> None:
    page = produce(viewer, "figure.json", json.dumps(BARS))
    expect(page.locator(".bars .point")).to_have_count(2)
    page.wait_for_function("document.querySelector('.main-svg').hasAttribute('viewBox')")

    page.emulate_media(media="print")
    edge, picture, place = page.evaluate(  # at once, as on paper: nobody draws the chart again
        """() => {
        document.querySelector('.plot').parentElement.style.width = '300px';
        const box = (what) => [...document.querySelectorAll(what)].at(-1).getBoundingClientRect();
        return [box('.bars .point').right, box('.main-svg').height, box('.plot').height];
        }"""
    )

    assert edge < 340
    assert picture == pytest.approx(place, abs=1)


def test_title_of_a_plotly_chart_takes_two_lines_on_a_phone(viewer: Viewer) -> None:
    viewer.page.set_viewport_size({"width": 360, "height": 700})
    title = "The long lanes run late, and the short ones run early"

    page = produce(viewer, "figure.json", json.dumps({**BARS, "layout": {"title": title}}))

    lines = page.locator(".gtitle tspan.line")
    expect(lines).to_have_count(2)
    assert " ".join(lines.all_text_contents()) == title
    assert page.evaluate("document.querySelector('.gtitle').getBoundingClientRect().right") <= 360


def test_what_scrolls_sideways_can_be_reached_by_keyboard(viewer: Viewer) -> None:
    wide = (
        '<div class="scroll"><table><tr><td style="min-width:3000px">wide</td></tr></table></div>'
    )

    page = viewer.show(f"{wide}<pre>short</pre>")

    expect(page.locator(".scroll")).to_have_attribute("tabindex", "0")
    assert page.locator("pre").get_attribute("tabindex") is None


def test_plotly_chart_follows_the_system_into_the_dark(viewer: Viewer) -> None:
    page = produce(viewer, "figure.json", json.dumps(BARS))
    bar = page.locator(".bars .point path").first
    expect(bar).to_have_css("fill", "rgb(35, 67, 168)")

    page.emulate_media(color_scheme="dark")

    expect(bar).to_have_css("fill", "rgb(157, 181, 255)")


def test_colours_of_the_author_are_kept(viewer: Viewer) -> None:
    own = {**BARS, "layout": {"colorway": ["#ff0000"], "paper_bgcolor": "#eeeeee"}}
    viewer.page.emulate_media(color_scheme="dark")

    page = produce(viewer, "figure.json", json.dumps(own))

    expect(page.locator(".bars .point path").first).to_have_css("fill", "rgb(255, 0, 0)")
    expect(page.locator(".plot")).to_have_class("plot sheet js-plotly-plot")


def test_world_map_needs_no_other_site(viewer: Viewer) -> None:
    world = {"data": [{"type": "choropleth", "locations": ["DEU"], "z": [1]}]}

    page = produce(viewer, "figure.json", json.dumps(world))

    expect(page.locator(".choroplethlayer path")).to_have_count(1)
    assert viewer.problems == []


def test_vega_lite_chart_is_drawn(viewer: Viewer) -> None:
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": [{"a": "x", "b": 3}]},
        "transform": [{"calculate": "datum.b * 2", "as": "c"}],
        "mark": "bar",
        "encoding": {"x": {"field": "a"}, "y": {"field": "c", "type": "quantitative"}},
    }

    page = produce(viewer, "figure.json", json.dumps(spec))

    expect(page.locator(".vega-embed svg.marks")).to_be_visible()
    assert viewer.problems == []


def test_chart_whose_data_does_not_arrive_says_so(viewer: Viewer) -> None:
    page = viewer.show(
        '<figure class="chart"><div class="plot" data-figure="gone.json" data-kind="plotly"></div></figure>',
        scripts=["/static/content/figure.js"],
    )

    expect(page.get_by_text("This chart could not be drawn.")).to_be_visible()
    assert viewer.problems == []


def test_formulas_are_drawn_and_broken_ones_stay_text(viewer: Viewer) -> None:
    page = produce(viewer, "a.md", "$x^2$ and $\\frac{1$")

    expect(page.locator(".katex")).to_have_count(1)
    expect(page.get_by_text("\\frac{1")).to_be_visible()
    assert viewer.problems == []


MATHJAX = """<!doctype html><html><head><script>%s</script></head><body><p>
<span class="math inline">\\(\\alpha^2\\)</span> <span class="math display">\\[\\frac{1}{2}\\]</span>
<i>$y$ costs $5</i> <code>\\(z\\)</code></p>
<script>var script = document.createElement("script");
script.src = "https://mathjax.rstudio.com/latest/MathJax.js"; document.head.appendChild(script);</script>"""


@pytest.mark.parametrize(
    ("settings", "drawn"), [("", 2), ("MathJax = {tex: {inlineMath: [['$', '$']]}}", 3)]
)
def test_formulas_of_a_page_without_its_mathjax_are_drawn(
    viewer: Viewer, settings: str, drawn: int
) -> None:
    page = produce(viewer, "index.html", MATHJAX % settings)

    expect(page.locator(".katex")).to_have_count(drawn)
    expect(page.locator(".katex-display")).to_have_count(1)
    expect(page.locator("code")).to_have_text("\\(z\\)")
    assert viewer.problems == []


def notebook_with(*outputs: dict[str, object]) -> str:
    cells = [
        {"cell_type": "code", "source": "x = 1", "metadata": {}, "outputs": [output]}
        for output in outputs
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def test_one_switch_opens_all_code(viewer: Viewer) -> None:
    text = {"output_type": "stream", "name": "stdout", "text": "done"}
    page = produce(viewer, "a.ipynb", notebook_with(text, text))
    sources = page.locator("details.source[open]")
    expect(sources).to_have_count(0)

    page.get_by_role("button", name="Show all code").click()
    expect(sources).to_have_count(2)
    page.get_by_role("button", name="Hide all code").click()

    expect(sources).to_have_count(0)


@pytest.mark.parametrize(
    "script",
    [
        'require(["plotly"], (Plotly) => Plotly.newPlot("here", [{"y": [1, 2]}]))',
        'window.Plotly.newPlot("here", [{"y": [1, 2]}])',
        'define("mine", ["plotly"], (P) => ({ draw: () => P.newPlot("here", [{"y": [1, 2]}]) }));'
        'require(["mine"], (mine) => mine.draw())',
    ],
)
def test_scripts_of_old_notebooks_find_plotly(viewer: Viewer, script: str) -> None:
    html = f'<div id="here"></div><script>{script}</script>'
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": html}}

    page = produce(viewer, "a.ipynb", notebook_with(output))

    expect(page.locator("#here .main-svg").first).to_be_visible()
    assert viewer.problems == []


def test_output_that_needs_an_absent_library_says_so(viewer: Viewer) -> None:
    html = '<script>require(["jquery-ui"], () => {})</script>'
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": html}}

    page = produce(viewer, "a.ipynb", notebook_with(output))

    expect(page.get_by_text("it needs jquery-ui, which is not here")).to_be_visible()
    assert viewer.problems == []
