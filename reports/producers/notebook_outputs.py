"""The outputs of a notebook's cells as HTML: of each, the richest form that can be shown.

HTML and scripts of authors are kept as they are, since the page that they stand in is sandboxed.
Nothing is fetched, and no file is read.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from portal.common import ansi
from portal.publishing import charts, markup, plotly_figures
from portal.publishing.charts import Chart
from portal.publishing.formats import Refused

JSON = Any

FIGURES = "figures"  # folder of the charts' data, beside the page

_PLOTLY = re.compile(r"application/vnd\.plotly\.v\d+\+json")
_VEGA = re.compile(r"application/vnd\.vega(?:lite)?\.v\d+(?:\.\d+)*\+json")
_BOKEH_RUN = "application/vnd.bokehjs_exec.v0+json"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*")

# plotly.py writes a script element for its CDN; our copy of the library takes its place.
_PLOTLY_CDN = re.compile(
    r"<script[^>]*\ssrc=[\"']https://cdn\.plot\.ly/plotly[^\"']*[\"'][^>]*>\s*</script>"
)
_USES_MODULES = re.compile(r"\b(?:require|requirejs|define)\s*[(.]")
_USES_PLOTLY = re.compile(r"\bPlotly\.|[\"']plotly[\"']")
_PLOTLY_INSIDE = 1_000_000  # characters: HTML as long as this and about Plotly brings its own copy

MODULES_SCRIPT = "/static/content/modules.js"


@dataclass
class Page:
    """What the outputs of one notebook need from the page around them.

    `early` are scripts that must have run before the outputs' own; `drawn` are charts whose data
    lies below `output`.
    """

    output: Path
    drawn: list[Chart] = field(default_factory=list)
    early: dict[str, None] = field(default_factory=dict)
    has_math: bool = False

    def add_chart(self, chart: Chart) -> str:
        self.drawn.append(chart)
        address = f"{FIGURES}/{len(self.drawn)}.json"
        (self.output / FIGURES).mkdir(exist_ok=True)
        (self.output / address).write_text(json.dumps(chart.spec, allow_nan=False), "utf-8")
        return charts.figure(chart, address)

    def add_html(self, html: str) -> str:
        """The author's HTML, and a note of the libraries that it expects to find."""
        html, replaced = _PLOTLY_CDN.subn("", html)
        brings_plotly = len(html) > _PLOTLY_INSIDE
        if "vega-embed" in html or "vegaEmbed" in html:
            self.early |= dict.fromkeys((*charts.VEGA_SCRIPTS, MODULES_SCRIPT))
        if replaced or (_USES_PLOTLY.search(html) and not brings_plotly):
            self.early[plotly_figures.FULL_SCRIPT] = None
        if _USES_MODULES.search(html):
            self.early[MODULES_SCRIPT] = None
        return f'<div class="output html scroll">{html}</div>'


def render(outputs: Iterable[JSON], number: int, page: Page) -> str:
    """All outputs of the code cell `number` (counted from 1). Those without a shape are left out."""
    html = []
    for output in _joined(outputs):
        kind = output.get("output_type")
        if kind == "stream":
            html.append(_stream(output))
        elif kind == "error":
            html.append(_error(output))
        elif isinstance(output.get("data"), dict):
            html.append(_rich(_Bundle(output["data"], output.get("metadata"), number, page)))
    return "".join(html)


