"""Libraries that must agree with each other, and addresses that must lead somewhere."""

import json
import re
from pathlib import Path

import plotly
import pytest

from portal.publishing import charts, plotly_figures, shell
from tests.publishing.vendored import STATIC, static_file

PINS = STATIC.parent / "tools" / "vendor.json"
VIEWERS = (
    "figure.js",
    "pdf.js",
    "table.js",
    "notebook.js",
    "modules.js",
    "math.js",
    "formulas.js",
    "sandbox.js",
)


def plotly_version(script: Path) -> str:
    found = re.search(r"plotly\.js (?:\([\w -]+\) )?v([\d.]+)", script.read_text("utf-8")[:400])
    assert found is not None
    return found[1]


def test_every_plotly_bundle_is_the_version_that_plotly_py_writes_for() -> None:
    embedded = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"

    versions = {plotly_version(static_file(script)) for _, script in plotly_figures.BUNDLES}

    assert versions == {plotly_version(embedded)} == {plotly_figures.VERSION}


@pytest.mark.parametrize(("kinds", "script"), plotly_figures.BUNDLES)
def test_bundle_draws_exactly_the_traces_that_the_table_says(
    kinds: frozenset[str], script: str
) -> None:
    source = static_file(script).read_text("utf-8")

    drawn = set(re.findall(r'moduleType:"trace",name:"(\w+)"', source))

    assert drawn == kinds


@pytest.mark.parametrize(
    "address",
    [
        *charts.VEGA_SCRIPTS,
        *charts.BOKEH_SCRIPTS,
        *shell.MATH_SCRIPTS,
        *shell.MATH_STYLES,
        *shell.FORMULA_LIBRARIES,
        charts.FIGURE_SCRIPT,
        f"/static/vendor/plotly-geo-{plotly_figures.VERSION}/world_110m.json",
    ],
)
def test_address_of_a_library_leads_to_a_file(address: str) -> None:
    assert static_file(address).stat().st_size > 0


@pytest.mark.parametrize("viewer", VIEWERS)
def test_viewers_name_only_vendored_folders_that_exist(viewer: str) -> None:
    source = (STATIC / "content" / viewer).read_text("utf-8")

    folders = set(re.findall(r"/static/(vendor/[\w.@-]+)/", source))

    assert all((STATIC / folder).is_dir() for folder in folders)
    assert "https://" not in source


def test_every_vendored_folder_is_pinned_and_has_its_licence() -> None:
    pinned = {
        f"{pin.get('folder') or pin['package'].rpartition('/')[2]}-{pin['version']}"
        for pin in json.loads(PINS.read_text("utf-8"))
    }

    folders = {folder.name for folder in (STATIC / "vendor").iterdir()}

    assert folders == pinned
    assert all((STATIC / "vendor" / folder / "LICENSE").is_file() for folder in folders)
