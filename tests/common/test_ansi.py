"""Terminal output as HTML and as plain words."""

import pytest

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
    ],
)
def test_terminal_sequences_become_markup(text: str, html: str) -> None:
    assert ansi.to_html(text) == html
