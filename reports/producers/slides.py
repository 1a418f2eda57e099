"""Slides (.pptx): a page with their titles and the file to download."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from portal.common.text import clean, one_line
from portal.publishing.formats import Produced
from reports.producers import cover, office

JSON = Any

DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
PRESENTATION = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
MAIN = "ppt/presentation.xml"
TITLES = ("title", "ctrTitle")
SLIDES_READ = 100
TEXT_KEPT = 2000  # characters of one slide


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """`{"title", "author", "created", "modified", "slides", "titles", "first_slide"}`."""
    package = office.Package(bundle / entry)
    paths = list(_slide_paths(package))
    slides = [package.xml(path) for path in paths[:SLIDES_READ]]
    about = package.about()
    titles = [_title(slide) for slide in slides]
    return {
        "title": next(filter(None, [_telling(about.title), *titles]), ""),
        "author": about.author,
        "created": about.created,
        "modified": about.modified,
        "slides": len(paths),
        "titles": titles,
        "first_slide": "\n".join(_paragraphs(slides[0]))[:TEXT_KEPT] if slides else "",
    }


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """A page of facts with the titles of the slides, and the file."""
    facts = inspect(bundle, entry)
    count = facts["slides"]
    produced = cover.write(
        bundle,
        entry,
        output,
        title=facts["title"] or Path(entry).stem,
        facts=[
            ("Author", facts["author"]),
            ("Slides", str(count)),
            ("Created", facts["created"]),
            ("Last changed", facts["modified"]),
        ],
        preview=_preview(facts),
        summary=f"{count} slide" if count == 1 else f"{count} slides",
    )
    return replace(produced, title=facts["title"])


def _preview(facts: dict[str, JSON]) -> str:
    parts = []
    if facts["first_slide"]:
        lines = "<br>".join(escape(line) for line in facts["first_slide"].splitlines())
        parts.append(f"<h2>First slide</h2>\n<blockquote><p>{lines}</p></blockquote>")
    if any(facts["titles"][1:]):
        items = "".join(
            f"<li>{escape(title or 'Without a title')}</li>" for title in facts["titles"]
        )
        parts.append(f"<h2>Slides</h2>\n<ol>{items}</ol>")
    return "\n".join(parts)


def _telling(title: str) -> str:
    """The file's own title, unless it is what programs write by themselves."""
    return "" if title.lower() in ("presentation", "powerpoint presentation", "untitled") else title


def _slide_paths(package: office.Package) -> Iterator[str]:
    """The slides' parts in the order in which they are shown."""
    relations = package.relations(MAIN)
    for slide in package.xml(MAIN).iter(f"{PRESENTATION}sldId"):
        path = relations.get(slide.get(RELATION, ""), "")
        if path not in package:
            raise office.unreadable()
        yield path


def _title(slide: ElementTree.Element) -> str:
    for shape in slide.iter(f"{PRESENTATION}sp"):
        place = shape.find(f".//{PRESENTATION}ph")
        if place is not None and place.get("type") in TITLES:
            return one_line(" ".join(_paragraphs(shape)))
    return ""


def _paragraphs(element: ElementTree.Element) -> Iterator[str]:
    for paragraph in element.iter(f"{DRAWING}p"):
        text = "".join(run.text or "" for run in paragraph.iter(f"{DRAWING}t"))
        if text := clean(re.sub(r"\s+", " ", text), length=TEXT_KEPT):
            yield text
