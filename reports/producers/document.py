"""Documents that are read elsewhere (.docx): a page with facts, how they begin, and the file."""

from collections.abc import Iterator
from dataclasses import replace
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from portal.common.text import one_line
from portal.publishing.formats import Produced
from reports.producers import cover, office

JSON = Any

WORDS = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MAIN = "word/document.xml"
PARAGRAPHS_SHOWN = 12


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """`{"title", "author", "created", "modified", "paragraphs"}`. Refused: those of `office.Package`."""
    package = office.Package(bundle / entry)
    about = package.about()
    return {
        "title": about.title,
        "author": about.author,
        "created": about.created,
        "modified": about.modified,
        "paragraphs": list(islice(_paragraphs(package), PARAGRAPHS_SHOWN)),
    }


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """A page with what can be said of the file, its beginning, and the file."""
    facts = inspect(bundle, entry)
    produced = cover.write(
        bundle,
        entry,
        output,
        title=facts["title"] or Path(entry).stem,
        facts=[
            ("Author", facts["author"]),
            ("Created", facts["created"]),
            ("Last changed", facts["modified"]),
        ],
        preview="".join(f"<p>{escape(text)}</p>\n" for text in facts["paragraphs"]),
    )
    return replace(produced, title=facts["title"])


def _paragraphs(package: office.Package) -> Iterator[str]:
    for paragraph in package.xml(MAIN).iter(f"{WORDS}p"):
        text = "".join(run.text or "" for run in paragraph.iter(f"{WORDS}t"))
        if text := one_line(text, length=1000):
            yield text
