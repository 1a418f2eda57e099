"""Notebooks as readers want them: the story and the results first, the code folded.

A notebook is shown with the outputs that it was saved with. Running it is not our business here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import nbformat.reader

from portal.publishing import charts, jsonfiles, markup, shell
from portal.publishing.companions import Companions
from portal.publishing.formats import Produced, Refused
from portal.publishing.markup import Resolver
from reports.producers import notebook_outputs
from reports.producers.notebook_outputs import Page, text

JSON = Any

SIZE_LIMIT = 100_000_000  # bytes
CELLS_LIMIT = 5_000
PAGE = "index.html"

_HIDDEN_INPUT = frozenset({"hide-input", "hide_input", "remove-input", "remove_input"})
_HIDDEN_CELL = frozenset({"remove-cell", "remove_cell", "hide-cell"})
_HIDDEN_OUTPUT = frozenset({"remove-output", "remove_output", "hide-output"})


@dataclass(frozen=True)
class Cell:
    kind: str  # "code", "markdown" or "raw"
    source: str
    tags: frozenset[str]
    outputs: list[JSON]
    attachments: dict[str, JSON]
    format: str = ""  # of a raw cell: its MIME type


@dataclass(frozen=True)
class Notebook:
    title: str
    language: str
    cells: tuple[Cell, ...]

    @property
    def shown(self) -> Iterator[Cell]:
        return (cell for cell in self.cells if not cell.tags & _HIDDEN_CELL)

    @property
    def has_outputs(self) -> bool:
        return any(cell.outputs for cell in self.cells)

    @property
    def has_code(self) -> bool:
        return any(cell.kind == "code" and cell.source.strip() for cell in self.cells)


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """Refused: not_json, json_too_deep, notebook_invalid, notebook_too_large."""
    return _facts(read(bundle / entry))


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """One page, and below figures/ the data of its charts."""
    notebook = read(bundle / entry)
    page = Page(output)
    companions = Companions(bundle, entry, output)
    cells = [
        _cell(cell, number, notebook.language, page, companions)
        for number, cell in enumerate(notebook.shown, 1)
    ]
    body = "".join([*(_early(script) for script in page.early), _body(notebook, cells)])
    html = shell.page(
        notebook.title or Path(entry).name,
        body,
        styles=[*(shell.MATH_STYLES if page.has_math else ()), "/static/content/notebook.css"],
        scripts=[
            *(shell.MATH_SCRIPTS if page.has_math else ()),
            *(script for script in charts.scripts(page.drawn) if script not in page.early),
            "/static/content/notebook.js",
        ],
    )
    (output / PAGE).write_text(html, encoding="utf-8")
    return Produced(entry=PAGE, title=notebook.title, facts=_facts(notebook))


def read(path: Path) -> Notebook:
    """A notebook of nbformat 2 to 4. What lies in it is taken as it is, if its shape allows."""
    if path.stat().st_size > SIZE_LIMIT:
        raise Refused(
            "notebook_too_large",
            f"This notebook has more than {SIZE_LIMIT / 1e6:.0f} MB. Clear large outputs, and save.",
        )
    content = _upgraded(jsonfiles.read(path))
    metadata = _mapping(content.get("metadata"))
    cells = tuple(_read_cell(cell, index) for index, cell in enumerate(_cells(content)))
    return Notebook(_title(metadata, cells), _language(metadata), cells)


def _upgraded(content: JSON) -> dict[str, JSON]:
    if not isinstance(content, dict):
        raise _invalid("A notebook is a JSON object with “cells”.")
    version = content.get("nbformat")
    if not isinstance(version, int) or isinstance(version, bool) or not 2 <= version <= 4:
        raise _invalid("Its “nbformat” is not 2, 3 or 4. Open it in Jupyter and save it again.")
    if version == 4:
        return content
    for sheet in _sheets(content):
        _check_count(sheet["cells"])
    content.setdefault("metadata", {})  # some writers of format 3 left it out
    try:
        old = nbformat.reader.reads(json.dumps(content))
        new: dict[str, JSON] = nbformat.convert(old, 4)
    except (AttributeError, KeyError, TypeError, ValueError, nbformat.ValidationError):
        raise _invalid(
            "This old notebook cannot be converted. Open and save it in Jupyter."
        ) from None
    return new


def _sheets(content: dict[str, JSON]) -> list[dict[str, JSON]]:
    sheets = content.get("worksheets")
    if not isinstance(sheets, list) or not all(
        isinstance(sheet, dict) and isinstance(sheet.get("cells"), list) for sheet in sheets
    ):
        raise _invalid("Its “worksheets” are not a list of objects with “cells”.")
    return sheets


def _cells(content: dict[str, JSON]) -> list[JSON]:
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise _invalid("Its “cells” are not a list.")
    _check_count(cells)
    return cells


def _check_count(cells: list[JSON]) -> None:
    if len(cells) > CELLS_LIMIT:
        raise Refused(
            "notebook_too_large",
            f"This notebook has {len(cells):,} cells; {CELLS_LIMIT:,} can be shown. Split it.",
        )


def _read_cell(cell: JSON, index: int) -> Cell:
    if not isinstance(cell, dict):
        raise _invalid(f"cells[{index}] is not an object.")
    metadata = _mapping(cell.get("metadata"))
    tags = metadata.get("tags")
    names = {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()
    outputs = cell.get("outputs")
    return Cell(
        kind=str(cell.get("cell_type")),
        source=text(cell.get("source")),
        tags=frozenset(names | ({"hide-input"} if metadata.get("hide_input") is True else set())),
        outputs=outputs if isinstance(outputs, list) else [],
        attachments=_mapping(cell.get("attachments")),
        format=str(metadata.get("format") or metadata.get("raw_mimetype") or ""),
    )


def _title(metadata: dict[str, JSON], cells: tuple[Cell, ...]) -> str:
    """What the author called it: in the metadata, in front matter, or in the first heading."""
    if isinstance(title := metadata.get("title"), str) and title.strip():
        return " ".join(title.split())[:300]
    if cells and cells[0].kind == "raw":
        front = markup.render(cells[0].source).front.get("title")
        if isinstance(front, str) and front:
            return front[:300]
    headed = (cell for cell in cells if cell.kind == "markdown" and "#" in cell.source)
    return next((title for cell in headed if (title := markup.render(cell.source).title)), "")[:300]


def _language(metadata: dict[str, JSON]) -> str:
    """The name by which the highlighter knows the notebook's language."""
    about = _mapping(metadata.get("language_info"))
    kernel = _mapping(metadata.get("kernelspec"))
    names = (about.get("pygments_lexer"), about.get("name"), kernel.get("language"))
    found = next((name for name in names if isinstance(name, str) and name), "python")
    return "python" if found.startswith("ipython") else found


