import json
import re
from pathlib import Path
from typing import Any

import pytest

from portal.publishing import plotly_figures
from portal.publishing.formats import Produced, Refused
from reports.producers import notebook

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def code(source: str, *outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "metadata": metadata}


def prose(source: str | list[str], **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source, "metadata": {}, **more}


def result(**data: Any) -> dict[str, Any]:
    """A result in the forms given: text_html="<b>x</b>" is text/html."""
    mimes = {name.replace("_", "/", 1): value for name, value in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": mimes}


def mime(name: str, value: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {name: value}}


def stream(text: str | list[str], name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def write(folder: Path, content: Any) -> Path:
    bundle = folder / "bundle"
    bundle.mkdir()
    text = content if isinstance(content, str) else json.dumps(content)
    (bundle / "a.ipynb").write_text(text, "utf-8")
    return bundle


def render(folder: Path, *cells: dict[str, Any], **metadata: Any) -> tuple[Produced, str]:
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}
    output = folder / "edition"
    output.mkdir()
    produced = notebook.render(write(folder, content), "a.ipynb", output)
    return produced, (output / produced.entry).read_text("utf-8")


def body(page: str) -> str:
    found = re.search(r'<article class="notebook">(.*)</article>', page, re.DOTALL)
    assert found is not None
    return found[1]


def test_code_is_folded_and_coloured(tmp_path: Path) -> None:
    _, page = render(tmp_path, code("import pandas"))

    assert '<details class="source"><summary>Code</summary><pre class="code">' in page
    assert '<span class="kn">import</span>' in page
    assert "data-show-code" in page


@pytest.mark.parametrize("tag", ["hide-input", "remove-input", "remove_input"])
def test_tags_hide_the_code_but_not_the_outputs(tmp_path: Path, tag: str) -> None:
    _, page = render(tmp_path, code("secret()", stream("shown"), tags=[tag]))

    assert "secret" not in page
    assert "shown" in page


def test_tags_hide_outputs_and_whole_cells(tmp_path: Path) -> None:
    _, page = render(
        tmp_path,
        code("kept()", stream("lost"), tags=["remove-output"]),
        code("gone()", stream("gone too"), tags=["remove-cell"]),
    )

    assert "kept" in page
    assert "lost" not in page
    assert "gone" not in page


def test_title_comes_from_the_metadata_then_from_a_heading(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    front = {"cell_type": "raw", "source": "---\ntitle: Raw\n---", "metadata": {}}

    assert render(tmp_path / "a", prose("# Head"), title="  Meta \n data ")[0].title == "Meta data"
    assert render(tmp_path / "b", front, prose("# Head"))[0].title == "Raw"
    assert render(tmp_path / "c", code("1"), prose(["# He", "ad"]))[0].title == "Head"


def test_markdown_shows_attachments_and_formulas(tmp_path: Path) -> None:
    cell = prose("![p](attachment:a%20b.png) $x$", attachments={"a b.png": {"image/png": PIXEL}})

    _, page = render(tmp_path, cell)

    assert f'src="data:image/png;base64,{PIXEL}"' in page
    assert '<span class="math inline">x</span>' in page
    assert "katex.min.js" in page


def test_pictures_are_never_read_from_outside_the_bundle(tmp_path: Path) -> None:
    _, page = render(tmp_path, prose("![a](/etc/passwd) ![b](file:///etc/passwd) ![c](http://x/y)"))

    assert "<img" not in body(page)


def test_richest_form_of_an_output_wins(tmp_path: Path) -> None:
    _, page = render(
        tmp_path, code("1", result(text_plain="poor", image_png=PIXEL, text_html="<b>rich</b>"))
    )

    assert "<b>rich</b>" in page
    assert "poor" not in page
    assert PIXEL not in page


def test_pictures_have_words(tmp_path: Path) -> None:
    _, page = render(tmp_path, prose("text"), code("1", result(image_png=f"{PIXEL}\n")))

    assert f'<img src="data:image/png;base64,{PIXEL}" alt="Picture made by cell 2">' in page


def test_picture_that_is_no_base64_gives_way_to_text(tmp_path: Path) -> None:
    _, page = render(tmp_path, code("1", result(image_png='"><script>', text_plain="words")))

    assert "words" in page
    assert "<script>" not in body(page)


def test_svg_is_shown_as_a_picture(tmp_path: Path) -> None:
    _, page = render(tmp_path, code("1", mime("image/svg+xml", "<svg onload='alert(1)'/>")))

    assert 'src="data:image/svg+xml;base64,' in page
    assert "onload" not in page


def test_plotly_outputs_are_live_with_one_script_for_all(tmp_path: Path) -> None:
    figures = [{"data": [{"type": kind}], "layout": {}} for kind in ("bar", "box")]
    cells = [code("1", mime("application/vnd.plotly.v1+json", figure)) for figure in figures]

    _, page = render(tmp_path, *cells)

    assert re.findall(r'data-figure="([^"]+)"', page) == ["figures/1.json", "figures/2.json"]
    assert page.count("/static/vendor/plotly") == 1
    assert "plotly-cartesian.min.js" in page
    written = json.loads((tmp_path / "edition" / "figures" / "2.json").read_text())
    assert written["data"] == [{"type": "box"}]


def test_plotly_output_that_is_invalid_gives_way_to_its_text(tmp_path: Path) -> None:
    output = mime("application/vnd.plotly.v1+json", {"data": [{"type": "evil3d"}]})
    output["data"]["text/plain"] = "Figure()"

    _, page = render(tmp_path, code("1", output))

    assert "Figure()" in page
    assert "data-figure" not in page


def test_vega_lite_output_is_live_without_a_schema(tmp_path: Path) -> None:
    _, page = render(
        tmp_path, code("1", mime("application/vnd.vegalite.v5.2+json", {"mark": "bar"}))
    )

    assert 'data-kind="vega"' in page
    assert "vega-embed.min.js" in page


def test_html_made_for_a_cdn_finds_the_vendored_library(tmp_path: Path) -> None:
    html = (
        '<script src="https://cdn.plot.ly/plotly-3.0.0.min.js" integrity="sha256-x"></script>'
        '<script>require(["plotly"], (Plotly) => Plotly.newPlot("x"))</script>'
    )

    _, page = render(tmp_path, code("1", result(text_html=html)))

    assert "cdn.plot.ly" not in page
    early = page.index(f'<script src="{plotly_figures.FULL_SCRIPT}"></script>')
    assert early < page.index("/static/content/modules.js") < page.index('require(["plotly"]')


def test_plain_html_needs_no_library(tmp_path: Path) -> None:
    _, page = render(tmp_path, code("1", result(text_html=["<table>\n", "<tr></table>"])))

    assert "<table>\n<tr></table>" in page
    assert "/static/vendor/" not in page


def test_script_outputs_run_with_their_element(tmp_path: Path) -> None:
    _, page = render(tmp_path, code("1", mime("application/javascript", "element.x = '</script>'")))

    assert "<script>((element) => {\nelement.x = '<\\/script>'\n})" in page


def test_latex_formulas_are_drawn_and_documents_give_way(tmp_path: Path) -> None:
    document = result(
        text_latex="\\begin{description*}\\item x\\end{description*}", text_plain="words"
    )

    _, page = render(tmp_path, code("1", result(text_latex="$$E = mc^2$$")), code("2", document))

    assert '<span class="math block">E = mc^2</span>' in page
    assert "words" in page
    assert "description*" not in page


def test_widgets_leave_a_quiet_note(tmp_path: Path) -> None:
    output = mime("application/vnd.jupyter.widget-view+json", {"model_id": "x"})
    output["data"]["text/plain"] = "IntSlider(value=<7>)"

    _, page = render(tmp_path, code("1", output))

    assert "works only while the notebook runs" in page
    assert "IntSlider(value=&lt;7&gt;)" in page


def test_streams_are_joined_coloured_and_stderr_is_folded(tmp_path: Path) -> None:
    _, page = render(
        tmp_path,
        code("1", stream("one "), stream(["\x1b[31mred", "\x1b[0m\n"]), stream("w1\nw2", "stderr")),
    )

    assert '<pre>one <span class="ansi-red">red</span>\n</pre>' in page
    assert '<details class="output fold"><summary>Messages, 2 lines</summary><pre>w1' in page


def test_errors_are_one_line_until_opened(tmp_path: Path) -> None:
    error = {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "<bad>",
        "traceback": ["\x1b[0;31mTraceback", "<module>"],
    }

    _, page = render(tmp_path, code("1", error))

    assert "<summary><strong>ValueError</strong> &lt;bad&gt;</summary>" in page
    assert "&lt;module&gt;" in page


def test_unknown_forms_are_named(tmp_path: Path) -> None:
    _, page = render(tmp_path, code("1", mime("application/x-<odd>", {"a": 1})))

    assert "An output of a kind not shown here: application/x-&lt;odd&gt;" in page


def test_notebook_without_outputs_says_so(tmp_path: Path) -> None:
    produced, page = render(tmp_path, code("x = 1"))

    assert "saved without outputs" in page
    assert produced.facts["has_outputs"] is False


def test_empty_notebook_says_so(tmp_path: Path) -> None:
    assert "no cells that can be shown" in render(tmp_path)[1]


@pytest.mark.parametrize(
    "content",
    [
        {
            "nbformat": 3,
            "worksheets": [
                {
                    "cells": [
                        {
                            "cell_type": "code",
                            "input": ["1\n", "2"],
                            "language": "python",
                            "outputs": [],
                        }
                    ]
                }
            ],
        },
        {
            "nbformat": 2,
            "metadata": {},
            "worksheets": [
                {
                    "cells": [
                        {"cell_type": "code", "input": "1", "language": "python", "outputs": []}
                    ]
                }
            ],
        },
        {
            "nbformat": 4,
            "nbformat_minor": 99,
            "cells": [code("1", {"output_type": "from the future"})],
        },
    ],
)
def test_old_and_newer_formats_are_read(tmp_path: Path, content: Any) -> None:
    facts = notebook.inspect(write(tmp_path, content), "a.ipynb")

    assert facts["cells"] == 1


@pytest.mark.parametrize(
    ("content", "refused_as"),
    [
        ("not json", "not_json"),
        ([], "notebook_invalid"),
        ({"cells": []}, "notebook_invalid"),
        ({"nbformat": "4", "cells": []}, "notebook_invalid"),
        ({"nbformat": True, "cells": []}, "notebook_invalid"),
        ({"nbformat": 1, "cells": []}, "notebook_invalid"),
        ({"nbformat": 4, "cells": None}, "notebook_invalid"),
        ({"nbformat": 4, "cells": ["text"]}, "notebook_invalid"),
        ({"nbformat": 3, "worksheets": [{}]}, "notebook_invalid"),
        ({"nbformat": 3, "worksheets": [{"cells": [5]}]}, "notebook_invalid"),
        ({"nbformat": 4, "cells": [{}] * (notebook.CELLS_LIMIT + 1)}, "notebook_too_large"),
        (
            {"nbformat": 3, "worksheets": [{"cells": [{}] * (notebook.CELLS_LIMIT + 1)}]},
            "notebook_too_large",
        ),
        ("[" * 5000 + "]" * 5000, "json_too_deep"),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: Any, refused_as: str) -> None:
    with pytest.raises(Refused) as refused:
        notebook.inspect(write(tmp_path, content), "a.ipynb")

    assert refused.value.code == refused_as


@pytest.mark.parametrize("odd", [5, None, "text", ["a", 5], {"a": []}])
def test_values_of_odd_shapes_do_no_harm(tmp_path: Path, odd: Any) -> None:
    cells = [
        {"cell_type": odd, "source": odd, "metadata": odd, "outputs": odd, "attachments": odd},
        code("1", {"output_type": "stream", "name": odd, "text": odd}),
        code("2", {"output_type": "error", "ename": odd, "evalue": odd, "traceback": odd}),
        code("3", {"output_type": "display_data", "metadata": odd, "data": odd}),
        code(
            "4",
            *[
                mime(name, odd)
                for name in (
                    "text/html",
                    "image/png",
                    "text/latex",
                    "application/json",
                    "application/vnd.plotly.v1+json",
                    "application/vnd.vega.v5+json",
                    "application/vnd.jupyter.widget-view+json",
                )
            ],
        ),
        code("5", tags=odd),
    ]

    produced, _ = render(tmp_path, *cells, title=odd, language_info=odd, kernelspec=odd)

    assert produced.facts["cells"] == 6
