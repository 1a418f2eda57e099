"""Blacking out secrets in what authors' code says.

It protects from accidents: a printed connection string, a traceback with a token. Code that wants to tell
a secret can: it may spell it backwards.

Without Django, because nothing here needs it.
"""

import base64
import html
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "•••"
SHORTEST = 4  # characters: what is shorter would black out half of every log
SHORTEST_PART = 8  # of a value that was cut in two by somebody's limit on length
JSON = Any
Forms = dict[str, list[str]]


class Masking:
    """Blacks out these values, their lines, and the ways in which programs usually write them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
        self.longest = max(map(len, forms), default=0)
        # By their first characters: a log is long, and the lines of some keys make a thousand forms.
        self._whole = _by_start(forms, SHORTEST)
        self._begun = _by_start(forms, SHORTEST_PART)
        self._ended = _by_start((form[::-1] for form in forms), SHORTEST_PART)

    def __call__(self, text: str) -> str:
        """The text without the values, and without a part of one at its beginning or end."""
        if not self.longest:
            return text
        text = self._without_tail(self.whole(text), self._begun)
        return self._without_tail(text[::-1], self._ended)[::-1]

    def whole(self, text: str) -> str:
        """The text without the values; a value of which only a part is here stays."""
        while (masked := self._once(text)) != text:  # bullets may make up a value that has some
            text = masked
        return text

    def _once(self, text: str) -> str:
        shown, done, at = [], 0, 0
        while self.longest and at + SHORTEST <= len(text):
            form = self._at(text, at) if text[at : at + SHORTEST] in self._whole else ""
            if form:
                shown += [text[done:at], MASK]
                done = at + len(form)
            at += len(form) or 1
        return "".join([*shown, text[done:]])

    def _at(self, text: str, at: int) -> str:
        """The longest form that begins at this place, else nothing."""
        for form in self._whole.get(text[at : at + SHORTEST], ()):
            if text.startswith(form, at):
                return form
        return ""

    def _without_tail(self, text: str, forms: Forms) -> str:
        """The text without a beginning of a form at its end, where somebody cut it."""
        body = text.removesuffix("…")
        for at in range(max(0, len(body) - self.longest), len(body) - SHORTEST_PART + 1):
            for form in forms.get(body[at : at + SHORTEST_PART], ()):
                if form.startswith(body[at:]):
                    return f"{body[:at]}{MASK}"
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
        if not self.longest:
            return line
        try:
            return json.dumps(self.inside(json.loads(line)))
        except (ValueError, RecursionError):
            return self(line)


def _by_start(forms: Iterable[str], length: int) -> Forms:
    """The forms by their first characters, longest first."""
    found: Forms = defaultdict(list)
    for form in sorted(forms, key=len, reverse=True):
        found[form[:length]].append(form)
    return found


def _forms(value: str) -> Iterator[str]:
    for text in {value, value.strip(), *(line.strip() for line in value.splitlines())}:
        yield from _spellings(text)
    for text in {value, value.strip()}:
        yield from _base64(text.encode())


def _spellings(text: str) -> Iterator[str]:
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield repr(text.encode())[2:-1]
    yield html.escape(text)
    yield html.escape(text, quote=False)
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
