"""Charts published as JSON: Plotly figures, Vega-Lite and Vega specifications, Bokeh documents."""

import json
from pathlib import Path
from typing import Any

from portal.publishing import charts, jsonfiles, shell
from portal.publishing.charts import Chart
from portal.publishing.companions import Companions
from portal.publishing.formats import Produced, Refused

JSON = Any

SIZE_LIMIT = 64_000_000  # bytes of JSON; browsers take seconds for as much
PAGE = "index.html"
DATA = "figure.json"


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """Refused: not_json, json_too_deep, figure_invalid, figure_too_large."""
    return _facts(_read(bundle, entry))


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """A page that draws the chart, and the chart's cleaned JSON beside it."""
    chart = _read(bundle, entry)
    companions = Companions(bundle, entry, output)
    missing = [address for address in chart.reads if companions(address) is None]
    title = chart.title or Path(entry).name
    (output / PAGE).write_text(
        _page_without(missing, title) if missing else _page(chart, title), encoding="utf-8"
    )
    (output / DATA).write_text(json.dumps(chart.spec, allow_nan=False), encoding="utf-8")
    return Produced(entry=PAGE, title=chart.title, facts=_facts(chart))


def _read(bundle: Path, entry: str) -> Chart:
    path = bundle / entry
    size = path.stat().st_size
    if size > SIZE_LIMIT:
        raise Refused(
            "figure_too_large",
            f"This figure has {size / 1e6:.0f} MB; {SIZE_LIMIT / 1e6:.0f} MB can be shown. "
            "Aggregate or sample its data.",
        )
    return charts.recognise(jsonfiles.read(path))


def _facts(chart: Chart) -> dict[str, JSON]:
    return {"library": chart.label, "title": chart.title, "notes": list(chart.notes)}


def _page(chart: Chart, title: str) -> str:
    return shell.page(title, charts.figure(chart, DATA), scripts=charts.scripts([chart]))


def _page_without(missing: list[str], title: str) -> str:
    return shell.page(title, charts.missing_data(missing))
