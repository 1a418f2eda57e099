"""Plain text (.txt, .log): its beginning, and the file."""

from html import escape
from pathlib import Path
from typing import Any

from portal.common.text import clean
from portal.publishing.formats import Produced
from reports.producers import cover

JSON = Any

SHOWN = 200_000  # bytes


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """`{"bytes"}`; every text is taken, and bytes that are no UTF-8 are shown as such."""
    return {"bytes": (bundle / entry).stat().st_size}


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """A page with the beginning of the text, and the file."""
    with (bundle / entry).open("rb") as stream:
        text = clean(stream.read(SHOWN).decode("utf-8-sig", "replace"))
    preview = f"<pre>{escape(text)}</pre>"
    return cover.write(bundle, entry, output, title=Path(entry).stem, facts=[], preview=preview)
