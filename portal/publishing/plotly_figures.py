"""Plotly figures as data: checked, cleaned, and matched with the smallest script that draws them.

A figure is `{"data": [trace, ...], "layout": {...}, "frames": [...]}` as `Figure.to_json()` writes
it. What we leave out of it (`config`, pictures and map styles of other sites) is said in notes.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from portal.publishing.formats import Refused

JSON = Any

VERSION = "4.1.1"  # of plotly.js; plotly.py 7.1.0 writes for the same one

TRACES_LIMIT = 2_000
FRAMES_LIMIT = 1_000

# Smallest first. A figure is drawn by the first one that knows all its traces.
_BASIC = frozenset({"bar", "pie", "scatter"})
_CARTESIAN = _BASIC | {
    *("box", "contour", "heatmap", "histogram", "histogram2d", "histogram2dcontour"),
    *("image", "scatterternary", "violin"),
}
_FULL = _CARTESIAN | {
    *("barpolar", "candlestick", "carpet", "choropleth", "choroplethmap", "cone"),
    *("contourcarpet", "densitymap", "funnel", "funnelarea", "icicle", "indicator"),
    *("isosurface", "mesh3d", "ohlc", "parcats", "parcoords", "quiver", "sankey", "scatter3d"),
    *("scattercarpet", "scattergeo", "scattergl", "scattermap", "scatterpolar"),
    *("scatterpolargl", "scattersmith", "splom", "streamtube", "sunburst", "surface", "table"),
    *("treemap", "volume", "waterfall"),
}
BUNDLES: tuple[tuple[frozenset[str], str], ...] = (
    (_BASIC, f"/static/vendor/plotly.js-basic-dist-min-{VERSION}/plotly-basic.min.js"),
    (
        frozenset(_CARTESIAN),
        f"/static/vendor/plotly.js-cartesian-dist-min-{VERSION}/plotly-cartesian.min.js",
    ),
    (frozenset(_FULL), f"/static/vendor/plotly.js-dist-min-{VERSION}/plotly.min.js"),
)
FULL_SCRIPT = BUNDLES[-1][1]

# Kinds that plotly.js 4 no longer has, and what it calls them now.
_RENAMED = {
    "choroplethmapbox": "choroplethmap",
    "densitymapbox": "densitymap",
    "heatmapgl": "heatmap",
    "scattermapbox": "scattermap",
}
_TILE_TRACES = frozenset({"choroplethmap", "densitymap", "scattermap"})
_ITEM_SIZES = {  # bytes of one number by its dtype, in numpy's short and long names
    "i1": 1, "u1": 1, "u1c": 1, "i2": 2, "u2": 2, "i4": 4, "u4": 4, "f4": 4, "f8": 8,
    "int8": 1, "uint8": 1, "uint8c": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4,
    "float32": 4, "float64": 8,
}  # fmt: skip
_EMPTY_STYLE = "white-bg"  # the one map style that plotly.js carries itself
_FORMULA = re.compile(r"^\$.+\$$", re.DOTALL)

NO_TILES = "The map shows the data without its background: streets and terrain come from another site, and pages here load nothing from elsewhere."
NO_PICTURES = "Pictures that the chart takes from other sites are left out."
NO_FORMULAS = "Formulas in this chart are shown as they were written, in TeX."


@dataclass(frozen=True)
class PlotlyFigure:
    """A checked figure. `script` is the address of the plotly.js that knows its traces."""

    figure: dict[str, JSON]
    script: str
    title: str
    notes: tuple[str, ...]

    @property
    def height(self) -> int:
        """Pixels on the page; what the author set, or Plotly's own default."""
        height = self.figure["layout"].get("height")
        return int(height) if _is_number(height) and 10 <= height <= 10_000 else 450


def check(value: JSON) -> PlotlyFigure:
    """The figure, cleaned. Refused: figure_invalid (names the place), figure_too_large."""
    figure = _structure(value)
    for index, trace in enumerate(figure["data"]):
        _check_trace(f"data[{index}]", trace)
    for place, array in _typed_arrays(figure, "figure"):
        _check_typed_array(place, array)
    kinds = {trace["type"] for trace in figure["data"]}
    notes = (*_drop_tiles(figure, kinds), *_drop_pictures(figure["layout"]))
    return PlotlyFigure(
        figure=figure,
        script=script_for(kinds),
        title=_title(figure["layout"]),
        notes=(*notes, NO_FORMULAS) if _has_formula(figure["layout"]) else notes,
    )


