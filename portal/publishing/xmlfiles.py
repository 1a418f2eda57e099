"""XML from people we do not know: well-formed, and without a document type that could define entities.

The parser says whether there is a document type; a search for its bytes would miss it in UTF-16.
"""

from collections.abc import Iterable
from xml.parsers import expat

from portal.common.refusals import Refused


class NotWellFormed(Exception):
    """The bytes are not XML."""


def check(chunks: Iterable[bytes], *, plain_doctype: bool = False) -> str:
    """Read through the XML; returns the name of its outermost element, without prefix.

    `plain_doctype` admits a document type that defines nothing itself, as every SVG of matplotlib and
    Graphviz has; no parser of ours or of a browser fetches what it names.

    :raises NotWellFormed: when it is no XML.
    :raises Refused: xml_dtd_forbidden.
    """
    roots: list[str] = []
    parser = expat.ParserCreate(namespace_separator="}")

    def start_doctype(name: str, system: str | None, public: str | None, defines: bool) -> None:
        if defines or not plain_doctype:
            raise _dtd_forbidden()

    def start_element(name: str, attributes: dict[str, str]) -> None:
        roots.append(name.rpartition("}")[2])
        parser.StartElementHandler = None

    parser.StartDoctypeDeclHandler = start_doctype
    parser.StartElementHandler = start_element
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as problem:
        raise NotWellFormed(str(problem)) from None
    return roots[0]


def _dtd_forbidden() -> Refused:
    return Refused(
        "xml_dtd_forbidden",
        "The file contains XML with a document type definition, which can make readers of the file "
        "fetch or unfold things. Save it again without.",
    )
