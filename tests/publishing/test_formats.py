import json

import pytest

from portal.publishing.formats import (
    extension_of,
    find_format,
    formats_by_extension,
)
from registry.apps import FORMATS as REGISTRY
from reports.apps import FORMATS as REPORTS
from visualizations.apps import FORMATS as VISUALIZATIONS

EVERY = (*REPORTS, *VISUALIZATIONS, *REGISTRY)


def format_for(filename, kind=""):
    return find_format(formats_by_extension(), filename, kind)


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("report.html", "html"),
        ("deep/er/REPORT.HTM", "html"),
        ("analysis.ipynb", "notebook"),
        ("notes.md", "markdown"),
        ("MODEL_CARD.md", "card"),
        ("models/model_card.md", "card"),
        ("paper.pdf", "pdf"),
        ("data.csv", "table"),
        ("data.xlsx", "workbook"),
        ("data.parquet", "columns"),
        ("talk.pptx", "slides"),
        ("chart.json", "figure"),
        ("chart.svg", "svg"),
        ("photo.JPEG", "image"),
        ("model.pkl", "artefact"),
    ],
)
def test_format_is_found_by_name(filename, name):
    assert format_for(filename).name == name


@pytest.mark.parametrize(
    "filename", ["report", "setup.exe", "bundle.tar", "data.csv.gz", ".htaccess"]
)
def test_format_of_an_unknown_name_is_none(filename):
    assert format_for(filename) is None


def test_kind_decides_where_formats_share_an_extension():
    assert format_for("notes.md", "model").name == "card"
    assert format_for("notes.md", "report").name == "markdown"
    assert format_for("notes.md", "dataset").name == "markdown"


def test_register_survives_the_way_into_a_child():
    register = json.loads(json.dumps(formats_by_extension()))

    for known in EVERY:
        for extension in known.extensions - {".md"}:
            assert find_format(register, f"file{extension}") == known


def test_every_extension_is_lower_case_with_a_dot():
    extensions = {extension for known in EVERY for extension in known.extensions}

    assert all(extension == extension.lower() and extension[0] == "." for extension in extensions)


@pytest.mark.parametrize(
    ("filename", "extension"),
    [("a.CSV", ".csv"), (".csv", ".csv"), ("a", ""), ("a.tar.gz", ".gz"), ("a.", ".")],
)
def test_extension_of_a_name(filename, extension):
    assert extension_of(filename) == extension
