"""Office files (Open XML, ECMA-376) as packages of XML parts: checked as a whole before any is used."""

import posixpath
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from portal.common.refusals import Refused
from portal.common.text import one_line
from portal.publishing import xmlfiles
from portal.publishing.archives import Archive, Limits, Member

LIMITS = Limits(total_bytes=100_000_000, file_bytes=100_000_000, files=5_000)

CORE = "docProps/core.xml"
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
TERMS = "{http://purl.org/dc/terms/}"
RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"

_XML = (".xml", ".rels", ".vml")


@dataclass(frozen=True)
class About:
    """What the file says of itself; dates are ISO 8601 days; empty where it says nothing."""

    title: str = ""
    author: str = ""
    created: str = ""
    modified: str = ""


class Package:
    """An office file.

    :raises Refused: unreadable_file, macro_not_allowed, xml_dtd_forbidden, and those of `Archive`.
    """

    def __init__(self, path: Path) -> None:
        self._archive = Archive(path, LIMITS)
        self._members = {member.path: member for member in self._archive.members}
        if any(name.lower().endswith("vbaproject.bin") for name in self._members):
            raise Refused(
                "macro_not_allowed",
                "The file contains macros. Save it without them (.xlsx, .pptx, .docx).",
            )
        if "[Content_Types].xml" not in self._members:
            raise unreadable()
        for member in self._archive.members:
            if member.path.lower().endswith(_XML):
                self._check(member)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def part(self, name: str) -> bytes:
        """The bytes of a part. Refused: unreadable_file when it is missing."""
        if name not in self._members:
            raise unreadable()
        return self._archive.read(self._members[name])

    def xml(self, name: str) -> ElementTree.Element:
        """The outermost element of a part. The part has been checked to define no entities."""
        try:
            return ElementTree.fromstring(self.part(name))  # noqa: S314
        except ElementTree.ParseError:
            raise unreadable() from None

    def relations(self, name: str) -> dict[str, str]:
        """The parts that a part refers to by relationship id, those outside the package left out."""
        folder, file = posixpath.split(name)
        listing = f"{folder}/_rels/{file}.rels"
        if listing not in self._members:
            return {}
        return {
            relation.get("Id", ""): _resolved(folder, relation.get("Target", ""))
            for relation in self.xml(listing).iter(f"{RELATIONS}Relationship")
            if relation.get("TargetMode") != "External"
        }

    def about(self) -> About:
        """Title, author and dates."""
        if CORE not in self._members:
            return About()
        core = self.xml(CORE)

        def text(tag: str) -> str:
            return one_line(core.findtext(tag) or "")

        return About(
            title=text(f"{DUBLIN_CORE}title"),
            author=text(f"{DUBLIN_CORE}creator"),
            created=text(f"{TERMS}created")[:10],
            modified=text(f"{TERMS}modified")[:10],
        )

    def _check(self, member: Member) -> None:
        try:
            xmlfiles.check(self._archive.chunks(member))
        except xmlfiles.NotWellFormed:
            raise unreadable() from None


def unreadable() -> Refused:
    """The refusal for a file that lacks what its format demands."""
    return Refused(
        "unreadable_file", "The file is damaged: parts of it are missing or cannot be read."
    )


def _resolved(folder: str, target: str) -> str:
    """Where a relationship leads; a leading slash means the root of the package."""
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
