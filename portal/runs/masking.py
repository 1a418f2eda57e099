"""Blacking out secrets in what authors' code says.

It protects from accidents: a printed connection string, a traceback with a token. Code that wants to tell
a secret can: it may spell it backwards.

Without Django, because nothing here needs it.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "•••"
SHORTEST = 4  # characters: what is shorter would black out half of every log
SHORTEST_PART = 8  # of a value that was cut in two by somebody's limit on length
JSON = Any


class Masking:
    """Blacks out these values, their lines, and the ways in which programs usually write them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        found = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
        self._forms = sorted(found, key=len, reverse=True)
        self.longest = len(self._forms[0]) if self._forms else 0

    def __call__(self, text: str) -> str:
        """The text without the values, and without a part of one at its beginning or end."""
        text = self.whole(text)
        for form in self._forms:
            text = _without_tail(_without_head(text, form), form)
        return text

    def whole(self, text: str) -> str:
        """The text without the values; a value of which only a part is here stays."""
        before = None
        while text != before:  # a value with bullets of its own may come about by blacking out
            before = text
            for form in self._forms:
                text = text.replace(form, MASK)
        return text

    def inside(self, value: JSON) -> JSON:
        """A JSON value with every text in it masked, names of objects too."""
        match value:
            case str():
                return self(value)
            case list():
                return [self.inside(one) for one in value]
            case dict():
                return {self(name): self.inside(one) for name, one in value.items()}
        return value

    def line(self, line: str) -> str:
        """A line of JSON whose texts are masked; one that is not JSON is a text itself."""
        if not self._forms:
            return line
        try:
            return json.dumps(self.inside(json.loads(line)))
        except (ValueError, RecursionError):
            return self(line)


def _forms(value: str) -> Iterator[str]:
    for text in {value, value.strip(), *(line.strip() for line in value.splitlines())}:
        yield from _spellings(text)
    yield from _base64(value.encode())


def _spellings(text: str) -> Iterator[str]:
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield repr(text.encode())[2:-1]
    for quoted in (quote(text), quote(text, safe=""), quote_plus(text)):
        yield quoted
        yield _lower_hexadecimal(quoted)


def _lower_hexadecimal(quoted: str) -> str:
    first, *others = quoted.split("%")
    return "%".join([first, *(other[:2].lower() + other[2:] for other in others)])


def _base64(data: bytes) -> Iterator[str]:
    """What stands in the base64 of anything that has the data in it: it may begin at three places.

    Only whole characters of the data: 6 bits each (RFC 4648), and the first and last may be shared.
    """
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + data).decode()[first:last]


def _without_tail(text: str, form: str) -> str:
    """The text without a beginning of the form at its end, where somebody cut it."""
    body = text.removesuffix("…")
    start = max(0, len(body) - len(form))
    while (at := body.find(form[:SHORTEST_PART], start)) >= 0:
        if form.startswith(body[at:]):
            return f"{body[:at]}{MASK}"
        start = at + 1
    return text


def _without_head(text: str, form: str) -> str:
    """The text without an end of the form at its beginning."""
    return _without_tail(text[::-1], form[::-1])[::-1]
