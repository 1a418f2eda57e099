"""The log of a run as it is read: coloured on the page, plain for programs and in the download.

Chunks hold whole lines, so each can be converted by itself.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.safestring import SafeString

from portal.common import ansi
from portal.runs.models import LogChunk, Run

_STAMP = re.compile(r"^(\d\d:\d\d:\d\d) ", re.MULTILINE)
SHOWN_CHARACTERS = 200_000  # of the log's end; all of it is in the download


@dataclass(frozen=True)
class Part:
    """Lines of the log as HTML, the last chunk that is in them, and whether earlier ones are left out."""

    html: SafeString
    sequence: int
    is_cut: bool


def end_of(run: Run, *, after: int = 0) -> Part:
    """The newest lines that came after a chunk; the whole end of the log without one."""
    newest = run.log_chunks.filter(sequence__gt=after).order_by("-sequence")
    texts: list[str] = []
    room, last = SHOWN_CHARACTERS, after
    for chunk in newest.iterator(chunk_size=50):
        if room <= 0:
            return _part(texts, last, is_cut=True)
        texts.append(chunk.text)
        last = max(last, chunk.sequence)
        room -= len(chunk.text)
    return _part(texts, last, is_cut=False)


def last_lines(run: Run, count: int) -> list[str]:
    """The end of the log in words alone, without empty lines."""
    lines: list[str] = []
    for chunk in run.log_chunks.order_by("-sequence")[:count].iterator():
        lines = [line for line in ansi.to_text(chunk.text).splitlines() if line.strip()] + lines
        if len(lines) >= count:
            break
    return lines[-count:]


def plain(chunks: Iterable[LogChunk]) -> Iterator[str]:
    """The words alone."""
    for chunk in chunks:
        yield ansi.to_text(chunk.text)


def _part(newest_first: list[str], sequence: int, *, is_cut: bool) -> Part:
    text = "".join(reversed(newest_first))
    html = _STAMP.sub(r"<time>\1</time>", ansi.lines_to_html(text))
    return Part(SafeString(html), sequence, is_cut)  # every word in it was escaped