def _facts(notebook: Notebook) -> dict[str, JSON]:
    return {
        "title": notebook.title,
        "language": notebook.language,
        "cells": len(notebook.cells),
        "has_outputs": notebook.has_outputs,
    }


def _early(script: str) -> str:
    """A script that has run before the outputs below it, which call it while the page loads."""
    return f'<script src="{escape(script)}"></script>'


def _body(notebook: Notebook, cells: list[str]) -> str:
    notes = []
    if notebook.has_code and not notebook.has_outputs:
        notes.append(
            '<p class="note">This notebook was saved without outputs, so only its text and code '
            "can be shown.</p>"
        )
    if not any(cells):
        notes.append('<p class="note">This notebook has no cells that can be shown.</p>')
    switch = (
        '<p class="switch"><button type="button" data-show-code hidden>Show all code</button></p>'
    )
    parts = [switch if notebook.has_code else "", *notes, *cells]
    return f'<article class="notebook">{"".join(parts)}</article>'


def _cell(cell: Cell, number: int, language: str, page: Page, companions: Resolver) -> str:
    if cell.kind == "code":
        return _code_cell(cell, number, language, page)
    if cell.kind == "markdown" or cell.format in ("text/markdown", "markdown"):
        return _prose(cell, page, companions)
    return _raw_cell(cell, page)


def _code_cell(cell: Cell, number: int, language: str, page: Page) -> str:
    source = ""
    if cell.source.strip() and not cell.tags & _HIDDEN_INPUT:
        code = markup.code(cell.source, _magic_language(cell.source) or language)
        source = f'<details class="source"><summary>Code</summary>{code}</details>'
    outputs = ""
    if not cell.tags & _HIDDEN_OUTPUT:
        outputs = notebook_outputs.render(cell.outputs, number, page)
    return f'<section class="cell">{source}{outputs}</section>' if source or outputs else ""


def _magic_language(source: str) -> str:
    """`%%bash` and its like on the first line: the cell is in another language."""
    first = source.lstrip().partition("\n")[0].split()
    name = first[0].removeprefix("%%") if first and first[0].startswith("%%") else ""
    return {"bash": "bash", "sh": "bash", "sql": "sql", "R": "r", "html": "html", "js": "js"}.get(
        name, ""
    )


def _prose(cell: Cell, page: Page, companions: Resolver) -> str:
    def resolve(address: str) -> str | None:
        if address.startswith("attachment:"):
            return _attachment(cell.attachments, unquote(address.removeprefix("attachment:")))
        return companions(address)

    rendered = markup.render(cell.source, resolve=resolve)
    page.has_math |= rendered.has_math
    return f'<section class="cell prose">{rendered.html}</section>' if rendered.html.strip() else ""


def _attachment(attachments: dict[str, JSON], name: str) -> str | None:
    """A picture that was pasted into a cell, as a data address."""
    forms = _mapping(attachments.get(name))
    for mime, content in forms.items():
        if mime in ("image/png", "image/jpeg", "image/gif", "image/webp"):
            return f"data:{mime};base64,{''.join(text(content).split())}"
    return None


def _raw_cell(cell: Cell, page: Page) -> str:
    """Raw cells are for converters. HTML is meant for pages like ours, front matter for no eyes."""
    if cell.format == "text/html":
        return f'<section class="cell">{page.add_html(cell.source)}</section>'
    if cell.format or cell.source.startswith("---\n") or not cell.source.strip():
        return ""
    return f'<section class="cell">{markup.code(cell.source, "")}</section>'


def _mapping(value: JSON) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}


def _invalid(message: str) -> Refused:
    return Refused("notebook_invalid", message)
