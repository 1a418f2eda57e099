import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from portal.publishing import plotly_figures
from portal.publishing.formats import Produced, Refused
from visualizations.producers import figure

VEGA_LITE = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "mark": "bar"}


def render(folder: Path, content: Any, **beside: str) -> tuple[Produced, str, dict[str, Any]]:
    """What was produced, the page, and the chart's JSON as a browser reads it: strictly."""
    bundle, output = folder / "bundle", folder / "edition"
    bundle.mkdir()
    output.mkdir()
    text = content if isinstance(content, str) else json.dumps(content)
    (bundle / "figure.json").write_text(text, "utf-8")
    for name, words in beside.items():
        (bundle / name.replace("_", ".")).write_text(words)
    produced = figure.render(bundle, "figure.json", output)
    written = (output / figure.DATA).read_text("utf-8")
    return (
        produced,
        (output / produced.entry).read_text("utf-8"),
        json.loads(written, parse_constant=pytest.fail),
    )


def refusal(folder: Path, content: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        render(folder, content)
    return refused.value


def test_plotly_figure_becomes_page_and_strict_json(tmp_path: Path) -> None:
    source = '{"data": [{"y": [1, NaN, Infinity, 1e400]}], "layout": {"title": {"text": "<b>Sales</b>"}}}'

    produced, page, data = render(tmp_path, source)

    assert produced.title == "Sales"
    assert produced.facts["library"] == "Plotly"
    assert 'data-figure="figure.json" data-kind="plotly"' in page
    assert data["data"] == [{"y": [1, None, None, None], "type": "scatter"}]


@pytest.mark.parametrize(
    ("kinds", "bundle"),
    [
        (["scatter", "bar"], "plotly-basic.min.js"),
        (["scatter", "box"], "plotly-cartesian.min.js"),
        (["bar", "sankey"], "plotly.min.js"),
        ([], "plotly-basic.min.js"),
    ],
)
def test_smallest_bundle_that_draws_the_figure_is_loaded(
    tmp_path: Path, kinds: list[str], bundle: str
) -> None:
    _, page, _ = render(tmp_path, {"data": [{"type": kind} for kind in kinds]})

    assert f"/{bundle}" in page
    assert page.count("/static/vendor/plotly") == 1


def test_config_of_the_author_is_dropped(tmp_path: Path) -> None:
    _, _, data = render(tmp_path, {"data": [], "layout": {}, "config": {"plotlyServerURL": "x"}})

    assert set(data) == {"data", "layout"}


def test_height_of_the_author_is_kept_free(tmp_path: Path) -> None:
    _, page, _ = render(tmp_path, {"data": [], "layout": {"height": 720}})

    assert "min-height:720px" in page


@pytest.mark.parametrize("height", [True, "720", -1, 10**9, None])
def test_odd_heights_become_the_default(tmp_path: Path, height: object) -> None:
    _, page, _ = render(tmp_path, {"data": [], "layout": {"height": height}})

    assert "min-height:450px" in page


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"data": [{}, {"type": "evil3d"}]}, "data[1].type"),
        ({"data": [{"type": ["bar"]}]}, "data[0].type"),
        ({"data": ["bar"]}, "data[0]"),
        ({"data": {"type": "bar"}}, "“data”"),
        ({"data": [], "layout": [1]}, "“layout”"),
        ({"data": [], "frames": {"a": 1}}, "“frames”"),
        ({"data": [{"y": {"dtype": "f8", "bdata": "!!!!"}}]}, "figure.data[0].y.bdata"),
        ({"data": [{"y": {"dtype": "f8", "bdata": "AAAA"}}]}, "figure.data[0].y.bdata"),
        ({"data": [{"y": {"dtype": "O", "bdata": ""}}]}, "figure.data[0].y.dtype"),
        ({"data": [{"y": {"dtype": "f8", "bdata": 5}}]}, "figure.data[0].y.bdata"),
    ],
)
def test_invalid_figures_are_refused_with_the_place(
    tmp_path: Path, content: Any, place: str
) -> None:
    refused = refusal(tmp_path, content)

    assert refused.code == "figure_invalid"
    assert place in refused.message


