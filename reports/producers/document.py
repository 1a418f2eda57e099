"""Documents that are read elsewhere (.docx), and plain text: a page with facts and the file."""

from collections.abc import Iterator
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from portal.common.refusals import Refused
from portal.common.text import clean, one_line
from portal.publishing.formats import Produced, extension_of
from portal.publishing.sniffing import sniff
from reports.producers import cover, office

JSON = Any

WORDS = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MAIN = "word/document.xml"
PARAGRAPHS_SHOWN = 12
TEXT_SHOWN = 200_000  # bytes


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """`{"title", "author", "created", "modified", "paragraphs"}` of .docx, `{"text"}` of plain text.

    Refused: type_mismatch, and those of `office.Package`.
    """
    path = bundle / entry
    if extension_of(entry) != ".docx":
        return {"text": _plain_text(path)}
    if sniff(path) != "zip":
        raise _mismatch("This is not a Word document, though its name says so.")
    package = office.Package(path)
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
    preview = (
        f"<pre>{escape(facts['text'])}</pre>"
        if "text" in facts
        else "".join(f"<p>{escape(text)}</p>\n" for text in facts["paragraphs"])
    )
    return cover.write(
        bundle,
        entry,
        output,
        title=facts.get("title") or Path(entry).stem,
        facts=[
            ("Author", facts.get("author", "")),
            ("Created", facts.get("created", "")),
            ("Last changed", facts.get("modified", "")),
        ],
        preview=preview,
    )


def _plain_text(path: Path) -> str:
    if sniff(path) not in ("text", "html"):
        raise _mismatch("This is not a text file, though its name says so.")
    with path.open("rb") as stream:
        return clean(stream.read(TEXT_SHOWN).decode("utf-8-sig", "replace"))


def _paragraphs(package: office.Package) -> Iterator[str]:
    for paragraph in package.xml(MAIN).iter(f"{WORDS}p"):
        if text := one_line(
            "".join(run.text or "" for run in paragraph.iter(f"{WORDS}t")), length=1000
        ):
            yield text


def _mismatch(problem: str) -> Refused:
    return Refused("type_mismatch", problem, 415)
