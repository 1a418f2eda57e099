from pathlib import Path

import pytest

from portal.publishing.formats import Produced, Refused
from reports.producers import markdown


def render(tmp_path: Path, source: str | bytes, name: str = "report.md") -> tuple[Produced, str]:
    bundle, output = tmp_path / "bundle", tmp_path / "edition"
    bundle.mkdir()
    output.mkdir()
    content = source if isinstance(source, bytes) else source.encode()
    (bundle / name).write_bytes(content)
    produced = markdown.render(bundle, name, output)
    return produced, (output / produced.entry).read_text("utf-8")


def test_front_matter_gives_title_summary_and_byline(tmp_path: Path) -> None:
    source = "---\ntitle: Churn\ntldr: It fell.\nauthors: [Ada, Grace]\ndate: 2026-11-01\n---\nText"

    produced, page = render(tmp_path, source)

    assert (produced.title, produced.summary) == ("Churn", "It fell.")
    assert '<h1>Churn</h1><p class="byline">Ada · Grace · 2026-11-01</p>' in page


def test_title_of_the_text_is_not_repeated(tmp_path: Path) -> None:
    produced, page = render(tmp_path, "---\ntitle: Churn\n---\n# Churn\n")

    assert produced.title == "Churn"
    assert page.count("Churn</h1>") == 1


def test_formulas_bring_their_library_only_where_needed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    assert "katex.min.js" in render(tmp_path / "a", "$x^2$")[1]
    assert "katex" not in render(tmp_path / "b", "plain")[1]


def test_pictures_that_cannot_be_shown_are_counted_for_readers(tmp_path: Path) -> None:
    produced, page = render(tmp_path, "![a](https://x/a.png) ![b](gone.png)")

    assert "2 pictures are not shown" in page
    assert produced.facts["pictures_left_out"] == 2


def test_r_markdown_says_that_its_code_was_not_run(tmp_path: Path) -> None:
    _, page = render(tmp_path, "```{r}\nplot(x)\n```", name="analysis.Rmd")

    assert "its code was not run" in page
    assert "plot" in page


def test_file_without_text_says_so(tmp_path: Path) -> None:
    assert "no text that can be shown" in render(tmp_path, b"")[1]


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        render(tmp_path, "Übersicht".encode("latin-1"))

    assert refused.value.code == "not_text"


def test_inspect_gives_the_facts_without_writing(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Title\n")

    assert markdown.inspect(tmp_path, "a.md")["title"] == "Title"
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]