@pytest.mark.parametrize(
    "content", [[], 5, "text", None, {}, {"layout": {}}, {"$schema": "https://json-schema.org/x"}]
)
def test_json_that_is_no_chart_is_refused(tmp_path: Path, content: Any) -> None:
    assert refusal(tmp_path, json.dumps(content)).code == "figure_invalid"


@pytest.mark.parametrize(
    "content",
    [
        {"data": [], "frames": [{}] * (plotly_figures.FRAMES_LIMIT + 1)},
        {"data": [{}] * (plotly_figures.TRACES_LIMIT + 1)},
    ],
)
def test_figures_too_large_to_show_are_refused(tmp_path: Path, content: Any) -> None:
    assert refusal(tmp_path, content).code == "figure_too_large"


def test_valid_typed_arrays_are_kept(tmp_path: Path) -> None:
    array = {"dtype": "f8", "bdata": base64.b64encode(struct.pack("<2d", 1, 2)).decode()}

    _, _, data = render(tmp_path, {"data": [{"type": "bar", "y": array}]})

    assert data["data"][0]["y"] == array


def test_maps_keep_their_data_and_say_that_tiles_are_missing(tmp_path: Path) -> None:
    source = {
        "data": [{"type": "scattermapbox", "subplot": "mapbox2", "lat": [1], "lon": [2]}],
        "layout": {"mapbox2": {"style": "https://tiles.example/style.json", "zoom": 3}},
    }

    produced, page, data = render(tmp_path, source)

    assert data["data"][0] == {"type": "scattermap", "subplot": "map2", "lat": [1], "lon": [2]}
    assert data["layout"] == {"map2": {"style": "white-bg", "zoom": 3}}
    assert plotly_figures.NO_TILES in page
    assert produced.facts["notes"] == [plotly_figures.NO_TILES]


def test_pictures_of_other_sites_are_left_out(tmp_path: Path) -> None:
    inline = {"source": "data:image/png;base64,AAAA"}
    source = {"data": [], "layout": {"images": [{"source": "http://x/y.png"}, inline]}}

    _, page, data = render(tmp_path, source)

    assert data["layout"]["images"] == [inline]
    assert plotly_figures.NO_PICTURES in page


def test_formulas_are_announced(tmp_path: Path) -> None:
    _, page, _ = render(tmp_path, {"data": [], "layout": {"title": {"text": "$x^2$"}}})

    assert plotly_figures.NO_FORMULAS in page


def test_vega_lite_is_drawn_by_vega_embed(tmp_path: Path) -> None:
    produced, page, data = render(tmp_path, VEGA_LITE | {"title": {"text": ["Two", "lines"]}})

    assert produced.title == "Two lines"
    assert 'data-kind="vega"' in page
    assert all(f"/{name}.min.js" in page for name in ("vega", "vega-lite", "vega-embed"))
    assert data["mark"] == "bar"


def test_data_uploaded_with_a_chart_comes_along(tmp_path: Path) -> None:
    _, page, _ = render(tmp_path, VEGA_LITE | {"data": {"url": "cars.json"}}, cars_json="[]")

    assert (tmp_path / "edition" / "cars.json").read_text() == "[]"
    assert 'data-kind="vega"' in page


def test_chart_without_its_data_says_what_is_missing(tmp_path: Path) -> None:
    layers = [{"data": {"url": "https://x/<a>.csv"}}, {"data": {"url": "gone.json"}}]

    _, page, _ = render(tmp_path, VEGA_LITE | {"layer": layers})

    assert "its data is not here" in page
    assert "https://x/&lt;a&gt;.csv" in page
    assert "gone.json" in page
    assert "data-figure" not in page


def test_bokeh_item_is_drawn_by_bokeh(tmp_path: Path) -> None:
    item = {"target_id": None, "root_id": "p1", "doc": {"roots": [], "title": "Lasso"}}

    produced, page, _ = render(tmp_path, item)

    assert produced.title == "Lasso"
    assert 'data-kind="bokeh"' in page


def test_inspect_gives_the_facts_without_writing(tmp_path: Path) -> None:
    (tmp_path / "figure.json").write_text('{"data": [], "layout": {"title": "Old style"}}')

    facts = figure.inspect(tmp_path, "figure.json")

    assert facts == {"library": "Plotly", "title": "Old style", "notes": []}
    assert [path.name for path in tmp_path.iterdir()] == ["figure.json"]
