from reports.producers import document
from tests.reports.producers import officefiles


def test_document_is_shown_by_how_it_begins(tmp_path):
    paragraphs = ["First &lt;words&gt;", "", *(f"Paragraph {n}" for n in range(20))]
    content = officefiles.document(*paragraphs, title="Minutes")
    (tmp_path / "a.docx").write_bytes(content)
    (tmp_path / "out").mkdir()

    produced = document.render(tmp_path, "a.docx", tmp_path / "out")

    page = (tmp_path / "out/index.html").read_text()
    assert produced.title == "Minutes"
    assert "<p>First &lt;words&gt;</p>" in page
    assert "Paragraph 10" in page
    assert "Paragraph 11" not in page
    assert (tmp_path / "out/a.docx").read_bytes() == content