def script_for(kinds: Iterable[str]) -> str:
    """The smallest vendored plotly.js that draws all these kinds of trace."""
    wanted = frozenset(kinds)
    return next(address for known, address in BUNDLES if wanted <= known)


def largest(scripts: Iterable[str]) -> str | None:
    """The one script that stands for all of these on a page; None for none."""
    wanted = set(scripts)
    return next((address for _, address in reversed(BUNDLES) if address in wanted), None)


def _structure(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise _invalid("A Plotly figure is an object whose “data” is a list of traces.")
    layout = value.get("layout") or {}
    frames = value.get("frames") or []
    if not isinstance(layout, dict):
        raise _invalid("The “layout” of a Plotly figure is an object.")
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
        raise _invalid("The “frames” of a Plotly figure are a list of objects.")
    _check_count("traces", len(value["data"]), TRACES_LIMIT)
    _check_count("frames", len(frames), FRAMES_LIMIT)
    figure = {"data": value["data"], "layout": layout}
    return {**figure, "frames": frames} if frames else figure


def _check_count(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise Refused(
            "figure_too_large",
            f"This figure has {count:,} {what}; {limit:,} can be shown. Aggregate it, or split it.",
        )


def _check_trace(place: str, trace: JSON) -> None:
    if not isinstance(trace, dict):
        raise _invalid(f"{place} is not an object: every trace is one.")
    kind = trace.get("type", "scatter")
    if not isinstance(kind, str) or _RENAMED.get(kind, kind) not in _FULL:
        raise _invalid(
            f"{place}.type is {str(kind)[:40]!r}, a kind of trace that Plotly {VERSION} does not know."
        )
    trace["type"] = _RENAMED.get(kind, kind)
    if "mapbox" in kind and "subplot" in trace:
        trace["subplot"] = str(trace["subplot"]).replace("mapbox", "map")


def _typed_arrays(value: JSON, place: str) -> Iterator[tuple[str, dict[str, JSON]]]:
    if isinstance(value, dict):
        if "bdata" in value:
            yield place, value
            return
        for name, inner in value.items():
            if isinstance(inner, (dict, list)):
                yield from _typed_arrays(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, (dict, list)):
                yield from _typed_arrays(inner, f"{place}[{index}]")


def _check_typed_array(place: str, array: dict[str, JSON]) -> None:
    size = _ITEM_SIZES.get(str(array.get("dtype")))
    if size is None:
        raise _invalid(f"{place}.dtype is not a type of number that Plotly reads.")
    try:
        content = base64.b64decode(array["bdata"], validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise _invalid(f"{place}.bdata is not valid base64.") from None
    if len(content) % size:
        raise _invalid(f"{place}.bdata ends in the middle of a number.")


def _drop_tiles(figure: dict[str, JSON], kinds: set[str]) -> list[str]:
    """Maps keep their data and lose their background, which only other sites have."""
    layout = figure["layout"]
    for name in [name for name in layout if name.startswith("mapbox")]:
        layout.setdefault(name.replace("mapbox", "map", 1), layout.pop(name))
    subplots = {str(trace.get("subplot", "map")) for trace in figure["data"]}
    names = {name for name in subplots | set(layout) if re.fullmatch(r"map\d*", name)}
    if not kinds & _TILE_TRACES:
        return []
    for name in names:
        subplot = layout.setdefault(name, {})
        if isinstance(subplot, dict):
            subplot["style"] = _EMPTY_STYLE
            subplot.pop("layers", None)
    return [NO_TILES]


def _drop_pictures(layout: dict[str, JSON]) -> list[str]:
    pictures = layout.get("images")
    if not isinstance(pictures, list):
        return []
    kept = [picture for picture in pictures if _is_inline_picture(picture)]
    layout["images"] = kept
    return [NO_PICTURES] if len(kept) < len(pictures) else []


def _is_inline_picture(picture: JSON) -> bool:
    return isinstance(picture, dict) and str(picture.get("source", "")).startswith("data:image/")


def _title(layout: dict[str, JSON]) -> str:
    title = layout.get("title")
    text = title.get("text") if isinstance(title, dict) else title
    plain = re.sub(r"<[^>]*>", " ", text) if isinstance(text, str) else ""
    return " ".join(plain.split())


def _has_formula(value: JSON) -> bool:
    if isinstance(value, dict):
        return any(_has_formula(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_has_formula(inner) for inner in value)
    return isinstance(value, str) and bool(_FORMULA.match(value))


def _is_number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _invalid(message: str) -> Refused:
    return Refused("figure_invalid", message)
