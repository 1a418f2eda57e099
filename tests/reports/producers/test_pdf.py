import io

import pytest
from pypdf import PdfWriter

from portal.common.refusals import Refused
from reports.producers import pdf


def paper(pages=2, password=None, owner=None, **about):
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(72, 72)
    writer.add_metadata({f"/{name}": value for name, value in about.items()})
    if owner:
        writer.encrypt(password or "", owner, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def facts_of(folder, content):
    (folder / "a.pdf").write_bytes(content)
    return pdf.inspect(folder, "a.pdf")


def refusal_of(folder, content):
    with pytest.raises(Refused) as refused:
        facts_of(folder, content)
    return refused.value.code


def test_facts_of_a_paper(tmp_path):
    content = paper(Title="A  study", Author="Ada\u202e Berg")

    assert facts_of(tmp_path, content) == {"title": "A study", "author": "Ada Berg", "pages": 2}


@pytest.mark.parametrize("title", ["report.docx", "Untitled", "main.TEX", ""])
def test_title_that_a_program_made_up_is_left_out(tmp_path, title):
    assert facts_of(tmp_path, paper(Title=title))["title"] == ""


def test_count_that_cannot_be_true_is_left_out(tmp_path):
    content = paper(pages=1).replace(b"/Count 1", b"/Count 2000000000")

    assert facts_of(tmp_path, content)["pages"] is None


def test_page_has_the_viewer_and_the_paper(tmp_path):
    content = paper(pages=1, Title="</title><b>")
    (tmp_path / "a b.pdf").write_bytes(content)
    output = tmp_path / "out"
    output.mkdir()

    produced = pdf.render(tmp_path, "a b.pdf", output)

    page = (output / produced.entry).read_text()
    assert '<div data-pdf="./a%20b.pdf">' in page
    assert '<script src="/static/content/pdf.js" defer>' in page
    assert "<title>&lt;/title&gt;&lt;b&gt;</title>" in page
    assert (output / "a b.pdf").read_bytes() == content
    assert produced.summary == "1 page"


def test_password_is_only_refused_where_it_is_needed_to_read(tmp_path):
    assert facts_of(tmp_path, paper(owner="o"))["pages"] == 2
    assert refusal_of(tmp_path, paper(password="p", owner="o")) == "encrypted_file"


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.4\n<html>\n%%EOF", b"%PDF-1.5\n1 0 obj\n<< /Type /Cata", paper()[:200], b"%PDF-"],
)
def test_damage_is_refused(tmp_path, content):
    assert refusal_of(tmp_path, content) == "unreadable_file"
