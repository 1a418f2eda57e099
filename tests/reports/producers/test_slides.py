import pytest

from portal.common.refusals import Refused
from reports.producers import slides
from tests.reports.producers import officefiles


def written(folder, content):
    (folder / "talk.pptx").write_bytes(content)
    (folder / "out").mkdir(exist_ok=True)
    return slides.render(folder, "talk.pptx", folder / "out")


def test_cover_tells_what_is_in_the_slides(tmp_path):
    content = officefiles.slides(
        ("Plan &lt;b&gt;", "Grow"), ("", "x"), ("End", "y"), title="Year plan"
    )

    produced = written(tmp_path, content)

    page = (tmp_path / "out/index.html").read_text()
    assert (produced.title, produced.summary) == ("Year plan", "3 slides")
    for words in (
        "Ada Berg",
        "2026-01-02",
        "2026-02-03",
        "Plan &lt;b&gt;<br>Grow",
        "Without a title",
    ):
        assert words in page
    assert 'href="./talk.pptx" download' in page
    assert (tmp_path / "out/talk.pptx").read_bytes() == content


@pytest.mark.parametrize("title", ["", "PowerPoint Presentation"])
def test_first_slide_gives_the_title_when_the_file_has_none(tmp_path, title):
    assert (
        written(tmp_path, officefiles.slides(("Real title", "x"), title=title)).title
        == "Real title"
    )


def test_empty_presentation_is_shown(tmp_path):
    produced = written(tmp_path, officefiles.slides())

    assert (produced.title, produced.summary) == ("", "0 slides")


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {
            "ppt/presentation.xml": f'<p:x xmlns:p="{officefiles.PRESENTATION}"><p:sldId id="1"/></p:x>'
        },
    ],
)
def test_presentation_without_its_slides_is_refused(tmp_path, parts):
    with pytest.raises(Refused) as refused:
        written(tmp_path, officefiles.package(parts))

    assert refused.value.code == "unreadable_file"
