"""PDF files: shown by the viewer of static/content/pdf.js, which runs inside the page's sandbox."""

import re
from html import escape
from pathlib import Path
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError
from pypdf.generic import DictionaryObject

from portal.common.refusals import Refused
from portal.common.text import one_line
from portal.publishing import shell
from portal.publishing.formats import Produced
from reports.producers import cover

JSON = Any

LEAST_BYTES_A_PAGE = (
    20  # a page object cannot be written shorter, so more pages than that are a lie
)
_OBJECT_STREAM_FACTOR = 50  # unless it is compressed

# What a broken file provokes in pypdf besides its own errors.
_BROKEN = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """`{"title", "author", "pages"}`; pages is None when the file's own count cannot be true.

    Refused: unreadable_file, or encrypted_file when a password is needed to read it.
    """
    path = bundle / entry
    try:
        reader = PdfReader(path, strict=False)
        if reader.is_encrypted and not _opens_without_password(reader):
            raise Refused("encrypted_file", "The PDF asks for a password. Save it without one.")
        pages = _page_count(reader, path.stat().st_size)
        about = _about(reader)
    except _BROKEN:
        raise Refused("unreadable_file", "The PDF is damaged or cut off.") from None
    return {"title": about["/Title"], "author": about["/Author"], "pages": pages}


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """A page with the viewer, and the file."""
    facts = inspect(bundle, entry)
    name = cover.copy_original(bundle, entry, output)
    title = facts["title"] or Path(entry).stem
    body = f'<div data-pdf="{cover.link(name)}"><p><a href="{cover.link(name)}">{escape(name)}</a></p></div>'
    page = shell.page(title, body, scripts=["/static/content/pdf.js"])
    (output / cover.PAGE).write_text(page, "utf-8")
    pages = facts["pages"]
    summary = f"{pages} page{'s' * (pages != 1)}" if pages else ""
    return Produced(cover.PAGE, title=facts["title"], summary=summary)


def _opens_without_password(reader: PdfReader) -> bool:
    """Whether only changing is protected; the viewer knows every kind of encryption, pypdf does not."""
    try:
        return bool(reader.decrypt(""))
    except DependencyError:
        return True


def _page_count(reader: PdfReader, size: int) -> int | None:
    pages = reader.root_object["/Pages"]
    if not isinstance(pages, DictionaryObject) or not pages["/Kids"]:
        raise ValueError
    count = int(str(pages["/Count"]))
    return count if 1 <= count <= size * _OBJECT_STREAM_FACTOR / LEAST_BYTES_A_PAGE else None


def _about(reader: PdfReader) -> dict[str, str]:
    """Title and author as the file says; many programs write the name of the source file as title."""
    try:
        info: dict[str, Any] = dict(reader.metadata or {})
        found = {key: one_line(str(info.get(key) or "")) for key in ("/Title", "/Author")}
    except _BROKEN:
        return dict.fromkeys(("/Title", "/Author"), "")
    if re.search(r"\.(?:docx?|pptx?|tex|dvi|indd|qxd)$|^untitled$", found["/Title"], re.IGNORECASE):
        found["/Title"] = ""
    return found
