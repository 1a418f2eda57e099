"""Charts as JSON (Plotly, Vega, Vega-Lite, Bokeh): what is one, what is wrong with it, what draws it.

The specification is data here. It is checked and cleaned, written beside the page, and drawn by
`static/content/figure.js` with the libraries of `static/vendor/`. Nothing is fetched for it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from portal.publishing import plotly_figures
from portal.publishing.formats import Refused

JSON = Any

FIGURE_SCRIPT = "/static/content/figure.js"
VEGA_SCRIPTS = (
    "/static/vendor/vega-6.4.0/vega.min.js",
    "/static/vendor/vega-lite-6.5.0/vega-lite.min.js",
    "/static/vendor/vega-embed-7.3.0/vega-embed.min.js",
)
BOKEH_SCRIPTS = (
    "/static/vendor/bokehjs-3.10.0/bokeh.min.js",
    "/static/vendor/bokehjs-3.10.0/bokeh-widgets.min.js",
    "/static/vendor/bokehjs-3.10.0/bokeh-tables.min.js",
)

_VEGA_SCHEMA = re.compile(r"https?://vega\.github\.io/schema/(vega|vega-lite)/v\d")
_DEFAULT_HEIGHT = 400  # pixels that the page keeps free until the chart is drawn


@dataclass(frozen=True)
class Chart:
    """One chart that can be drawn.

    `kind` is "plotly", "vega" or "bokeh", as figure.js knows it; `label` names it to people.
    `scripts` are the libraries it needs. `reads` are addresses of data outside the specification.
    """

    kind: str
    label: str
    spec: dict[str, JSON]
    scripts: tuple[str, ...]
    title: str = ""
    height: int = _DEFAULT_HEIGHT
    notes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


def recognise(value: JSON) -> Chart:
    """The chart in a JSON document. Refused: figure_invalid, figure_too_large."""
    if not isinstance(value, dict):
        raise _unknown()
    if _VEGA_SCHEMA.match(str(value.get("$schema", ""))):
        return vega(value)
    if isinstance(value.get("doc"), dict) and "root_id" in value:
        return bokeh(value)
    if "data" in value and "$schema" not in value:
        return plotly(value)
    raise _unknown()


def plotly(value: JSON) -> Chart:
    """Refused: figure_invalid, figure_too_large."""
    checked = plotly_figures.check(value)
    return Chart(
        kind="plotly",
        label="Plotly",
        spec=checked.figure,
        scripts=(checked.script,),
        title=checked.title,
        height=checked.height,
        notes=checked.notes,
    )


def vega(value: JSON) -> Chart:
    """A Vega or Vega-Lite specification, as Altair writes it too. Refused: figure_invalid."""
    if not isinstance(value, dict):
        raise _unknown()
    lite = "vega-lite" in str(value.get("$schema", "vega-lite"))
    return Chart(
        kind="vega",
        label="Vega-Lite" if lite else "Vega",
        spec=value,
        scripts=VEGA_SCRIPTS,
        title=_vega_title(value.get("title")),
        reads=tuple(dict.fromkeys(_addresses(value))),
    )


def bokeh(value: JSON) -> Chart:
    """What `bokeh.embed.json_item` wrote. Refused: figure_invalid."""
    document = value["doc"]
    if not isinstance(document.get("roots"), list) or not isinstance(value["root_id"], str):
        raise Refused("figure_invalid", "The Bokeh document in this file has no list of roots.")
    title = document.get("title")
    return Chart(
        kind="bokeh",
        label="Bokeh",
        spec=value,
        scripts=BOKEH_SCRIPTS,
        title=title if isinstance(title, str) else "",
    )


def scripts(drawn: Iterable[Chart]) -> list[str]:
    """What a page with these charts loads, in order: each library once, one plotly.js for all."""
    addresses = [address for chart in drawn for address in chart.scripts]
    if not addresses:
        return []
    plotly_script = plotly_figures.largest(addresses)
    known = {script for _, script in plotly_figures.BUNDLES}
    others = dict.fromkeys(address for address in addresses if address not in known)
    return [*([plotly_script] if plotly_script else []), *others, FIGURE_SCRIPT]


def figure(chart: Chart, address: str) -> str:
    """The place of a chart in a page: figure.js draws into it what `address` holds."""
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in chart.notes)
    return (
        f'<figure class="chart"><div class="plot" data-figure="{escape(address)}" '
        f'data-kind="{chart.kind}" style="min-height:{chart.height}px">'
        f'<p class="skeleton">Drawing the chart …</p></div>{notes}</figure>'
    )


def missing_data(addresses: Iterable[str]) -> str:
    """What readers see in place of a chart whose data is not here."""
    items = "".join(f"<li><code>{escape(address[:200])}</code></li>" for address in addresses)
    return (
        '<div class="notice"><p><strong>This chart cannot be drawn: its data is not here.</strong> '
        f"It reads from</p><ul>{items}</ul><p>Publish the data with the chart, in one folder or "
        "zip, or put the values into the chart itself.</p></div>"
    )


def _addresses(value: JSON) -> Iterator[str]:
    """Every `{"url": ...}` of a data source. Image marks have theirs under `encoding`."""
    if isinstance(value, list):
        for inner in value:
            yield from _addresses(inner)
    elif isinstance(value, dict):
        for name, inner in value.items():
            sources = inner if isinstance(inner, list) else [inner]
            if name == "data":
                yield from (
                    source["url"]
                    for source in sources
                    if isinstance(source, dict) and isinstance(source.get("url"), str)
                )
            if name not in ("values", "datasets"):
                yield from _addresses(inner)


def _vega_title(title: JSON) -> str:
    text = title.get("text") if isinstance(title, dict) else title
    lines = text if isinstance(text, list) else [text]
    return " ".join(line for line in lines if isinstance(line, str))


def _unknown() -> Refused:
    return Refused(
        "figure_invalid",
        "This JSON file is no chart that can be shown. Publish a Plotly figure "
        "(fig.write_json), a Vega-Lite or Vega specification with its $schema "
        "(chart.save), or a Bokeh json_item.",
    )
