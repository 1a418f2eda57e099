import pytest

from portal.common.refusals import Refused
from reports.producers.office import About, Package
from tests.reports.producers import officefiles
from tests.reports.producers.officefiles import CORE, package

DTD = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'


def opened(folder, content):
    path = folder / "a.docx"
    path.write_bytes(content)
    return Package(path)


def refusal_of(folder, content):
    with pytest.raises(Refused) as refused:
        opened(folder, content)
    return refused.value.code


def test_package_tells_about_itself(tmp_path):
    content = package({"docProps/core.xml": CORE.format(title=" A  title ")})

    assert opened(tmp_path, content).about() == About(
        "A title", "Ada Berg", "2026-01-02", "2026-02-03"
    )


def test_package_may_say_nothing(tmp_path):
    assert opened(tmp_path, package({})).about() == About()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_dtd_in_any_part_is_refused(tmp_path, encoding):
    content = package({"customXml/item7.xml": DTD.encode(encoding)})

    assert refusal_of(tmp_path, content) == "xml_dtd_forbidden"


def test_macros_are_refused(tmp_path):
    assert refusal_of(tmp_path, package({"xl/vbaProject.bin": b"x"})) == "macro_not_allowed"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"../evil.xml": "<x/>"}, "archive_bad_path"),
        ({"zeros.bin": bytes(101_000_000)}, "archive_too_large"),
        ({"a.xml": "<open>"}, "unreadable_file"),
    ],
)
def test_bad_parts_are_refused(tmp_path, parts, code):
    assert refusal_of(tmp_path, package(parts)) == code


def test_missing_and_broken_parts_are_told(tmp_path):
    opening = opened(tmp_path, package({"note.txt": "<x:y/>"}))

    for name in ("missing.xml", "note.txt"):
        with pytest.raises(Refused) as refused:
            opening.xml(name)
        assert refused.value.code == "unreadable_file"


def test_relations_are_resolved_inside_the_package(tmp_path):
    listing = officefiles.relations(
        {"a": "../media/x.png", "b": "/root.xml", "c": "../../../../up"}
    )
    opening = opened(tmp_path, package({"ppt/slides/_rels/s.xml.rels": listing}))

    assert opening.relations("ppt/slides/s.xml") == {
        "a": "ppt/media/x.png",
        "b": "root.xml",
        "c": "up",
    }
    assert opening.relations("ppt/other.xml") == {}
