import pytest

from portal.common.refusals import Refused
from portal.publishing import xmlfiles

PLAIN_DOCTYPE = (
    b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd"><svg/>'
)
ENTITY = (
    '<?xml version="1.0" encoding="%s"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x/>'
)


def test_root_is_named_without_its_prefix():
    assert (
        xmlfiles.check([b'<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:g/>', b"</s:svg>"])
        == "svg"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_in_any_encoding(encoding):
    with pytest.raises(Refused) as refused:
        xmlfiles.check([(ENTITY % encoding).encode(encoding)], plain_doctype=True)

    assert refused.value.code == "xml_dtd_forbidden"


def test_doctype_that_defines_nothing_is_only_taken_where_said():
    assert xmlfiles.check([PLAIN_DOCTYPE], plain_doctype=True) == "svg"
    with pytest.raises(Refused):
        xmlfiles.check([PLAIN_DOCTYPE])


def test_words_about_doctypes_are_no_doctype():
    assert xmlfiles.check([b"<x><!-- <!DOCTYPE x []> --><![CDATA[<!DOCTYPE x>]]></x>"]) == "x"


@pytest.mark.parametrize("content", [b"", b"<a>", b"text", b"<a><b></a>", b"<a:b/>", b"\xff\xfe<"])
def test_what_is_not_well_formed_is_told(content):
    with pytest.raises(xmlfiles.NotWellFormed):
        xmlfiles.check([content])