def text(value: JSON) -> str:
    """A multi-line string as notebooks store it: one string, or a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class _Bundle:
    """One result in several forms (a MIME bundle), with where it stands."""

    data: Mapping[str, JSON]
    metadata: JSON
    number: int
    page: Page

    def about(self, mime: str) -> Mapping[str, JSON]:
        details = self.metadata.get(mime) if isinstance(self.metadata, dict) else None
        return details if isinstance(details, dict) else {}


def _joined(outputs: Iterable[JSON]) -> list[dict[str, JSON]]:
    """Neighbouring pieces of one stream as one, since kernels send them as they come."""
    joined: list[dict[str, JSON]] = []
    for output in outputs:
        if not isinstance(output, dict):
            continue
        last = joined[-1] if joined else {}
        if output.get("output_type") == "stream" == last.get("output_type") and (
            output.get("name") == last.get("name")
        ):
            last["text"] = text(last.get("text")) + text(output.get("text"))
        else:
            joined.append(dict(output))
    return joined


def _stream(output: Mapping[str, JSON]) -> str:
    content = text(output.get("text"))
    if not content.strip():
        return ""
    shown = f"<pre>{ansi.to_html(content)}</pre>"
    if output.get("name") != "stderr":
        return f'<div class="output stream">{shown}</div>'
    lines = content.strip().count("\n") + 1
    count = "one line" if lines == 1 else f"{lines:,} lines"
    return f'<details class="output fold"><summary>Messages, {count}</summary>{shown}</details>'


def _error(output: Mapping[str, JSON]) -> str:
    name = ansi.to_text(text(output.get("ename"))) or "Error"
    message = ansi.to_text(text(output.get("evalue")))[:500]
    frames = output.get("traceback")
    trace = "\n".join(text(frame) for frame in frames) if isinstance(frames, list) else ""
    summary = f"<strong>{escape(name)}</strong> {escape(message)}"
    return (
        f'<details class="output error"><summary>{summary}</summary>'
        f"<pre>{ansi.to_html(trace)}</pre></details>"
    )


def _rich(bundle: _Bundle) -> str:
    """The first form, from rich to poor, that this bundle has and that can be shown."""
    for shows, form in _FORMS:
        for mime in bundle.data:
            if shows(mime) and (html := form(bundle, mime)):
                return html
    return _unknown(bundle)


def _plotly(bundle: _Bundle, mime: str) -> str:
    try:
        return _chart(bundle, charts.plotly(bundle.data[mime]))
    except Refused:
        return ""


def _vega(bundle: _Bundle, mime: str) -> str:
    try:
        chart = charts.vega(bundle.data[mime])
    except Refused:
        return ""
    return charts.missing_data(chart.reads) if chart.reads else _chart(bundle, chart)


def _chart(bundle: _Bundle, chart: Chart) -> str:
    return f'<div class="output">{bundle.page.add_chart(chart)}</div>'


def _bokeh_run(bundle: _Bundle, mime: str) -> str:
    """Bokeh in notebooks: an element as HTML and a script that draws into it."""
    bundle.page.early |= dict.fromkeys(charts.BOKEH_SCRIPTS)
    html = text(bundle.data.get("text/html"))
    script = _script(text(bundle.data.get("application/javascript")))
    return bundle.page.add_html(html + script)


def _html(bundle: _Bundle, mime: str) -> str:
    content = text(bundle.data[mime])
    return bundle.page.add_html(content) if content.strip() else ""


def _svg(bundle: _Bundle, mime: str) -> str:
    """As a picture: in an image element no script of it runs and no address of it is loaded."""
    source = text(bundle.data[mime])
    address = "data:image/svg+xml;base64," + _base64(source) if "<svg" in source else ""
    return _image(bundle, mime, address) if address else ""


def _picture(bundle: _Bundle, mime: str) -> str:
    content = text(bundle.data[mime])
    if not content or not _BASE64.fullmatch(content):
        return ""
    return _image(bundle, mime, f"data:{mime};base64,{''.join(content.split())}")


def _image(bundle: _Bundle, mime: str, address: str) -> str:
    sizes = "".join(
        f' {side}="{value}"'
        for side in ("width", "height")
        if isinstance(value := bundle.about(mime).get(side), int) and 0 < value < 10_000
    )
    alt = f"Picture made by cell {bundle.number}"
    return f'<div class="output picture"><img src="{address}" alt="{alt}"{sizes}></div>'


def _markdown(bundle: _Bundle, mime: str) -> str:
    rendered = markup.render(text(bundle.data[mime]))
    bundle.page.has_math |= rendered.has_math
    return f'<div class="output prose">{rendered.html}</div>' if rendered.html.strip() else ""


def _latex(bundle: _Bundle, mime: str) -> str:
    source = text(bundle.data[mime]).strip()
    formula = source.strip("$").strip()
    if not formula or not _is_formula(source):
        return ""
    bundle.page.has_math = True
    return f'<div class="output scroll"><span class="math block">{escape(formula)}</span></div>'


def _is_formula(source: str) -> bool:
    """Formulas, not documents: R writes whole LaTeX tables and lists under the same type."""
    if source.startswith("$"):
        return True
    return bool(
        re.match(r"\\begin\{(?:equation|align|gather|multline|split|[bpvBV]?matrix)\b", source)
    )


def _javascript(bundle: _Bundle, mime: str) -> str:
    return bundle.page.add_html(_script(text(bundle.data[mime])))


def _script(source: str) -> str:
    """A script that finds the place of its output as `element`, as Jupyter promises."""
    if not source.strip():
        return ""
    inner = source.replace("</script", "<\\/script")
    return f"<script>((element) => {{\n{inner}\n}})(document.currentScript.parentElement)</script>"


def _widget(bundle: _Bundle, mime: str) -> str:
    fallback = text(bundle.data.get("text/plain"))[:300]
    shown = f" <code>{escape(fallback)}</code>" if fallback else ""
    return (
        '<div class="output"><p class="note">An interactive control; it works only while the '
        f"notebook runs.{shown}</p></div>"
    )


def _json(bundle: _Bundle, mime: str) -> str:
    value = bundle.data[mime]
    source = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    code = markup.code(ansi.shorten(source), "json")
    return f'<details class="output fold"><summary>JSON</summary>{code}</details>'


def _plain(bundle: _Bundle, mime: str) -> str:
    content = text(bundle.data[mime])
    return f'<div class="output stream"><pre>{ansi.to_html(content)}</pre></div>' if content else ""


def _unknown(bundle: _Bundle) -> str:
    if not bundle.data:
        return ""
    names = escape(", ".join(sorted(bundle.data))[:200])
    return (
        f'<div class="output"><p class="note">An output of a kind not shown here: {names}</p></div>'
    )


def _base64(source: str) -> str:
    return base64.b64encode(source.encode()).decode()


def _is(*mimes: str) -> Callable[[str], bool]:
    return frozenset(mimes).__contains__


_Form = Callable[[_Bundle, str], str]
_FORMS: tuple[tuple[Callable[[str], object], _Form], ...] = (
    (_PLOTLY.fullmatch, _plotly),
    (_VEGA.fullmatch, _vega),
    (_is(_BOKEH_RUN), _bokeh_run),
    (_is("text/html", "text/vnd.plotly.v1+html"), _html),
    (_is("image/svg+xml"), _svg),
    (_is(*_PICTURES), _picture),
    (_is("text/markdown"), _markdown),
    (_is("text/latex"), _latex),
    (_is("application/javascript"), _javascript),
    (_is(_WIDGET), _widget),
    (_is("application/json", "application/geo+json"), _json),
    (_is("text/plain"), _plain),
    (lambda mime: mime.startswith("text/"), _plain),
)
