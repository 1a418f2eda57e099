"""Text that came from outside: made safe to store and to show, without changing what it says."""

import re
import unicodedata
from collections.abc import Iterable

# Bidirectional overrides and invisible marks can make a name read as something else (Trojan Source, CVE-2021-42574).
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|[\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SLUG_LENGTH = 80


def storable(text: str) -> str:
    """The text without what no database keeps: NUL, and halves of surrogate pairs."""
    return text if text.isprintable() else _UNSTORABLE.sub("", text)


def clean(text: str, *, length: int | None = None) -> str:
    """Normal form C without control and invisible characters; cut to `length` characters."""
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", _CONTROL.sub("", text)))
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return text if length is None or len(text) <= length else text[: length - 1].rstrip() + "…"


def one_line(text: str, *, length: int = 200) -> str:
    """`clean` with every run of white space as one space."""
    return clean(" ".join(clean(text).split()), length=length)


def slugify(text: str) -> str:
    """Lower-case ASCII words joined by hyphens; empty when nothing of the text can be kept."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")
    return words[:SLUG_LENGTH].rstrip("-")


def keys_in(texts: Iterable[str]) -> list[int]:
    """The texts that could be keys of rows, as numbers; whatever else a form was made to send is left out."""
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 18]


def label(name: str) -> str:
    """A name from code as people write it: `change_percent` as `Change percent`; `AUC` stays."""
    words = " ".join(name.replace("_", " ").split()) or name
    return words[:1].upper() + words[1:]
