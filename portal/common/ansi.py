"""What a program wrote to a terminal, as HTML: colours become classes, overwritten lines are gone."""

import re
from html import escape

TEXT_LIMIT = 400_000  # characters of one output; beyond it the middle is left out

_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_OTHER_SEQUENCES = re.compile(  # ECMA-48 section 5.4: control sequences, then strings such as titles and links
    r"\x1b(?:\[(?![0-9;]*m)[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-Z])"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def to_html(text: str) -> str:
    """Escaped HTML for inside a `<pre>`, with `<span class="ansi-red bold">` for what was coloured."""
    text = _OTHER_SEQUENCES.sub("", _overwrite(shorten(text)))
    classes: dict[str, str] = {}
    html = []
    for index, part in enumerate(_SGR.split(text)):
        if index % 2:
            _apply(part, classes)
        elif part:
            html.append(_span(_CONTROLS.sub("", part), classes))
    return "".join(html)


def to_text(text: str) -> str:
    """The words alone, without colours."""
    return _CONTROLS.sub("", _SGR.sub("", _OTHER_SEQUENCES.sub("", text)))


def lines_to_html(text: str) -> str:
    """`to_html` of each line by itself: what one left switched on does not colour the next."""
    return "\n".join(to_html(line) for line in text.split("\n"))


def shorten(text: str) -> str:
    if len(text) <= TEXT_LIMIT:
        return text
    left_out = len(text) - TEXT_LIMIT
    half = TEXT_LIMIT // 2
    return f"{text[:half]}\n… {left_out:,} characters left out …\n{text[-half:]}"


def _overwrite(text: str) -> str:
    """A carriage return starts the line again: of a progress bar only the last state stays."""
    if "\r" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def _apply(codes: str, classes: dict[str, str]) -> None:
    """Select Graphic Rendition, ECMA-48 section 8.3.117, and the usual bright colours."""
    numbers = [int(code) for code in codes.split(";") if code.isdecimal() and len(code) < 4] or [0]
    while numbers:
        number = numbers.pop(0)
        if number == 0:
            classes.clear()
        elif number == 1:
            classes["weight"] = "bold"
        elif number == 22:
            classes.pop("weight", None)
        elif number in (38, 48):
            _apply_extended(number, numbers, classes)
        elif number == 39:
            classes.pop("ink", None)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            classes["ink"] = f"ansi-{_COLOURS[number % 10]}"


def _apply_extended(number: int, rest: list[int], classes: dict[str, str]) -> None:
    """38;5;n is one of 256 colours, 38;2;r;g;b a mixed one. Those with a name are kept."""
    mode = rest.pop(0) if rest else 0
    colour = rest[:1] if mode == 5 else rest[:3]
    del rest[: len(colour)]
    if number == 38 and mode == 5 and colour and colour[0] < 16:
        classes["ink"] = f"ansi-{_COLOURS[colour[0] % 8]}"


def _span(text: str, classes: dict[str, str]) -> str:
    escaped = escape(text, quote=False)
    return f'<span class="{" ".join(classes.values())}">{escaped}</span>' if classes else escaped
