"""Terminal output as HTML and as plain words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.common import ansi


def test_long_outputs_lose_their_middle() -> None:
    text = "a" * ansi.TEXT_LIMIT + "b" * ansi.TEXT_LIMIT

    html = ansi.to_html(text)

    assert html.startswith("a")
    assert html.endswith("b")
    assert f"… {ansi.TEXT_LIMIT:,} characters left out …" in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("10 %\r55 %\r100 %\r\ndone", "100 %\ndone"),
        (
            "\x1b[1;32mok\x1b[22m still\x1b[m plain",
            '<span class="bold ansi-green">ok</span><span class="ansi-green"> still</span> plain',
        ),
        (
            "\x1b[38;5;9mred\x1b[38;2;1;2;3m red\x1b[39m none",
            '<span class="ansi-red">red</span><span class="ansi-red"> red</span> none',
        ),
        ("\x1b]8;;http://x\x07link\x1b[2K\x07<", "link&lt;"),
        (
            "\x1b[31m<script>alert(1)</script>",
            '<span class="ansi-red">&lt;script&gt;alert(1)&lt;/script&gt;</span>',
        ),
        ("\x1b]0;title\x1b\\\x1b[2J\x1b[10;10H\x1b[?25l\x1b[>4;1mhere\x1bPq#0\x1b\\", "here"),
        ("\x1b[38:2::1:2:3mmixed\x9b31m\x00", "mixed31m"),
        ("\x1b[31;;;99999999999999;38;5mx", '<span class="ansi-red">x</span>'),
    ],
)
def test_terminal_sequences_become_markup(text: str, html: str) -> None:
    assert ansi.to_html(text) == html


def test_each_line_has_its_own_colours() -> None:
    html = ansi.lines_to_html("\x1b[31mred\nplain\n\x1b[32mgreen")

    assert html == '<span class="ansi-red">red</span>\nplain\n<span class="ansi-green">green</span>'


@given(st.text(alphabet="\x1b[];:?0123456789mKHJ<>&\"'\r\n\x07\x9bab", max_size=60))
def test_nothing_that_a_program_writes_becomes_markup(text: str) -> None:
    html = ansi.to_html(text)

    without = re.sub(r'<span class="[a-z -]+">|</span>', "", html)
    assert not {"<", "\x1b", "\x9b"} & set(without)
    assert html.count("<span") == html.count("</span>")
