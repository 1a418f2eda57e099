import re

import pytest

from portal.publishing import markup
from portal.publishing.markup import ATTRIBUTES, TAGS


def test_headings_tables_and_tasks_are_rendered() -> None:
    html = markup.render("# Sales & more\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n- [x] done\n").html

    assert '<h1 id="u-sales--more">Sales &amp; more</h1>' in html
    assert '<div class="scroll"><table>' in html
    assert '<input checked="checked" disabled="" type="checkbox">' in html


def test_title_is_the_first_heading_of_level_one() -> None:
    assert markup.render("## Early\n\n# The *real* `title`\n").title == "The real title"
    assert markup.render("text\n\n## Only\n").title == "Only"
    assert markup.render("no heading").title == ""


def test_front_matter_is_text_and_not_part_of_the_page() -> None:
    rendered = markup.render("---\ntitle: A & B *c*\ndate: 2026-11-01\ntags: [x, y]\n---\nBody\n")

    assert rendered.front == {"title": "A & B *c*", "date": "2026-11-01", "tags": ["x", "y"]}
    assert rendered.html.strip() == "<p>Body</p>"


@pytest.mark.parametrize("source", ["a: &x [1]\nb: *x", "[", "just words", "a: b: c"])
def test_front_matter_that_is_no_plain_mapping_is_ignored(source: str) -> None:
    assert markup.render(f"---\n{source}\n---\nBody").front == {}


def test_links_inside_the_page_meet_their_headings() -> None:
    html = markup.render("[go](#the-end)\n\n## The end\n\n## The end\n").html

    assert 'href="#u-the-end"' in html
    assert re.findall(r'id="([^"]+)"', html) == ["u-the-end", "u-the-end-1"]


def test_footnotes_point_at_each_other() -> None:
    html = markup.render("Word[^1]\n\n[^1]: Note\n").html

    for anchor in re.findall(r'href="#([^"]+)"', html):
        assert f'id="{anchor}"' in html


def test_fences_are_coloured_by_language() -> None:
    assert '<span class="k">def</span>' in markup.render("```python\ndef f(): ...\n```").html
    assert (
        '<span class="kr">function</span>' in markup.render("```{r plot}\nfunction(x) x\n```").html
    )
    assert "<code>a &lt; b\n</code>" in markup.render("```unheard\na < b\n```").html


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$x < y$", '<span class="math inline">x &lt; y</span>'),
        ("$$\nx^2\n$$", '<span class="math block">\nx^2\n</span>'),
        ("\\begin{align}\na &= b\n\\end{align}", "\\begin{align}\na &amp;= b\n\\end{align}</span>"),
    ],
)
def test_formulas_are_kept_for_the_browser(source: str, expected: str) -> None:
    rendered = markup.render(source)

    assert expected in rendered.html
    assert rendered.has_math


def test_amounts_of_money_are_no_formula() -> None:
    assert not markup.render("From $5 to $6 and back").has_math


def test_pictures_of_other_sites_leave_their_words() -> None:
    rendered = markup.render('![Build state](https://ci.example/b.svg) <img src="http://x/y.png">')

    assert "https://ci" not in rendered.html
    assert '<span class="left-out">Build state</span>' in rendered.html
    assert "http://x" not in rendered.html
    assert rendered.pictures_left_out == 2


def test_relative_addresses_go_where_the_resolver_says() -> None:
    known = {"plot.png": "copied/plot.png", "data.csv": "copied/data.csv"}

    html = markup.render("![p](plot.png) [d](data.csv) [gone](no.md)", resolve=known.get).html

    assert '<img src="copied/plot.png" alt="p">' in html
    assert 'href="copied/data.csv"' in html
    assert "no.md" not in html


def test_pictures_inside_the_text_are_shown() -> None:
    assert (
        'src="data:image/png;base64,AAAA"' in markup.render("![](data:image/png;base64,AAAA)").html
    )


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        '<a href="java\nscript:alert(1)">x</a>',
        '<a href="data:text/html,<script>alert(1)</script>">x</a>',
        "<img src=x onerror=alert(1)>",
        "![](data:image/svg+xml;base64,PHN2Zz4=)",
        "<svg><animate onbegin=alert(1)></svg>",
        '<form action="https://x"><button>send</button></form>',
        '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
        '<p style="position:fixed">over all</p>',
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        '```x"onload=alert(1)\ncode\n```',
    ],
)
def test_only_allowed_elements_and_addresses_survive(source: str) -> None:
    html = markup.render(source).html

    for tag, attributes in re.findall(r"<([a-z][a-z0-9]*)((?:\s[^<>]*)?)>", html):
        assert tag in TAGS
        names = set(re.findall(r'([\w-]+)="', attributes))
        allowed = (
            ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()) | {"class", "rel", "type", "disabled"}
        )
        assert names <= allowed
    assert "javascript:" not in html
    assert "data:" not in html


def test_authors_names_cannot_shadow_the_documents_own() -> None:
    html = markup.render('<a name="cookie" id="forms"></a>').html

    assert set(re.findall(r'(?:id|name)="([^"]+)"', html)) == {"u-cookie", "u-forms"}


@pytest.mark.parametrize("mark", ["[", "*a", "_", "`", "![", "> ", "<"])
def test_pathological_repetition_ends(mark: str) -> None:
    assert markup.render(mark * 20_000).html
